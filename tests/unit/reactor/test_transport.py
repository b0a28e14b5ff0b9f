"""Transport: another way for a connection's bytes, by one class attribute.

The one of these tests masks each byte, and shakes hands: both sides begin with four bytes of greeting, and the server
answers the client's greeting with two more. So it has bytes of its own at the beginning, and after a read without data.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.channels import SelectionKey, SocketChannel
from nio.framing import Lines
from nio.reactor import CloseReason, State, StreamHandler, Transport
from tests.unit.reactor.support import NEVER, Echo, Keeper, Manual, World

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
GREETING, WELCOME = b"MASK", b"OK"
MASK = bytes(byte ^ 0x55 for byte in range(256))


def masked(data: bytes | memoryview) -> bytes:
    return bytes(data).translate(MASK)


class Masked:
    """Takes what it is given as long as little is left of that before; all are kept in ``made``."""

    made: list[Masked] = []  # noqa: RUF012  # emptied by the fixture
    most = 64

    def __init__(self, channel: SocketChannel) -> None:
        self.channel = channel
        self.own = bytearray(GREETING)
        self.missing = GREETING
        self.ends: list[int] = []  # at each end of the output: how many bytes were left
        self.made.append(self)

    @property
    def needs(self) -> int:
        return 1 if self.own else 0

    @property
    def unsent(self) -> int:
        return len(self.own)

    def recv(self, size: int) -> bytes:
        data = self.channel.socket.recv(size)
        if self.missing and data:
            count = min(len(data), len(self.missing))
            if data[:count] != self.missing[:count]:
                raise ConnectionAbortedError("no such greeting")
            self.missing, data = self.missing[count:], data[count:]
            if not self.missing:
                self.own += WELCOME
            if not data:
                raise BlockingIOError
        return masked(data)

    def send(self, data: bytes | memoryview, flags: int) -> int:
        taken = len(data) if len(self.own) < self.most else 0
        self.own += masked(data[:taken])
        try:
            del self.own[: self.channel.socket.send(bytes(self.own), flags)]
        except BlockingIOError:
            pass
        if data and not taken:
            raise BlockingIOError
        return taken

    def shutdown_output(self) -> None:
        self.ends.append(len(self.own))
        self.channel.shutdown_output()


class MaskedEcho(Echo):
    transport = Masked


class MaskedLines(StreamHandler):
    framing = Lines(max_length=256)
    transport = Masked

    def process(self, record: bytes) -> bytes | None:
        return None if record == b"psst" else b"Hello " + record


class MaskedKeeper(Keeper):
    transport = Masked


@pytest.fixture(autouse=True)
def made() -> Iterator[list[Masked]]:
    Masked.made.clear()
    yield Masked.made
    Masked.made.clear()


def test_it_has_what_a_connection_asks_for() -> None:
    assert {name for name in vars(Transport) if not name.startswith("_")} == {
        "recv",
        "send",
        "shutdown_output",
        "needs",
        "unsent",
    }
    chosen: type[Transport] = Masked  # mypy looks here
    assert chosen is MaskedEcho.transport


def test_one_class_attribute_changes_the_way_of_all_bytes(made: list[Masked]) -> None:
    with World(MaskedEcho) as world:
        peer = world.connect()
        peer.send(GREETING + masked(b"hello"))
        assert peer.read(11) == GREETING + WELCOME + masked(b"hello")
        assert world.handler.got == [b"hello"]
        peer.send(masked(b"again"))
        assert peer.read(5) == masked(b"again")
        assert [transport.channel for transport in made] == [world.handler.channel]


def test_records_above_it(workers: int) -> None:
    with World(MaskedLines, workers=workers) as world:
        peer = world.connect()
        peer.send(GREETING + masked(b"ann\nbob\n"))
        assert peer.read(26) == GREETING + WELCOME + masked(b"Hello ann\nHello bob\n")
        for _ in range(3):
            peer.send(masked(b"carl\n"))
            assert peer.read(11) == masked(b"Hello carl\n")
        peer.half_close()
        assert peer.read_to_end() == b""
        world.until(lambda: world.closed())
        assert world.closed() == {CloseReason.PEER_FIN: 1}


def test_its_own_bytes_go_out_before_anybody_has_sent_any() -> None:
    with World(MaskedEcho) as world:
        peer = world.connect()
        assert peer.read(4) == GREETING
        assert world.handler.key.interest_ops == READ


def test_its_own_bytes_arm_write_interest_until_they_are_sent() -> None:
    with World(MaskedEcho) as world:
        world.kernel.room = 0
        peer = world.connect()
        world.turns()
        assert (world.handler.key.interest_ops, world.handler.unsent) == (READ | WRITE, 4)
        world.kernel.room = 3
        world.until(lambda: world.kernel.room == 0)
        world.turns()
        assert world.handler.key.interest_ops == READ | WRITE
        world.kernel.room = None
        assert peer.read(4) == GREETING
        world.turns()
        assert world.handler.key.interest_ops == READ


@pytest.mark.parametrize("room", [None, 0, 1])
def test_what_a_read_without_data_has_brought_goes_out(room: int | None) -> None:
    with World(MaskedEcho) as world:
        peer = world.connect()
        assert peer.read(4) == GREETING
        world.kernel.room = room
        peer.send(GREETING[:2])
        world.turns()
        peer.send(GREETING[2:])
        world.turns()
        world.kernel.room = None
        assert peer.read(2) == WELCOME
        assert world.handler.got == []


@pytest.mark.parametrize("room", [None, 0, 1])
@pytest.mark.parametrize("pooled", [False, True])
def test_what_a_record_without_reply_has_brought_goes_out(pooled: bool, room: int | None) -> None:
    manual = Manual()
    with World(MaskedLines, workers=manual if pooled else 0) as world:
        peer = world.connect()
        assert peer.read(4) == GREETING
        world.kernel.room = room
        peer.send(GREETING + masked(b"psst\n"))
        world.received(5)
        if pooled:
            world.until(lambda: manual.waiting)
            manual.run_one()
        world.turns()
        world.kernel.room = None
        assert peer.read(2) == WELCOME


def test_what_it_has_taken_and_the_kernel_not_is_sent_in_order() -> None:
    with World(MaskedLines) as world:
        peer = world.connect()
        peer.send(GREETING)
        assert peer.read(6) == GREETING + WELCOME
        world.kernel.sends.extend([3, NEVER, 2])
        peer.send(masked(b"ann\n"))  # one record alone: its reply is taken whole, and three bytes of it are sent
        assert peer.read(10) == masked(b"Hello ann\n")
        world.kernel.sends.extend([NEVER, 1] * 10)
        peer.send(masked(b"bob\ncarl\n" * 50))
        assert peer.read(1050) == masked(b"Hello bob\nHello carl\n" * 50)
        world.turns()
        assert (world.handler.state, world.handler.key.interest_ops) == (State.READING, READ)


def test_a_lot_goes_through_and_the_marks_hold(made: list[Masked]) -> None:
    class Small(MaskedEcho):
        low_mark, high_mark = 2000, 4000

    data = bytes(range(256)) * 200
    with World(Small) as world:
        peer = world.connect(receive_buffer=4096)
        world.kernel.sends.extend([100, NEVER] * 200)
        peer.send(GREETING + masked(data))
        assert peer.read(6 + len(data)) == GREETING + WELCOME + masked(data)
        assert b"".join(world.handler.got) == data
        assert made[0].own == b""


@pytest.mark.parametrize("room", [None, 0, 5])
def test_the_output_ends_once_and_behind_all_its_bytes(made: list[Masked], room: int | None) -> None:
    with World(MaskedKeeper) as world:
        peer = world.connect()
        peer.send(GREETING)
        assert peer.read(6) == GREETING + WELCOME
        world.kernel.room = room
        world.handler.write(b"last words")
        world.handler.finish()
        world.turns()
        assert made[0].ends == ([0] if room is None else [])
        world.kernel.room = None
        assert peer.read_to_end() == masked(b"last words")
        world.turns()
        assert made[0].ends == [0]
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.reasons, made[0].ends) == ([CloseReason.LOCAL], [0])


def test_the_peer_s_end_is_told_as_an_empty_read() -> None:
    with World(MaskedKeeper) as world:
        peer = world.connect()
        peer.send(GREETING + masked(b"hello"))
        peer.half_close()
        world.until(lambda: world.handler.reasons)
        assert (world.handler.got, world.handler.reasons) == ([b"hello"], [CloseReason.PEER_FIN])


def test_an_error_of_its_own_ends_the_connection() -> None:
    with World(MaskedKeeper) as world:
        peer = world.connect()
        peer.send(b"HTTP")
        world.until(lambda: world.handler.reasons)
        assert (world.handler.got, world.handler.reasons) == ([], [CloseReason.PEER_RST])


def test_a_peer_that_takes_no_handshake_is_left_at_the_write_deadline() -> None:
    with World(MaskedKeeper) as world:
        world.kernel.room = 0
        world.connect()
        world.advance(59)
        assert world.handler.reasons == []
        world.advance(2)
        assert world.handler.reasons == [CloseReason.WRITE_TIMEOUT]
