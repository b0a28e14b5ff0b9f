"""Programs over buffers of all kinds: eight slots, of which one or two take part in each operation.

Positions, limits, indexes and lengths are legal four times in five, and otherwise a little beyond what is: without that
half of all operations would raise, and buffers would never get into interesting states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from nio.buffers import Buffer
from nio.errors import InvalidMarkError
from tests.jdk import _buffers
from tests.jdk._buffers import Machine
from tests.jdk._fuzz import Drawn, Kind
from tests.jdk._java import Jdk
from tests.jdk._values import CLASSES, SIZES
from tests.jdk._values import KINDS as KINDS_OF

SLOTS = [str(number) for number in range(8)]
KINDS = list(CLASSES)
LEGAL = 0.8

# Bits of numbers that are not like others; signalling NaN only in arrays, since no float of Python keeps one.
FLOATS = "00000000 80000000 3f800000 bf800000 7f800000 ff800000 7fc00000 7fc00001 ffc12345 4f000000 cf000001 00000001"
DOUBLES = (
    "0000000000000000 8000000000000000 3ff0000000000000 bff0000000000000 7ff0000000000000 fff0000000000000 "
    "7ff8000000000000 7ff8000000000001 fffc123412341234 41e0000000000000 c1e0000000200000 0000000000000001"
)
SPECIAL = {"float": FLOATS.split(), "double": DOUBLES.split()}
SIGNALLING = {"float": ["7f800001", "ffa00000"], "double": ["7ff0000000000001", "fff4000000000000"]}
T = TypeVar("T")

CHARS = [0, 1, 0x61, 0x7F, 0xE9, 0x20AC, 0xD83D, 0xDE00, 0xFEFF, 0xFFFF]


def draw(random: Random, size: int) -> Drawn:
    """A program of that many operations."""
    programmer = Programmer(random)
    return [programmer.step() for _ in range(size)]


class Programmer:
    """Writes operations for a machine that executes them as they come."""

    def __init__(self, random: Random) -> None:
        self.random, self.machine = random, Machine()
        self.chance = random.random

    def step(self) -> tuple[str, str]:
        """The next operation and the answer of nio."""
        slot = self.slot()
        buffer = self.machine.slots.get(slot)
        if not isinstance(buffer, Buffer) or self.chance() < 0.04:
            line = f"{self.pick(_NEW)(self)}".replace("SLOT", slot)
        else:
            line = self.operation(slot, buffer)
        return line, self.machine.run(line)

    # words

    def pick(self, choices: Sequence[T]) -> T:
        """One of them; ``random.choice`` at half the price."""
        return choices[int(self.chance() * len(choices))]

    def below(self, count: int) -> int:
        return int(self.chance() * count)

    def slot(self) -> str:
        return self.pick(SLOTS)

    def upto(self, bound: int) -> int:
        """A number from 0 to the bound or, one time in five, one just outside."""
        return self.below(bound + 1) if self.chance() < LEGAL else self.pick((-2, -1, bound + 1, bound + 2))

    def item(self, kind: str, of_array: bool = False) -> str:
        """An element, one that is likely to be treated wrongly two times in three."""
        special = self.chance() < 0.66
        if kind == "char":
            return str(self.pick(CHARS) if special else self.below(0x10000))
        if kind in SPECIAL:
            if special:
                return self.pick(SPECIAL[kind] + SIGNALLING[kind] if of_array else SPECIAL[kind])
            bits = 8 * SIZES[kind]
            return f"{self.random.getrandbits(bits) & ~_EXPONENT_BIT[kind]:0{bits // 4}x}"
        bits = 8 * SIZES[kind]
        low = -(1 << bits - 1)
        return str(self.pick((0, 1, -1, low, ~low, -2, 127)) if special else low + self.random.getrandbits(bits))

    def value(self, kind: str) -> str:
        return kind[0] + self.item(kind)

    def array(self, kind: str, length: int) -> str:
        return f"A{kind}:" + ",".join([self.item(kind, True) for _ in range(length)])

    def part_of_array(self, kind: str, length: int) -> str:
        """An array of that many elements, or a longer one and a part of it."""
        length = min(max(length, 0), 16)
        if self.chance() < 0.5:
            return self.array(kind, length)
        before, after = self.below(3), self.below(3)
        whole = before + length + after
        offset, length = (before, length) if self.chance() < LEGAL else (self.upto(whole), self.upto(whole))
        return f"{self.array(kind, whole)} i{offset} i{length}"

    def text(self, length: int) -> str:
        return "".join([f"{int(self.item('char')):04x}" for _ in range(length)])

    def other(self, kind: str) -> str:
        """A slot, most often one that holds a buffer of this kind."""
        slots = [slot for slot, thing in self.machine.slots.items() if type(thing) is CLASSES[kind]]
        return self.pick(slots) if slots and self.chance() < 0.95 else self.slot()

    # operations; each gives what follows the slot, after = when the result is to be kept

    def operation(self, slot: str, buffer: Any) -> str:
        kind = KINDS_OF[type(buffer)]
        if not buffer.has_remaining and self.chance() < 0.5:
            return f"call {slot} {'flip' if self.chance() < 0.2 else 'clear'}"
        text = self.pick(_OPERATIONS[kind])(self, buffer, kind)
        if not text:  # it would raise
            text = self.pick(("clear", "clear", "rewind", "remaining", "duplicate"))
        if text == "state":
            return f"state {slot}"
        return f"={self.slot()} {slot} {text[1:]}" if text[0] == "=" else f"call {slot} {text}"

    def legal(self, is_legal: bool) -> bool:
        """False four times in five for what is not."""
        return is_legal or self.chance() > LEGAL

    def plain(self, buffer: Any, kind: str) -> str:
        return self.pick(_PLAIN)

    def numbers(self, buffer: Any, kind: str) -> str:
        reset = "reset" if self.legal(is_marked(buffer)) else "mark"
        return self.pick((f"position i{self.upto(buffer.limit)}", f"limit i{self.upto(buffer.capacity)}", reset))

    def get(self, buffer: Any, kind: str) -> str:
        return "get" if self.legal(buffer.has_remaining) else ""

    def get_at(self, buffer: Any, kind: str) -> str:
        return f"get i{self.upto(buffer.limit - 1)}" if self.legal(buffer.limit > 0) else ""

    def get_array(self, buffer: Any, kind: str) -> str:
        return f"get {self.part_of_array(kind, self.upto(buffer.remaining))}"

    def get_array_at(self, buffer: Any, kind: str) -> str:
        index = self.upto(buffer.limit)
        return f"get i{index} {self.part_of_array(kind, self.upto(max(0, buffer.limit - index)))}"

    def put(self, buffer: Any, kind: str) -> str:
        return f"put {self.value(kind)}" if self.writable(buffer, buffer.has_remaining) else ""

    def put_at(self, buffer: Any, kind: str) -> str:
        return (
            f"put i{self.upto(buffer.limit - 1)} {self.value(kind)}" if self.writable(buffer, buffer.limit > 0) else ""
        )

    def put_array(self, buffer: Any, kind: str) -> str:
        return f"put {self.part_of_array(kind, self.upto(buffer.remaining))}" if self.writable(buffer) else ""

    def put_array_at(self, buffer: Any, kind: str) -> str:
        index = self.upto(buffer.limit)
        part = self.part_of_array(kind, self.upto(max(0, buffer.limit - index)))
        return f"put i{index} {part}" if self.writable(buffer) else ""

    def put_buffer(self, buffer: Any, kind: str) -> str:
        other = self.other(kind)
        source: Any = self.machine.slots.get(other)
        fits = type(source) is type(buffer) and source is not buffer and source.remaining <= buffer.remaining
        return f"put @{other}" if self.writable(buffer, fits) else ""

    def put_buffer_at(self, buffer: Any, kind: str) -> str:
        other = self.other(kind)
        source = self.machine.slots.get(other)
        if not isinstance(source, Buffer) or not self.writable(buffer):
            return ""
        index, offset = self.upto(buffer.limit), self.upto(source.limit)
        return f"put i{index} @{other} i{offset} i{self.upto(max(0, min(buffer.limit - index, source.limit - offset)))}"

    def writable(self, buffer: Any, fits: bool = True) -> bool:
        return self.legal(fits and not buffer.is_read_only)

    def compact(self, buffer: Any, kind: str) -> str:
        return "compact" if self.writable(buffer) else ""

    def array_of(self, buffer: Any, kind: str) -> str:
        return self.pick(("array", "arrayOffset")) if self.legal(buffer.has_array) else ""

    def share(self, buffer: Any, kind: str) -> str:
        index = self.upto(buffer.limit)
        part = f"=slice i{index} i{self.upto(max(0, buffer.limit - index))}"
        read_only = "=asReadOnlyBuffer" if self.chance() < 0.2 else "=duplicate"
        return self.pick(("=slice", part, part, "=duplicate", read_only))

    def ask_other(self, buffer: Any, kind: str) -> str:
        return f"{self.pick(('equals', 'compareTo', 'mismatch'))} @{self.other(kind)}"

    def nulls(self, buffer: Any, kind: str) -> str:
        return self.pick(("equals n", "compareTo n", "mismatch n", "get n", "put n", "put i0 n", "get i0 n"))

    # of bytes

    def typed(self, buffer: Any, kind: str) -> str:
        other = self.pick(KINDS[1:])
        name, size = other.capitalize(), SIZES[other]
        relative, reads = self.chance() < 0.5, not self.writable(buffer) or self.chance() < 0.5
        if not self.legal((buffer.remaining if relative else buffer.limit) >= size):
            return ""
        index = "" if relative else f" i{self.upto(max(0, buffer.limit - size))}"
        return f"get{name}{index}" if reads else f"put{name}{index} {self.value(other)}"

    def view(self, buffer: Any, kind: str) -> str:
        return f"=as{self.pick(KINDS[1:]).capitalize()}Buffer"

    def order(self, buffer: Any, kind: str) -> str:
        return self.pick(("order O<", "order O<", "order O>", "order n"))

    def align(self, buffer: Any, kind: str) -> str:
        unit = self.pick((1, 2, 4, 8, 8, 16)) if self.chance() < LEGAL else self.pick((0, 3, -4, 12))
        if unit == 16 and not self.legal(buffer.is_direct):  # beyond that a JDK aligns no memory
            return ""
        return self.pick((f"alignmentOffset i{self.upto(buffer.limit)} i{unit}", f"=alignedSlice i{unit}"))

    # of characters

    def sequence(self, buffer: Any, kind: str) -> str:
        start, rest = self.upto(buffer.remaining), buffer.remaining
        part = f"=subSequence i{start} i{start + self.upto(max(0, rest - start))}"
        char = f"charAt i{self.upto(rest - 1)}" if self.legal(rest > 0) else "length"
        return self.pick(("length", "isEmpty", "toString", char, part))

    def put_text(self, buffer: Any, kind: str) -> str:
        method, length = self.pick(("put", "append")), min(max(0, self.upto(buffer.remaining)), 8)
        if not self.writable(buffer):
            return ""
        if self.chance() < 0.5:
            return f"{method} S{self.text(length)}"
        start, end = (self.upto(length) for _ in range(2))
        if start > end and self.chance() < LEGAL:
            start, end = end, start
        return f"{method} S{self.text(length)} i{start} i{end}"

    def append_other(self, buffer: Any, kind: str) -> str:
        other = self.other("char")
        source = self.machine.slots.get(other)
        room = buffer.remaining
        if not self.writable(buffer, isinstance(source, Buffer) and source.remaining <= room):
            return f"append {self.value('char')}" if self.writable(buffer, room > 0) else ""
        return self.pick((f"append @{other}", f"append @{other}", "append n"))

    def read(self, buffer: Any, kind: str) -> str:
        other = self.other("char")
        target = self.machine.slots.get(other)
        return f"read @{other}" if self.legal(isinstance(target, Buffer) and not target.is_read_only) else ""

    # new buffers

    def allocate(self) -> str:
        where = "direct" if self.chance() < 0.4 else "heap"
        size = self.below(25) if self.chance() < 0.98 else -1
        return f"new SLOT {self.a_kind()} {where} {size}"

    def wrap(self) -> str:
        kind, count = self.a_kind(), self.below(17)
        items = ",".join([self.item(kind, True) for _ in range(count)]) or "-"
        return f"wrap SLOT {kind} {items}{self.part(count)}"

    def wrap_text(self) -> str:
        count = self.below(9)
        start = self.below(count + 1)
        legal = f" {start} {start + self.below(count - start + 1)}"
        part = "" if self.chance() < 0.5 else legal if self.chance() < LEGAL else self.part(count)
        return f"wraps SLOT {self.text(count) or '-'}{part}"

    def part(self, count: int) -> str:
        if self.chance() < 0.5:
            return ""
        offset = self.upto(count)
        return f" {offset} {self.upto(max(0, count - offset))}"

    def a_kind(self) -> str:
        return "byte" if self.chance() < 0.4 else self.pick(KINDS)


def is_marked(buffer: Any) -> bool:
    try:
        buffer.duplicate().reset()
    except InvalidMarkError:
        return False
    return True


Operation = Callable[[Programmer, Any, str], str]

P = Programmer
_EXPONENT_BIT = {"float": 1 << 30, "double": 1 << 62}  # without it a number is neither infinite nor a NaN
_NEW = [P.allocate] * 3 + [P.wrap] * 6 + [P.wrap_text]
_STATE = "remaining hasRemaining isReadOnly isDirect hasArray order hashCode position limit capacity state"
_PLAIN = [*("mark", "rewind", "flip", "clear") * 2, *_STATE.split()]
_COMMON: list[Operation] = [
    *(P.get, P.get_at, P.put, P.put_at) * 2,
    *(P.get_array, P.get_array_at, P.put_array, P.put_array_at, P.put_buffer, P.put_buffer_at) * 2,
    *(P.plain, P.numbers, P.share, P.ask_other) * 4,
    *(P.compact, P.array_of, P.nulls),
]
_OPERATIONS: dict[str, list[Operation]] = {
    **dict.fromkeys(KINDS, _COMMON),
    "byte": [*_COMMON, *(P.typed,) * 14, *(P.view, P.align) * 3, P.order],
    "char": [*_COMMON, *(P.sequence,) * 8, *(P.put_text,) * 6, *(P.append_other, P.read) * 3],
}

BUFFERS = Kind("buffers", "BufferDriver", _buffers, draw, Jdk.programs)
