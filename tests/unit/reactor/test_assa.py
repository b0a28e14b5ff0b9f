"""libassa's protocol: the six methods, what they return, and how registrations end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nio.channels import Pipe, SelectableChannel, ServerSocketChannel, SocketChannel
from nio.reactor import AssaEvents, AssaHandler, AssaReactor, Reactor, Timer
from tests.helpers import connected_pair
from tests.unit.reactor.support import Kernel, in_a_thread, run

READ, WRITE, EXCEPT = AssaEvents.READ, AssaEvents.WRITE, AssaEvents.EXCEPT


class Noting(AssaHandler):
    """Writes down each call; answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.answers: list[int | None] = []

    def note(self, *call: Any) -> int | None:
        self.calls.append(call)
        return self.answers.pop(0) if self.answers else None

    def handle_read(self, channel: SelectableChannel) -> int | None:
        assert isinstance(channel, SocketChannel)
        return self.note("read", channel.socket.recv(100))

    def handle_write(self, channel: SelectableChannel) -> int | None:
        return self.note("write")

    def handle_except(self, channel: SelectableChannel) -> int | None:
        assert isinstance(channel, SocketChannel)
        return self.note("except", channel.socket.recv(1, socket.MSG_OOB))

    def handle_timeout(self, timer: Timer) -> int | None:
        return self.note("timeout", timer)

    def handle_signal(self, signum: int) -> int | None:
        return self.note("signal", signum)

    def handle_close(self, channel: SelectableChannel) -> int | None:
        return self.note("close", channel.is_open)


@pytest.fixture
def assa(reactor: Reactor) -> AssaReactor:
    return AssaReactor(reactor)


@pytest.fixture
def pair(reactor: Reactor) -> Iterator[tuple[SocketChannel, SocketChannel]]:
    near, far = connected_pair(reactor.provider)
    with near, far:
        yield near, far


def turn_until(assa: AssaReactor, condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        assa.reactor.turn(0.005)
    raise AssertionError("it did not happen")


def test_reading_writing_and_the_end(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    handler = Noting()
    assa.register_io_handler(handler, near, READ | WRITE)
    assa.reactor.turn(1)
    assert handler.calls == [("write",)]
    assa.register_io_handler(handler, near, READ)
    assa.reactor.turn(0)
    far.socket.send(b"ann")
    assa.reactor.turn(1)
    assert handler.calls[1:] == [("read", b"ann")]
    handler.answers = [-1]
    far.close()
    turn_until(assa, lambda: not near.is_open)
    assert handler.calls[2:] == [("read", b""), ("close", True)]
    assert not assa.remove_io_handler(near)


def test_urgent_data_is_no_reading(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    handler = Noting()
    assa.register_io_handler(handler, near, READ | EXCEPT)
    far.socket.send(b"!", socket.MSG_OOB)
    turn_until(assa, lambda: ("except", b"!") in handler.calls)
    assa.register_io_handler(handler, near, READ)  # no more of it
    far.socket.send(b"?", socket.MSG_OOB)
    for _ in range(5):
        assa.reactor.turn(0.001)
    assert ("except", b"?") not in handler.calls
    assert assa.remove_io_handler(near)
    assert handler.calls[-1] == ("close", True)


def test_a_positive_answer_is_called_again_within_bounds(
    assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]
) -> None:
    near, _ = pair
    handler = Noting()
    handler.answers = [1 for _ in range(50)]
    handler.answers.append(-1)
    assa.register_io_handler(handler, near, WRITE)
    assa.reactor.turn(1)
    assert len(handler.calls) == 32  # for the key, and as a tick
    turn_until(assa, lambda: not near.is_open)
    assert handler.calls == [("write",)] * 51 + [("close", True)]


def test_a_tick_of_one_that_has_ended_calls_nothing(
    assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]
) -> None:
    near, _ = pair
    handler = Noting()
    handler.answers = [1 for _ in range(16)]
    assa.register_io_handler(handler, near, WRITE)
    assa.reactor.execute(assa.remove_io_handler, near)
    assa.reactor.turn(1)
    assa.reactor.turn(0)
    assert handler.calls == [("write",)] * 16 + [("close", True)]


def test_a_listener_s_connection_is_something_to_read(assa: AssaReactor) -> None:
    class Accepting(AssaHandler):
        def handle_read(self, channel: SelectableChannel) -> int | None:
            assert isinstance(channel, ServerSocketChannel)
            accepted = channel.accept()
            assert accepted is not None
            accepted.close()
            return -1

    listener = ServerSocketChannel.open(provider=assa.reactor.provider).bind(("127.0.0.1", 0))
    assa.register_io_handler(Accepting(), listener)
    with socket.create_connection(("127.0.0.1", listener.port or 0)) as client:
        assa.reactor.turn(5)
        assert client.recv(1) == b""
    assert not listener.is_open


def test_one_handler_for_all(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    kernel = assa.reactor.provider
    assert isinstance(kernel, Kernel)
    handler, other = Noting(), Noting()
    for channel in (near, far):
        assa.register_io_handler(handler, channel, READ)
    timer = assa.register_timer_handler(handler, 1)
    assa.register_timer_handler(other, 1)
    assa.register_signal_handler(handler, signal.SIGUSR1)
    assa.register_signal_handler(other, signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    kernel.now += 10**9
    assa.reactor.turn(0)
    assert handler.calls == [("signal", signal.SIGUSR1), ("timeout", timer)]
    assert not assa.remove_timer_handler(timer)
    again = assa.register_timer_handler(handler, 1)
    assert assa.remove_handler(handler, AssaEvents.TIMEOUT)
    assert not again.is_active
    assert near.is_open
    assert assa.remove_handler(handler, READ)
    assert handler.calls[2:] == [("close", True)] * 2
    assert assa.remove_handler(handler)
    assert not assa.remove_handler(handler)
    signal.raise_signal(signal.SIGUSR1)
    assa.reactor.turn(0)
    assert len(handler.calls) == 4
    assert len(other.calls) == 3
    assert assa.remove_handler(other, AssaEvents.SIGNAL)


def test_events_are_taken_away_one_by_one(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, _ = pair
    handler = Noting()
    assa.register_io_handler(handler, near)
    for events in (WRITE, READ):
        assert assa.remove_handler(handler, events)
        assert near.is_open
    assert assa.remove_handler(handler, EXCEPT)
    assert not near.is_open


def test_a_signal_handler_that_answers_minus_one(assa: AssaReactor) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    handler = Noting()
    handler.answers = [0, -1]
    assa.register_signal_handler(handler, signal.SIGUSR1)
    for _ in range(2):
        signal.raise_signal(signal.SIGUSR1)
        assa.reactor.turn(0)
    assert handler.calls == [("signal", signal.SIGUSR1)] * 2
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_signal_handler_that_raises_is_called_no_more(assa: AssaReactor, caplog: pytest.LogCaptureFixture) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    assa.register_signal_handler(AssaHandler(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assa.reactor.turn(0)
    assert "has no handle_signal" in caplog.text
    assert signal.getsignal(signal.SIGUSR1) is before
    assert not assa._signals


def test_a_close_that_raises_costs_no_other_registration(
    assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel], caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(Noting):
        def handle_close(self, channel: SelectableChannel) -> int | None:
            raise ZeroDivisionError

    handler = Wrong()
    for channel in pair:
        assa.register_io_handler(handler, channel, READ)
    timer = assa.register_timer_handler(handler, 1)
    assert assa.remove_handler(handler)
    assert not any(channel.is_open for channel in pair)
    assert not timer.is_active
    assert caplog.text.count("Wrong.handle_close raised") + caplog.text.count("more") >= 1


def test_another_handler_takes_a_channel_over(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    first, second = Noting(), Noting()
    assa.register_io_handler(first, near, READ | EXCEPT)
    assa.register_io_handler(second, near, READ)
    far.socket.send(b"x")
    assa.reactor.turn(1)
    assert first.calls == []
    assert second.calls == [("read", b"x")]
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL


def test_one_that_raises_or_has_no_method_ends(
    assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel], caplog: pytest.LogCaptureFixture
) -> None:
    near, _ = pair
    assa.register_io_handler(AssaHandler(), near, WRITE)
    assa.reactor.turn(1)
    assert not near.is_open
    assert "AssaHandler is registered for an event and has no handle_write" in caplog.text
    nothing: Any = None
    for method in ("handle_read", "handle_except", "handle_timeout", "handle_signal"):
        with pytest.raises(NotImplementedError, match=f"has no {method}"):
            getattr(AssaHandler(), method)(nothing)


def test_the_reactor_s_end_is_theirs(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, far = pair
    handler = Noting()
    for channel in (near, far):
        assa.register_io_handler(handler, channel, READ)
    assa.reactor.stop(drain=1)
    run(assa.reactor)
    assert handler.calls == [("close", True)] * 2


def test_a_close_from_another_thread_travels(assa: AssaReactor, pair: tuple[SocketChannel, SocketChannel]) -> None:
    near, _ = pair
    handler = Noting()
    assa.register_io_handler(handler, near, READ)
    assa.reactor.turn(0)
    key = near.key_for(assa.reactor._selector)
    assert key is not None
    bridge: Any = key.attachment
    in_a_thread(bridge.close)
    assert near.is_open
    assa.reactor.turn(0)
    bridge.close()
    assert handler.calls == [("close", True)]


def test_what_has_no_urgent_data_is_not_watched_for_it(assa: AssaReactor) -> None:
    with Pipe.open(provider=assa.reactor.provider) as pipe:
        handler = Noting()
        assa.register_io_handler(handler, pipe.sink)
        assa.reactor.turn(1)
        assert handler.calls == [("write",)]
