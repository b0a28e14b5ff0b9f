"""CheckedByteBuffer: a ByteBuffer that says when it is used against its state. It does what a plain one does.

What it does is never changed: it only looks, before and after. Strict mode makes ``ByteBuffer.allocate`` and its like
return one; slices and duplicates of it are checked, too.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, Self

from nio.buffers import ByteBuffer
from nio.buffers._buffer import NO_STORAGE, Storage
from nio.buffers._elements import BIG
from nio.doctor._place import here
from nio.doctor._use import DRAINING, FILLING, Use

Say = Callable[[str, str], object]  # a code and the evidence


class CheckedByteBuffer(ByteBuffer):
    """Knows whether it is being filled or drained."""

    __slots__ = ("use",)

    listener: ClassVar[list[Say]] = []  # strict mode, while it is on

    def __init__(self, storage: Storage = NO_STORAGE, start: int = 0, capacity: int = 0, order: int = BIG) -> None:
        super().__init__(storage, start, capacity, order)
        self.use = Use()

    @classmethod
    def fresh(cls, buffer: ByteBuffer) -> ByteBuffer:
        """The buffer, which was allocated just now: it is to be filled."""
        if isinstance(buffer, cls):
            buffer.use.begin(FILLING)
        return buffer

    @property
    def position(self) -> int:
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        ByteBuffer.position.__set__(self, value)  # type: ignore[attr-defined]
        self.use.begin()

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        ByteBuffer.limit.__set__(self, value)  # type: ignore[attr-defined]
        self.use.begin()

    def reset(self) -> Self:
        super().reset()
        self.use.begin()
        return self

    def rewind(self) -> Self:
        self.use.begin()
        return super().rewind()

    def clear(self) -> Self:
        use, left = self.use, self._limit - self._position
        if use.mode == DRAINING and use.drained and left and not use.by_datagram:
            _say("B03", f"clear() dropped {left} unread bytes, {_shown(self)}.")
        super().clear()
        use.begin(FILLING)
        return self

    def flip(self) -> Self:
        use, limit = self.use, self._limit
        if use.mode == DRAINING and not use.drained and self._position == 0 and limit:
            _say("B02", f"The second flip() set the limit to 0: {limit} bytes are lost, {_shown(self)}.")
        by_datagram, filler = use.by_datagram, use.filler
        super().flip()
        use.begin(DRAINING)
        use.by_datagram, use.filler = by_datagram, filler
        return self

    def compact(self) -> Self:
        use = self.use
        if use.is_unflipped(self._position):
            lost = self._memory[: self._position]
            text = (
                f"compact() on a buffer that was filled to {self._position} and not flipped: {len(lost)} "
                f"bytes are lost, {_quoted(lost)}."
            )
            _say("B04", text)
        filler = use.filler
        super().compact()
        use.begin(FILLING, self._position)
        use.filler = filler if self._position else 0
        return self

    def array(self) -> Any:
        array = super().array()
        if self.use.mode == DRAINING and self._limit < self._capacity and _takes_all(here()):
            behind = self._capacity - self._limit
            _say("B06", f"array() is the whole memory: {behind} of its {self._capacity} bytes lie behind the limit.")
        return array

    def __bytes__(self) -> bytes:
        self.about_to_drain()
        self._looked_at()
        return super().__bytes__()

    def slice(self, index: int | None = None, length: int | None = None) -> Self:
        self._looked_at()
        return super().slice(index, length)

    def _twin(self, storage: Storage) -> Self:
        self._looked_at()
        return super()._twin(storage)

    def _put_buffer(self, source: Any, offset: int | None, length: int | None) -> Self:
        if isinstance(source, CheckedByteBuffer):
            source.about_to_drain()
        answer = super()._put_buffer(source, offset, length)
        if isinstance(source, CheckedByteBuffer):
            source.use.drained = True
        return answer

    def _looked_at(self) -> None:
        if self.use.mode == DRAINING:
            self.use.begin()

    def about_to_drain(self) -> None:
        """Bytes are taken from the position on: they had better been put there."""
        use, position = self.use, self._position
        if use.is_unflipped(position):
            left = self._limit - position
            what = f"you take the {left} unused bytes {position}..{self._limit}" if left else "nothing remains"
            _say("B01", f"Filled to {position} and not flipped: {what} instead of {_quoted(self._memory[:position])}.")
            use.begin()


def _say(code: str, evidence: str) -> None:
    """To strict mode; buffers of its time may outlive it."""
    for listener in CheckedByteBuffer.listener:
        listener(code, evidence)


def _takes_all(place: Any) -> bool:
    """Whether the line that calls array() does nothing about the limit."""
    line = linecache.getline(place.path, place.line)
    rest = line.partition("array()")[2]
    return (
        bool(rest) and not rest.startswith("[") and not any(word in line for word in ("limit", "position", "remaining"))
    )


def _shown(buffer: ByteBuffer) -> str:
    return _quoted(buffer.view())


def _quoted(memory: memoryview) -> str:
    shown = memory[:24].tobytes()
    return f"{shown!r}" + (" ..." if len(memory) > 24 else "")


def _filling(name: str) -> Callable[..., Any]:
    plain = getattr(ByteBuffer, name)

    @wraps(plain)
    def fill(self: CheckedByteBuffer, *args: Any, **named: Any) -> Any:
        answer = plain(self, *args, **named)
        self.use.filled_to(self._position)
        return answer

    return fill


def _draining(name: str) -> Callable[..., Any]:
    plain = getattr(ByteBuffer, name)

    @wraps(plain)
    def drain(self: CheckedByteBuffer, *args: Any, **named: Any) -> Any:
        before = self._position
        if not named and (not args or name in ("get_bytes", "get_into")):
            self.about_to_drain()
        answer = plain(self, *args, **named)
        if self._position == before:
            self._looked_at()  # at an index
        else:
            self.use.drained = True
        return answer

    return drain


_TYPES = ("char", "short", "int", "long", "float", "double")
for _name in ("put", *(f"put_{kind}" for kind in _TYPES)):
    setattr(CheckedByteBuffer, _name, _filling(_name))
for _name in ("get", "get_bytes", "get_into", *(f"get_{kind}" for kind in _TYPES)):
    setattr(CheckedByteBuffer, _name, _draining(_name))
for _name in ("get_into_at", *(f"as_{kind}_buffer" for kind in _TYPES)):
    setattr(CheckedByteBuffer, _name, _draining(_name))

# So that its repr and its errors read as those of the class whose place it takes.
CheckedByteBuffer.__name__ = CheckedByteBuffer.__qualname__ = ByteBuffer.__name__
