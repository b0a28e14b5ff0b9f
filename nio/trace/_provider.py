"""TracingProvider: another provider, with a record of what is asked of it.

It sees any program on nio, also one that knows of no recording: what sockets and pollers do goes through here, and a
reactor over it is made one that tells of itself (``loop_opened``). What is of no interest is the inner provider's own
method, held as an attribute, so that it costs nothing.

Sockets, pipe ends, pollers and wake-ups are wrapped. So a method that is given a socket hands on what is inside.
Whoever adopts a socket and takes it back gets the very object that he gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from nio.errors import IllegalArgumentError
from nio.spi import (
    Address,
    Condition,
    Event,
    Inherited,
    Lock,
    OptionSpec,
    Poller,
    ProtocolFamily,
    Queue,
    SelectorProvider,
    Thread,
    Wakeup,
)
from nio.trace._buffers import telling_buffers
from nio.trace._call_sites import TracedKey
from nio.trace._pollers import TracedPoller, TracedWakeup
from nio.trace._reactor import trace_loop
from nio.trace._recording import Recording
from nio.trace._records import ACCEPT, CONNECT, IO, READ, TEACH, WRITE
from nio.trace._sockets import TracedEnd, TracedSocket, failure, spelled

OwnSocket = Any
_LATER: Any = None  # set when a provider is made

# Given a socket first, and else of no interest.
_OF_SOCKETS = (
    *("unread", "unacknowledged", "is_connected_to_itself", "exact_address", "disconnect", "set_multicast_interface"),
    *("join_group", "leave_group", "announce_urgent", "has_urgent", "share_listener", "peer_has_ended"),
)
_AS_IT_IS = (
    *("wait_for", "is_served", "remove_stale", "told_address", "resolve", "max_backlog", "clock", "lock", "rlock"),
    *("condition", "event", "queue", "thread_id", "thread_time", "start_thread", "random", "descriptor_limit"),
    *("cpu_count", "find_interface", "check_group", "open_file", "after_fork", "process_id", "fork"),
    *("exit_process", "ended_child", "signal_process", "handling_signals", "notify", "shared_memory"),
)


def _inner(sock: Any) -> Any:
    return sock.inner if isinstance(sock, TracedEnd) else sock


def _made_of(provider: SelectorProvider | None) -> SelectorProvider:
    if provider is None:
        return SelectorProvider.default()
    if not isinstance(provider, SelectorProvider):
        raise TypeError(f"a TracingProvider stands before a SelectorProvider, not {provider!r:.100}")
    return provider


class TracingProvider(SelectorProvider):
    """A provider that records what ``inner``, by default the default one, is asked for.

    ``level`` is ``events`` (selections, interest sets, channels that come and go, what reactors do), ``io`` (also every
    read and write; the default) or ``teach`` (also the processor time of each dispatch). ``recording`` holds the
    records; two providers may share one. IllegalArgumentError for another level, or for ``off``: then use ``inner``.

    Concurrency: as the inner provider.
    """

    # What the inner provider has, as it is; see __init__.
    wait_for: Callable[[int, int, int | None, float | None], bool] = _LATER
    clock: Callable[[], int] = _LATER
    lock: Callable[[], Lock] = _LATER
    rlock: Callable[[], Lock] = _LATER
    condition: Callable[[Any], Condition] = _LATER
    event: Callable[[], Event] = _LATER
    queue: Callable[[], Queue] = _LATER
    thread_id: Callable[[], int] = _LATER
    start_thread: Callable[..., Thread] = _LATER

    def __init__(
        self, inner: SelectorProvider | None = None, *, level: str = "io", recording: Recording | None = None
    ) -> None:
        self.inner: SelectorProvider = _made_of(inner)
        self.name = self.inner.name
        if level == "off":
            raise IllegalArgumentError("level 'off' is the provider itself: nothing stands before it")
        self.recording: Recording = Recording(level, self.inner.clock) if recording is None else recording
        for name in _AS_IT_IS:
            setattr(self, name, getattr(self.inner, name))
        for name in _OF_SOCKETS:
            setattr(self, name, partial(_of_socket, getattr(self.inner, name)))
        self.own_threads: int = 0  # of whoever writes the records down; a program need not know of them
        self.inner.after_fork(self.recording.forget)

    @property
    def kernel(self) -> object:
        """The inner provider's."""
        return self.inner.kernel

    @property
    def watch_limit(self) -> int | None:
        """The inner provider's."""
        return self.inner.watch_limit

    @property
    def urgent_signal(self) -> int:
        """The inner provider's."""
        return self.inner.urgent_signal

    def __repr__(self) -> str:
        return f"TracingProvider({self.inner!r}, level={self.recording.level_name!r})"

    def loop_opened(self, loop: object) -> None:
        trace_loop(loop, self.recording)

    def key_class(self, plain: type) -> type:
        return TracedKey if self.recording.level >= IO else plain

    # readiness

    def open_poller(self) -> Poller:
        return TracedPoller(self.inner.open_poller(), self.recording)

    def open_wakeup(self) -> Wakeup:
        return TracedWakeup(self.inner.open_wakeup(), self.recording)

    @contextmanager
    def signal_wakeup(self) -> Iterator[Wakeup | None]:
        """The inner provider's, which no record tells of but that a selection was woken."""
        with self.inner.signal_wakeup() as wakeup:
            if wakeup is None:
                yield None
                return
            fd = wakeup.fileno()
            try:
                self.recording.wakeups.add(fd)
                yield wakeup
            finally:
                self.recording.wakeups.discard(fd)

    # sockets and pipes

    def open_socket(self, family: ProtocolFamily) -> TracedSocket:
        return TracedSocket(self.inner.open_socket(family), self.recording, "stream")

    def open_datagram_socket(self, family: ProtocolFamily) -> TracedSocket:
        return TracedSocket(self.inner.open_datagram_socket(family), self.recording, "datagram")

    def accept(self, listener: OwnSocket) -> tuple[TracedSocket, Address]:
        recording, ch = self.recording, self._number(listener)
        try:
            sock, address = self.inner.accept(_inner(listener))
        except OSError as error:
            if recording.level >= IO:
                recording.put((ACCEPT, recording.clock(), ch, failure(error), 0))
            raise
        traced = TracedSocket(sock, recording, "stream", peer=spelled(self.inner.told_address(address)))
        if recording.level >= IO:
            recording.put((ACCEPT, recording.clock(), ch, 1, traced.number))
        return traced, address

    def open_pipe(self) -> tuple[TracedEnd, TracedEnd]:
        reader, writer = self.inner.open_pipe()
        return TracedEnd(reader, self.recording, "pipe"), TracedEnd(writer, self.recording, "pipe")

    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        return self.inner.check_address(family, address)

    def shutdown_input(self, sock: OwnSocket) -> None:
        self.inner.shutdown_input(_inner(sock))

    def shutdown_output(self, sock: OwnSocket) -> None:
        self.inner.shutdown_output(_inner(sock))

    def get_option(self, sock: OwnSocket, spec: OptionSpec) -> bool | int:
        return self.inner.get_option(_inner(sock), spec)

    def set_option(self, sock: OwnSocket, spec: OptionSpec, value: bool | int) -> None:
        self.inner.set_option(_inner(sock), spec, value)

    def connect_error(self, sock: OwnSocket) -> int:
        code = self.inner.connect_error(_inner(sock))
        recording = self.recording
        if recording.level >= IO:
            recording.put((CONNECT, recording.clock(), self._number(sock), -code, 0))
        return code

    def receive(self, sock: OwnSocket, targets: Sequence[memoryview]) -> tuple[int, Address, bool]:
        recording, ch = self.recording, self._number(sock)
        asked = sum(map(len, targets))
        try:
            answer = self.inner.receive(_inner(sock), targets)
        except OSError as error:
            if recording.level >= IO:
                recording.put((READ, recording.clock(), ch, failure(error), asked))
            raise
        if recording.level >= IO:
            recording.put((READ, recording.clock(), ch, answer[0], asked))
        return answer

    def send_file(self, target: int, file: int, position: int, count: int) -> int | None:
        recording = self.recording
        try:
            sent = self.inner.send_file(target, file, position, count)
        except OSError as error:
            if recording.level >= IO:
                recording.put((WRITE, recording.clock(), recording.channels.get(target, 0), failure(error), count))
            raise
        if recording.level >= IO and sent is not None:
            recording.put((WRITE, recording.clock(), recording.channels.get(target, 0), sent, count))
        return sent

    def inherited_socket(self) -> Inherited | None:
        found = self.inner.inherited_socket()
        return None if found is None else self._adopted(found)

    def adopt_socket(self, sock: object) -> Inherited:
        return self._adopted(self.inner.adopt_socket(sock))

    def shown_socket(self, sock: OwnSocket) -> Any:
        return self.inner.shown_socket(_inner(sock))

    def release_socket(self, sock: OwnSocket) -> Any:
        if isinstance(sock, TracedSocket):
            sock.let_go(sock.inner.fileno())
        return self.inner.release_socket(_inner(sock))

    def adopt_descriptor(self, fd: int) -> TracedEnd:
        return TracedEnd(self.inner.adopt_descriptor(fd), self.recording, "descriptor")

    # processes and signals

    def thread_count(self) -> int:
        return self.inner.thread_count() - self.own_threads

    def catch_signal(self, signum: int, arrived: Callable[[int], bool]) -> Callable[[], object]:
        arrivals, clock = self.recording.arrivals, self.clock

        def arrived_now(number: int) -> bool:
            arrivals.setdefault(number, clock())
            return arrived(number)

        return self.inner.catch_signal(signum, arrived_now)

    def _number(self, sock: Any) -> int:
        return self.recording.channels.get(sock.fileno(), 0)

    def _adopted(self, found: Inherited) -> Inherited:
        what = "datagram" if found.is_datagram else "listener" if found.is_listening else "stream"
        sock = TracedSocket(found.socket, self.recording, what)
        return Inherited(sock, found.family, found.is_datagram, found.is_listening)


def _of_socket(call: Callable[..., object], sock: OwnSocket, *args: object) -> object:
    return call(_inner(sock), *args)


@contextmanager
def recording(level: str = "io") -> Iterator[Recording]:
    """Inside the block a TracingProvider of that level is the default; the recording it fills is what ``as`` gives.

    At level ``teach`` the buffers that the program makes meanwhile tell of themselves, too.
    """
    provider = TracingProvider(level=level)
    log = provider.recording
    with SelectorProvider.use(provider), telling_buffers(log) if log.level >= TEACH else nullcontext():
        yield log
