from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from nio.reactor.streams._outbox import NOWHERE, Outbox


class Peer:
    """Takes as many bytes at each call as it is told; None: it has no room."""

    def __init__(self, *room: int | None) -> None:
        self.room = list(room)
        self.got = bytearray()

    def send(self, data: bytes | memoryview, flags: int) -> int:
        room = self.room.pop(0)
        if room is None:
            raise BlockingIOError
        self.got += data[:room]
        return min(room, len(data))


def filled(pieces: Iterable[bytes]) -> Outbox:
    outbox = Outbox()
    for piece in pieces:
        outbox.append(piece)
    return outbox


def test_everything_goes_in_one_call_and_in_order() -> None:
    outbox, peer = filled([b"one ", b"two ", b"three"]), Peer(100)
    assert outbox.size == 13
    assert outbox.flush(peer.send) == 13
    assert peer.got == b"one two three"
    assert outbox.size == 0


def test_what_is_not_taken_goes_before_what_comes_later() -> None:
    outbox, peer = filled([b"one ", b"two "]), Peer(5, 100)
    assert outbox.flush(peer.send) == 5
    assert outbox.size == 3
    outbox.append(b"three")
    assert outbox.size == 8
    assert outbox.flush(peer.send) == 8
    assert peer.got == b"one two three"


def test_no_room_changes_nothing() -> None:
    outbox, peer = filled([b"one ", b"two"]), Peer(None, 100)
    assert outbox.flush(peer.send) == 0
    assert outbox.size == 7
    assert outbox.flush(peer.send) == 7
    assert peer.got == b"one two"


def test_pieces_are_joined_once_however_often_there_is_no_room() -> None:
    offered: list[bytes | memoryview] = []

    def full(data: bytes | memoryview, flags: int) -> int:
        offered.append(data)
        raise BlockingIOError

    outbox = filled([b"one ", b"two"])
    for _ in range(3):
        assert outbox.flush(full) == 0
    joined, *later = offered
    assert joined == b"one two"
    assert all(isinstance(data, memoryview) and data.obj is joined for data in later)


def test_an_error_is_the_callers_and_changes_nothing() -> None:
    def broken(data: object, flags: int) -> int:
        raise BrokenPipeError

    outbox, peer = filled([b"one"]), Peer(100)
    with pytest.raises(BrokenPipeError):
        outbox.flush(broken)
    assert outbox.size == 3
    assert outbox.flush(peer.send) == 3
    assert peer.got == b"one"


def test_empty_pieces_are_nothing() -> None:
    outbox = filled([b""] * 10)
    assert outbox.size == 0
    assert not outbox._pieces


@pytest.mark.parametrize("seed", range(20))
def test_no_byte_is_lost_doubled_or_moved(seed: int) -> None:
    random = Random(seed)
    data = random.randbytes(3000)
    outbox, peer, begin = Outbox(), Peer(), 0
    while len(peer.got) < len(data):
        end = begin + random.randrange(200)
        outbox.append(data[begin:end])
        begin = min(end, len(data))
        if outbox.size:
            peer.room = [random.choice([None, 0, 1, 100, 500])]
            outbox.flush(peer.send)
        assert outbox.size == begin - len(peer.got)
    assert peer.got == data


class Long:
    """A long piece, of so many bytes; each call of send takes as the script says, None for no room."""

    def __init__(self, left: int, *script: int | None) -> None:
        self.left = left
        self.script = list(script)
        self.released = 0

    def send(self, send: object) -> int:
        step = self.script.pop(0)
        if step is None:
            raise BlockingIOError
        self.left -= step
        return step

    def release(self) -> None:
        self.released += 1


def test_a_long_piece_keeps_its_place() -> None:
    outbox, peer = filled([b"one ", b"two "]), Peer(5, None, 100, 100)
    piece = Long(10, 4, None, 6)
    outbox.append_long(piece)
    outbox.append(b"three")
    assert (outbox.size, outbox.not_here) == (23, 10)
    assert outbox.flush(peer.send) == 5
    assert outbox.flush(peer.send) == 0
    assert outbox.flush(peer.send) == 3 + 4
    assert peer.got == b"one two "
    assert (outbox.size, outbox.not_here) == (11, 6)
    assert outbox.flush(peer.send) == 0
    assert outbox.flush(peer.send) == 6
    assert (piece.released, outbox.size, outbox.not_here) == (1, 5, 0)
    assert outbox.flush(peer.send) == 5
    assert peer.got == b"one two three"


def test_long_pieces_that_nobody_will_send_are_released() -> None:
    outbox, pieces = Outbox(), [Long(1), Long(2)]
    for piece in pieces:
        outbox.append_long(piece)
    outbox.release()
    outbox.release()
    assert [piece.released for piece in pieces] == [1, 1]


def test_nowhere_keeps_nothing() -> None:
    NOWHERE.append(b"x")
    NOWHERE.append_long(piece := Long(5))
    assert (NOWHERE.size, NOWHERE.not_here, piece.released) == (0, 0, 1)
