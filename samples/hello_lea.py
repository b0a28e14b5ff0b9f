"""A hello-name server in Doug Lea's style: python3 -m samples.hello_lea [port [workers]], then nc 127.0.0.1 9900."""

import sys

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler


class HelloHandler(StreamHandler):
    """One per client: each line in is a name, each line out is a greeting."""

    framing = Lines(max_length=256)

    def process(self, name: bytes) -> bytes:
        return b"Hello " + name


def main(port: int = 9900, workers: int = 0) -> None:
    with Reactor.open(workers=workers) as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(HelloHandler))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one ends it
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
