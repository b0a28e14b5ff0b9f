from __future__ import annotations

import array

import pytest

from nio.buffers import ByteBuffer
from nio.channels._transfer import Sources, Transfer, check_part
from nio.errors import IllegalArgumentError


def contents(transfer: Transfer) -> list[bytes]:
    return [bytes(view) for view in transfer.views()]


def test_one_object_counts_from_its_start() -> None:
    data = bytearray(b"hello")
    transfer = Transfer(data, 0, None, writable=True)
    assert (transfer.remaining, contents(transfer)) == (5, [b"hello"])
    transfer.advance(2)
    assert (transfer.remaining, contents(transfer)) == (3, [b"llo"])


def test_a_byte_buffer_counts_from_its_position_and_is_moved() -> None:
    buffer = ByteBuffer.wrap(bytearray(b"-hello-"), 1, 5)
    transfer = Transfer(buffer, 0, None, writable=True)
    assert contents(transfer) == [b"hello"]
    transfer.advance(2)
    assert (buffer.position, buffer.remaining) == (3, 3)
    assert contents(transfer) == [b"llo"]
    transfer.advance(3)
    assert (buffer.remaining, transfer.remaining, contents(transfer)) == (0, 0, [])


def test_several_are_taken_in_order_and_empty_ones_left_out() -> None:
    buffers: Sources = [b"", ByteBuffer.wrap(bytearray(b"ab")), bytearray(b"cde"), memoryview(b""), b"f", b""]
    transfer = Transfer(buffers, 0, None, writable=False)
    assert (transfer.remaining, contents(transfer)) == (6, [b"ab", b"cde", b"f"])
    transfer.advance(3)
    assert contents(transfer) == [b"de", b"f"]
    transfer.advance(2)
    assert contents(transfer) == [b"f"]
    transfer.advance(1)
    assert (transfer.remaining, contents(transfer)) == (0, [])


def test_a_part_of_several() -> None:
    for kind in (list, tuple):
        buffers = kind([b"a", b"b", b"c"])
        assert contents(Transfer(buffers, 1, None, writable=False)) == [b"b", b"c"]
        assert contents(Transfer(buffers, 0, 2, writable=False)) == [b"a", b"b"]
        assert contents(Transfer(buffers, 3, 0, writable=False)) == []
        for offset, length in ((-1, None), (4, None), (0, 4), (2, 2), (0, -1)):
            with pytest.raises(IndexError, match="do not fit 3 buffers"):
                check_part(buffers, offset, length)
        for number in (True, False, 1.0, "1"):
            for part in ((number, 1), (1, number)):
                with pytest.raises(TypeError, match=f"(offset|length) must be an int, not {number!r}"):
                    check_part(buffers, *part)
    for offset, length in ((1, None), (0, 1)):
        with pytest.raises(TypeError, match=f"offset {offset} and length {length} choose among several buffers"):
            check_part(b"abc", offset, length)


def test_C15_more_buffers_than_one_system_call_takes() -> None:
    transfer = Transfer([b"x"] * 2500, 0, None, writable=False)
    for expected in (1024, 1024, 452, 0):
        assert len(transfer.views()) == expected
        transfer.advance(expected)
    assert transfer.remaining == 0


def test_a_read_only_target_is_refused_among_others() -> None:
    every: list[Sources] = [b"xyz", ByteBuffer.allocate(4).as_read_only_buffer(), [bytearray(4), b"xyz"]]
    for targets in every:
        assert Transfer(targets, 0, None, writable=False).remaining > 0
        with pytest.raises(IllegalArgumentError, match="read-only"):
            Transfer(targets, 0, None, writable=True)


@pytest.mark.parametrize("wrong", ["text", 7, None, array.array("i"), iter([b"x"]), {b"x"}, [b"x", "text"], [[b"x"]]])
def test_what_is_no_buffer(wrong: object) -> None:
    with pytest.raises(TypeError, match="a channel transfers ByteBuffers or bytes-like objects"):
        Transfer(wrong, 0, None, writable=False)  # type: ignore[arg-type]  # what is refused


def test_C10_views_of_other_shapes() -> None:
    grid = memoryview(bytearray(range(12))).cast("B", (3, 4))
    transfer = Transfer(grid, 0, None, writable=True)
    assert (transfer.remaining, contents(transfer)) == (12, [bytes(range(12))])
    words = memoryview(array.array("I", [1, 2]))
    assert Transfer(words, 0, None, writable=True).remaining == words.nbytes
    with pytest.raises(TypeError, match="contiguous"):
        Transfer(memoryview(b"abcdef")[::2], 0, None, writable=False)
