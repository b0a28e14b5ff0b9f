"""The operating system as a provider: its sockets and pipes, its kinds of readiness, its clock, its threads.

What is called with every request or every wait is the system's own function, held as an attribute: ``clock``, the
locks, a socket's ``recv`` and ``send``. No Python code stands in between.
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import os
import queue
import random
import select
import signal
import socket
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from nio.errors import ProviderUnavailableError
from nio.spi import _epoll, _poll, _select
from nio.spi._addresses import FAMILIES, AddressDoor
from nio.spi._adoption import AdoptionDoor
from nio.spi._base import Address, Lock, OptionSpec, Poller, ProtocolFamily
from nio.spi._datagrams import DatagramDoor, ignore_groups_of_strangers
from nio.spi._descriptors import FIRST_FREE, above_standard
from nio.spi._epoll import EpollPoller
from nio.spi._files import FileDoor
from nio.spi._inherited import InheritanceDoor
from nio.spi._kqueue import KqueuePoller
from nio.spi._pipe import SystemPipeEnd
from nio.spi._processes import ProcessDoor
from nio.spi._provider import SelectorProvider
from nio.spi._signals import SignalDoor
from nio.spi._urgent import UrgentDoor
from nio.spi._wakeup import SystemWakeup

_POLLERS: dict[str, type[EpollPoller | KqueuePoller | _poll.PollPoller | _select.SelectPoller]] = {
    "epoll": EpollPoller,
    "kqueue": KqueuePoller,
    "poll": _poll.PollPoller,
    "select": _select.SelectPoller,
}

_STREAM = int(socket.SOCK_STREAM)
_new: Any = cast("Any", socket.SocketType).__new__
_initialize: Any = cast("Any", socket.SocketType).__init__
_family_of: Callable[[socket.socket], int] = cast("Any", socket.SocketType).family.__get__  # the number, as it is


class SystemProvider(
    AddressDoor,
    AdoptionDoor,
    DatagramDoor,
    FileDoor,
    InheritanceDoor,
    ProcessDoor,
    SignalDoor,
    UrgentDoor,
    SelectorProvider,
):
    """The operating system, with the readiness of that name; it has no state of its own.

    ``SelectorProvider.named(name)`` has one for all; a subclass changes a part of it, to watch or to disturb a program.
    ProviderUnavailableError names the kinds there are here.
    """

    def __init__(self, name: str) -> None:
        if name not in _POLLERS or not hasattr(select, name):
            here = ", ".join(self.available())
            raise ProviderUnavailableError(f"no provider {name!r} here; NIO_PROVIDER can be one of: {here}")
        self.name = name
        if not hasattr(select, "poll"):
            self.wait_for = _select.wait_for

    @property
    def kernel(self) -> object:
        """This machine, whatever the kind of readiness."""
        return SelectorProvider._machine

    # readiness

    wait_for: Callable[[int, int, int | None, float | None], bool] = staticmethod(_poll.wait_for)

    def open_poller(self) -> Poller:
        return _epoll.open_poller() if self.name == "epoll" else _POLLERS[self.name]()

    @property
    def watch_limit(self) -> int | None:
        return _POLLERS[self.name].limit

    def open_wakeup(self) -> SystemWakeup:
        return SystemWakeup()

    @contextmanager
    def signal_wakeup(self) -> Iterator[SystemWakeup | None]:
        """A context manager with a wake-up that the C part of each signal's handler sets; it puts back what was there.

        None outside the main thread, the only one in which Python runs signal handlers. In a forked child no signal
        sets it: the pipe is the parent's, too.
        """
        if threading.current_thread() is not threading.main_thread():
            yield None
            return
        wakeup = SystemWakeup(eventfd=False)  # the C handler writes one byte, which an eventfd refuses
        writer, previous, depth = wakeup.writer, None, len(_told_of_signals)
        try:
            _told_of_signals.append(writer)
            previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            yield wakeup
        finally:
            try:
                _put_back(previous, writer, depth)
            except BaseException:  # a Ctrl-C: else signals would be told to whoever has that descriptor next
                _put_back(previous, writer, depth)
                raise

    # sockets and pipes

    def open_socket(self, family: ProtocolFamily) -> socket.socket:
        return _opened(family, socket.SOCK_STREAM)

    def open_datagram_socket(self, family: ProtocolFamily) -> socket.socket:
        sock = _opened(family, socket.SOCK_DGRAM)
        ignore_groups_of_strangers(sock)
        return sock

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        door: Any = listener
        sock: Any
        fd, address = door._accept()  # socket.accept() makes enums of two numbers, which costs more
        sock = _new(socket.socket)  # as its constructor does, a call less
        _initialize(sock, _family_of(listener), _STREAM, 0, fd)
        sock._io_refs, sock._closed = 0, False
        if fd < FIRST_FREE:
            return _settled(sock), address
        sock.setblocking(False)
        return sock, address

    def open_pipe(self) -> tuple[SystemPipeEnd, SystemPipeEnd]:
        reader, writer = map(above_standard, os.pipe())
        return SystemPipeEnd(reader), SystemPipeEnd(writer)

    def get_option(self, sock: socket.socket, spec: OptionSpec) -> bool | int:
        if spec.kind == "linger":
            on, seconds = struct.unpack("ii", sock.getsockopt(spec.level, spec.number, struct.calcsize("ii")))
            return int(seconds) if on else -1
        value = sock.getsockopt(spec.level, spec.number)
        return value != 0 if spec.kind == "bool" else value

    def set_option(self, sock: socket.socket, spec: OptionSpec, value: bool | int) -> None:
        if spec.kind == "linger":
            sock.setsockopt(spec.level, spec.number, struct.pack("ii", value >= 0, min(max(0, value), 65535)))
        else:
            sock.setsockopt(spec.level, spec.number, int(value))
        if spec.mapped is not None:
            sock.setsockopt(spec.mapped.level, spec.mapped.number, int(value))

    def unread(self, sock: socket.socket) -> int | None:
        return _queued(sock, termios.FIONREAD)

    def unacknowledged(self, sock: socket.socket) -> int | None:
        return _queued(sock, termios.TIOCOUTQ) if sys.platform == "linux" else None

    def connect_error(self, sock: socket.socket | SystemPipeEnd) -> int:
        if isinstance(sock, SystemPipeEnd):  # a descriptor that is adopted has no error to ask for
            return errno.EPIPE
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def is_connected_to_itself(self, sock: socket.socket) -> bool:
        """TCP does that when nobody listens on the port, and the kernel chooses the same one for this end."""
        try:
            return bool(sock.getsockname() == sock.getpeername())
        except OSError:
            return False  # the peer has reset the connection meanwhile: there was one

    def shutdown_input(self, sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_RD)

    def shutdown_output(self, sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_WR)

    def max_backlog(self) -> int:
        """The longest queue of pending connections that listen(2) grants."""
        try:
            with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return int(socket.SOMAXCONN)

    # time, threads, locks

    clock: Callable[[], int] = staticmethod(time.monotonic_ns)
    lock: Callable[[], threading.Lock] = staticmethod(threading.Lock)
    rlock: Callable[[], Lock] = staticmethod(_thread.RLock)  # what threading.RLock() makes
    condition: Callable[[Any], threading.Condition] = staticmethod(threading.Condition)
    event: Callable[[], threading.Event] = staticmethod(threading.Event)
    queue: Callable[[], queue.SimpleQueue[object]] = staticmethod(queue.SimpleQueue[object])
    thread_id: Callable[[], int] = staticmethod(threading.get_ident)
    thread_time: Callable[[], int] = staticmethod(time.thread_time_ns)
    random: Callable[[], float] = staticmethod(random.random)

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, name=name, daemon=True)
        thread.start()
        return thread

    def descriptor_limit(self) -> int:
        try:
            import resource
        except ImportError:  # a browser's Python has none
            return sys.maxsize
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft

    def cpu_count(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _opened(family: ProtocolFamily, kind: int) -> socket.socket:
    if family not in FAMILIES:
        raise OSError(errno.EAFNOSUPPORT, f"{os.strerror(errno.EAFNOSUPPORT)}: {family.name}")
    sock = _settled(socket.socket(FAMILIES[family], kind))
    if family is ProtocolFamily.INET6:  # peers of IPv4 too, whatever this machine's default is
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return sock


_told_of_signals: list[int] = []  # the descriptors of this process that the C part of the handler writes to, by nesting


def _put_back(previous: int | None, ours: int, depth: int) -> None:
    """What the C part of the handler writes to; None: a Ctrl-C came before that was known, or before ours was set."""
    if len(_told_of_signals) <= depth:
        return  # this is a child that was forked inside
    if previous is None:
        current = signal.set_wakeup_fd(-1)
        previous = -1 if current == ours else current
    try:
        signal.set_wakeup_fd(previous)
    except (OSError, ValueError):
        signal.set_wakeup_fd(-1)  # somebody else has closed his
    del _told_of_signals[depth:]


def _tell_nobody_of_signals() -> None:
    """In a forked child."""
    if _told_of_signals:
        _told_of_signals.clear()
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_tell_nobody_of_signals)


def _settled(sock: socket.socket) -> socket.socket:
    """The socket in non-blocking mode; or another one for the same connection, above the standard streams."""
    if sock.fileno() < FIRST_FREE:
        family, kind, proto = sock.family, sock.type, sock.proto
        sock = socket.socket(family, kind, proto, above_standard(sock.detach()))
    sock.setblocking(False)
    return sock


def _queued(sock: socket.socket, question: int) -> int | None:
    """How many bytes are in a queue of the socket, as the system tells by ioctl(2)."""
    try:
        return int.from_bytes(fcntl.ioctl(sock, question, bytes(4)), sys.byteorder)
    except OSError:
        return None
