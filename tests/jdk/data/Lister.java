// Prints "package, class, member" of every public class, constant and method that the running JDK declares, after its
// version. Clean-room test program of the nio project: it only calls the public JDK API.
import java.lang.reflect.*; import java.net.URI; import java.nio.file.*; import java.util.*;

public class Lister {
    static boolean isPublic(Member m) { return Modifier.isPublic(m.getModifiers()) && !m.isSynthetic(); }

    public static void main(String[] packages) throws Exception {
        System.out.println(Runtime.version().feature());
        FileSystem image = FileSystems.getFileSystem(URI.create("jrt:/"));
        for (String p : packages) {
            Path directory = image.getPath("modules/java.base/" + p.replace('.', '/'));
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.class")) {
                for (Path file : files) {
                    String name = file.getFileName().toString().replace(".class", "");
                    Class<?> c = Class.forName(p + "." + name, false, null);
                    if (!Modifier.isPublic(c.getModifiers())) continue;
                    String start = p + "\t" + name.replace('$', '.') + "\t";
                    System.out.println(start + "-");
                    for (Field f : c.getDeclaredFields()) if (isPublic(f)) System.out.println(start + f.getName());
                    for (Method m : c.getDeclaredMethods()) {
                        if (!isPublic(m)) continue;
                        StringJoiner types = new StringJoiner(", ", "(", ")");
                        for (Class<?> t : m.getParameterTypes()) types.add(t.getSimpleName());
                        System.out.println(start + m.getName() + types);
                    }
                }
            }
        }
    }
}
