from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from nio.spi import PipeEnd, SelectorProvider


def test_bytes_go_through_as_through_a_socket() -> None:
    reader, writer = SelectorProvider.default().open_pipe()
    assert writer.send(memoryview(b"hello")) == 5
    assert writer.sendmsg([memoryview(b"a"), memoryview(b"bc")]) == 3
    first, second = bytearray(5), bytearray(5)
    assert reader.recv_into(memoryview(first)) == 5
    assert reader.recvmsg_into([memoryview(second)[:1], memoryview(second)[1:]]) == (3,)
    assert bytes(first + second[:3]) == b"helloabc"
    with pytest.raises(BlockingIOError):
        reader.recv_into(memoryview(first))
    writer.close()
    assert reader.recv_into(memoryview(first)) == 0
    reader.close()


def test_ends_are_non_blocking_and_not_inheritable() -> None:
    ends = SelectorProvider.default().open_pipe()
    for end in ends:
        assert not os.get_blocking(end.fileno())
        assert not os.get_inheritable(end.fileno())
        assert repr(end) == f"PipeEnd(fd={end.fileno()})"
        end.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda end: end.recv_into(memoryview(bytearray(1))),
        lambda end: end.recvmsg_into([memoryview(bytearray(1))]),
        lambda end: end.send(memoryview(b"x")),
        lambda end: end.sendmsg([memoryview(b"x")]),
    ],
)
def test_every_use_of_a_closed_end_fails(use: Callable[[PipeEnd], object]) -> None:
    reader, writer = SelectorProvider.default().open_pipe()
    for end in (reader, writer):
        end.close()
        end.close()
        assert end.fileno() == -1
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            use(end)
        assert caught.value.errno == errno.EBADF


def test_an_end_that_nobody_closed_is_told_and_given_back() -> None:
    reader, writer = SelectorProvider.default().open_pipe()
    fd = reader.fileno()
    with pytest.warns(ResourceWarning, match=rf"unclosed PipeEnd\(fd={fd}\)"):
        del reader
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    writer.close()
