"""A log server with a live monitor, as libassa's: python3 -m samples.log_collector, and in other terminals

    nc 127.0.0.1 9906                                   a monitor: a line you type is what its lines must contain
    logger -T -n 127.0.0.1 -P 9905 "the disk is full"   a program that logs

The lines are kept in collected.log, or in the file that is named behind the two ports.
"""

import sys
from collections import deque
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Group, Reactor, StreamHandler


class Collector:
    """Where all lines come together."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.last: deque[bytes] = deque(maxlen=10)
        self.monitors: Group[Monitor] = Group()

    def take(self, line: bytes) -> None:
        self.file.write(line + b"\n")
        self.last.append(line)
        for monitor in self.monitors:
            monitor.show(line)


class Source(StreamHandler):
    """A program that logs: a line each, no answer."""

    framing = Lines(max_length=8192)
    idle_timeout = None

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def process(self, line: bytes) -> None:
        self.collector.take(line)


class Monitor(StreamHandler):
    """Somebody who looks on: first the last lines, then all that come."""

    framing = Lines(max_length=256)
    idle_timeout = None
    wanted = b""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def on_open(self) -> None:
        self.collector.monitors.join(self)
        for line in self.collector.last:
            self.show(line)

    def process(self, word: bytes) -> bytes:
        self.wanted = word
        return b"-- lines with %r" % word if word else b"-- all lines"

    def show(self, line: bytes) -> None:
        if self.wanted in line and self.unsent < self.high_mark:  # whoever is slow misses lines
            self.send(line)


def main(port: str = "9905", monitor_port: str = "9906", path: str = "collected.log") -> None:
    with suppress(KeyboardInterrupt), open(path, "ab", buffering=0) as file, Reactor.open() as reactor:
        collector = Collector(file)
        for number, handler in ((port, Source), (monitor_port, Monitor)):
            server = ServerSocketChannel.open().bind(("127.0.0.1", int(number)))
            reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(partial(handler, collector)))
            print(f"{handler.__name__.lower()}s on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # no port, or one that is taken; no file
