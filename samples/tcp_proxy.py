"""A TCP proxy: python3 -m samples.tcp_proxy 9908 example.org 80, then curl -H "Host: example.org" 127.0.0.1:9908."""

import sys
from contextlib import suppress

from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Link, Reactor


class Back(Link):
    def on_close(self, reason: CloseReason) -> None:
        if self.close_error is not None:
            print(f"{reason.name}: {self.close_error}", file=sys.stderr, flush=True)


class Front(Link):
    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__()
        self.target = target

    def on_open(self) -> None:
        self.reactor.connect(self.target, Back(self), timeout=10.0)


def main(port: str, host: str, target_port: str) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", int(port)))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(lambda: Front((host, int(target_port)))))
        print(f"proxy to {host}, port {target_port}, on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 4 else sys.exit(__doc__)
