"""The words of the contract, and the types of the things a provider makes. The contract itself is ``nio.spi``.

Every type here is a Protocol: a thing fits by what it has, not by what it inherits. ``socket.socket`` is a
:class:`Socket`, ``threading.RLock`` makes a :class:`Lock`, and so does whatever a simulated kernel makes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nio._record import Record, record

if TYPE_CHECKING:
    from mmap import mmap

READABLE = 1
WRITABLE = 4
BROKEN = 8
HUNG_UP = 16
INVALID = 32

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | str

# What a provider is handed back is a socket that it made itself, so an implementation may name its own class there.
# Python has no type for that.
OwnSocket: TypeAlias = Any


class ProtocolFamily(enum.Enum):
    """The families of ``open(family)``, as java.net's StandardProtocolFamily."""

    INET = "INET"
    INET6 = "INET6"
    UNIX = "UNIX"


@record
class OptionSpec(Record):
    """One socket option; ``kind`` is bool, int (0 to ``high``) or linger (-1 is off).

    ``level`` and ``number`` are those of getsockopt(2). ``mapped`` is the option that says the same for the peers of
    IPv4 that a socket of IPv6 has.
    """

    level: int
    number: int
    kind: str
    high: int = 2**31 - 1
    mapped: OptionSpec | None = None


# readiness


class Poller(Protocol):
    """Readiness of many descriptors."""

    @property
    def limit(self) -> int | None:
        """The first descriptor number that cannot be watched, None where there is no bound."""
        ...

    @property
    def add(self) -> Callable[[int, int], object]: ...

    @property
    def modify(self) -> Callable[[int, int], object]: ...

    @property
    def remove(self) -> Callable[[int], object]: ...

    @property
    def wait(self) -> Callable[[float | None], list[tuple[int, int]]]: ...

    def close(self) -> None: ...


class Wakeup(Protocol):
    """A descriptor that is readable from ``set()`` until ``clear()``."""

    def fileno(self) -> int: ...

    def set(self) -> None: ...

    def clear(self) -> None: ...


# bytes


class PipeEnd(Protocol):
    """One end of a pipe; a socket has the same words for its bytes."""

    def fileno(self) -> int: ...

    def recv_into(self, target: memoryview, /) -> int: ...

    def recvmsg_into(self, targets: Sequence[memoryview], /) -> tuple[Any, ...]:
        """The number of bytes comes first in the answer; nobody reads the rest."""
        ...

    def send(self, source: memoryview, flags: int = 0, /) -> int: ...

    def sendmsg(self, sources: Sequence[memoryview], ancillary: tuple[()] = (), flags: int = 0, /) -> int: ...

    def close(self) -> None: ...


class Descriptor(PipeEnd, Protocol):
    """A descriptor that somebody else has opened."""

    def recv(self, size: int, /) -> bytes: ...

    def detach(self) -> int:
        """Let go of the number, which stays open."""
        ...


class Socket(PipeEnd, Protocol):
    """A stream socket, a listener or a datagram socket."""

    def recv(self, size: int, /) -> bytes: ...

    def send(self, source: bytes | memoryview, flags: int = 0, /) -> int: ...

    def bind(self, address: Address, /) -> None: ...

    def listen(self, backlog: int, /) -> None: ...

    def connect_ex(self, address: Address, /) -> int: ...

    def getsockname(self) -> Address: ...

    def getpeername(self) -> Address:
        """For an inherited socket only."""
        ...

    def sendto(self, source: memoryview, address: Address, /) -> int:
        """For a datagram socket only."""
        ...


@record
class Inherited(Record):
    """The socket that a process is started with, and what it is."""

    socket: Socket
    family: ProtocolFamily
    is_datagram: bool
    is_listening: bool


class File(Protocol):
    """An open file: it reads and writes at its own position, or at the one given."""

    def fileno(self) -> int: ...

    def read(self, targets: Sequence[memoryview], position: int | None = None) -> int: ...

    def write(self, sources: Sequence[memoryview], position: int | None = None) -> int: ...

    def tell(self) -> int: ...

    def seek(self, position: int) -> None: ...

    def size(self) -> int: ...

    def truncate(self, size: int) -> None: ...

    def force(self, metadata: bool) -> None: ...

    def map(self, mode: str, position: int, size: int) -> tuple[mmap, int]: ...

    def identity(self) -> object: ...

    def lock(self, position: int, size: int, shared: bool) -> bool: ...

    def unlock(self, position: int, size: int) -> None: ...

    def close(self) -> None: ...


# threads


class Lock(Protocol):
    """A lock for ``with``; ``rlock()`` makes one that its owner may take again."""

    def acquire(self, blocking: bool = True, /) -> bool:
        """Take it; without ``blocking`` only if nobody else has it, and say so."""
        ...

    def release(self) -> None: ...

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Condition(Lock, Protocol):
    """What threads wait for, with its lock held."""

    def wait(self, timeout: float | None = None) -> bool: ...

    def notify(self, n: int = 1) -> None: ...

    def notify_all(self) -> None: ...


class Event(Protocol):
    """A flag that threads wait for."""

    def is_set(self) -> bool: ...

    def set(self) -> None: ...

    def clear(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class Queue(Protocol):
    """An unbounded queue between threads."""

    def put(self, item: object, /) -> None: ...

    def get(self, *, timeout: float | None = None) -> object: ...


class Thread(Protocol):
    """A thread that was started."""

    @property
    def name(self) -> str: ...

    def is_alive(self) -> bool: ...

    def join(self, timeout: float | None = None) -> None: ...
