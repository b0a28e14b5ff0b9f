"""A hello-name server in java.nio's style: python3 -m samples.hello_java [port], then nc 127.0.0.1 9900."""

import sys

import nio
from nio import ByteBuffer, SelectionKey


class Session:
    def __init__(self):
        self.inbox, self.outbox, self.over = ByteBuffer.allocate(1024), ByteBuffer.allocate(7 * 1024).flip(), False

    def greet(self):
        *names, rest = bytes(self.inbox.flip()).replace(b"\r\n", b"\n").split(b"\n")
        self.inbox.clear().put(rest)
        self.outbox.clear()
        for name in names:
            self.over |= len(name) > 256
            self.outbox.put(b"" if self.over else b"Hello " + name + b"\n")
        self.over |= len(rest) > 257  # with a CR that may belong to the ending
        self.outbox.flip()


def accept(key):
    if client := key.channel.accept():
        client.configure_blocking(False).register(key.selector, SelectionKey.OP_READ, Session())


def advance(key):
    client, session = key.channel, key.attachment
    try:
        if key.is_readable:
            session.over = client.read(session.inbox) == nio.EOF
            session.greet()
        client.write(session.outbox)
        key.interest_ops = SelectionKey.OP_WRITE if session.outbox.has_remaining else SelectionKey.OP_READ
        if session.over and not session.outbox.has_remaining:
            client.close()
    except OSError:
        client.close()


def main(port=9900):
    with nio.Selector.open() as selector, nio.ServerSocketChannel.open() as server:
        server.bind(("127.0.0.1", port)).configure_blocking(False)
        server.register(selector, SelectionKey.OP_ACCEPT)
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        while True:
            for key in selector.ready_keys():
                if key.is_acceptable:
                    accept(key)
                else:
                    advance(key)


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one ends it
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
