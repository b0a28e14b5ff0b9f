"""Connection: bytes in, bytes out; what ``write`` takes, when it is sent, and what it answers."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from random import Random

import pytest

from nio.channels import SelectionKey, StandardSocketOptions
from nio.reactor import CloseReason, Connection, State
from tests.unit.reactor.support import NEVER, Echo, Keeper, World

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Repeats(Connection):
    def handle_data(self, data: bytes) -> None:
        self.write(data)


class Bounded(Keeper):
    max_output = 100


def test_an_echo_server_s_handler_has_two_lines() -> None:
    with World(Repeats) as world:
        peer = world.connect()
        for data in (b"x", b"hello", bytes(range(256))):
            peer.send(data)
            assert peer.read(len(data)) == data
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.closed() == {CloseReason.PEER_FIN: 1}


@pytest.mark.parametrize("seed", range(5))
def test_data_is_cut_anywhere_and_nothing_is_lost(seed: int) -> None:
    random = Random(seed)
    data = random.randbytes(20_000)
    with World(Echo) as world:
        peer = world.connect()
        world.kernel.recvs.extend(random.choice([1, 2, 100, 4096]) for _ in range(100))
        steps: list[int | OSError] = [NEVER, 1, 3, 1000]
        world.kernel.sends.extend(random.choice(steps) for _ in range(100))
        peer.send(data)
        assert peer.read(len(data)) == data
        assert b"".join(world.handler.got) == data
        assert min(map(len, world.handler.got)) == 1


def test_a_connection_gets_at_most_64_KiB_in_a_turn() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        peer.send(bytes(1_000_000))
        world.received(1_000_000)
        sizes = list(map(len, world.handler.got))
        assert sum(sizes) == 1_000_000
        assert 0 < min(sizes) <= max(sizes) == 65536
        peer.sock.send(bytes(200_000))
        assert 0 < world.reactor.turn(5).bytes_in <= 65536


def test_nagle_s_delay_is_off_from_the_beginning() -> None:
    found = []

    class Looks(Keeper):
        def on_open(self) -> None:
            found.append(self.channel.get_option(StandardSocketOptions.TCP_NODELAY))

    with World(Looks) as world:
        world.connect()
    assert found == [True]


# when it is sent


def test_what_handle_data_writes_goes_out_at_once_and_together() -> None:
    class Three(Keeper):
        def handle_data(self, data: bytes) -> None:
            assert all([self.write(b"one "), self.write(data), self.write(b" three")])

    with World(Three) as world:
        peer = world.connect()
        peer.send(b"two")
        progress = world.reactor.turn(5)
        assert (progress.bytes_in, progress.bytes_out, progress.ticks) == (3, 13, 0)
        assert world.kernel.send_calls == 1
        assert peer.read(13) == b"one two three"


def test_what_on_open_writes_comes_before_any_answer() -> None:
    class Banner(Echo):
        def on_open(self) -> None:
            self.write(b"welcome ")

    with World(Banner) as world:
        peer = world.dial()
        peer.send(b"hello")
        assert peer.read(13) == b"welcome hello"


def test_what_ticks_and_timers_write_goes_out_by_itself() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        world.reactor.execute(world.handler.write, b"tick")
        assert peer.read(4) == b"tick"
        world.reactor.call_later(1, world.handler.write, b"timer")
        world.turns()
        assert peer.pull() == 0
        world.advance(1)
        assert peer.read(5) == b"timer"


def test_many_writes_cost_one_tick_and_one_send() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        for number in range(100):
            world.handler.write(b"%02d" % number)
        assert world.kernel.send_calls == 0
        progress = world.reactor.turn(0)
        assert (progress.ticks, progress.bytes_out, world.kernel.send_calls) == (1, 200, 1)
        assert peer.read(200) == b"".join(b"%02d" % number for number in range(100))


def test_write_interest_is_there_only_while_something_is_left() -> None:
    with World(Echo) as world:
        peer = world.connect()
        key = world.handler.key
        world.kernel.room = 2
        peer.send(b"hello")
        world.received(5)
        assert (key.interest_ops, world.handler.unsent) == (READ | WRITE, 3)
        world.kernel.room = None
        assert peer.read(5) == b"hello"
        assert (key.interest_ops, world.handler.unsent) == (READ, 0)


# what it takes


@pytest.mark.parametrize(
    ("data", "sent"),
    [
        (b"hello", b"hello"),
        (bytearray(b"hello"), b"hello"),
        (memoryview(b"hello"), b"hello"),
        (memoryview(b"-hello-")[1:6], b"hello"),
        (memoryview(b"h.e.l.l.o.")[::2], b"hello"),
        (memoryview(array("i", [1, -2, 3])), array("i", [1, -2, 3]).tobytes()),
        (type("Bytes", (bytes,), {})(b"hello"), b"hello"),
    ],
    ids=["bytes", "bytearray", "memoryview", "slice", "stride", "ints", "subclass"],
)
def test_write_takes_whatever_holds_bytes(data: bytes | bytearray | memoryview, sent: bytes) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        assert world.handler.write(data) is True
        assert world.handler.unsent == len(sent)
        assert peer.read(len(sent)) == sent


@pytest.mark.parametrize("room", [None, 0, 2])
@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))], ids=["bytearray", "view"])
def test_what_is_changed_after_write_is_sent_as_it_was(
    kind: Callable[[bytes], bytearray | memoryview], room: int | None
) -> None:
    with World(Keeper) as world:
        peer = world.connect()
        world.kernel.room = room
        data = kind(b"hello")
        world.handler.write(data)
        data[:] = b"-----"
        world.turns()
        data[:] = b"....."
        world.kernel.room = None
        assert peer.read(5) == b"hello"


def test_an_empty_write_is_nothing() -> None:
    with World(Keeper) as world:
        world.connect()
        assert world.handler.write(b"") is True
        world.turns()
        assert (world.kernel.send_calls, world.handler.unsent, world.handler.state) == (0, 0, State.READING)


@pytest.mark.parametrize("waiting", [b"", b"x" * 95], ids=["empty", "nearly full"])
@pytest.mark.parametrize("data", ["text, longer than there is room", 5, None, [1, 2], array("b", b"hello")], ids=repr)
def test_write_refuses_what_is_no_bytes_and_the_connection_lives(data: object, waiting: bytes) -> None:
    with World(Bounded) as world:
        peer = world.connect()
        world.kernel.room = 0
        world.handler.write(waiting)
        with pytest.raises(TypeError, match="a connection is written bytes, not " + repr(data)[:4].replace("[", r"\[")):
            world.handler.write(data)
        world.turns()
        assert (world.handler.unsent, world.handler.state) == (len(waiting), State.READING)
        world.kernel.room = None
        world.handler.write(b"end")
        assert peer.read(len(waiting) + 3) == waiting + b"end"


def test_text_is_refused_with_what_to_write_instead() -> None:
    with World(Keeper) as world:
        world.connect()
        with pytest.raises(TypeError, match=r"use \.encode\(\)"):
            world.handler.write("text")


# what it answers


def test_C08_write_after_the_output_has_ended() -> None:
    with World(Keeper) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        handler.write(b"last")
        handler.finish()
        assert (handler.state, handler.write(b"x")) == (State.CLOSING, False)
        world.kernel.room = None
        world.until_state(State.LINGERING)
        assert handler.write(b"x") is False
        handler.close()
        assert (handler.state, handler.write(b"x")) == (State.CLOSED, False)
        assert peer.read_to_end() == b"last"


def test_C05_more_than_max_output_ends_the_connection_and_not_inside_write() -> None:
    with World(Bounded) as world:
        peer = world.connect()
        handler = world.handler
        world.kernel.room = 0
        assert handler.write(b"x" * 60) is True
        assert handler.write(b"x" * 40) is True
        assert handler.write(b"x") is False
        assert (handler.reasons, handler.state) == ([], State.CLOSING)
        world.turns()
        assert (handler.reasons, handler.state, handler.unsent) == ([CloseReason.OVERLOAD], State.CLOSED, 0)
        assert peer.read_to_end() == b""


def test_C05_bytes_are_counted_not_items() -> None:
    with World(Bounded) as world:
        world.connect()
        world.kernel.room = 0
        assert world.handler.write(b"x" * 90) is True
        assert world.handler.write(memoryview(array("i", [1, 2, 3]))) is False
        world.turns()
        assert world.handler.reasons == [CloseReason.OVERLOAD]


def test_one_write_may_be_longer_than_max_output() -> None:
    with World(Bounded) as world:
        peer = world.connect()
        assert world.handler.write(b"x" * 1000) is True
        assert peer.read(1000) == b"x" * 1000


def test_C05_a_handler_that_answers_too_much_is_told_and_ends() -> None:
    answers: list[bool] = []

    class Talker(Bounded):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data)
            answers.extend(self.write(b"x" * 40) for _ in range(4))

    with World(Talker) as world:
        peer = world.connect()
        peer.send(b"go")
        world.until(lambda: world.handler.reasons)
        assert (answers, world.handler.reasons) == ([True, True, False, False], [CloseReason.OVERLOAD])
        assert world.handler.got == [b"go"]


def test_nothing_is_called_from_inside_write() -> None:
    class Watchful(Keeper):
        low_mark, high_mark, max_output = 5, 10, 100

        def __init__(self) -> None:
            super().__init__()
            self.inside = False
            self.calls: list[object] = []

        def write(self, data: bytes | bytearray | memoryview) -> bool:
            self.inside = True
            try:
                return super().write(data)
            finally:
                self.inside = False

        def on_writable(self, writable: bool) -> None:
            self.calls.append((writable, self.inside))

        def on_close(self, reason: CloseReason) -> None:
            self.calls.append((reason, self.inside))

    with World(Watchful) as world:
        world.connect()
        world.kernel.room = 0
        world.handler.write(b"x" * 20)
        world.turns()
        world.kernel.room = None
        world.turns()
        world.kernel.room = 0
        for _ in range(11):
            world.handler.write(b"x" * 10)
        world.turns()
        assert world.handler.calls == [(False, False), (True, False), (False, False), (CloseReason.OVERLOAD, False)]
