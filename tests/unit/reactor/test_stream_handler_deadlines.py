"""StreamHandler, its deadlines, on a clock that moves when it is told: idle, record, write, rate; never early."""

from __future__ import annotations

from nio.reactor import CloseReason, State
from tests.unit.reactor.support import Blob, Greeter, Manual, World


class Patient(Greeter):
    idle_timeout = record_timeout = write_timeout = None


class Small(Greeter):
    low_mark, high_mark = 20, 40


def unsent(world: World, peer_sends: bytes, *, room: int) -> None:
    """Bring the last connection to hold output: ``room`` bytes of it are taken."""
    world.kernel.room = room
    world.peers[-1].send(peer_sends)
    world.until(lambda: world.handler.unsent)


# idle


def test_N03_a_silent_connection_ends_after_the_idle_time() -> None:
    with World() as world:
        peer = world.connect()
        world.advance(59.999)
        assert world.handler.state is State.READING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]
        assert peer.read_to_end() == b""


def test_what_is_received_begins_the_idle_time_anew_without_touching_a_timer() -> None:
    with World() as world:
        peer = world.connect()
        for _ in range(5):
            world.advance(50)
            timers = world.reactor.turn(0).timers
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
            assert timers == 0
        world.advance(59.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_each_connection_has_its_own_idle_time() -> None:
    with World() as world:
        world.connect()
        world.advance(30)
        world.connect()
        first, second = world.handlers
        world.advance(30)
        assert (first.reasons, second.reasons) == ([CloseReason.IDLE_TIMEOUT], [])
        world.advance(30)
        assert second.reasons == [CloseReason.IDLE_TIMEOUT]


def test_without_timeouts_a_connection_waits_for_ever() -> None:
    with World(Patient) as world:
        peer = world.connect()
        peer.send(b"an")
        world.until(lambda: world.reactor.statistics().bytes_in == 2)
        world.advance(1e6)
        peer.send(b"n\n")
        assert peer.read(10) == b"Hello ann\n"
        unsent(world, b"bob\n", room=0)
        world.advance(1e6)
        world.kernel.room = None
        assert peer.read(10) == b"Hello bob\n"


def test_a_connection_whose_request_a_worker_has_is_not_idle() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        for _ in range(5):
            world.advance(60)
        world.advance(30)
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        world.advance(30)
        world.advance(29.999)
        assert world.handler.reasons == []  # the peer waited for us, not we for the peer
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_a_connection_that_is_owed_output_is_not_idle() -> None:
    class Slow(Greeter):
        write_timeout = None

    with World(Slow) as world:
        world.connect()
        unsent(world, b"ann\n", room=0)
        world.advance(300)
        assert world.handler.state is State.READING


def test_O05_a_stalled_process_reads_what_waits_before_it_calls_anybody_silent() -> None:
    with World() as world:
        idle, slow = world.connect(), world.connect()
        slow.send(b"an")
        world.until(lambda: world.reactor.statistics().bytes_in == 2)
        idle.send(b"bob\n")
        slow.send(b"n\n")
        world.kernel.now += 3600 * 10**9
        assert idle.read(10) == b"Hello bob\n"
        assert slow.read(10) == b"Hello ann\n"
        assert world.closed() == {}


# a record from its first byte to its last


def test_N01_a_record_that_drips_is_cut_at_its_deadline() -> None:
    with World() as world:
        peer = world.connect()
        world.advance(20)
        for count in range(1, 10):
            peer.send(b"x")
            world.received(count)
            world.advance(1)
        peer.send(b"x")
        world.advance(0.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_N01_each_record_has_its_own_time() -> None:
    with World() as world:
        peer = world.connect()
        for _ in range(4):
            peer.send(b"an")
            world.advance(9)
            peer.send(b"n\nbo")  # ends one record and begins the next
            assert peer.read(10) == b"Hello ann\n"
            world.advance(9)
            peer.send(b"b\n")
            assert peer.read(10) == b"Hello bob\n"
            world.advance(20)
        assert world.handler.reasons == []


def test_N01_the_rest_of_a_batch_begins_a_record() -> None:
    with World() as world:
        peer = world.connect()
        peer.send(b"ann\nbo")
        assert peer.read(10) == b"Hello ann\n"
        world.advance(9.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_N01_also_while_a_reply_is_not_taken() -> None:
    with World() as world:
        peer = world.connect()
        unsent(world, b"ann\n", room=9)
        peer.send(b"b")
        world.until(lambda: world.reactor.statistics().bytes_in == 5)
        world.advance(10)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_a_record_that_waited_behind_a_slow_worker_is_not_late() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\nbo")
        world.until(lambda: manual.waiting)
        peer.send(b"b\n")  # in the kernel: nothing is read while a worker has a record
        world.advance(30)
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"
        world.until(lambda: manual.waiting)
        manual.run_one()
        assert peer.read(10) == b"Hello bob\n"


def test_a_record_that_waited_behind_a_slow_reader_is_not_late() -> None:
    class Lenient(Small):
        write_timeout = None

    with World(Lenient) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 4 + b"bo")
        world.until_state(State.SENDING)
        peer.send(b"b\n")
        world.advance(9)
        world.kernel.room = 20
        world.until_state(State.READING)
        world.advance(9)
        world.kernel.room = None
        assert peer.read(50) == b"Hello ann\n" * 4 + b"Hello bob\n"


# output that is not taken


def test_C12_a_peer_that_takes_nothing_is_cut_after_the_write_time() -> None:
    with World() as world:
        world.connect()
        world.advance(30)
        unsent(world, b"ann\n", room=9)
        world.advance(59.999)
        assert world.handler.state is State.READING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_C12_every_byte_taken_begins_the_write_time_anew() -> None:
    with World() as world:
        peer = world.connect()
        unsent(world, b"ann\n", room=1)
        for _ in range(5):
            world.advance(59)
            world.kernel.room = 1
            world.until(lambda: world.kernel.room == 0)
        world.advance(59)
        assert world.handler.reasons == []
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann\n"


def test_an_old_connection_with_a_reply_and_half_a_record_is_not_cut() -> None:
    with World(Greeter) as world:
        peer = world.connect()
        for _ in range(3):
            world.advance(50)
            peer.send(b"ann\n")
            peer.read(10)
        peer.send(b"ann\nbo")
        assert peer.read(10) == b"Hello ann\n"
        peer.send(b"b\n")
        assert peer.read(10) == b"Hello bob\n"


def test_output_that_was_taken_leaves_no_deadline_behind() -> None:
    with World() as world:
        peer = world.connect()
        unsent(world, b"ann\n", room=1)
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann\n"
        world.advance(50)
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"
        world.advance(55)
        assert world.handler.reasons == []


def test_C12_what_was_taken_at_last_counts() -> None:
    class Hasty(Small):
        write_timeout = 5

    with World(Hasty) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        world.advance(4)
        world.kernel.room = 40  # all of it; the next four replies find no room
        world.until(lambda: len(world.handler.seen) == 8)
        world.advance(1)
        assert world.handler.state is State.SENDING
        world.advance(3.999)
        assert world.handler.state is State.SENDING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_a_deadline_that_passes_in_the_turn_in_which_the_connection_ends() -> None:
    with World() as world:
        peer = world.connect()
        peer.half_close()
        world.kernel.now += 60 * 10**9
        world.reactor.turn(0)
        world.turns()
        assert len(world.handler.reasons) == 1


def test_C12_over_the_mark_a_kilobyte_must_be_taken_in_ten_seconds() -> None:
    with World(Blob) as world:
        world.connect()
        world.advance(5)
        unsent(world, b"1000000\n", room=0)
        world.until_state(State.SENDING)
        for _ in range(3):
            world.kernel.room = 1024
            world.until(lambda: world.kernel.room == 0)
            world.advance(10)
            assert world.handler.state is State.SENDING
        world.kernel.room = 1023
        world.until(lambda: world.kernel.room == 0)
        world.advance(9.999)
        assert world.handler.state is State.SENDING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_C12_the_rate_is_asked_for_from_the_crossing_of_the_mark_on() -> None:
    class Strict(Small):
        idle_timeout = write_timeout = None

    with World(Strict) as world:
        peer = world.connect()
        unsent(world, b"ann\n", room=0)
        world.advance(3600)
        peer.send(b"ann\nbob\ncarl\n")
        world.until_state(State.SENDING)
        world.advance(9.999)
        assert world.handler.state is State.SENDING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_C12_the_rate_is_asked_for_when_the_connection_is_to_end() -> None:
    class Strict(Greeter):
        idle_timeout = write_timeout = None

    with World(Strict) as world:
        world.connect()
        unsent(world, b"ann\n", room=0)
        world.advance(3600)
        world.handler.finish(CloseReason.OVERLOAD)
        world.advance(9.999)
        assert world.handler.state is State.CLOSING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_C12_the_rate_is_asked_for_when_the_peer_has_ended() -> None:
    class Strict(Greeter):
        idle_timeout = write_timeout = None

    with World(Strict) as world:
        peer = world.connect()
        world.advance(3600)
        unsent(world, b"ann\n", room=0)
        peer.half_close()
        world.until_state(State.CLOSING)
        world.advance(9.999)
        assert world.handler.state is State.CLOSING
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_a_byte_unsent_while_a_worker_is_busy_is_under_the_write_time_only() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        world.kernel.room = 9
        peer.send(b"ann\nbob\n")
        world.until(lambda: manual.waiting)
        manual.run_one()
        world.until(lambda: manual.waiting)
        assert (world.handler.state, world.handler.unsent) == (State.PROCESSING, 1)
        world.advance(59)
        assert world.handler.state is State.PROCESSING
        world.advance(1)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]


def test_G06_a_connection_has_one_timer_whatever_happens_on_it() -> None:
    with World(Small) as world:
        peer = world.connect()
        for _ in range(50):
            world.kernel.room = 0
            peer.send(b"ann\nbob\ncarl\ndora\nem")
            world.until_state(State.SENDING)
            world.kernel.room = None
            peer.read(42)
            world.kernel.now += 1_000_000
            peer.send(b"il\n")
            peer.read(11)
            assert world.reactor.statistics().timers <= 1
        peer.half_close()
        peer.read_to_end()
        world.until(lambda: world.closed())
        assert world.reactor.statistics().timers == 0
