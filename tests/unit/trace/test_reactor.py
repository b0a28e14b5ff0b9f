"""A recorded reactor: what it tells, and that it serves as the plain one does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import CodeType, FunctionType

import pytest

from nio.channels import Pipe, SelectionKey, ServerSocketChannel
from nio.errors import IllegalStateError
from nio.reactor import Acceptor, Handler, Reactor, ReactorGroup, StreamHandler
from nio.spi import SelectorProvider, SystemProvider
from nio.trace import (
    ACCEPT,
    BUFFER,
    CHANNEL,
    CLOSED,
    CONNECT,
    DISPATCH,
    DONE,
    HANDOFF,
    INTEREST,
    NAMES,
    READ,
    READY,
    RECORD,
    SIGNAL,
    THREAD,
    TICK,
    TIMER,
    TURN,
    WAKEUP,
    WORK,
    WRITE,
    Record,
    Recording,
    TracedReactor,
    TracingProvider,
    as_dict,
    recording,
)
from tests.unit.trace.support import Hello, ask, by_kind, client, ended, names, serving


def names_in(code: CodeType) -> Iterator[str]:
    """Every name that the bytecode knows, of functions inside it, too."""
    yield from (*code.co_names, *code.co_varnames, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


def codes_of(cls: type) -> Iterator[CodeType]:
    for base in cls.__mro__:
        for value in vars(base).values():
            function = getattr(value, "__func__", getattr(value, "fget", value))
            if isinstance(function, FunctionType):
                yield function.__code__


@pytest.mark.parametrize("plain", [Reactor, ReactorGroup, SystemProvider, SelectorProvider])
def test_nothing_in_the_plain_classes_knows_of_traces(plain: type) -> None:
    names_of = {(code.co_name, name) for code in codes_of(plain) for name in names_in(code)}
    assert [pair for pair in names_of if "trac" in pair[1].lower()] == []
    assert len(names_of) > 100


def test_without_a_recording_nothing_stands_before_anything() -> None:
    with Reactor.open() as reactor:
        assert type(reactor) is Reactor
        assert type(reactor.provider) is type(SelectorProvider.default())


def dispatches(records: list[Record]) -> list[dict[str, int | str]]:
    return [as_dict(record) for record in records if record[0] == DISPATCH]


@pytest.fixture(params=["events", "io", "teach"])
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_request(level: str) -> None:
    with recording(level) as log, Reactor.open() as reactor, serving(reactor) as port, client(port) as sock:
        assert ask(sock, b"bob\n") == b"Hello bob\n"
        assert ask(sock, b"eva\n") == b"Hello eva\n"
        ended(sock)
    records = list(log.take())
    told = [one for one in dispatches(records) if one["handler"] == "Hello"]
    assert [(one["ch"], one["ready"], one["before"], one["after"]) for one in told] == [
        (2, 1, "reading", "reading"),
        (2, 1, "reading", "reading"),
        (2, 1, "reading", "closed"),
    ]
    assert [(one["bytes_in"], one["bytes_out"]) for one in told] == [(4, 10), (4, 10), (0, 0)]
    assert all(int(one["began"]) <= int(one["ended"]) for one in told)
    assert (level == "teach") is any(int(one["cpu_ns"]) > 0 for one in told)
    kinds = by_kind(records)
    assert [record[2:] for record in kinds[CLOSED] if record[2] == 2] == [(2, "PEER_FIN"), (2, "")]
    reads = [record[2:] for record in kinds.get(READ, []) if record[2] == 2]
    assert [read[1] for read in reads] == ([] if level == "events" else [4, 4, -1])
    assert [record[3] for record in kinds.get(RECORD, [])] == ([3, 3] if level == "teach" else [])
    assert [record[3] for record in kinds.get(WRITE, [])] == ([] if level == "events" else [10, 10])
    assert READY not in kinds


def test_many_in_one_answer(level: str) -> None:
    """The fast path serves them in a row; there the bytes of each are told at level teach only."""
    with recording(level) as log, Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        assert listener.port is not None
        with client(listener.port) as one, client(listener.port) as two:
            while reactor.statistics().open < 2:
                reactor.turn(1)
            for sock in (one, two):
                sock.sendall(b"x\n")
            list(log.take())
            while reactor.statistics().requests < 2:
                reactor.turn(1)
            assert (one.recv(20), two.recv(20)) == (b"Hello x\n", b"Hello x\n")
            told = [one for one in dispatches(list(log.take())) if one["handler"] == "Hello"]
    assert sorted(int(one["ch"]) for one in told) == [2, 3]
    assert {one["ready"] for one in told} == {1}
    for one_told in told:
        amounts = (one_told["bytes_in"], one_told["bytes_out"])
        assert amounts == (2, 8) or (level != "teach" and amounts == (-1, -1))


def test_workers() -> None:
    with recording("io") as log, Reactor.open(workers=2) as reactor, serving(reactor) as port, client(port) as sock:
        assert ask(sock, b"bob\n") == b"Hello bob\n"
        assert ask(sock, b"raise\n") == b""
    records = list(log.take())
    kinds, threads = by_kind(records), names(records)
    assert [record[2:] for record in kinds[HANDOFF]] == [(2, 1), (2, 2)]
    assert [record[2:] for record in kinds[DONE]] == [(1, 1), (2, 0)]
    assert [record[4] for record in sorted(kinds[WORK])] == [1, 2]
    for work, handed, done in zip(sorted(kinds[WORK]), kinds[HANDOFF], kinds[DONE], strict=True):
        assert int(handed[1]) <= int(work[1]) <= int(work[2]) <= int(done[1])
        assert str(threads[work[3]]).startswith("worker-")
    assert [record[3] for record in kinds[RECORD]] == [3, 5]
    states = [(one["before"], one["after"]) for one in dispatches(records) if one["handler"] == "Hello"]
    assert states[0] == ("reading", "processing")


def test_a_late_reply_is_no_job() -> None:
    class Late(StreamHandler):
        def process(self, record: bytes) -> Future[bytes | None]:
            future: Future[bytes | None] = Future()
            self.reactor.next_tick(future.set_result, record)
            return future

    with recording("io") as log, Reactor.open() as reactor, serving(reactor, Late) as port, client(port) as sock:
        assert ask(sock, b"bob\n") == b"bob\n"
    kinds = by_kind(log.take())
    assert DONE not in kinds
    assert HANDOFF not in kinds
    assert kinds[TICK]


def test_a_deferred_call_is_a_job_of_no_channel() -> None:
    with recording("io") as log, Reactor.open(workers=1) as reactor:
        came: list[int] = []
        reactor.defer(pow, 2, 3, then=lambda future: came.append(future.result()))
        while not came:
            reactor.turn(1)
    kinds = by_kind(log.take())
    assert came == [8]
    assert [record[2:] for record in kinds[HANDOFF]] == [(0, 1)]
    assert [record[2:] for record in kinds[DONE]] == [(1, 1)]
    assert [record[4] for record in kinds[WORK]] == [1]
    assert RECORD not in kinds


def test_timers_ticks_and_wake_ups() -> None:
    with recording("events") as log, Reactor.open() as reactor:
        due = reactor.provider.clock()
        reactor.call_at(due, int)
        reactor.call_at(due + 1, int)
        reactor.next_tick(int)
        reactor.execute(int)
        assert reactor.turn(0).timers == 2
    records = by_kind(log.take())
    [timer] = records[TIMER]
    assert timer[2:4] == (due, 2)
    assert due < int(timer[1]) <= int(timer[4])
    [tick] = records[TICK]
    assert tick[2:4] == (2, 2)
    assert len(records[WAKEUP]) == 2  # execute(), and the selector's close
    assert [record[4:] for record in records[TURN]] == [(1, 1)]


def test_ticks_left_for_the_next_turn() -> None:
    with recording("events") as log, Reactor.open() as reactor:
        for _ in range(300):
            reactor.next_tick(int)
        reactor.turn(0)
        reactor.turn(0)
    assert [record[2:4] for record in by_kind(log.take())[TICK]] == [(300, 256), (44, 44)]


def test_a_signal() -> None:
    with recording("events") as log, Reactor.open() as reactor:
        came: list[int] = []
        reactor.on_signal(signal.SIGUSR1, came.append, 1)
        before = reactor.provider.clock()
        os.kill(os.getpid(), signal.SIGUSR1)
        reactor.turn(10)
        after = reactor.provider.clock()
        assert came == [1]
    [record] = by_kind(log.take())[SIGNAL]
    assert record[2] == signal.SIGUSR1
    assert before <= int(record[1]) - int(record[3]) <= int(record[1]) <= after


def test_a_signal_that_comes_twice_is_told_with_its_first_age() -> None:
    with recording("events") as log, Reactor.open() as reactor:
        reactor.on_signal(signal.SIGUSR1, int)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
        reactor.turn(10)
        os.kill(os.getpid(), signal.SIGUSR1)
        reactor.turn(10)
    ages = by_kind(log.take())[SIGNAL]
    assert len(ages) == 2
    assert log.arrivals == {}


class Raising(Handler):
    def handle_read(self) -> None:
        raise ValueError("as asked")


def test_a_handler_that_raises() -> None:
    with recording("io") as log, Reactor.open() as reactor, Pipe.open() as pipe:
        reactor.register(pipe.source, SelectionKey.OP_READ, Raising())
        pipe.sink.write(b"x")
        reactor.turn(1)
        assert not pipe.source.is_open
    records = list(log.take())
    [told] = dispatches(records)
    assert (told["handler"], told["ready"], told["before"], told["after"]) == ("Raising", 1, "", "")
    reasons = [record[3] for record in records if record[0] == CLOSED and record[2] == told["ch"]]
    assert reasons[0] == "HANDLER_ERROR"


class Leaving(Handler):
    def handle_read(self) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("with_connections", [False, True])
def test_a_ctrl_c_in_a_handler_leaves_and_is_told(with_connections: bool) -> None:
    with recording("events") as log, Reactor.open() as reactor, Pipe.open() as pipe:
        if with_connections:  # which bring a loop of their own
            listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
            reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
            assert listener.port is not None
            with client(listener.port) as sock:
                while not reactor.statistics().open:
                    reactor.turn(1)
                ended_at = reactor.statistics().connections
                assert ended_at == 1
                sock.close()
                reactor.turn(1)
        reactor.register(pipe.source, SelectionKey.OP_READ, Leaving())
        pipe.sink.write(b"x")
        with pytest.raises(KeyboardInterrupt):
            reactor.turn(1)
        reactor.turn(0)
    told = [one for one in dispatches(list(log.take())) if one["handler"] == "Leaving"]
    assert [one["ready"] for one in told] == [1]


class Contrary:
    """An attachment of which nothing can be asked."""

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize("with_connections", [False, True])
def test_an_attachment_of_which_nothing_can_be_asked(with_connections: bool) -> None:
    with recording("events") as log, Reactor.open() as reactor, Pipe.open() as pipe:
        if with_connections:
            listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
            reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Hello))
            assert listener.port is not None
            with client(listener.port):
                while not reactor.statistics().open:
                    reactor.turn(1)
            reactor.turn(1)
        key = reactor.register(pipe.source, SelectionKey.OP_READ, Handler())
        key.attach(Contrary())
        pipe.sink.write(b"x")
        reactor.turn(1)
    told = [one for one in dispatches(list(log.take())) if one["handler"] == "Contrary"]
    assert [(one["ready"], one["before"], one["after"]) for one in told] == [(1, "", "")]


@pytest.mark.parametrize("with_connections", [False, True])
def test_a_channel_that_is_ready_and_wanted_by_nobody(with_connections: bool) -> None:
    with recording("events") as log, Reactor.open() as reactor, Pipe.open() as pipe:
        if with_connections:
            reactor.serves = False
        key = reactor.register(pipe.source, SelectionKey.OP_READ, Handler())
        reactor.turn(0)
        key.interest_ops = 0  # which the kernel is told when something comes
        pipe.sink.write(b"x")
        reactor.turn(0)
    assert [(one["handler"], one["ready"]) for one in dispatches(list(log.take()))] == [("Handler", 0)]


def test_a_group_with_all_its_reactors() -> None:
    with recording("io") as log, ReactorGroup.open(reactors=2) as group:
        assert isinstance(group, TracedReactor)
        assert type(group).__name__ == "TracedReactorGroup"
        with serving(group) as port, client(port) as one, client(port) as two:
            assert ask(one, b"a\n") == b"Hello a\n"
            assert ask(two, b"b\n") == b"Hello b\n"
    records = list(log.take())
    thread: object = None
    served = set()
    for record in records:
        if record[0] == THREAD:
            thread = record[3]
        elif record[0] == DISPATCH and as_dict(record)["handler"] == "Hello":
            served.add(thread)
    assert served == {"reactor-1", "reactor-2"}


def test_a_class_of_the_users_own_stays_it() -> None:
    class Mine(Reactor):
        def stop(self, drain: float | None = None) -> None:
            stopped.append(drain)
            super().stop(drain)

    stopped: list[float | None] = []
    provider = TracingProvider(level="io")
    with Mine.open(provider=provider) as one, Mine.open(provider=provider) as other:
        assert isinstance(one, Mine)
        assert isinstance(one, TracedReactor)
        assert type(one) is type(other)
        one.stop()
    assert stopped == [None]


def test_traced_reactor_needs_a_provider_that_records() -> None:
    with TracedReactor.open(provider=TracingProvider()) as reactor:
        assert type(reactor) is TracedReactor
    with pytest.raises(IllegalStateError, match=r"records nothing: give open\(\) provider=TracingProvider\(\)"):
        TracedReactor.open()


def test_every_kind_comes_of_a_real_run() -> None:
    """All but those of other packages (FINDING), and of a loss (SKIPPED) and a plain selector (READY)."""
    seen: set[int] = set()
    with recording("teach") as log, Reactor.open(workers=1) as reactor:
        from nio import ByteBuffer

        ByteBuffer.allocate(4).put(b"ab").flip()
        reactor.on_signal(signal.SIGUSR1, int)
        reactor.call_later(0, int)
        with serving(reactor) as port, client(port) as sock:
            from nio import SocketChannel

            SocketChannel.open(("127.0.0.1", port)).close()
            ask(sock, b"x\n")
            os.kill(os.getpid(), signal.SIGUSR1)
            ask(sock, b"x\n")
        seen |= by_kind(log.take()).keys()
    everything = {TURN, CHANNEL, CLOSED, INTEREST, DISPATCH, HANDOFF, WORK, DONE, WAKEUP, TIMER, TICK, SIGNAL}
    everything |= {READ, WRITE, ACCEPT, CONNECT, RECORD, BUFFER, THREAD}
    assert {NAMES[kind] for kind in everything - seen} == set()


def test_a_loop_that_is_no_reactor_is_left_alone() -> None:
    provider = TracingProvider()
    loop = object()
    provider.loop_opened(loop)
    assert list(provider.recording.take()) == []


def test_two_threads_record_into_one(eager_switches: None) -> None:
    log = Recording("io", SelectorProvider.default().clock)

    def many() -> None:
        for number in range(2000):
            log.put((READ, number, 1, 1, 1))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(by_kind(log.take())[READ]) == 8000
