import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/**
 * The hello server on Java's NIO, after Lea's slides: Hello KIND, where KIND is hello or echo. The first line of the
 * output is the port; the server ends when its standard input does. A client that sends a line which does not fit into
 * its buffer is ended; there is no other bound.
 */
public final class Hello {
    private static final int ROOM = 1 << 16;
    private static final byte[] GREETING = "Hello ".getBytes(StandardCharsets.US_ASCII);
    private static final ByteBuffer INPUT = ByteBuffer.allocateDirect(ROOM);
    private static final byte[] DATA = new byte[ROOM];
    private static final byte[] REPLIES = new byte[ROOM * 7];
    private static final ByteBuffer OUTPUT = ByteBuffer.allocateDirect(ROOM * 7);

    private interface Attached {
        void ready() throws IOException;
    }

    private static final class Acceptor implements Attached {
        private final Selector selector;
        private final ServerSocketChannel listener;
        private final boolean isEcho;

        Acceptor(Selector selector, ServerSocketChannel listener, boolean isEcho) {
            this.selector = selector;
            this.listener = listener;
            this.isEcho = isEcho;
        }

        public void ready() throws IOException {
            for (SocketChannel client; (client = listener.accept()) != null; ) {
                client.configureBlocking(false);
                client.setOption(StandardSocketOptions.TCP_NODELAY, true);
                SelectionKey key = client.register(selector, SelectionKey.OP_READ);
                key.attach(new Handler(key, client, isEcho));
            }
        }
    }

    private static final class Handler implements Attached {
        private final SelectionKey key;
        private final SocketChannel client;
        private final boolean isEcho;
        private byte[] held = new byte[0];
        private ByteBuffer owed;

        Handler(SelectionKey key, SocketChannel client, boolean isEcho) {
            this.key = key;
            this.client = client;
            this.isEcho = isEcho;
        }

        public void ready() throws IOException {
            if (owed != null) {
                client.write(owed);
                if (!owed.hasRemaining()) {
                    owed = null;
                    key.interestOps(SelectionKey.OP_READ);
                }
                return;
            }
            INPUT.clear();
            int count = client.read(INPUT);
            if (count < 0) {
                client.close();
            } else if (count > 0) {
                INPUT.flip();
                send(isEcho ? INPUT : replies());
            }
        }

        private ByteBuffer replies() throws IOException {
            int size = held.length + INPUT.remaining();
            if (size > ROOM) {
                throw new IOException("the line is too long");
            }
            System.arraycopy(held, 0, DATA, 0, held.length);
            INPUT.get(DATA, held.length, INPUT.remaining());
            int out = 0;
            int line = 0;
            for (int i = 0; i < size; i++) {
                if (DATA[i] == '\n') {
                    System.arraycopy(GREETING, 0, REPLIES, out, GREETING.length);
                    System.arraycopy(DATA, line, REPLIES, out + GREETING.length, i + 1 - line);
                    out += GREETING.length + i + 1 - line;
                    line = i + 1;
                }
            }
            if (held.length > 0 || line < size) {
                held = java.util.Arrays.copyOfRange(DATA, line, size);
            }
            OUTPUT.clear();
            return OUTPUT.put(REPLIES, 0, out).flip();
        }

        private void send(ByteBuffer data) throws IOException {
            client.write(data);
            if (data.hasRemaining()) {
                owed = ByteBuffer.allocate(data.remaining()).put(data).flip();
                key.interestOps(SelectionKey.OP_WRITE);
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        boolean isEcho = arguments.length > 0 && arguments[0].equals("echo");
        Thread end = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (IOException error) {
                // whoever started us is gone, too
            }
            Runtime.getRuntime().halt(0);
        });
        end.setDaemon(true);
        end.start();
        Selector selector = Selector.open();
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 1024).configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT, new Acceptor(selector, listener, isEcho));
        System.out.println(((InetSocketAddress) listener.getLocalAddress()).getPort());
        while (true) {
            selector.select(key -> {
                try {
                    ((Attached) key.attachment()).ready();
                } catch (IOException error) {
                    try {
                        key.channel().close();
                    } catch (IOException again) {
                        // it is closed all the same
                    }
                }
            });
        }
    }
}
