"""The parts of ``nio.spi`` that a provider may leave out and a kernel in memory can have: datagrams and a resolver.

Written from the numbered contract alone; numbers in brackets are its.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence

from nio.errors import UnresolvedAddressError
from nio.spi import READABLE, WRITABLE, Address, ProtocolFamily
from tests.unit.spi.memory_provider import MemoryProvider, MemorySocket, failure


class MemoryDatagramSocket(MemorySocket):
    """23: datagrams go whole, and what has no room is lost."""

    def __init__(self, kernel: MemoryDatagrams) -> None:
        super().__init__(kernel)
        self.net = kernel
        self.came: deque[tuple[bytes, Address]] = deque()
        self.remote: Address | None = None
        self.refused = False  # nobody has taken what was sent to the peer

    @property
    def mask(self) -> int:
        return (READABLE if self.came or self.refused else 0) | (WRITABLE if self.net.takes else 0)

    def bind(self, address: Address) -> None:
        super().bind(address)
        self.net.mailboxes[self.address] = self

    def connect_ex(self, address: Address) -> int:
        if self.address == ("", 0):
            self.bind(("", 0))
        self.remote = address
        return 0

    def sendto(self, source: memoryview, address: Address) -> int:
        if self.address == ("", 0):
            self.bind(("", 0))
        if not self.net.takes:
            raise failure(errno.EAGAIN)
        other = self.net.mailboxes.get(address)
        if other is None:
            self.refused = self.remote is not None
        elif other.remote in (None, self.address) and len(other.came) < self.net.places:
            other.came.append((bytes(source), self.address))
        self.kernel.ring()
        return len(source)

    def give(self, sources: Sequence[bytes | memoryview]) -> int:
        if self.refused:
            self.refused = False
            raise failure(errno.ECONNREFUSED)
        assert self.remote is not None
        return self.sendto(memoryview(b"".join(sources)), self.remote)

    def release(self) -> None:
        self.net.mailboxes.pop(self.address, None)


class MemoryDatagrams(MemoryProvider):
    """``names`` are the resolver's; ``places`` is how many datagrams wait at one; it ``takes`` them, or has no room."""

    def __init__(self) -> None:
        super().__init__()
        self.mailboxes: dict[object, MemoryDatagramSocket] = {}
        self.names: dict[str, list[Address]] = {}
        self.places = 100
        self.takes = True

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        if isinstance(address, tuple) and address[0] in self.names:
            raise UnresolvedAddressError(f"{address[0]!r} is a name")
        return super().check_address(family, address)

    def resolve(self, host: str, port: int) -> list[tuple[ProtocolFamily, Address]]:
        return [(ProtocolFamily.INET, address) for address in self.names[host]]

    def open_datagram_socket(self, family: ProtocolFamily) -> MemoryDatagramSocket:
        return MemoryDatagramSocket(self)

    def receive(self, sock: MemoryDatagramSocket, targets: Sequence[memoryview]) -> tuple[int, Address, bool]:
        if sock.refused:
            sock.refused = False
            raise failure(errno.ECONNREFUSED)
        if not sock.came:
            raise failure(errno.EAGAIN)
        data, sender = sock.came.popleft()
        rest = data
        for target in targets:
            size = min(len(target), len(rest))
            target[:size] = rest[:size]
            rest = rest[size:]
        return len(data) - len(rest), sender, bool(rest)

    def exact_address(self, sock: MemoryDatagramSocket, address: Address) -> Address:
        return address

    def disconnect(self, sock: MemoryDatagramSocket, local: Address) -> None:
        sock.remote = None
