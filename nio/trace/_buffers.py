"""TracedByteBuffer: a buffer that tells each step of its life, for level ``teach``.

While somebody is taught, ``ByteBuffer.allocate`` and ``wrap`` make these, so that a program need not know of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from nio.buffers import Buffer, ByteBuffer
from nio.trace._recording import Recording
from nio.trace._records import BUFFER

_FIRST = 16  # bytes that are told
_numbers = itertools.count(1)


class TracedByteBuffer(ByteBuffer):
    """A ByteBuffer with a number, whose flips, gets, puts and moves of the position are recorded.

    The text of a record holds the first 16 bytes of the whole buffer, in hexadecimal.
    """

    __slots__ = ("number",)

    recordings: ClassVar[list[Recording]] = []  # the last one is told

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.number: int = next(_numbers)
        self._tell("new")

    def _tell(self, op: str) -> None:
        for recording in self.recordings[-1:]:
            first = self._memory[:_FIRST].hex()
            numbers = (self._position, self._limit, self._capacity)
            recording.put((BUFFER, recording.clock(), self.number, op, *numbers, first))

    def __repr__(self) -> str:
        return super().__repr__().removeprefix("Traced")

    @property
    def position(self) -> int:
        """As of a ByteBuffer."""
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        _set_position(self, value)
        self._tell("position")

    @property
    def limit(self) -> int:
        """As of a ByteBuffer."""
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        _set_limit(self, value)
        self._tell("limit")


_set_position: Any = vars(Buffer)["position"].__set__
_set_limit: Any = vars(Buffer)["limit"].__set__


def _telling(name: str) -> Callable[..., Any]:
    plain = getattr(ByteBuffer, name)

    def told(self: TracedByteBuffer, *args: Any, **options: Any) -> Any:
        answer = plain(self, *args, **options)
        self._tell(name)
        return answer

    told.__name__, told.__doc__ = name, plain.__doc__
    return told


for _name in ("flip", "clear", "rewind", "reset", "compact", "get", "get_bytes", "get_into", "put"):
    setattr(TracedByteBuffer, _name, _telling(_name))


@contextmanager
def telling_buffers(recording: Recording) -> Iterator[None]:
    """Inside, the buffers that the program makes are traced ones."""

    def allocate(cls: type[ByteBuffer], capacity: int) -> ByteBuffer:
        made: ByteBuffer = _plain_allocate(_made(cls), capacity)
        return made

    def wrap(cls: type[ByteBuffer], *args: Any, **options: Any) -> ByteBuffer:
        made: ByteBuffer = _plain_wrap(_made(cls), *args, **options)
        return made

    TracedByteBuffer.recordings.append(recording)
    ByteBuffer.allocate, ByteBuffer.wrap = classmethod(allocate), classmethod(wrap)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        TracedByteBuffer.recordings.remove(recording)
        if not TracedByteBuffer.recordings:
            del ByteBuffer.allocate, ByteBuffer.wrap


_plain_allocate: Any = ByteBuffer.allocate.__func__  # type: ignore[attr-defined]
_plain_wrap: Any = ByteBuffer.wrap.__func__  # type: ignore[attr-defined]


def _made(cls: type[ByteBuffer]) -> type[ByteBuffer]:
    return TracedByteBuffer if cls is ByteBuffer else cls
