"""ByteBuffer against a deliberately naive model: bytes in a shared list, every rule written down once more.

A seeded program runs on both, one operation at a time. After each, the answer (or the kind of error), the four numbers
and the whole content must agree, so an error that had moved or written anything would show.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nio.buffers import ByteBuffer, ByteOrder
from nio.errors import (
    BufferOverflowError,
    BufferUnderflowError,
    IllegalArgumentError,
    InvalidMarkError,
    ReadOnlyBufferError,
)

ERRORS = (
    BufferOverflowError,
    BufferUnderflowError,
    IllegalArgumentError,
    InvalidMarkError,
    ReadOnlyBufferError,
    IndexError,
)
SLOTS = 6


class Model:
    """What the specification says of a byte buffer, over a list of numbers 0..255 that views share."""

    def __init__(self, cells: list[int], start: int, capacity: int, read_only: bool = False) -> None:
        self.cells, self.start, self.capacity, self.is_read_only = cells, start, capacity, read_only
        self._position, self._limit = 0, capacity
        self._mark: int | None = None
        self.order = ByteOrder.BIG_ENDIAN

    def fail(self, error: type[Exception], when: bool) -> None:
        if when:
            raise error

    @property
    def position(self) -> int:
        return self._position

    @position.setter
    def position(self, value: int) -> None:
        self.fail(IllegalArgumentError, value not in range(self._limit + 1))
        self._position = value
        self.drop_mark(value)

    @property
    def limit(self) -> int:
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        self.fail(IllegalArgumentError, value not in range(self.capacity + 1))
        self._limit = value
        self._position = min(self._position, value)
        self.drop_mark(value)

    def drop_mark(self, above: int) -> None:
        if self._mark is not None and self._mark > above:
            self._mark = None

    def mark(self) -> Model:
        self._mark = self._position
        return self

    def reset(self) -> Model:
        if self._mark is None:
            raise InvalidMarkError
        self._position = self._mark
        return self

    def set(self, position: int, limit: int, mark: int | None = None) -> Model:
        self._position, self._limit, self._mark = position, limit, mark
        return self

    def clear(self) -> Model:
        return self.set(0, self.capacity)

    def flip(self) -> Model:
        return self.set(0, self._position)

    def rewind(self) -> Model:
        return self.set(0, self._limit)

    def remaining(self) -> list[int]:
        return self.cells[self.start :][self._position : self._limit]

    def compact(self) -> Model:
        self.fail(ReadOnlyBufferError, self.is_read_only)
        rest = self.remaining()
        for index, value in enumerate(rest):
            self.cells[self.start + index] = value
        return self.set(len(rest), self.capacity)

    def slice(self, index: int, length: int) -> Model:
        self.fail(IndexError, index < 0 or length < 0 or index + length > self._limit)
        return Model(self.cells, self.start + index, length, self.is_read_only)

    def duplicate(self) -> Model:
        return Model(self.cells, self.start, self.capacity, self.is_read_only).set(
            self._position, self._limit, self._mark
        )

    def as_read_only_buffer(self) -> Model:
        twin = self.duplicate()
        twin.is_read_only = True
        return twin

    def read(self, index: int | None, size: int) -> list[int]:
        if index is None:
            self.fail(BufferUnderflowError, self._limit - self._position < size)
            index = self._position
            self._position += size
        self.fail(IndexError, index < 0 or index + size > self._limit)
        return [self.cells[self.start + index + step] for step in range(size)]

    def write(self, index: int | None, values: list[int]) -> Model:
        if index is None:
            self.fail(BufferOverflowError, self._limit - self._position < len(values))
            index = self._position
            self._position += len(values)
        self.fail(IndexError, index < 0 or index + len(values) > self._limit)
        for step, value in enumerate(values):
            self.cells[self.start + index + step] = value
        return self

    def get(self, index: int | None = None) -> int:
        return self.read(index, 1)[0]

    def get_bytes(self, length: int) -> bytes:
        self.fail(IllegalArgumentError, length < 0)
        return bytes(self.read(None, length))

    def get_int(self, index: int | None = None) -> int:
        return int.from_bytes(bytes(self.read(index, 4)), self.byteorder(), signed=True)

    def byteorder(self) -> Any:
        return "big" if self.order is ByteOrder.BIG_ENDIAN else "little"

    def put(self, source: Any) -> Model:
        self.fail(ReadOnlyBufferError, self.is_read_only)
        self.fail(IllegalArgumentError, source is self)
        if not isinstance(source, Model):
            return self.write(None, self.taken(source))
        self.write(None, source.remaining())
        source._position = source._limit
        return self

    def taken(self, source: int | bytes) -> list[int]:
        if isinstance(source, bytes):
            return list(source)
        self.fail(IllegalArgumentError, source not in range(-128, 256))
        return [source % 256]

    def put_at(self, index: int, source: Any, offset: int = 0, length: int = 0) -> Model:
        self.fail(ReadOnlyBufferError, self.is_read_only)
        if not isinstance(source, Model):
            return self.write(index, self.taken(source))
        self.fail(IndexError, offset < 0 or length < 0 or offset + length > source._limit)
        return self.write(index, source.cells[source.start :][offset : offset + length])

    def put_int(self, value: int) -> Model:
        return self.put_number(None, value)

    def put_int_at(self, index: int, value: int) -> Model:
        return self.put_number(index, value)

    def put_number(self, index: int | None, value: int) -> Model:
        self.fail(ReadOnlyBufferError, self.is_read_only)
        self.fail(IllegalArgumentError, not -(2**31) <= value < 2**31)
        return self.write(index, list((value % 2**32).to_bytes(4, self.byteorder())))

    def signed(self) -> list[int]:
        return [value - 256 if value > 127 else value for value in self.remaining()]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.remaining() == other.remaining()

    def compare_to(self, other: Model) -> int:
        pairs = [one - another for one, another in zip(self.signed(), other.signed(), strict=False) if one != another]
        return pairs[0] if pairs else len(self.signed()) - len(other.signed())

    def mismatch(self, other: Model) -> int:
        ours, theirs = self.remaining(), other.remaining()
        common = min(len(ours), len(theirs))
        differ = [index for index in range(common) if ours[index] != theirs[index]]
        return differ[0] if differ else -1 if len(ours) == len(theirs) else common

    def hash_code(self) -> int:
        sum_of_powers: int = sum(value * 31**index for index, value in enumerate(self.signed()))
        total: int = 31 ** len(self.signed()) + sum_of_powers
        return (total + 2**31) % 2**32 - 2**31


@dataclass(frozen=True, slots=True)
class Draw:
    """The numbers of one operation, mostly legal."""

    index: int
    near: int
    count: int
    limit: int
    byte: int
    number: int
    data: bytes
    order: ByteOrder


# Any: an operation is written once and runs on a ByteBuffer and on a Model, which share no type.
Operation = Callable[[Any, Any, Draw], Any]
OPERATIONS: list[Operation] = [
    lambda a, b, n: setattr(a, "position", n.index),
    lambda a, b, n: setattr(a, "limit", n.limit),
    lambda a, b, n: setattr(a, "order", n.order),
    lambda a, b, n: a.mark(),
    lambda a, b, n: a.reset(),
    lambda a, b, n: a.clear(),
    lambda a, b, n: a.clear(),
    lambda a, b, n: a.flip(),
    lambda a, b, n: a.rewind(),
    lambda a, b, n: a.compact(),
    lambda a, b, n: a.duplicate(),
    lambda a, b, n: a.as_read_only_buffer(),
    lambda a, b, n: a.slice(n.index, n.count),
    lambda a, b, n: a.get(),
    lambda a, b, n: a.get(n.index),
    lambda a, b, n: a.get_int(),
    lambda a, b, n: a.get_int(n.index),
    lambda a, b, n: a.get_bytes(n.count),
    lambda a, b, n: a.put(n.byte),
    lambda a, b, n: a.put(n.data),
    lambda a, b, n: a.put(b),
    lambda a, b, n: a.put_at(n.index, n.byte),
    lambda a, b, n: a.put_at(n.index, n.data),
    lambda a, b, n: a.put_at(n.index, b, n.near, n.count),
    lambda a, b, n: a.put_at(n.index, b, 0, n.count),
    lambda a, b, n: a.put_int(n.number),
    lambda a, b, n: a.put_int_at(n.index, n.number),
    lambda a, b, n: a == b,
    lambda a, b, n: a.compare_to(b),
    lambda a, b, n: a.mismatch(b),
    lambda a, b, n: a.hash_code(),
]


def drawn(rng: random.Random, limit: int, capacity: int) -> Draw:
    near = rng.randint(-2, capacity + 2)
    return Draw(
        index=rng.randint(0, max(limit, 1)) if rng.random() < 0.8 else near,
        near=near,
        count=rng.randint(-1, 6),
        limit=near if rng.random() < 0.3 else capacity,
        byte=rng.randint(-130, 258),
        number=rng.randint(-(2**31) - 2**28, 2**31 + 2**28),
        data=rng.randbytes(rng.randint(0, 6)),
        order=rng.choice(list(ByteOrder)),
    )


def outcome(operation: Operation, subject: Any, other: Any, numbers: Draw) -> Any:
    try:
        return operation(subject, other, numbers)
    except ERRORS as error:
        return next(kind for kind in ERRORS if isinstance(error, kind))


def state(buffer: Any) -> tuple[int, int, int, int | None, bool, ByteOrder]:
    try:
        mark = buffer.duplicate().reset().position
    except InvalidMarkError:
        mark = None
    return buffer.position, buffer.limit, buffer.capacity, mark, buffer.is_read_only, buffer.order


@pytest.mark.parametrize("seed", range(4))
def test_a_random_program_runs_alike_on_the_model(seed: int) -> None:
    # statements 1 to 24, 26, 27, 31, 33 to 45, 49 to 51
    rng = random.Random(seed)
    pairs: list[tuple[Any, Any]] = []
    log: list[Any] = []
    for turn in range(3000):
        if len(pairs) < SLOTS or turn % 100 == 0:
            shared = bytearray(rng.randbytes(rng.randint(0, 24)))
            pairs[SLOTS - 1 :] = []
            pairs.insert(0, (ByteBuffer.wrap(shared), Model(list(shared), 0, len(shared))))
        (real, model), (other, other_model) = rng.choice(pairs), rng.choice(pairs)
        operation, numbers = rng.choice(OPERATIONS), drawn(rng, model.limit, model.capacity)
        got, expected = outcome(operation, real, other, numbers), outcome(operation, model, other_model, numbers)
        if isinstance(expected, Model):
            assert (got is real) == (expected is model), turn
            if got is not real:
                pairs[rng.randrange(len(pairs))] = (got, expected)
        else:
            assert got == expected, turn
            log.append(expected)
        for buffer, twin in ((real, model), (other, other_model), *pairs[-1:]):
            assert state(buffer) == state(twin), turn
            assert bytes(buffer.duplicate().clear()) == bytes(twin.duplicate().clear().remaining()), turn
    assert {error for error in log if isinstance(error, type)} == set(ERRORS)
