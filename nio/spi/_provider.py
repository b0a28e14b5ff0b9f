"""SelectorProvider over the real operating system; what it promises stands at the head of the package."""

from __future__ import annotations

import enum
import errno
import os
import queue
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, TypeAlias

from nio._numbers import check_range
from nio.errors import ProviderUnavailableError, UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi import _poll, _select
from nio.spi._base import Poller
from nio.spi._datagrams import DatagramDoor
from nio.spi._descriptors import FIRST_FREE, above_standard
from nio.spi._epoll import EpollPoller
from nio.spi._files import FileDoor
from nio.spi._inherited import InheritanceDoor
from nio.spi._kqueue import KqueuePoller
from nio.spi._options import OptionSpec
from nio.spi._pipe import PipeEnd
from nio.spi._wakeup import Wakeup

Socket: TypeAlias = socket.socket
Thread: TypeAlias = threading.Thread
Lock: TypeAlias = threading.Lock
Address: TypeAlias = "tuple[str, int] | tuple[str, int, int, int] | str"

_POLLERS: dict[str, Callable[[], Poller]] = {
    "epoll": EpollPoller,
    "kqueue": KqueuePoller,
    "poll": _poll.PollPoller,
    "select": _select.SelectPoller,
}

_PATH_ROOM = 108 if sys.platform == "linux" else 104  # bytes; a NUL ends the path, but for an abstract name


class ProtocolFamily(enum.Enum):
    """The families of ``open(family)``, as java.net's StandardProtocolFamily."""

    INET = socket.AF_INET
    INET6 = socket.AF_INET6
    UNIX = socket.AF_UNIX


class SelectorProvider(DatagramDoor, FileDoor, InheritanceDoor):
    """One kernel, seen through one kind of readiness: ``epoll``, ``kqueue``, ``poll`` or ``select``.

    ``SelectorProvider.default()`` is the best this machine has, or the one that the environment variable
    ``NIO_PROVIDER`` names; ``SelectorProvider.named("poll")`` asks for one by name. A provider can be passed to every
    ``open()``; channels and selectors of two providers do not mix (:class:`~nio.errors.IllegalSelectorError`).

    Concurrency: a provider has no state of its own; every method may be called from any thread.
    """

    _named: ClassVar[dict[str, SelectorProvider]] = {}

    def __init__(self, name: str) -> None:
        if name not in _POLLERS or not hasattr(select, name):
            here = ", ".join(self.available())
            raise ProviderUnavailableError(f"no provider {name!r} here; NIO_PROVIDER can be one of: {here}")
        self.name = name
        self.open_poller: Callable[[], Poller] = _POLLERS[name]
        self.wait_for: Callable[[int, int, int | None, float | None], bool]
        self.wait_for = _select.wait_for if name == "select" else _poll.wait_for

    @staticmethod
    def available() -> tuple[str, ...]:
        """The names this machine has, best first."""
        return tuple(name for name in _POLLERS if hasattr(select, name))

    @classmethod
    def named(cls, name: str) -> SelectorProvider:
        """The one provider of that name; ProviderUnavailableError names those there are."""
        found = cls._named.get(name)
        return found if found is not None else cls._named.setdefault(name, SelectorProvider(name))

    @classmethod
    def default(cls) -> SelectorProvider:
        """The provider that ``NIO_PROVIDER`` names, else the best one here."""
        return cls.named(os.environ.get("NIO_PROVIDER") or cls.available()[0])

    def __repr__(self) -> str:
        return f"SelectorProvider({self.name!r})"

    # readiness

    def open_wakeup(self) -> Wakeup:
        """What ends a sleep from outside: given back when the last reference goes."""
        return Wakeup()

    @staticmethod
    @contextmanager
    def signal_wakeup() -> Iterator[Wakeup | None]:
        """Inside: a wake-up that every signal sets, by the C part of the handler; what was there before is put back.

        None outside the main thread, the only one in which Python runs signal handlers.
        """
        if threading.current_thread() is not threading.main_thread():
            yield None
            return
        wakeup = Wakeup(eventfd=False)  # the C handler writes one byte, which an eventfd refuses
        previous = signal.set_wakeup_fd(wakeup.writer, warn_on_full_buffer=False)
        try:
            yield wakeup
        finally:
            signal.set_wakeup_fd(previous)

    # sockets and pipes

    def open_socket(self, family: ProtocolFamily) -> Socket:
        """A stream socket, non-blocking, not inheritable."""
        return self._born(socket.socket(family.value, socket.SOCK_STREAM))

    def open_datagram_socket(self, family: ProtocolFamily) -> Socket:
        """A datagram socket, non-blocking, not inheritable, member of no group."""
        sock = self._born(socket.socket(family.value, socket.SOCK_DGRAM))
        self.ignore_groups_of_strangers(sock)
        return sock

    def accept(self, listener: Socket) -> tuple[Socket, Address]:
        """The next connection and the peer's address; BlockingIOError when none waits."""
        sock, address = listener.accept()
        return self._born(sock), address

    def open_pipe(self) -> tuple[PipeEnd, PipeEnd]:
        """Reading end and writing end."""
        reader, writer = map(above_standard, os.pipe())
        return PipeEnd(reader), PipeEnd(writer)

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        """The address as the kernel takes it; refuses one of another family or one that would need the resolver."""
        if family is ProtocolFamily.UNIX:
            if not isinstance(address, (str, bytes, os.PathLike)):
                raise UnsupportedAddressTypeError(f"a Unix-domain channel takes a path, not {address!r}")
            path = os.fsdecode(address)
            if "\0" in path and not path.startswith("\0"):
                raise UnsupportedAddressTypeError(f"a path ends where its NUL stands: {path!r}")
            length, most = len(os.fsencode(path)), _PATH_ROOM - (not path.startswith("\0"))
            if length > most:
                raise OSError(
                    errno.ENAMETOOLONG, f"{length} bytes are too long for a path here, {most} the most: {path!r}"
                )
            return path
        lengths = (2, 4) if family is ProtocolFamily.INET6 else (2,)
        if not (isinstance(address, tuple) and len(address) in lengths and isinstance(address[0], str)):
            raise UnsupportedAddressTypeError(f"an {family.name} channel takes (host, port), not {address!r}")
        check_range("a port", address[1], 2**16 - 1, UnsupportedAddressTypeError)
        if len(address) == 4:
            check_range("a flow label", address[2], 2**20 - 1, UnsupportedAddressTypeError)
            check_range("a scope", address[3], 2**32 - 1, UnsupportedAddressTypeError)
        host = address[0]
        if host and not _is_numeric(family.value, host):
            other = socket.AF_INET if family is ProtocolFamily.INET6 else socket.AF_INET6
            if _is_numeric(other, host):
                raise UnsupportedAddressTypeError(f"{host!r} is not an address of an {family.name} channel")
            raise UnresolvedAddressError(f"{host!r} is not a numeric address; resolve it first, the reactor never does")
        return address

    @staticmethod
    def get_option(sock: Socket, spec: OptionSpec) -> bool | int:
        """The option's value; linger is -1 when off."""
        if spec.kind == "linger":
            on, seconds = struct.unpack("ii", sock.getsockopt(spec.level, spec.number, struct.calcsize("ii")))
            return int(seconds) if on else -1
        value = sock.getsockopt(spec.level, spec.number)
        return value != 0 if spec.kind == "bool" else value

    @staticmethod
    def set_option(sock: Socket, spec: OptionSpec, value: bool | int) -> None:
        """Hand the option to the kernel; the value has been checked against ``spec.kind``."""
        if spec.kind == "linger":
            sock.setsockopt(spec.level, spec.number, struct.pack("ii", value >= 0, min(max(0, value), 65535)))
        else:
            sock.setsockopt(spec.level, spec.number, int(value))
        if spec.mapped is not None:
            sock.setsockopt(spec.mapped.level, spec.mapped.number, int(value))

    @staticmethod
    def connect_error(sock: Socket) -> int:
        """How the connect under way ended: 0 or an errno (reading it clears it)."""
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    @staticmethod
    def is_connected_to_itself(sock: Socket) -> bool:
        """TCP does that when nobody listens on a port that the kernel then chooses for this end as well."""
        try:
            return bool(sock.getsockname() == sock.getpeername())
        except OSError:
            return False  # the peer has reset the connection meanwhile: there was one

    @staticmethod
    def shutdown_input(sock: Socket) -> None:
        sock.shutdown(socket.SHUT_RD)

    @staticmethod
    def shutdown_output(sock: Socket) -> None:
        sock.shutdown(socket.SHUT_WR)

    @staticmethod
    def max_backlog() -> int:
        """The longest queue of pending connections that listen(2) grants."""
        try:
            with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return int(socket.SOMAXCONN)

    @staticmethod
    def _born(sock: Socket) -> Socket:
        if sock.fileno() < FIRST_FREE:
            family, kind, proto = sock.family, sock.type, sock.proto
            sock = socket.socket(family, kind, proto, above_standard(sock.detach()))
        sock.setblocking(False)
        return sock

    # time, threads, locks

    clock: Callable[[], int] = staticmethod(time.monotonic_ns)
    lock: Callable[[], threading.Lock] = staticmethod(threading.Lock)
    rlock: Callable[[], threading.RLock] = staticmethod(threading.RLock)
    condition: type[threading.Condition] = threading.Condition
    event: type[threading.Event] = threading.Event
    thread_id: Callable[[], int] = staticmethod(threading.get_ident)

    @staticmethod
    def queue() -> queue.SimpleQueue[object]:
        """An unbounded queue between threads."""
        return queue.SimpleQueue()

    @staticmethod
    def start_thread(target: Callable[..., object], *args: object, name: str) -> Thread:
        """Run ``target(*args)`` in a daemon thread that is already started; whoever needs its end joins it."""
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        thread.start()
        return thread

    @staticmethod
    def descriptor_limit() -> int:
        """How many descriptors this process may have open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft

    @staticmethod
    def cpu_count() -> int:
        """How many processors this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_numeric(family: int, host: str) -> bool:
    address, _, scope = host.partition("%") if family == socket.AF_INET6 else (host, "", "")
    try:
        socket.inet_pton(family, address)
        if scope and not scope.isdigit():
            socket.if_nametoindex(scope)
    except (OSError, ValueError):
        return False
    return True
