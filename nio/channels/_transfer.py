"""Bytes between a buffer and an endpoint: which memory takes part, and moving the positions afterwards.

A single buffer may be a ByteBuffer or any contiguous object with the buffer protocol; a vector is a list or tuple of
them. A ByteBuffer's position moves by what was transferred; other objects have none, so they count from their start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from nio._numbers import check_int
from nio.buffers import ByteBuffer
from nio.errors import IllegalArgumentError

Source: TypeAlias = ByteBuffer | bytes | bytearray | memoryview
Target: TypeAlias = ByteBuffer | bytearray | memoryview
Sources: TypeAlias = Source | Sequence[Source]
Targets: TypeAlias = Target | Sequence[Target]

_IOV_MAX = 1024  # the kernel refuses more buffers in one system call


class Transfer:
    """The memory of one read or write, in order; ``remaining`` bytes of it are still free or still to be sent.

    ``offset`` and ``length`` have been checked.
    """

    __slots__ = ("_buffers", "_first", "_views", "remaining")

    def __init__(self, buffers: Sources, offset: int, length: int | None, *, writable: bool) -> None:
        if isinstance(buffers, (list, tuple)):
            self._buffers = buffers[offset:][:length]
        else:
            self._buffers = (buffers,)
        self._views = [_view(buffer) for buffer in self._buffers]
        if writable and any(view.readonly for view in self._views):
            raise _read_only(self._views)
        self.remaining = sum(map(len, self._views))
        self._first = 0

    def views(self) -> list[memoryview]:
        """What is left, without empty pieces, at most as many as one system call takes."""
        while self._first < len(self._views) and not self._views[self._first]:
            self._first += 1
        return [view for view in self._views[self._first : self._first + _IOV_MAX] if view]

    def advance(self, count: int) -> None:
        """``count`` bytes were transferred: move the positions, first buffer first."""
        self.remaining -= count
        for index in range(self._first, len(self._views)):
            view, buffer = self._views[index], self._buffers[index]
            step = min(count, len(view))
            if isinstance(buffer, ByteBuffer):
                buffer.position += step
            self._views[index] = view[step:]
            count -= step
            if not count:
                return


def check_part(buffers: Sources, offset: int, length: int | None) -> None:
    """Refuse an offset and a length that choose no part of several buffers: like the JDK, before all other checks."""
    offset = check_int("offset", offset)
    if length is not None:
        length = check_int("length", length)
    if not isinstance(buffers, (list, tuple)):
        if offset or length is not None:
            chosen = f"offset {offset} and length {length}"
            raise TypeError(f"{chosen} choose among several buffers; one buffer has a position and a limit")
        return
    if length is None:
        length = len(buffers) - offset
    if offset < 0 or length < 0 or offset + length > len(buffers):
        raise IndexError(f"offset {offset} and length {length} do not fit {len(buffers)} buffers")


def _read_only(views: list[memoryview]) -> IllegalArgumentError:
    is_bytes = any(isinstance(view.obj, bytes) for view in views)
    why = ": bytes never change; use ByteBuffer.allocate() or a bytearray" if is_bytes else ""
    return IllegalArgumentError(f"cannot read into a read-only buffer{why}")


def _view(buffer: object) -> memoryview:
    if isinstance(buffer, ByteBuffer):
        return buffer.view()
    if not isinstance(buffer, (bytes, bytearray, memoryview)):
        advice = "; use .encode()" if isinstance(buffer, str) else ""
        raise TypeError(f"a channel transfers ByteBuffers or bytes-like objects, not {type(buffer).__name__}{advice}")
    view: memoryview = memoryview(buffer).cast("B")
    return view
