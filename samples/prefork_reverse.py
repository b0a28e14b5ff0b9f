"""A server that sends each line back in reverse, preforked: python3 -m samples.prefork_reverse, then nc 127.0.0.1 2200.

The server of "How reactor works", with the article's last sentence done: several processes, each of which has many
clients. The parent ticks; TERM ends it when everybody has an answer, HUP gives every process a successor.
"""

from __future__ import annotations

import argparse
import os

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Prefork, StreamHandler


class Reverse(StreamHandler):
    framing = Lines(max_length=4096)

    def process(self, line: bytes) -> bytes:
        return line[::-1]


def tell(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send each line back in reverse, from several processes.")
    parser.add_argument("--port", type=int, default=2200, help="0 for any free one (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="how many (%(default)s)")
    parser.add_argument("--tick", type=float, default=1.0, help="seconds between two ticks (%(default)s)")
    options = parser.parse_args()
    with Prefork.open(processes=options.processes) as prefork:
        server = ServerSocketChannel.open().bind(("127.0.0.1", options.port))
        prefork.register(server, SelectionKey.OP_ACCEPT, Acceptor(Reverse))
        prefork.call_every(options.tick, tell, "tick")
        prefork.on_start(tell, f"process {os.getpid()}, listening on 127.0.0.1:{server.port}")
        prefork.run()
        tell(f"done, {prefork.statistics().requests} lines")


if __name__ == "__main__":
    main()
