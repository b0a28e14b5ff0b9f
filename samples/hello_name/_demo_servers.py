"""The four servers of ``demo``: three run in a thread of the demo, the preforked one in processes of its own.

``python3 -m samples.hello_name._demo_servers`` is the preforked one: READY on stdout, SIGUSR1 for its counters, SIGTERM
for its end. It cannot live in the demo's process, which has threads: a fork would leave them behind.
"""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import Self

from nio import ProtocolFamily, SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Prefork, Reactor, ReactorStatistics, open_reactor
from nio.spi import Address
from samples.hello_name._console import Exit, Failure
from samples.hello_name._conversation import Conversation
from samples.hello_name.handler import HelloHandler, sleep_and_greet

LOOPS = 4  # workers, sub reactors, processes
NAP = 0.05  # seconds the slow service takes

_HOST = "127.0.0.1"
_LOOK = 0.002  # seconds between two looks at the counters
_ROOT = Path(__file__).resolve().parents[2]


class Server:
    """What the demo asks of each."""

    def __init__(self, address: Address | str, limit: float) -> None:
        self.address = address
        self._limit = limit

    @property
    def statistics(self) -> ReactorStatistics:
        """The counters as they are now."""
        raise NotImplementedError

    def stop(self) -> None:
        """Answer what was received, then end."""
        raise NotImplementedError

    def final(self) -> ReactorStatistics:
        """The counters after the end, which this waits for."""
        raise NotImplementedError

    def close(self) -> None:
        """End, if it has not ended."""
        raise NotImplementedError

    def client(self) -> Conversation:
        return Conversation([(ProtocolFamily.INET, self.address)], self._limit)

    def wait_for(self, what: str, counter: Callable[[ReactorStatistics], int], before: int) -> None:
        """Until one of the reactor's counters has gone up."""
        end = time.monotonic() + self._limit
        while counter(self.statistics) <= before:
            if time.monotonic() > end:
                raise Failure(Exit.UNEXPECTED, f"the server has not {what} within {self._limit:g} s")
            time.sleep(_LOOK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class InThread(Server):
    """A reactor, or a group of them, that a thread of the demo runs."""

    def __init__(self, mode: str, limit: float) -> None:
        self._reactor = _open(mode)
        super().__init__(_register(self._reactor), limit)
        self._thread = Thread(target=self._reactor.run)
        self._thread.start()

    @property
    def statistics(self) -> ReactorStatistics:
        return self._reactor.statistics()

    def stop(self) -> None:
        self._reactor.stop(self._limit)

    def final(self) -> ReactorStatistics:
        self._thread.join(self._limit)
        return self._reactor.statistics()

    def close(self) -> None:
        self._reactor.stop()
        self._thread.join(self._limit)
        self._reactor.close()


class Preforked(Server):
    """The preforked one, at the other end of a pipe."""

    def __init__(self, mode: str, limit: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "samples.hello_name._demo_servers", mode],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        super().__init__("", limit)
        try:
            self.address = (_HOST, int(self._line().rpartition(":")[2]))
        except BaseException:
            self.close()
            raise

    @property
    def statistics(self) -> ReactorStatistics:
        self._process.send_signal(signal.SIGUSR1)
        return _read(self._line())

    def stop(self) -> None:
        self._process.terminate()

    def final(self) -> ReactorStatistics:
        return _read(self._line())

    def close(self) -> None:
        with self._process:
            self._process.terminate()
            try:
                self._process.wait(self._limit)
            finally:
                self._process.kill()

    def _line(self) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], self._limit)[0]:
            raise Failure(Exit.TIME_LIMIT, f"the preforked server says nothing for {self._limit:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise Failure(Exit.UNEXPECTED, "the preforked server has ended too early")
        return line


class _Handler(HelloHandler):
    __slots__ = ()

    @staticmethod
    def process(name: bytes) -> bytes:
        return sleep_and_greet(NAP, name) if name.startswith(b"slow") else HelloHandler.process(name)


def _open(mode: str) -> Reactor | Prefork:
    if mode == "pooled":
        return open_reactor(mode, workers=LOOPS)
    if mode == "multi":
        return open_reactor(mode, reactors=LOOPS)
    return open_reactor(mode, processes=LOOPS if mode == "prefork" else None)


def _register(reactor: Reactor | Prefork) -> tuple[str, int]:
    listener = ServerSocketChannel.open().bind((_HOST, 0))
    reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(_Handler))
    return _HOST, listener.port or 0


def _write(counters: ReactorStatistics) -> str:
    numbers = {field.name: getattr(counters, field.name) for field in fields(counters) if field.name != "closed"}
    return json.dumps({**numbers, "closed": {reason.name: count for reason, count in counters.closed.items()}})


def _read(line: str) -> ReactorStatistics:
    numbers = json.loads(line)
    closed = {CloseReason[name]: count for name, count in numbers.pop("closed").items()}
    return ReactorStatistics(**numbers | {"lag": tuple(numbers["lag"])}, closed=closed)


def main(mode: str) -> None:
    """The preforked server, in its own process."""
    with _open(mode) as reactor:

        def tell() -> None:
            print(_write(reactor.statistics()), flush=True)

        port = _register(reactor)[1]
        signal.signal(signal.SIGUSR1, lambda *_: reactor.execute(tell))
        reactor.on_start(lambda: print(f"READY {_HOST}:{port}", flush=True))
        reactor.run()
        tell()


if __name__ == "__main__":
    main(sys.argv[1])
