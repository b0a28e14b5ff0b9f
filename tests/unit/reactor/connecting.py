"""A reactor that connects: a kernel whose resolver is scripted, and servers that listen, are full, or are not there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from nio.channels import SelectionKey, SocketChannel
from nio.reactor import CloseReason, Connecting, Connection, Reactor
from nio.spi import Address, ProtocolFamily
from tests.unit.reactor.support import PATIENCE, Kernel

INET, INET6 = ProtocolFamily.INET, ProtocolFamily.INET6
Found = list[tuple[ProtocolFamily, Address]]


class NamingKernel(Kernel):
    """``names`` says what the resolver finds; a function is called for it, in the resolver's thread."""

    def __init__(self, *, real_time: bool = False) -> None:
        super().__init__(real_time=real_time)
        self.names: dict[str, Found | Exception | Callable[[], Found]] = {}
        self.asked: list[tuple[str, int, int]] = []
        self.chance = 0.0  # the next random number
        self.opens: list[BaseException] = []  # raised by the next open_socket, one by one
        self.connects: list[int] = []  # what the next connect_ex returns

    def random(self) -> float:
        return self.chance

    def resolve(self, host: str, port: int) -> Found:
        self.asked.append((host, port, threading.get_ident()))
        found = self.names[host]
        if isinstance(found, Exception):
            raise found
        return found() if callable(found) else found

    def open_socket(self, family: ProtocolFamily) -> socket.socket:
        if self.opens:
            raise self.opens.pop(0)
        plain = super().open_socket(family)
        if not self.connects:
            return plain
        scripted = Scripted(plain.family, plain.type, plain.proto, plain.detach())
        scripted.setblocking(False)
        scripted.answer = self.connects.pop(0)
        return scripted


class Scripted(socket.socket):
    """A socket whose connect ends as it is told."""

    answer: int

    def connect_ex(self, address: Any, /) -> int:
        return self.answer


class Dialer(Connection):
    """What is connected, with a diary."""

    def __init__(self) -> None:
        self.diary: list[object] = []

    def on_open(self) -> None:
        self.diary.append(self.channel.remote_address)

    def handle_data(self, data: bytes) -> None:
        self.diary.append(data)

    def on_close(self, reason: CloseReason) -> None:
        self.diary.append(reason)


class Desk:
    """A reactor on scripted names and a clock that stands still."""

    def __init__(self, workers: int = 0) -> None:
        self.kernel = NamingKernel()
        self.reactor = Reactor.open(provider=self.kernel, workers=workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reactor.close()

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain with {self.reactor!r}"
            self.reactor.turn(0)

    def settled(self, connecting: Connecting) -> Connecting:
        self.until(lambda: not connecting.is_pending)
        return connecting

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.reactor.turn(0)

    def advance(self, seconds: float) -> None:
        self.kernel.now += round(seconds * 1e9)
        self.turns()

    def trying(self) -> list[Address | None]:
        """The peers of the attempts under way, in the order in which they began."""
        keys = sorted(self.reactor._selector.keys, key=lambda key: key.channel._fd)
        channels = [key.channel for key in keys if key.is_valid and key.interest_ops == SelectionKey.OP_CONNECT]
        return [channel.remote_address for channel in channels if isinstance(channel, SocketChannel)]


@contextmanager
def listener(family: socket.AddressFamily = socket.AF_INET, backlog: int = 8) -> Iterator[socket.socket]:
    """A server that accepts when it is told to."""
    with socket.socket(family) as server:
        server.bind(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0))
        server.listen(backlog)
        server.settimeout(PATIENCE)
        yield server


@contextmanager
def silence(family: socket.AddressFamily = socket.AF_INET) -> Iterator[tuple[str, int]]:
    """The address of a server that answers nobody: its queue is full, so the kernel drops what comes."""
    with listener(family, backlog=0) as server:
        address = server.getsockname()[:2]
        fillers = []
        try:
            for _ in range(3):
                fillers.append(socket.socket(family))
                fillers[-1].setblocking(False)
                fillers[-1].connect_ex(address)
            yield address
        finally:
            for filler in fillers:
                filler.close()


@contextmanager
def taken(family: socket.AddressFamily = socket.AF_INET) -> Iterator[tuple[str, int]]:
    """An address where nobody listens, and that nobody else is given meanwhile."""
    with socket.socket(family) as sock:
        sock.bind(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0))
        host, port = sock.getsockname()[:2]
        yield host, port


def refusing(family: socket.AddressFamily = socket.AF_INET) -> tuple[str, int]:
    """An address where nobody listens; the kernel may give it to the next who asks, so two of them may be one."""
    with taken(family) as address:
        return address
