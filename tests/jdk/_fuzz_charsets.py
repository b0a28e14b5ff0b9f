"""Programs over charset coders: decoders and encoders in four slots, buffers of bytes and of text in eight more.

Every call of a coder is followed by the state of both buffers, since its own answer does not show them. The bytes are
text in one of the charsets with a few of them changed, so that most is valid and what is not is nearly so. Buffers that
are read-only, or share memory, are never written to: there the JDK's own coders differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.jdk import _buffers
from tests.jdk._buffers import Machine
from tests.jdk._fuzz import Drawn, Kind
from tests.jdk._fuzz_buffers import LEGAL, T
from tests.jdk._java import Jdk

DECODERS, ENCODERS = "01", "23"
BYTES, CHARS = ["4", "5", "6", "7"], ["8", "9", "10", "11"]
RESULT = "12"

UNICODE = ["UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "UTF-32", "UTF-32BE", "UTF-32LE"]
# Those of one byte per character whose tables are the same in Python and the JDK, some of each family.
SINGLE = [
    *(f"ISO-8859-{part}" for part in (2, 3, 5, 6, 7, 8, 9, 13, 15, 16)),
    *(f"windows-{page}" for page in range(1250, 1259)),
    *(f"IBM{page}" for page in ("00858", 437, 775, 850, 852, 855, 857, 862, 864, 866, 869)),
    *("KOI8-R", "KOI8-U"),
]
CHARSETS = [*UNICODE * 3, *("UTF-8", "US-ASCII", "ISO-8859-1") * 6, *SINGLE]
ACTIONS = "RIP"
FLAGS = ("isUnderflow", "isOverflow", "isError", "isMalformed", "isUnmappable")
RESULTS = (*FLAGS, "length", "throwException", "toString")

POINTS = (
    *(0x41, 0x62, 0x7A, 0x20, 0x7F, 0x80, 0xA0, 0xE9, 0xFF, 0x100, 0x3B1, 0x416, 0x5D0, 0x627, 0x7FF, 0x800, 0x20AC),
    *(0x2500, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF),
)
SURROGATES = (0xD800, 0xD83D, 0xDBFF, 0xDC00, 0xDE00, 0xDFFF)
WRONG_BYTES = (
    *(0x00, 0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xD8, 0xDC, 0xE0, 0xED, 0xEF),
    *(0xF0, 0xF4, 0xF5, 0xF8, 0xFE, 0xFF),
)


def draw(random: Random, size: int) -> Drawn:
    """A program of that many operations."""
    programmer = Programmer(random)
    while len(programmer.drawn) < size:
        programmer.step()
    return programmer.drawn[:size]


class Programmer:
    """Writes operations for a machine that executes them as they come."""

    def __init__(self, random: Random) -> None:
        self.random, self.machine = random, Machine()
        self.chance = random.random
        self.charsets: dict[str, str] = {}  # of the coder in a slot
        self.phase: dict[str, str] = {}  # how far the coder in a slot has come
        self.drawn: Drawn = []

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.chance() * len(choices))]

    def below(self, count: int) -> int:
        return int(self.chance() * count)

    def run(self, line: str) -> str:
        answer = self.machine.run(line)
        self.drawn.append((line, answer))
        return answer

    def step(self) -> None:
        """One operation, and what shows its effect."""
        coder = self.pick(DECODERS + ENCODERS)
        if coder not in self.charsets or self.chance() < 0.03:
            self.charsets[coder], self.phase[coder] = self.pick(CHARSETS), "reset"
            self.run(f"{'dec' if coder in DECODERS else 'enc'} {coder} {self.charsets[coder]}")
        source, target = self.buffers(coder)
        chance = self.chance()
        if chance < 0.55:
            self.code(coder, source, target)
        elif chance < 0.65:
            self.code_whole(coder, source)
        elif chance < 0.75:
            self.run(f"call {coder} {self.setting(coder)}")
        elif chance < 0.8 and coder in ENCODERS:
            self.can_encode(coder)
        else:
            self.prepare(self.pick((source, target)))

    def buffers(self, coder: str) -> tuple[str, str]:
        """A source, and a target that can be written to."""
        sources, targets = (BYTES, CHARS) if coder in DECODERS else (CHARS, BYTES)
        slots = self.pick(sources), self.pick(targets)
        for slot, is_target in zip(slots, (False, True), strict=True):
            buffer = self.machine.slots.get(slot)
            if buffer is None or (is_target and buffer.is_read_only) or self.chance() < 0.15:
                self.run(self.new_target(slot) if is_target else self.new_source(slot, coder))
        return slots

    def code(self, coder: str, source: str, target: str) -> None:
        """What the coder is ready for or, one time in five, something else."""
        phase = self.phase[coder]
        ready = {"reset": "01", "coding": "001", "end": "1ffr", "flushed": "rrrf"}[phase]
        step = self.pick(ready if self.chance() < LEGAL else "01fr")
        if step == "r":
            self.run(f"call {coder} reset")
            self.phase[coder] = "reset"
            return
        name = "decode" if coder in DECODERS else "encode"
        call = f"flush @{target}" if step == "f" else f"{name} @{source} @{target} z{step}"
        answer = self.run(f"={RESULT} {coder} {call}")
        if not answer.startswith("!"):
            self.phase[coder] = {"0": "coding", "1": "end"}.get(step, "flushed" if answer[0] == "U" else phase)
            if self.chance() < 0.1:
                self.run(f"call {RESULT} {self.pick(RESULTS)}")
        self.run(f"state {source}")
        self.run(f"state {target}")

    def code_whole(self, coder: str, source: str) -> None:
        """The one-call form, whose result takes a slot of its own."""
        decodes = coder in DECODERS
        into = self.pick(CHARS if decodes else BYTES)
        answer = self.run(f"={into} {coder} {'decode' if decodes else 'encode'} @{source}")
        self.phase[coder] = "end" if answer.startswith("!") else "flushed"
        self.run(f"state {source}")
        self.run(f"state {into}")

    def setting(self, coder: str) -> str:
        action = self.pick(ACTIONS)
        if self.chance() < 0.6:
            return f"{self.pick(('onMalformedInput', 'onUnmappableCharacter'))} {action}"
        if self.chance() < 0.6:
            if coder in DECODERS:
                return f"replaceWith S{self.pick(('', '003f', 'fffd', '0041', 'd83dde00', '00410042', 'd800'))}"
            few = bytes([self.byte() for _ in range(self.below(4))])
            replacement = few if self.chance() < 0.5 else self.data(self.charsets[coder], 1 + self.below(2))
            return f"replaceWith Abyte:{','.join([str((byte ^ 128) - 128) for byte in replacement])}"
        return self.pick(("replacement", "charset", "malformedInputAction", "unmappableCharacterAction"))

    def can_encode(self, coder: str) -> None:
        """Asked about a text, an encoder in the middle of its input raises, and any other is reset."""
        if self.chance() < 0.5 and not self.charsets[coder].startswith(
            "UTF-32"
        ):  # these look at the state all the same
            self.run(f"call {coder} canEncode c{int(self.units(1)[:4], 16)}")
            return
        answer = self.run(f"call {coder} canEncode S{self.units(1 + self.below(4))}")
        if not answer.startswith("!"):
            self.phase[coder] = "reset"

    def prepare(self, slot: str) -> None:
        """Empty, fill or turn round a buffer."""
        buffer: Any = self.machine.slots[slot]
        part = f"position i{self.below(buffer.limit + 1)}", f"limit i{self.below(buffer.capacity + 1)}"
        moves = ["clear", "clear", "flip", "rewind", *part]
        self.run(f"call {slot} {self.pick(moves if buffer.is_read_only else [*moves, 'compact'])}")

    # new buffers

    def new_target(self, slot: str) -> str:
        kind = "byte" if slot in BYTES else "char"
        size = self.below(4) if self.chance() < 0.4 else self.below(24)
        return f"new {slot} {kind} {self.pick(('heap', 'heap', 'direct'))} {size}"

    def new_source(self, slot: str, coder: str) -> str:
        length = self.below(12) if self.chance() < 0.98 else self.below(300)
        if slot in BYTES:
            data = self.data(self.charsets[coder], length)
            return f"wrap {slot} byte {','.join([str((byte ^ 128) - 128) for byte in data]) or '-'}"
        units = self.units(length, self.charsets[coder])
        if self.chance() < 0.5:
            return f"wraps {slot} {units or '-'}"
        items = [str(int(units[at : at + 4], 16)) for at in range(0, len(units), 4)]
        return f"wrap {slot} char {','.join(items) or '-'}"

    def text(self, length: int, charset: str) -> str:
        """Most of it in the charset."""
        points: Sequence[int] = POINTS
        if charset in SINGLE and self.chance() < 0.9:
            points = [ord(char) for char in bytes(range(256)).decode(_codec(charset), "ignore")]
        return "".join([chr(self.pick(points)) for _ in range(length)])

    def units(self, length: int, charset: str = "UTF-8") -> str:
        return self.broken(self.text(length, charset)).encode("utf-16-be", "surrogatepass").hex()

    def broken(self, text: str) -> str:
        """One of five texts with half a surrogate pair, which often is the last character."""
        if self.chance() < LEGAL:
            return text
        at = self.pick((self.below(len(text) + 1), len(text)))
        return text[:at] + chr(self.pick(SURROGATES)) + text[at:]

    def data(self, charset: str, length: int) -> bytes:
        """Bytes of the charset, in nearly half of the cases with a few changes."""
        text = self.broken(self.text(length, charset))
        errors = "surrogatepass" if charset in UNICODE else "ignore"
        data = bytearray(text.encode(_codec(charset), errors))
        if charset in ("UTF-16", "UTF-32") and self.chance() < 0.5:
            data[:0] = "\ufeff".encode(f"{charset}-{self.pick(('be', 'le'))}")
        while self.chance() < 0.4:
            at = self.below(len(data) + 1)
            data[at : at + self.below(3)] = bytes([self.byte() for _ in range(self.below(3))])
        return bytes(data)

    def byte(self) -> int:
        return self.pick(WRONG_BYTES) if self.chance() < 0.8 else self.below(256)


def _codec(charset: str) -> str:
    return {"IBM00858": "cp858", "UTF-16": "utf-16-be", "UTF-32": "utf-32-be"}.get(charset, charset)


CODERS = Kind("charsets", "BufferDriver", _buffers, draw, Jdk.programs)
