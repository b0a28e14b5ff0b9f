"""The server: python3 -m samples.resp_store [port]."""

import sys
from contextlib import suppress
from functools import partial

from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Reactor
from samples.resp_store.handler import Client
from samples.resp_store.store import Store


def main(port: int = 9907) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(partial(Client, Store())))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
