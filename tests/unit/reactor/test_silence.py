"""A peer that says nothing: ``read_timeout``, ``ping_after`` with ``on_idle``, and ``slowest_rate`` as a setting."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nio.errors import IllegalArgumentError, ProtocolError
from nio.reactor import CloseReason, Connection, State, StreamHandler
from tests.unit.reactor.support import Blob, Greeter, Keeper, Kernel, Manual, Silent, World


class Deaf(Kernel):
    """Its peers' kernels have acknowledged everything, or nothing."""

    on_its_way = 0

    def unacknowledged(self, sock: socket.socket) -> int | None:
        return self.on_its_way


class Mute(Silent):
    """The peer must say something every 10 s."""

    idle_timeout = write_timeout = None
    read_timeout = 10.0


class Pinging(Greeter):
    """Asks for a sign after 20 s of silence, and ends after 30."""

    idle_timeout = 30.0
    ping_after = 20.0
    write_timeout: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.pings = 0

    def on_idle(self) -> None:
        self.pings += 1
        self.send(b"ping")


# read_timeout


def test_N03_a_peer_that_says_nothing_ends_after_the_read_time() -> None:
    with World(Mute) as world:
        world.connect()
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.READ_TIMEOUT]


def test_N03_also_if_it_takes_all_that_it_is_sent() -> None:
    class Feed(Silent):
        read_timeout = 10.0

    with World(Feed, kernel=Deaf()) as world:
        peer = world.connect()
        for second in range(9):
            world.advance(1)
            world.handler.send(b"news %d" % second)
            assert peer.read(7) == b"news %d\n" % second
        world.advance(0.999)
        world.handler.send(b"more")  # not sent yet when the time is over, and no excuse
        world.kernel.now += 1_000_000
        world.turns()
        assert world.handler.reasons == [CloseReason.READ_TIMEOUT]


def test_every_byte_begins_the_read_time_anew_without_touching_a_timer() -> None:
    with World(Mute) as world:
        peer = world.connect()
        for count in range(1, 6):
            world.advance(8)
            timers = world.reactor.turn(0).timers
            peer.send(b"\n")
            world.received(count)
            assert timers == 0
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.READ_TIMEOUT]


def test_while_a_worker_has_its_record_the_peer_may_be_silent() -> None:
    class Slow(Greeter):
        read_timeout = 10.0

    manual = Manual()
    with World(Slow, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        for _ in range(5):
            world.advance(9)
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.READ_TIMEOUT]


def test_while_its_reply_waits_to_be_taken_the_peer_may_be_silent() -> None:
    class Slow(Greeter):
        idle_timeout = write_timeout = None
        read_timeout = 10.0

    with World(Slow) as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 7)
        for _ in range(5):
            world.advance(9)
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann\n"
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.READ_TIMEOUT]


def test_a_connection_over_the_mark_is_read_before_it_is_called_silent() -> None:
    class Small(Greeter):
        low_mark, high_mark = 20, 40
        idle_timeout = write_timeout = slowest_rate = None
        read_timeout = 10.0

    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 4)
        world.until_state(State.SENDING)
        peer.send(b"bob\n")
        world.advance(60)
        world.kernel.room = None
        assert peer.read(50) == b"Hello ann\n" * 4 + b"Hello bob\n"


def test_O05_what_came_while_the_process_was_held_up_is_read_first() -> None:
    with World(Mute) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.kernel.now += 3600 * 10**9
        world.turns()
        assert (world.handler.seen, world.handler.reasons) == ([b"ann"], [])


def test_the_attempt_to_send_may_show_that_the_peer_is_gone() -> None:
    with World(Mute) as world:
        world.connect()
        world.kernel.room = 0
        world.handler.send(b"news")
        world.turns()
        world.kernel.sends.append(ConnectionResetError())
        world.advance(10)
        assert world.handler.reasons == [CloseReason.PEER_RST]


# ping_after


def test_N03_a_ping_is_sent_once_and_a_peer_that_says_nothing_ends() -> None:
    with World(Pinging, kernel=Deaf()) as world:
        peer = world.connect()
        world.advance(19.999)
        assert world.handler.pings == 0
        world.advance(0.001)
        assert peer.read(5) == b"ping\n"  # acknowledged, which is no sign of life
        world.advance(9.999)
        assert (world.handler.pings, world.handler.reasons) == (1, [])
        world.advance(0.001)
        assert (world.handler.pings, world.handler.reasons) == (1, [CloseReason.IDLE_TIMEOUT])


def test_a_peer_that_answers_lives_on_and_is_asked_again() -> None:
    with World(Pinging) as world:
        peer = world.connect()
        for count in range(1, 5):
            world.advance(20)
            assert peer.read(5) == b"ping\n"
            world.advance(9)
            peer.send(b"pong\n")
            assert peer.read(11) == b"Hello pong\n"
            assert world.handler.pings == count
        assert world.handler.reasons == []


def test_the_silence_is_counted_from_the_last_byte() -> None:
    with World(Pinging) as world:
        peer = world.connect()
        world.advance(15)
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        world.advance(19.999)
        assert world.handler.pings == 0
        world.advance(0.001)
        assert world.handler.pings == 1


def test_news_that_are_taken_are_no_sign_of_life_either() -> None:
    with World(Pinging, kernel=Deaf()) as world:
        peer = world.connect()
        for _ in range(29):
            world.handler.send(b"news")
            world.advance(1)
        assert (world.handler.pings, world.handler.reasons) == (1, [])
        world.advance(1)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]
        assert peer.read_to_end() == b"news\n" * 20 + b"ping\n" + b"news\n" * 9


def test_nobody_is_asked_while_a_worker_has_his_record() -> None:
    manual = Manual()
    with World(Pinging, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        for _ in range(10):
            world.advance(15)
        assert world.handler.pings == 0
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        world.advance(20)
        assert world.handler.pings == 1


@pytest.mark.parametrize("idle", [100.0, None])
def test_a_peer_that_has_answered_is_pinged_again_in_its_time(idle: float | None) -> None:
    class Patient(Pinging):
        idle_timeout = idle  # type: ignore[assignment]

    with World(Patient) as world:
        peer = world.connect()
        for count in range(1, 4):
            world.advance(19.999)
            assert world.handler.pings == count - 1
            world.advance(0.001)
            assert world.handler.pings == count
            assert peer.read(5) == b"ping\n"
            world.advance(0.5)
            peer.send(b"pong\n")
            assert peer.read(11) == b"Hello pong\n"


def test_the_time_for_the_answer_runs_from_when_the_ping_has_gone() -> None:
    with World(Pinging) as world:
        peer = world.connect()
        world.kernel.room = 0
        world.advance(20)
        assert world.handler.unsent == 5
        for _ in range(6):
            world.advance(9)
        world.advance(5)
        world.kernel.room = None
        assert peer.read(5) == b"ping\n"
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_O05_after_a_standstill_there_is_time_for_the_answer() -> None:
    kernel = Deaf()
    with World(Pinging, kernel=kernel) as world:
        peer = world.connect()
        kernel.on_its_way = 5  # the ping, at the next look
        world.advance(3600)
        assert peer.read(5) == b"ping\n"
        world.advance(9.999)
        assert world.handler.reasons == []
        peer.send(b"pong\n")
        assert peer.read(11) == b"Hello pong\n"


def test_without_an_idle_time_a_ping_ends_nothing() -> None:
    class Curious(Pinging):
        idle_timeout = None  # type: ignore[assignment]

    with World(Curious) as world:
        world.connect()
        world.advance(20)
        world.advance(1e6)
        assert (world.handler.pings, world.handler.reasons) == (1, [])


def test_the_read_time_ends_a_peer_that_was_asked() -> None:
    class Strict(Pinging):
        read_timeout = 25.0

    with World(Strict) as world:
        world.connect()
        world.advance(20)
        world.advance(5)
        assert (world.handler.pings, world.handler.reasons) == (1, [CloseReason.READ_TIMEOUT])


def test_a_peer_that_has_ended_its_output_is_not_asked() -> None:
    class Open(Keeper):
        half_open = True
        idle_timeout, ping_after, read_timeout = 30.0, 20.0, 10.0

        def on_peer_end(self) -> None:
            pass

        def on_idle(self) -> None:
            raise AssertionError

    with World(Open) as world:
        world.connect().half_close()
        world.until(lambda: world.handler.half_closed)
        world.advance(29.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyError("bug"), CloseReason.HANDLER_ERROR), (ProtocolError("silent"), CloseReason.PROTOCOL_ERROR)],
)
def test_what_on_idle_raises_ends_that_connection(error: Exception, reason: CloseReason) -> None:
    class Bad(Pinging):
        def on_idle(self) -> None:
            if self is world.handlers[0]:
                raise error
            super().on_idle()

    with World(Bad) as world:
        first, second = world.connect(), world.connect()
        world.advance(20)
        assert second.read(5) == b"ping\n"
        assert first.read_to_end() == b""
        first.close()
        world.until(lambda: world.closed() == {reason: 1})


def test_on_idle_may_close() -> None:
    class Impatient(Pinging):
        def on_idle(self) -> None:
            self.close()

    with World(Impatient) as world:
        world.connect()
        world.advance(20)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_ctrl_c_in_on_idle_leaves_and_costs_its_connection_only() -> None:
    class Interrupted(Pinging):
        def on_idle(self) -> None:
            raise KeyboardInterrupt

    with World(Interrupted) as world:
        world.connect()
        with pytest.raises(KeyboardInterrupt):
            world.advance(20)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


def test_by_default_on_idle_does_nothing() -> None:
    class Forgotten(Greeter):
        idle_timeout = 30.0
        ping_after = 20.0

    with World(Forgotten) as world:
        world.connect()
        world.advance(20)
        world.advance(10)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_G06_all_of_them_have_one_timer() -> None:
    class Both(Pinging):
        read_timeout = 25.0

    with World(Both) as world:
        peer = world.connect()
        for _ in range(10):
            world.advance(21)
            peer.send(b"pong\n")
            peer.read(16)
            assert world.reactor.statistics().timers == 1


# slowest_rate


def test_C12_the_rate_is_a_setting() -> None:
    class Fast(Blob):
        slowest_rate = (5000, 2.0)

    with World(Fast) as world:
        world.connect()
        world.kernel.room = 0
        world.peers[0].send(b"1000000\n")
        world.until_state(State.SENDING)
        for _ in range(3):
            world.kernel.room = 5000
            world.until(lambda: world.kernel.room == 0)
            world.advance(2)
            assert world.handler.state is State.SENDING
        world.kernel.room = 4999
        world.until(lambda: world.kernel.room == 0)
        world.advance(2)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_without_a_rate_only_the_write_time_counts() -> None:
    class Patient(Blob):
        slowest_rate = None

    with World(Patient) as world:
        world.connect()
        world.kernel.room = 0
        world.peers[0].send(b"1000000\n")
        world.until_state(State.SENDING)
        for _ in range(5):
            world.kernel.room = 1
            world.until(lambda: world.kernel.room == 0)
            world.advance(59)
        assert world.handler.state is State.SENDING
        world.advance(60)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


# slips


@pytest.mark.parametrize("rate", [1024, (1024,), (0, 10.0), (1024, -1), ("1", 2), [1024, 10.0]])
@pytest.mark.parametrize("base", [Connection, StreamHandler])
def test_a_rate_that_cannot_be_meant_is_refused(base: type[Connection], rate: object) -> None:
    bad: Any = type(
        "Bad", (base,), {"slowest_rate": rate, "process": Greeter.process, "handle_data": Keeper.handle_data}
    )
    with pytest.raises(IllegalArgumentError, match=r"Bad\.slowest_rate is bytes and seconds, \(1024, 10\.0\) say"):
        bad.check_class()


def test_a_ping_without_time_for_its_answer_is_refused() -> None:
    class Late(Greeter):
        ping_after = 60.0

    with pytest.raises(IllegalArgumentError, match=r"Late\.ping_after is 60\.0 s and idle_timeout 60\.0 s"):
        Late.check_class()


def test_limits_may_be_worked_out_by_the_handler() -> None:
    class Own(Greeter):
        @property
        def slowest_rate(self) -> tuple[int, float]:  # type: ignore[override]
            return (1, 1.0)

        @property
        def ping_after(self) -> float:  # type: ignore[override]
            return 5.0

    Own.check_class()


def test_a_coroutine_function_is_refused() -> None:
    class Modern(Greeter):
        async def on_idle(self) -> None:  # type: ignore[override]
            pass

    with pytest.raises(TypeError, match=r"Modern\.on_idle is a coroutine function"):
        Modern.check_class()
