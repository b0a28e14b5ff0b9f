"""A hello-name server with a thread per client: python3 -m samples.hello_classic [port], then nc 127.0.0.1 9900."""

import sys
from threading import Thread

import nio


def serve(client: nio.SocketChannel) -> None:
    inbox = nio.ByteBuffer.allocate(1024)
    with client:
        try:
            client.set_option("TCP_NODELAY", True)
            while client.read(inbox) != nio.EOF:
                *names, rest = bytes(inbox.flip()).replace(b"\r\n", b"\n").split(b"\n")
                inbox.clear().put(rest)
                for name in names:
                    if len(name) > 256:
                        return
                    client.write(b"Hello " + name + b"\n")
                if len(rest) > 257:  # with a CR that may belong to the ending
                    return
        except OSError:
            pass  # the peer has reset the connection


def main(port: int = 9900) -> None:
    with nio.ServerSocketChannel.open() as server:
        server.bind(("127.0.0.1", port))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        while client := server.accept():
            Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one ends it
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
