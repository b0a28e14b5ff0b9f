"""A kernel in memory, written from the contract at the head of ``nio.spi`` and from nothing else of nio.

The numbers in the comments are those of the contract. The kernel also holds nio to its side of it: a misuse is an
AssertionError. Its clock stands still, but where a wait has a timeout and no thread could end it earlier: the clock
then moves on to the end of that wait.
"""

from __future__ import annotations

import errno
import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar
from weakref import WeakValueDictionary

from nio.errors import UnsupportedAddressTypeError
from nio.spi import (
    BROKEN,
    HUNG_UP,
    READABLE,
    WRITABLE,
    Address,
    Lock,
    OptionSpec,
    ProtocolFamily,
    SelectorProvider,
)

T = TypeVar("T")
PATIENCE = 10.0  # seconds of real time for something that another thread must do
FAULTS = BROKEN | HUNG_UP


def failure(code: int) -> OSError:
    """2: of the class that Python has for the number."""
    return OSError(code, os.strerror(code))


class Direction:
    """13: bytes in order, then one end."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.data = bytearray()
        self.ended = False
        self.taken = 0  # of all the bytes, ever

    def put(self, sources: Sequence[bytes | memoryview]) -> int:
        free = self.room - len(self.data)
        if free <= 0:
            raise failure(errno.EAGAIN)
        fits = b"".join(sources)[:free]
        self.data += fits
        return len(fits)

    def get(self, size: int) -> bytes:
        if not self.data and not self.ended:
            raise failure(errno.EAGAIN)
        taken = bytes(self.data[:size])
        del self.data[:size]
        self.taken += len(taken)
        return taken


class Thing:
    """5: what has a number."""

    def __init__(self, kernel: MemoryProvider) -> None:
        self.kernel = kernel
        self.fd = next(kernel.numbers)
        kernel.things[self.fd] = self

    def fileno(self) -> int:
        return self.fd

    @property
    def mask(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        with self.kernel.guard:
            if self.fd >= 0:
                for poller in self.kernel.pollers:
                    assert self.fd not in poller.masks, "8: a descriptor is removed before it is closed"
                del self.kernel.things[self.fd]
                self.fd = -1
                self.release()
                self.kernel.ring()

    def release(self) -> None:
        """What the other side sees of the close."""

    def act(self, call: Callable[..., T], *args: object) -> T:
        """One system call."""
        with self.kernel.guard:
            if self.fd < 0:
                raise failure(errno.EBADF)
            result = call(*args)
            self.kernel.ring()
            return result


class MemoryWakeup(Thing):
    """12: without a lock; the last reference takes it out of the table."""

    raised = False

    @property
    def mask(self) -> int:
        return READABLE if self.raised else 0

    def set(self) -> None:
        self.raised = True
        self.kernel.ring()

    def clear(self) -> None:
        self.raised = False


class Stream(Thing):
    """The words for bytes that sockets and pipe ends share."""

    def recv(self, size: int) -> bytes:
        return self.act(self.take, size)

    def recv_into(self, target: memoryview) -> int:
        return self.recvmsg_into([target])[0]

    def recvmsg_into(self, targets: Sequence[memoryview]) -> tuple[int]:
        data = rest = self.recv(sum(map(len, targets)))
        for target in targets:
            piece, rest = rest[: len(target)], rest[len(target) :]
            target[: len(piece)] = piece
        return (len(data),)

    def send(self, source: bytes | memoryview, flags: int = 0) -> int:
        return self.sendmsg([source])

    def sendmsg(self, sources: Sequence[bytes | memoryview], ancillary: tuple[()] = (), flags: int = 0) -> int:
        return self.act(self.give, sources)

    def take(self, size: int) -> bytes:
        raise NotImplementedError

    def give(self, sources: Sequence[bytes | memoryview]) -> int:
        raise NotImplementedError


class PipeReader(Stream):
    """19: its writer sees by ``there`` whether it is open."""

    def __init__(self, kernel: MemoryProvider) -> None:
        super().__init__(kernel)
        self.inward = Direction(kernel.room)
        self.there = True

    @property
    def mask(self) -> int:
        return READABLE if self.inward.data or self.inward.ended else 0

    def take(self, size: int) -> bytes:
        return self.inward.get(size)

    def release(self) -> None:
        self.there = False


class PipeWriter(Stream):
    def __init__(self, kernel: MemoryProvider, reader: PipeReader) -> None:
        super().__init__(kernel)
        self.reader = reader

    @property
    def mask(self) -> int:
        if not self.reader.there:
            return WRITABLE | BROKEN
        return WRITABLE if len(self.reader.inward.data) < self.reader.inward.room else 0

    def give(self, sources: Sequence[bytes | memoryview]) -> int:
        if not self.reader.there:
            raise failure(errno.EPIPE)
        return self.reader.inward.put(sources)

    def release(self) -> None:
        self.reader.inward.ended = True


class MemorySocket(Stream):
    """13 to 18: unconnected, listening, or one side of a connection."""

    def __init__(self, kernel: MemoryProvider) -> None:
        super().__init__(kernel)
        self.address: Address = ("", 0)
        self.options: dict[OptionSpec, bool | int] = {}
        self.waiting: deque[MemorySocket] | None = None  # of a listener
        self.backlog = 0
        self.peer: MemorySocket | None = None
        self.inward = Direction(kernel.room)
        self.error = 0  # of the attempt to connect
        self.connecting = self.output_shut = self.reset = self.reset_is_told = False

    @property
    def mask(self) -> int:
        if self.waiting is not None:
            return READABLE if self.waiting else 0
        if self.error or self.reset:
            return READABLE | WRITABLE | FAULTS
        if self.peer is None:
            return READABLE | WRITABLE | HUNG_UP
        mask = READABLE if self.inward.data or self.inward.ended else 0
        if self.output_shut or len(self.peer.inward.data) < self.peer.inward.room:
            mask |= WRITABLE
        return mask | HUNG_UP if self.inward.ended and self.output_shut else mask

    # 16 and 17

    def bind(self, address: Address) -> None:
        assert not isinstance(address, str), "16: check_address() has let no path pass"
        address = (address[0] or "everywhere", address[1] or next(self.kernel.ports))
        if address in self.kernel.listeners:
            raise failure(errno.EADDRINUSE)
        self.address = address

    def listen(self, backlog: int) -> None:
        assert isinstance(self.address, tuple)
        self.waiting, self.backlog = deque(), backlog
        self.kernel.listeners[self.address] = self

    def connect_ex(self, address: Address) -> int:
        return self.act(self._connect, address)

    def _connect(self, address: Address) -> int:
        if self.address == ("", 0):
            self.bind(("", 0))
        listener = self.kernel.listeners.get(address)
        if listener is None or listener.waiting is None or len(listener.waiting) >= listener.backlog:
            self.error = errno.ECONNREFUSED
        else:
            self.peer = MemorySocket(self.kernel)
            self.peer.peer, self.peer.address = self, address
            listener.waiting.append(self.peer)
        self.connecting = True
        return errno.EINPROGRESS

    def getsockname(self) -> Address:
        return self.address

    def getpeername(self) -> Address:
        raise AssertionError("asked of an inherited socket only")

    def sendto(self, source: memoryview, address: Address) -> int:
        raise AssertionError("asked of a datagram socket only")

    # 13 to 15

    def take(self, size: int) -> bytes:
        assert not self.connecting, "16: nothing is read before connect_error"
        if self.reset:
            if self.reset_is_told:
                return b""
            self.reset_is_told = True
            raise failure(errno.ECONNRESET)
        return self.inward.get(size)

    def give(self, sources: Sequence[bytes | memoryview]) -> int:
        assert not self.connecting, "16: nothing is written before connect_error"
        if self.reset or self.output_shut:
            raise failure(errno.EPIPE)
        if self.peer is None:
            raise failure(errno.ENOTCONN)
        if self.peer.fd < 0:
            self.reset = True  # on the way back, while these bytes are lost
            return sum(map(len, sources))
        return self.peer.inward.put(sources)

    def shut_output(self) -> None:
        assert not self.connecting, "16: nothing is shut down before connect_error"
        if self.reset or self.peer is None:
            raise failure(errno.ENOTCONN)
        self.output_shut = self.peer.inward.ended = True

    def shut_input(self) -> None:
        if self.reset or self.peer is None:
            raise failure(errno.ENOTCONN)
        self.inward.data.clear()
        self.inward.ended = True

    def release(self) -> None:
        if self.waiting is not None:
            del self.kernel.listeners[self.address]
            for waiting in self.waiting:
                waiting.options[LINGER] = 0
                waiting.close()
        elif self.peer is not None and not self.reset:
            linger = next((value for spec, value in self.options.items() if spec.kind == "linger"), -1)
            if self.inward.data or linger == 0:
                self.peer.reset = True
                self.peer.inward.data.clear()
            self.peer.inward.ended = True


LINGER = OptionSpec(0, 0, "linger")  # one that no channel knows


class MemoryPoller:
    """8 to 10: looks at every descriptor, one after the other."""

    limit = None

    def __init__(self, kernel: MemoryProvider) -> None:
        self.kernel = kernel
        self.masks: dict[int, int] = {}
        kernel.pollers.append(self)

    def add(self, fd: int, mask: int) -> None:
        assert fd in self.kernel.things, "8: a descriptor is watched while it is open"
        assert fd not in self.masks, "8: add() is for a descriptor that is not watched"
        self._set(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        assert fd in self.masks, "8: modify() is for a descriptor that is watched"
        self._set(fd, mask)

    def remove(self, fd: int) -> None:
        del self.masks[fd]

    def _set(self, fd: int, mask: int) -> None:
        assert mask in (READABLE, WRITABLE, READABLE | WRITABLE), f"8: a mask is never {mask}"
        self.masks[fd] = mask

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return self.kernel.sleep(self._look, timeout)

    def _look(self) -> list[tuple[int, int]]:
        found = [(fd, self.kernel.things[fd].mask & (mask | FAULTS)) for fd, mask in self.masks.items()]
        return [(fd, mask) for fd, mask in found if mask]

    def close(self) -> None:
        self.masks.clear()


class MemoryProvider(SelectorProvider):
    """``room`` is how many bytes each direction of a connection holds."""

    name = "memory"

    def __init__(self, room: int = 65536) -> None:
        self.room = room
        self.now = 1_000_000_000_000
        self.numbers = itertools.count(1000)
        self.ports = itertools.count(40_000)
        self.things: WeakValueDictionary[int, Thing] = WeakValueDictionary()
        self.listeners: dict[object, MemorySocket] = {}
        self.pollers: list[MemoryPoller] = []
        self.threads: list[threading.Thread] = []
        self.guard = threading.RLock()
        self.bells: set[SimpleQueue[None]] = set()

    def ring(self) -> None:
        """Something has changed: every sleeper looks again. 12: ``put`` waits for nobody."""
        for bell in tuple(self.bells):
            bell.put(None)

    def sleep(self, look: Callable[[], list[T]], timeout: float | None) -> list[T]:
        """What ``look`` finds, as soon as it finds something."""
        bell: SimpleQueue[None] = SimpleQueue()
        self.bells.add(bell)
        try:
            while True:
                with self.guard:
                    found = look()
                if found or timeout == 0:
                    return found
                if not any(thread.is_alive() for thread in self.threads):
                    assert timeout is not None, "a sleep that nothing will end"
                    self.now += math.ceil(timeout * 1e9)
                    return look()
                try:
                    bell.get(timeout=PATIENCE)
                except Empty:
                    raise AssertionError("a sleep that no thread has ended") from None
        finally:
            self.bells.discard(bell)

    # readiness

    def open_poller(self) -> MemoryPoller:
        return MemoryPoller(self)

    def open_wakeup(self) -> MemoryWakeup:
        return MemoryWakeup(self)

    def wait_for(self, fd: int, mask: int, wakeup: int | None, timeout: float | None, /) -> bool:
        def look() -> list[int]:
            found = [fd] if self.things[fd].mask & (mask | FAULTS) else []
            return found + ([wakeup] if wakeup is not None and self.things[wakeup].mask else [])

        return fd in self.sleep(look, timeout)

    # sockets and pipes

    def open_socket(self, family: ProtocolFamily) -> MemorySocket:
        return MemorySocket(self)

    def accept(self, listener: MemorySocket) -> tuple[MemorySocket, Address]:
        assert listener.waiting is not None, "17: what is accepted from listens"
        if not listener.waiting:
            raise failure(errno.EAGAIN)
        sock = listener.act(listener.waiting.popleft)
        assert sock.peer is not None
        return sock, sock.peer.address

    def open_pipe(self) -> tuple[PipeReader, PipeWriter]:
        reader = PipeReader(self)
        return reader, PipeWriter(self, reader)

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        match address:
            case (str(host), int(port)):
                return host, port
        raise UnsupportedAddressTypeError(f"an address is (host, port), not {address!r}")

    def connect_error(self, sock: MemorySocket) -> int:
        sock.connecting = False
        code, sock.error = sock.error, 0
        return code

    def shutdown_input(self, sock: MemorySocket) -> None:
        sock.act(sock.shut_input)

    def shutdown_output(self, sock: MemorySocket) -> None:
        sock.act(sock.shut_output)

    def get_option(self, sock: MemorySocket, spec: OptionSpec) -> bool | int:
        return sock.options.get(spec, -1 if spec.kind == "linger" else spec.kind != "bool" and 0)

    def set_option(self, sock: MemorySocket, spec: OptionSpec, value: bool | int) -> None:
        sock.options[spec] = value

    # time, threads, locks

    def clock(self) -> int:
        return self.now

    def lock(self) -> threading.Lock:
        return threading.Lock()

    def rlock(self) -> Lock:
        return threading.RLock()

    def condition(self, lock: threading.Lock, /) -> threading.Condition:
        return threading.Condition(lock)

    def event(self) -> threading.Event:
        return threading.Event()

    def queue(self) -> SimpleQueue[object]:
        return SimpleQueue()

    def thread_id(self) -> int:
        return threading.get_ident()

    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> threading.Thread:
        self.threads.append(threading.Thread(target=target, args=args, name=name, daemon=True))
        self.threads[-1].start()
        return self.threads[-1]
