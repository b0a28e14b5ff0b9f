"""The operations of ``data/BufferDriver.java``, spoken to ``nio``: a script names buffers and coders, each line is one
call of the public API, and its answer is one line, word for word the JDK's:

    RESULT [ARRAY] | position limit capacity mark flags order crc32(content)

Everything in which ``nio`` means to differ from the JDK stands in ``DIFFERENCES``; whatever is not there has to agree.
Most are a change of form, made in the function that the entry names; the others are answers that count as agreement.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nio.buffers import Buffer, ByteBuffer, ByteOrder, CharBuffer
from nio.charset import Charset, CharsetDecoder, CharsetEncoder, CoderResult
from nio.errors import InvalidMarkError
from tests.jdk._methods import NAMES, LeftOutError, find
from tests.jdk._values import (
    CLASSES,
    KINDS,
    SIZES,
    java_name,
    java_type,
    print_array,
    print_text,
    print_value,
    to_array,
    to_text,
    to_value,
)

Script = Sequence[str]
Agreement = Callable[[str, str, str], bool]  # of the operation, the JDK's result and ours


@dataclass(frozen=True)
class Difference:
    """One decision to differ: why, from which statements, and which results count as agreement.

    ``agree`` looks at results, and the state must be the same; ``agree_in_all`` decides about the whole line.
    """

    reason: str
    statements: tuple[int, ...] = ()
    agree: Agreement | None = None
    agree_in_all: Callable[[str, str, str, Script], bool] | None = None


class UnknownOperationError(Exception):
    """A script uses an operation that this adapter does not have."""


def _read_only_first(op: str, expected: str, answer: str) -> bool:
    return answer == "!ReadOnlyBufferException" and expected in _CHECKED_BEFORE


_CHECKED_BEFORE = {
    "!IllegalArgumentException",
    "!IndexOutOfBoundsException",
    "!StringIndexOutOfBoundsException",
    "!NullPointerException",
}
NO_SLOT = "!NoSlot"
LEFT_OUT = "!LeftOut"  # our answer to a method without a counterpart


def _null(op: str, expected: str, answer: str) -> bool:
    return answer == "!NullPointerException" and (expected in _FOR_NULL or (expected == "-1" and " read " in op))


_FOR_NULL = ("!IllegalArgumentException", "!CoderMalfunctionError")


def _coder_into_read_only(op: str, expected: str, answer: str) -> bool:
    return (expected, answer) == ("!CoderMalfunctionError", "!ReadOnlyBufferException")


def _string_index(op: str, expected: str, answer: str) -> bool:
    return (expected, answer) == ("!StringIndexOutOfBoundsException", "!IndexOutOfBoundsException")


def _class_name(op: str, expected: str, answer: str) -> bool:
    bracket = print_text("[")[1:]
    return op.endswith(" toString") and expected.partition(bracket)[2] == answer.partition(bracket)[2] != ""


def _one_char(op: str, expected: str, answer: str) -> bool:
    return " canEncode c" in op and expected == "!IllegalStateException" and answer in ("T", "F")


def _quiet(op: str, expected: str, answer: str, script: Script) -> bool:
    """All but the checksums, where there is a signalling NaN of type float."""
    words = (word for line in script for word in line.split(" ")[3:] if word[0:1] == "f")
    return expected.rpartition(" ")[0] == answer.rpartition(" ")[0] and any(
        0x7F800000 < int(word[1:], 16) & 0x7FFFFFFF < 0x7FC00000 for word in words
    )


def _in_place(op: str, expected: str, answer: str, script: Script) -> bool:
    """Whether a coder has source and target in one memory: slots that were made of one another."""
    memory: dict[str, str] = {}
    for op in script:
        word, *rest = op.split(" ")
        if word.startswith("=") and rest[1:] and (rest[1].startswith("as") or rest[1] in _VIEWS):
            memory[word[1:]] = memory.get(rest[0], rest[0])
        elif word in ("call", "new", "wrap", "wraps", "dec", "enc") and rest:
            if word != "call":
                memory[rest[0]] = op
            elif rest[1:2] in (["decode"], ["encode"]) and len(rest) > 3:
                source, target = (memory.get(slot[1:], slot[1:]) for slot in rest[2:4])
                if source == target:
                    return True
    return False


_VIEWS = ("duplicate", "slice", "alignedSlice", "subSequence")


def _charset(op: str, expected: str, answer: str, script: Script) -> bool:
    """One has it, the other not; there is no coder in our slot then."""
    known, unknown = "obj | coder", "!UnsupportedCharsetException | none"
    if op.startswith(("dec ", "enc ")):
        return {expected, answer} == {known, unknown}
    return answer.startswith(NO_SLOT) and any(line.split(" ")[:2] in _both(op.split(" ")[1]) for line in script)


def _both(slot: str) -> tuple[list[str], list[str]]:
    return ["dec", slot], ["enc", slot]


def _left_out(op: str, expected: str, answer: str) -> bool:
    return answer == LEFT_OUT


DIFFERENCES = {
    "read-only-first": Difference(
        "a read-only buffer refuses a write before anything else is looked at; in the JDK that depends on the class",
        (39, 43),
        _read_only_first,
    ),
    "read-only-target": Difference(
        "a coder refuses a read-only target and takes no input; the JDK takes some and throws an Error that is meant "
        "for broken charsets",
        (),
        _coder_into_read_only,
    ),
    "string-index": Difference(
        "an index outside a text is the same IndexError as one outside a buffer",
        (56, 57),
        _string_index,
    ),
    "class-name": Difference(
        "a repr names the public class, not an inner one of the JDK",
        (),
        _class_name,
    ),
    "left-out": Difference(
        "sizing hints, auto-detection and streams of characters have no counterpart (_methods.left_out)",
        (),
        _left_out,
    ),
    "order-null": Difference("order = None is a TypeError, not little endian (_methods.order_or_null)", (32,)),
    "append-null": Difference("append(None) is a TypeError, not four letters (_methods.append_or_null)", (57,)),
    "unsigned": Difference("bytes come out as 0 to 255, with a sign in Java (_values.print_element)", (14,)),
    "absolute": Difference("absolute puts are put_at, bulk gets get_into and get_into_at (_methods)", (23,)),
    "properties": Difference("what has no cost is a property; set, it gives nothing back (_methods.setting)", (3, 5)),
    "names": Difference("errors carry Python names and a builtin as second base (_values.java_name)"),
    "null": Difference("None where an object belongs is always a TypeError (_values.java_name)", (), _null),
    "char": Difference("a char is a str of one code unit (_values.to_value)"),
    "one-char": Difference(
        "can_encode of an int, a single code unit, never looks at the state; in the JDK the encoders of UTF-32 do",
        (),
        _one_char,
    ),
    "signalling": Difference(
        "a float of Python is a double: made one and single again, a signalling NaN has become a quiet one; memory "
        "that is copied keeps it",
        agree_in_all=_quiet,
    ),
    "in-place": Difference(
        "a coder may have read on before it writes: where source and target share memory the result is not defined",
        agree_in_all=_in_place,
    ),
    "charsets": Difference(
        "the charsets are those of Python's codecs, not the JDK's",
        agree_in_all=_charset,
    ),
}


def passed_over(script: Iterable[str]) -> str | None:
    """None: every script can be played; UnknownOperationError for what is no operation at all."""
    for line in script:
        word, *rest = line.split(" ")
        name = rest[1] if len(rest) > 1 else ""
        if word.startswith("=") or word == "call":
            if name not in NAMES:
                raise UnknownOperationError(line)
        elif word not in Machine.words:
            raise UnknownOperationError(line)
    return None


def play(script: Iterable[str]) -> list[str]:
    """The answers of ``nio``, one line per operation."""
    machine = Machine()
    return [machine.run(line) for line in script]


def meant(op: str, expected: str, answer: str, script: Script = ()) -> str | None:
    """The reason why ``answer`` differs from the JDK's, None when there is none; most reasons explain results only."""
    for difference in DIFFERENCES.values():
        if difference.agree_in_all and difference.agree_in_all(op, expected, answer, script):
            return difference.reason
    jdk, _, rest = expected.partition(" ")
    ours, _, same = answer.partition(" ")
    if rest != same:
        return None
    found = (difference for difference in DIFFERENCES.values() if difference.agree and difference.agree(op, jdk, ours))
    return next((difference.reason for difference in found), None)


class Machine:
    """The slots of the driver, and what it does with a line."""

    def __init__(self) -> None:
        # Any: a script calls what it likes on what it made, and Java has the methods for it or not.
        self.slots: dict[str, Any] = {}

    def run(self, line: str) -> str:
        """The answer to one line."""
        word, *rest = line.split(" ")
        if word == "call":
            return self._call(None, *rest)
        if word[0] == "=":
            return self._call(word[1:], *rest)
        do = self.words.get(word)
        if do is None:
            raise UnknownOperationError(line)
        receiver = None
        try:
            answer, receiver = do(self, *rest)
        except Exception as error:
            answer = java_name(error, ())
        return f"{answer} | {state(receiver)}"

    def _call(self, result_slot: str | None, slot: str, name: str, *words: str) -> str:
        receiver = self.slots.get(slot)
        if receiver is None:
            return f"{NO_SLOT} | none"
        arguments = [to_value(word, self.slots) for word in words]
        method = find(kind_of(receiver), name, tuple(map(java_type, words, arguments)))
        if method is None:
            answer = "!NoMethod"
        else:
            try:
                result = method.call(receiver, *arguments)
                answer = method.show(result, receiver)
                if result_slot is not None:
                    self.slots[result_slot] = result
            except LeftOutError:
                answer = LEFT_OUT
            except Exception as error:
                answer = java_name(error, arguments)
        arrays = "".join([f" {print_array(value)}" for value in arguments if isinstance(value, (bytearray, array))])
        return f"{answer}{arrays} | {state(receiver)}"

    def _made(self, slot: str, thing: object) -> tuple[str, object]:
        self.slots[slot] = thing
        return "obj", thing

    def _new(self, slot: str, kind: str, where: str, size: str) -> tuple[str, object]:
        if where != "direct":
            return self._made(slot, CLASSES[kind].allocate(int(size)))
        memory = ByteBuffer.allocate_direct(int(size) * SIZES[kind])
        return self._made(slot, memory if kind == "byte" else getattr(memory, f"as_{kind}_buffer")())

    def _wrap(self, slot: str, kind: str, items: str, offset: str = "-1", length: str = "-1") -> tuple[str, object]:
        part = int(offset), int(length)  # the driver takes two negative numbers for none
        return self._made(slot, CLASSES[kind].wrap(to_array(kind, items), *(part if max(part) >= 0 else ())))

    def _wraps(self, slot: str, digits: str, *part: str) -> tuple[str, object]:
        return self._made(slot, CharBuffer.wrap(to_text(digits.removeprefix("-")), *map(int, part)))

    def _decoder(self, slot: str, name: str) -> tuple[str, object]:
        return self._made(slot, Charset.for_name(name).new_decoder())

    def _encoder(self, slot: str, name: str) -> tuple[str, object]:
        return self._made(slot, Charset.for_name(name).new_encoder())

    def _state(self, slot: str) -> tuple[str, object]:
        return "-", self.slots.get(slot)

    def _same(self, slot: str, other: str) -> tuple[str, object]:
        return print_value(self.slots.get(slot) is self.slots.get(other), None), None

    def _clear(self) -> tuple[str, object]:
        self.slots.clear()
        return "-", None

    words: ClassVar[dict[str, Callable[..., tuple[str, object]]]] = {
        "new": _new,
        "wrap": _wrap,
        "wraps": _wraps,
        "dec": _decoder,
        "enc": _encoder,
        "state": _state,
        "same": _same,
        "clear": _clear,
    }


def kind_of(thing: object) -> str:
    """The table that has the methods of what stands in a slot."""
    kind = KINDS.get(type(thing)) or _CODERS.get(type(thing))
    if kind is None:
        raise UnknownOperationError(f"a call of {thing!r}")
    return kind


_CODERS: dict[type, str] = {CharsetDecoder: "decoder", CharsetEncoder: "encoder", CoderResult: "result"}


def state(thing: object) -> str:
    """What the driver prints after the bar: of a buffer, its numbers, flags, order and content."""
    if not isinstance(thing, Buffer):
        return "none" if thing is None else "coder"
    buffer: Any = thing
    twin = buffer.duplicate()
    try:
        mark = twin.reset().position
    except InvalidMarkError:
        mark = -1
    big = buffer.order is ByteOrder.BIG_ENDIAN
    content = twin.clear().view()
    if not big and not isinstance(buffer, ByteBuffer):
        content = swapped(SIZES[KINDS[type(buffer)]], content)
    flags = ("r" if buffer.is_read_only else "w") + ("d" if buffer.is_direct else "h")
    flags += f"a{buffer.array_offset}" if buffer.has_array else "-"
    numbers = f"{buffer.position} {buffer.limit} {buffer.capacity} {mark}"
    return f"{numbers} {flags} {'B' if big else 'L'} {zlib.crc32(content):x}"


def swapped(size: int, content: memoryview) -> memoryview:
    """The bytes of elements of this size, each the other way round: the driver prints them big endian."""
    elements = array({2: "H", 4: "I", 8: "Q"}[size], content.tobytes())
    elements.byteswap()
    return memoryview(elements).cast("B")
