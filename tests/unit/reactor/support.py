"""A reactor turned by hand on real sockets, with a clock that stands still and a kernel whose answers can be scripted.

The clients are plain sockets; whatever a test waits for, it waits for by turning the reactor. Nothing sleeps.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, Self

from nio.channels import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Connection, Handler, Reactor, State, StreamHandler
from nio.reactor.loop._hand_off import Workers
from nio.spi import READABLE, WRITABLE, Address, Poller, SelectorProvider, SystemProvider

PATIENCE = 10.0  # seconds of real time for something that must happen
START = 1_000_000_000_000  # the fake clock's first reading, in nanoseconds
NEVER = BlockingIOError()  # scripted: the kernel says "not now"


def run(reactor: Reactor) -> None:
    """``reactor.run()``, which must come back by itself."""
    late: list[bool] = []

    def end() -> None:
        late.append(True)
        reactor.stop()

    guard = threading.Timer(PATIENCE, end)
    guard.start()
    try:
        reactor.run()
    finally:
        guard.cancel()
        guard.join()
    assert not late, f"run() did not end by itself: {reactor!r}"


def in_a_thread(fn: Callable[..., object], *args: object) -> None:
    """Call ``fn`` in a thread of its own, which must come back."""
    thread = threading.Thread(target=fn, args=args)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def afresh(error: OSError) -> OSError:
    """A copy without a traceback, which would keep the frames it has seen."""
    return type(error)(*error.args)


class Wire(socket.socket):
    """An accepted socket whose send and recv ask the kernel's script first."""

    kernel: Kernel

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.kernel.send_calls += 1
        if self.kernel.sends:
            step = self.kernel.sends.popleft()
            if isinstance(step, OSError):
                raise afresh(step)
            data = memoryview(data)[:step]
        if self.kernel.room is not None:
            if not self.kernel.room:
                raise BlockingIOError
            data = memoryview(data)[: self.kernel.room]
        sent = super().send(data, flags)
        if self.kernel.room is not None:
            self.kernel.room -= sent
        return sent

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.kernel.recv_calls += 1
        if self.kernel.recvs:
            step = self.kernel.recvs.popleft()
            if isinstance(step, OSError):
                raise afresh(step)
            size = min(size, step)
        return super().recv(size, flags)


class WatchedPoller:
    """Notes how long each wait may last; with ``lies`` every watched descriptor is readable for ever.

    While there is no ``room`` nothing is writable.
    """

    def __init__(self, real: Poller, kernel: Kernel) -> None:
        self._real = real
        self._kernel = kernel
        self.limit = real.limit
        self.add = real.add
        self.modify = real.modify
        self.remove = real.remove
        self.close = real.close

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        self._kernel.waits.append(timeout)
        events = self._real.wait(timeout)
        if self._kernel.room == 0:  # then nothing is writable either
            events = [(fd, mask & ~WRITABLE) for fd, mask in events if mask & ~WRITABLE]
        return [(fd, READABLE) for fd in self._kernel.lies] + events


class Kernel(SystemProvider):
    """A real back end (the one NIO_PROVIDER names) with scripts: an int caps a transfer, an OSError is raised instead.

    ``now`` is what the clock says, unless ``real_time``.
    """

    def __init__(self, *, real_time: bool = False) -> None:
        super().__init__(SelectorProvider.default().name)
        self.now = START
        if not real_time:
            self.clock = lambda: self.now
        self.sends: deque[int | OSError] = deque()
        self.room: int | None = None  # bytes that sends may still take all together; None: what the real kernel takes
        self.recvs: deque[int | OSError] = deque()
        self.accepts: deque[OSError | None] = deque()  # None: the real thing
        self.send_calls = self.recv_calls = self.accept_calls = 0
        self.waits: list[float | None] = []
        self.lies: list[int] = []
        self.descriptors = super().descriptor_limit()

    def open_poller(self) -> Poller:
        return WatchedPoller(super().open_poller(), self)

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        self.accept_calls += 1
        if self.accepts and (step := self.accepts.popleft()) is not None:
            raise afresh(step)
        plain, address = super().accept(listener)
        wire = Wire(plain.family, plain.type, plain.proto, plain.detach())
        wire.setblocking(False)
        wire.kernel = self
        return wire, address

    def descriptor_limit(self) -> int:
        return self.descriptors


class Greeter(StreamHandler):
    """The hello-name handler, with a diary."""

    framing = Lines(max_length=256)

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.opened = 0
        self.reasons: list[CloseReason] = []

    def on_open(self) -> None:
        self.opened += 1

    def process(self, record: bytes) -> bytes | None:
        self.seen.append(record)
        return b"Hello " + record

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Silent(Greeter):
    """Takes records and answers none."""

    def process(self, record: bytes) -> bytes | None:
        self.seen.append(record)
        return None


class Blob(Greeter):
    """Answers a number with so many bytes and LF."""

    def process(self, record: bytes) -> bytes | None:
        self.seen.append(record)
        return b"x" * (int(record) - 1)


class Keeper(Connection):
    """Bytes in, nothing out, with a diary."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.reasons: list[CloseReason] = []
        self.writable: list[bool] = []

    def handle_data(self, data: bytes) -> None:
        self.got.append(data)

    def on_writable(self, writable: bool) -> None:
        self.writable.append(writable)

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Echo(Keeper):
    """Bytes in, the same bytes out."""

    def handle_data(self, data: bytes) -> None:
        super().handle_data(data)
        self.write(data)


class Manual(Executor):
    """An executor that runs nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self.submitted = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def begin(self) -> None:
        """A worker has what was submitted first from now on, so that it cannot be cancelled any more."""
        assert self.waiting[0][0].set_running_or_notify_cancel()

    def run_one(self) -> None:
        """Run what was submitted first, as a worker would, unless it was cancelled."""
        future, call = self.waiting.popleft()
        if not (future.running() or future.set_running_or_notify_cancel()):
            return
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)


class Caller:
    """A client's socket, connected to a server."""

    def __init__(self, address: tuple[str, int], *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Peer(Caller):
    """A client whose socket never blocks; where it would, the reactor is turned."""

    def __init__(self, world: World, *, receive_buffer: int | None = None) -> None:
        super().__init__(world.address, receive_buffer=receive_buffer)
        self.sock.setblocking(False)
        self.world = world
        self.got = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.sock.send(rest) :]
            except BlockingIOError:
                self.world.reactor.turn(0)

    def pull(self) -> int:
        """Take what has come; the number of bytes."""
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return 0
        self.ended = self.ended or not data
        self.got += data
        return len(data)

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes."""
        self.world.until(lambda: self._has(count))
        data, self.got = self.got[:count], self.got[count:]
        return data

    def _has(self, count: int) -> bool:
        if len(self.got) < count:
            self.pull()
            assert len(self.got) >= count or not self.ended, f"the stream ended after {self.got!r}"
        return len(self.got) >= count

    def read_to_end(self) -> bytes:
        """Everything up to the end of the stream."""
        self.world.until(self._has_all)
        data, self.got = self.got, b""
        return data

    def _has_all(self) -> bool:
        if not self.ended:
            self.pull()
        return self.ended


class World:
    """A reactor, its listener on a free port, its handlers and clients."""

    def __init__(
        self,
        factory: Callable[[], Handler] = Greeter,
        *,
        kernel: Kernel | None = None,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        accepts_per_turn: int = 16,
        per_peer: int | None = None,
        backlog: int = 0,
    ) -> None:
        self.kernel = kernel if kernel is not None else Kernel()
        self.factory = factory
        self.handlers: list[Any] = []
        self.peers: list[Peer] = []
        self.reactor = Reactor.open(workers=workers, max_connections=max_connections, provider=self.kernel)
        self.listener = ServerSocketChannel.open(provider=self.kernel).bind(("127.0.0.1", 0), backlog)
        address = self.listener.local_address
        assert isinstance(address, tuple)
        self.address = address[:2]
        self.acceptor = Acceptor(self._make, accepts_per_turn=accepts_per_turn, per_peer=per_peer)
        self.reactor.register(self.listener, SelectionKey.OP_ACCEPT, self.acceptor)
        self._patience = 0.0 if workers == 0 or isinstance(workers, Manual) else 0.005

    def _make(self) -> Handler:
        handler = self.factory()
        self.handlers.append(handler)
        return handler

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for peer in self.peers:
            peer.close()
        self.reactor.close()
        self.listener.close()

    @property
    def handler(self) -> Any:
        """The last connection's."""
        return self.handlers[-1]

    def dial(self, *, receive_buffer: int | None = None) -> Peer:
        """A connection that the kernel has and the reactor has not been told of."""
        self.peers.append(Peer(self, receive_buffer=receive_buffer))
        return self.peers[-1]

    def connect(self, *, receive_buffer: int | None = None) -> Peer:
        """A connection that has its handler."""
        count = len(self.handlers)
        peer = self.dial(receive_buffer=receive_buffer)
        self.until(lambda: len(self.handlers) > count)
        return peer

    def received(self, count: int) -> None:
        """Turn until the reactor has read so many bytes of all its connections together."""
        self.until(lambda: self.reactor.statistics().bytes_in >= count)

    def until(self, condition: Callable[[], object]) -> None:
        """Turn the reactor until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain with {self.reactor!r}"
            self.reactor.turn(self._patience)

    def until_state(self, state: State) -> None:
        """Turn until the last connection is in ``state``."""
        self.until(lambda: self.handler.state is state)

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.reactor.turn(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, and the reactor see it."""
        self.kernel.now += round(seconds * 1e9)
        self.turns(2)

    def closed(self) -> dict[CloseReason, int]:
        return dict(self.reactor.statistics().closed)


class Gate:
    """Work that waits until it is let go; to be left last, so that no pool waits for a worker that waits here."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()

    def __call__(self) -> None:
        self.begun.release()
        assert self.release.wait(PATIENCE)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: object) -> None:
        self.release.set()
