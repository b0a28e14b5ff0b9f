"""StreamHandler, its output: what the kernel does not take at once, the marks, and records the handler sends itself."""

from __future__ import annotations

from random import Random

import pytest

from nio.channels import SelectionKey
from nio.errors import DelimiterInRecordError
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import NEVER, Blob, Greeter, Manual, Silent, World

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Small(Greeter):
    """Marks that a few names reach: a reply to a name of three letters has 10 bytes."""

    low_mark = 20
    high_mark = 40


def hellos(*names: bytes) -> bytes:
    return b"".join(b"Hello " + name + b"\n" for name in names)


def test_C01_a_short_write_keeps_the_rest(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        world.kernel.sends.extend([1, 2, 3, 1, 1])
        peer.send(b"ann\nbob\n")
        assert peer.read(20) == hellos(b"ann", b"bob")
        world.until_state(State.READING)
        assert world.handler.unsent == 0


def test_C01_a_long_reply_through_the_smallest_buffers(workers: int) -> None:
    with World(Blob, workers=workers) as world:
        peer = world.connect(receive_buffer=1)
        world.handler.channel.set_option("SO_SNDBUF", 1)
        peer.send(b"50000\n")
        assert peer.read(50_000) == b"x" * 49_999 + b"\n"
        assert world.kernel.send_calls > 10


def test_C02_a_kernel_that_says_not_now_every_second_time_loses_nothing(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        world.kernel.sends.extend([NEVER, 7] * 50)
        peer.send(b"ann\nbob\ncarl\n" * 10)
        assert peer.read(310) == hellos(b"ann", b"bob", b"carl") * 10


def test_C03_write_interest_is_there_only_while_something_is_left() -> None:
    with World() as world:
        peer = world.connect()
        key = world.handler.key
        assert key.interest_ops == READ
        world.kernel.room = 4
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 6)
        assert key.interest_ops == READ | WRITE
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann\n"
        assert (key.interest_ops, world.handler.unsent) == (READ, 0)


def test_while_little_is_left_more_is_read_and_answered_in_order() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 4
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 6)
        peer.send(b"bob\n")
        world.until(lambda: world.handler.unsent == 16)
        assert world.handler.state is State.READING
        world.kernel.room = None
        assert peer.read(20) == hellos(b"ann", b"bob")


def test_C05_at_the_high_mark_nothing_more_is_read_or_processed(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        handler = world.handler
        assert (len(handler.seen), handler.unsent) == (4, 40)
        peer.send(b"bob\n")
        world.turns(5)
        assert (len(handler.seen), handler.unsent) == (4, 40)
        assert handler.key.interest_ops == WRITE
        assert world.reactor.statistics().bytes_in == 36


def test_C05_one_record_at_a_time_is_held_back_at_the_mark_too(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 0
        for count in range(1, 5):
            peer.send(b"ann\n")
            world.received(4 * count)
        world.until(lambda: world.handler.unsent == 40)
        assert world.handler.state is State.SENDING
        peer.send(b"bob\n" * 20)
        world.turns(5)
        assert (len(world.handler.seen), world.handler.unsent) == (4, 40)
        world.kernel.room = None
        assert peer.read(240) == hellos(b"ann") * 4 + hellos(b"bob") * 20


def test_C05_one_long_reply_is_over_the_mark_too(workers: int) -> None:
    with World(Blob, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 10
        peer.send(b"2000000\n")
        world.until_state(State.SENDING)
        peer.send(b"10\n")
        world.turns(5)
        assert world.handler.seen == [b"2000000"]
        world.kernel.room = None
        assert len(peer.read(2_000_010)) == 2_000_010


def test_C05_a_long_reply_behind_a_record_of_its_own() -> None:
    class Announced(Blob):
        def process(self, record: bytes) -> bytes | None:
            self.send(b"here it comes")
            return super().process(record)

    with World(Announced) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"2000000\n")
        world.until_state(State.SENDING)
        assert world.handler.unsent == 2_000_014
        world.kernel.room = None
        assert len(peer.read(2_000_014)) == 2_000_014


def test_C07_records_sent_over_the_mark_wait_without_asking_the_kernel_each_time() -> None:
    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 4)
        world.until_state(State.SENDING)
        calls = world.kernel.send_calls
        for _ in range(500):
            world.handler.send(b"news")
        assert world.kernel.send_calls == calls
        world.kernel.room = None
        assert peer.read(2540) == hellos(b"ann") * 4 + b"news\n" * 500


def test_many_records_of_its_own_cost_one_tick_and_one_send() -> None:
    with World() as world:
        peer = world.connect()
        for count in (1000, 1):
            for _ in range(count):
                world.handler.send(b"news")
            progress = world.reactor.turn(0)
            assert (progress.ticks, progress.bytes_out) == (1, 5 * count)
            assert peer.read(5 * count) == b"news\n" * count
        assert world.kernel.send_calls == 2


@pytest.mark.parametrize("seed", range(10))
def test_whatever_room_there_is_and_when_all_is_sent_in_order(workers: int, seed: int) -> None:
    random = Random(seed)
    with World(Small, workers=workers) as world:
        peer = world.connect()
        asked, told = 0, 0
        for _ in range(200):
            deed = random.choice(["ask", "tell", "room", "turn"])
            if deed == "ask":
                peer.send(b"%d\n" % asked)
                asked += 1
            elif deed == "tell":
                world.handler.send(b"news %d" % told)
                told += 1
            elif deed == "room":
                world.kernel.room = random.choice([None, 0, 1, 7, 100])
            else:
                world.turns(random.choice([1, 2]))
        world.kernel.room = None
        replies = hellos(*(b"%d" % number for number in range(asked)))
        news = b"".join(b"news %d\n" % number for number in range(told))
        lines = peer.read(len(replies) + len(news)).splitlines(keepends=True)
        assert b"".join(line for line in lines if line.startswith(b"Hello")) == replies
        assert b"".join(line for line in lines if line.startswith(b"news")) == news


def test_C06_work_goes_on_at_the_low_mark_and_not_above(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        world.kernel.room = 19
        world.until(lambda: handler.unsent == 21)
        world.turns(3)
        assert (handler.state, len(handler.seen)) == (State.SENDING, 4)
        world.kernel.room = 1
        world.until(lambda: len(handler.seen) == 6)
        world.until_state(State.SENDING)
        assert handler.unsent == 40
        world.kernel.room = None
        assert peer.read(90) == hellos(b"ann") * 9
        world.until_state(State.READING)
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"


def test_C06_a_peer_that_reads_between_two_sends_does_not_leave_the_connection_stuck(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        world.kernel.sends.append(5)  # over the mark after this one; the next send takes everything
        peer.send(b"a" * 100 + b"\nbob\n")
        assert peer.read(117) == hellos(b"a" * 100, b"bob")
        peer.send(b"carl\n")
        assert peer.read(11) == b"Hello carl\n"
        assert world.handler.state is State.READING


def test_C06_a_record_of_its_own_that_takes_all_output_with_it_does_not_leave_the_connection_stuck() -> None:
    with World(Small) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 5)
        world.until_state(State.SENDING)
        world.handler.send(b"news")
        world.kernel.sends.append(NEVER)  # to the ready key; the tick of send() then finds room
        world.kernel.room = None
        assert peer.read(55) == hellos(b"ann") * 4 + b"news\n" + hellos(b"ann")
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"


def test_C06_pipelined_names_to_a_reader_that_starts_late(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect(receive_buffer=4096)
        world.handler.channel.set_option("SO_SNDBUF", 4096)
        names = [b"name-%d" % number + b"." * 200 for number in range(1500)]
        rest = memoryview(b"".join(name + b"\n" for name in names))
        expected = hellos(*names)
        highest = 0

        def push() -> bool:
            nonlocal rest, highest
            try:
                rest = rest[peer.sock.send(rest[:50_000]) :]
            except BlockingIOError:
                pass
            highest = max(highest, world.handler.unsent)
            return world.handler.state is State.SENDING

        world.until(push)
        world.until(lambda: (push(), peer.pull()) and len(peer.got) == len(expected))
        assert peer.got == expected
        assert 64 * 1024 <= highest <= 64 * 1024 + 300
        peer.send(b"ann\n")
        world.until(lambda: peer.pull())
        assert peer.got[len(expected) :] == b"Hello ann\n"


def test_a_reply_beyond_every_bound_is_sent_all_the_same(workers: int) -> None:
    with World(Blob, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 1
        peer.send(b"3000000\n5\n")
        world.until_state(State.SENDING)
        assert world.handler.unsent == 2_999_999
        world.kernel.room = None
        assert peer.read(3_000_005) == b"x" * 2_999_999 + b"\n" + b"xxxx\n"


def test_a_big_reply_behind_a_few_unsent_bytes_is_sent_too(workers: int) -> None:
    with World(Blob, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 1
        peer.send(b"10\n")
        world.until(lambda: world.handler.unsent == 9)
        peer.send(b"2000000\n")
        world.until_state(State.SENDING)
        world.kernel.room = None
        assert peer.read(2_000_010)[-2:] == b"x\n"
        assert world.closed() == {}


def test_B05_a_broken_pipe_ends_the_connection(workers: int) -> None:
    with World(workers=workers) as world:
        peer = world.connect()
        world.kernel.sends.append(BrokenPipeError(32, "broken"))
        peer.send(b"ann\nbob\n")
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_RST]
        assert world.handler.unsent == 0


def test_B05_a_peer_lost_over_the_mark_ends_the_connection(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"ann\n" * 9)
        world.until_state(State.SENDING)
        world.kernel.room = None
        world.kernel.sends.append(ConnectionResetError(104, "reset"))
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_RST]
        assert len(world.handler.seen) == 4


def test_a_peer_lost_when_the_mark_is_reached_ends_the_connection(workers: int) -> None:
    with World(Small, workers=workers) as world:
        peer = world.connect()
        world.kernel.sends.append(ConnectionResetError(104, "reset"))
        peer.send(b"a" * 50 + b"\nbob\n")
        world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.PEER_RST]
        assert world.handler.seen == [b"a" * 50]


# send()


def test_a_greeting_from_on_open_comes_before_any_reply(workers: int) -> None:
    class Banner(Greeter):
        def on_open(self) -> None:
            self.send(b"welcome")

    with World(Banner, workers=workers) as world:
        peer = world.dial()
        peer.send(b"ann\n")
        assert peer.read(18) == b"welcome\nHello ann\n"


def test_a_record_sent_by_process_comes_before_its_reply() -> None:
    class Two(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.send(b"well,")
            return super().process(record)

    with World(Two) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(16) == b"well,\nHello ann\n"
        peer.send(b"ann\nbob\n")
        assert peer.read(32) == b"well,\nHello ann\nwell,\nHello bob\n"


def test_records_from_timers_and_ticks_go_out_by_themselves() -> None:
    with World() as world:
        peer = world.connect()
        world.reactor.call_later(1, world.handler.send, b"timer")
        world.reactor.execute(world.handler.send, b"tick")
        assert peer.read(5) == b"tick\n"
        world.advance(1)
        assert peer.read(6) == b"timer\n"


def test_a_record_sent_while_a_worker_has_one_goes_out_at_once() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.handler.send(b"wait")
        assert peer.read(5) == b"wait\n"
        assert world.handler.state is State.PROCESSING
        manual.run_one()
        assert peer.read(10) == b"Hello ann\n"


def test_process_that_only_sends_is_held_back_as_one_that_replies() -> None:
    class Sender(Small):
        max_output = 200

        def process(self, record: bytes) -> bytes | None:
            self.send(record)
            return None

    with World(Sender) as world:
        peer = world.connect()
        peer.send(b"123456789\n" * 1000)
        assert peer.read(10_000) == b"123456789\n" * 1000
        assert world.handler.reasons == []


def test_C05_more_records_than_max_output_end_the_connection() -> None:
    class Bounded(Silent):
        max_output = 100

    with World(Bounded) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        for _ in range(10):
            assert handler.send(b"123456789") is True
        assert (handler.unsent, handler.state) == (100, State.READING)
        assert handler.send(b"") is False
        assert (handler.reasons, handler.send(b"x")) == ([], False)  # nothing is called from inside send
        world.turns()
        assert (handler.unsent, handler.state) == (0, State.CLOSED)
        assert handler.reasons == [CloseReason.OVERLOAD]
        world.kernel.room = None
        world.turns()
        assert peer.read_to_end() == b""


def test_one_record_may_be_longer_than_max_output() -> None:
    class Bounded(Silent):
        max_output = 100

    with World(Bounded) as world:
        peer = world.connect()
        world.handler.send(b"x" * 1000)
        assert peer.read(1001) == b"x" * 1000 + b"\n"


def test_send_refuses_what_the_framing_refuses_and_the_connection_lives() -> None:
    with World() as world:
        peer = world.connect()
        with pytest.raises(DelimiterInRecordError):
            world.handler.send(b"a\nb")
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_C08_send_after_the_output_has_ended() -> None:
    with World() as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        peer.send(b"ann\n")
        world.until(lambda: handler.unsent == 10)
        handler.finish()
        assert (handler.state, handler.send(b"x")) == (State.CLOSING, False)
        world.kernel.room = None
        world.until_state(State.LINGERING)
        assert (handler.state, handler.send(b"x")) == (State.LINGERING, False)
        handler.close()
        assert (handler.state, handler.send(b"x")) == (State.CLOSED, False)
        assert peer.read_to_end() == b"Hello ann\n"
