"""The public methods of java.nio's buffers and coders, by Java's names and parameters, and what each is in ``nio``.

A method is a row: parameters, a call, how the result is printed. Parameters are the letters and names of
``_values.java_type``; ``e`` is the element type of the buffer itself, ``A`` an array of it, ``@`` a buffer of its kind,
``T`` a CharSequence, ``X`` any object. Where a Java method has one name for what are several here (``put`` and
``put_at``), or an accessor is a property, the row says so; the others have the same name in snake case.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any

from nio.buffers import ByteOrder
from tests.jdk._values import CLASSES, print_element, print_value

# Any: a script calls what it likes; the public API under test is the judge of the arguments.
Call = Callable[..., Any]
Show = Callable[[Any, Any], str]


@dataclass(frozen=True, slots=True)
class Method:
    """One overload."""

    parameters: tuple[str, ...]
    call: Call
    show: Show = print_value


class LeftOutError(Exception):
    """``nio`` has no counterpart of the method."""


def snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def calling(name: str) -> Call:
    return lambda receiver, *arguments: getattr(receiver, name)(*arguments)


def setting(name: str) -> Call:
    """A property is set, which gives nothing back; the Java method gives the buffer back."""

    def call(receiver: Any, value: Any) -> Any:
        setattr(receiver, name, value)
        return receiver

    return call


def left_out(*_: Any) -> Any:
    raise LeftOutError


def order_or_null(buffer: Any, order: ByteOrder | None) -> Any:
    """``order(null)`` is a TypeError in ``nio``; Java takes it for little endian, and so says this."""
    return setting("order")(buffer, ByteOrder.LITTLE_ENDIAN if order is None else order)


def append_or_null(buffer: Any, text: Any, *part: int) -> Any:
    """``append(null)`` is a TypeError in ``nio``; Java appends these four letters, and so does this."""
    return buffer.append("null" if text is None else text, *part)


def to_string(buffer: Any) -> str:
    """The numbers of the repr, as Java writes them, without the bytes that it shows after them.

    The name of the class is this one's, not the JDK's inner one's.
    """
    name, _, rest = repr(buffer)[:-1].partition("(")
    numbers = ", ".join(rest.split(", ", 3)[:3])
    for ours, theirs in (("position", "pos"), ("limit", "lim"), ("capacity", "cap"), (", ", " ")):
        numbers = numbers.replace(ours, theirs)
    return f"java.nio.{name}[{numbers}]"


# For each name the parameters of its overloads, with commas between them, where they are the same method in nio.
_PROPERTIES = "capacity remaining hasRemaining isReadOnly isDirect hasArray arrayOffset position limit order"
_SETTERS = {"position": "i", "limit": "i"}
_PLAIN = "mark reset clear flip rewind compact array duplicate asReadOnlyBuffer hashCode"
_CALLS = {
    **dict.fromkeys(_PLAIN.split(), ""),
    "slice": ", i i",
    "compareTo": "@",
    "mismatch": "@",
}
_BYTE_CALLS = {"alignmentOffset": "i i", "alignedSlice": "i"}
_CHAR_CALLS = {"append": "c", "read": "@", "subSequence": "i i"}
_CODER_PROPERTIES = "charset replacement malformedInputAction unmappableCharacterAction"
_CODER_CALLS = {"onMalformedInput": "R", "onUnmappableCharacter": "R", "reset": ""}
_DECODER_CALLS = {"decode": "byte char z, byte", "flush": "char", "replaceWith": "S"}
_ENCODER_CALLS = {"encode": "char byte z, char", "flush": "byte", "replaceWith": "byte[]", "canEncode": "T"}
_RESULT_PROPERTIES = "isUnderflow isOverflow isError isMalformed isUnmappable length"
_DECODER_LEFT_OUT = "averageCharsPerByte maxCharsPerByte isAutoDetecting isCharsetDetected detectedCharset"
_ENCODER_LEFT_OUT = {"averageBytesPerChar": "", "maxBytesPerChar": "", "isLegalReplacement": "byte[]"}

Row = tuple[str, Method]


def _methods(name: str, overloads: str, call: Call, show: Show = print_value) -> Iterator[Row]:
    for parameters in overloads.split(","):
        yield name, Method(tuple(parameters.split()), call, show)


def _calls(table: dict[str, str]) -> Iterator[Row]:
    for name, overloads in table.items():
        yield from _methods(name, overloads, calling(snake(name)))


def _properties(names: str) -> Iterator[Row]:
    for name in names.split():
        yield from _methods(name, "", attrgetter(snake(name)))


def _of_buffers(kind: str) -> Iterator[Row]:
    element = print_element(kind)
    yield from _properties(_PROPERTIES)
    yield from _calls(_CALLS)
    for name, parameters in _SETTERS.items():
        yield from _methods(name, parameters, setting(name))
    yield from _methods("equals", "X", lambda buffer, other: bool(buffer == other))
    yield from _methods("get", ", i", calling("get"), element)
    yield from _methods("get", "A, A i i", calling("get_into"))
    yield from _methods("get", "i A, i A i i", calling("get_into_at"))
    yield from _methods("put", "e, @, A, A i i", calling("put"))
    yield from _methods("put", "i e, i @ i i, i A, i A i i", calling("put_at"))
    if kind == "byte":
        yield from _of_bytes()
    if kind == "char":
        yield from _of_chars(element)
    else:
        yield from _methods("toString", "", to_string)


def _of_bytes() -> Iterator[Row]:
    yield from _methods("order", "O", order_or_null)
    yield from _calls(_BYTE_CALLS)
    for kind in list(CLASSES)[1:]:
        name = kind.capitalize()
        yield from _methods(f"get{name}", ", i", calling(f"get_{kind}"), print_element(kind))
        yield from _methods(f"put{name}", kind[0], calling(f"put_{kind}"))
        yield from _methods(f"put{name}", f"i {kind[0]}", calling(f"put_{kind}_at"))
        yield from _methods(f"as{name}Buffer", "", calling(f"as_{kind}_buffer"))


def _of_chars(element: Show) -> Iterator[Row]:
    yield from _calls(_CHAR_CALLS)
    yield from _methods("charAt", "i", calling("char_at"), element)
    yield from _methods("append", "T, T i i", append_or_null)
    yield from _methods("put", "S, S i i", calling("put"))
    yield from _properties("length isEmpty")
    yield from _methods("toString", "", str)
    yield from _methods("chars", "", left_out)
    yield from _methods("codePoints", "", left_out)


def _of_coders(calls: dict[str, str], without: dict[str, str]) -> Iterator[Row]:
    yield from _methods("equals", "X", operator.eq)
    yield from _properties(_CODER_PROPERTIES)
    yield from _calls(_CODER_CALLS | calls)
    for name, overloads in without.items():
        yield from _methods(name, overloads, left_out)


def _of_results() -> Iterator[Row]:
    yield from _properties(_RESULT_PROPERTIES)
    yield from _methods("throwException", "", calling("raise_"))
    yield from _methods("toString", "", str)
    yield from _methods("equals", "X", operator.eq)


def _table(rows: Iterator[Row]) -> dict[str, list[Method]]:
    table: dict[str, list[Method]] = {}
    for name, method in rows:
        table.setdefault(name, []).append(method)
    return table


# Java asks about one char without regard to the encoder's state; to nio that is an int.
_ASK_CHAR = _methods("canEncode", "c", lambda encoder, char: encoder.can_encode(ord(char)))

METHODS = {
    **{kind: _table(_of_buffers(kind)) for kind in CLASSES},
    "decoder": _table(_of_coders(_DECODER_CALLS, dict.fromkeys(_DECODER_LEFT_OUT.split(), ""))),
    "encoder": _table(chain(_of_coders(_ENCODER_CALLS, _ENCODER_LEFT_OUT), _ASK_CHAR)),
    "result": _table(_of_results()),
}
NAMES = frozenset(name for table in METHODS.values() for name in table)

_PRIMITIVES = "ibslcfdz"


@cache
def find(kind: str, name: str, arguments: tuple[str, ...]) -> Method | None:
    """The overload that takes arguments of these types; None where Java has none."""
    for method in METHODS[kind].get(name, ()):
        if len(method.parameters) == len(arguments) and all(map(partial(_takes, kind), method.parameters, arguments)):
            return method
    return None


def _takes(kind: str, parameter: str, argument: str) -> bool:
    if parameter == "e":
        return argument == kind[0]
    if parameter in _PRIMITIVES:
        return argument == parameter
    if argument == "n":
        return True
    if parameter == "T":
        return argument in ("S", "char")
    return parameter == "X" or argument == {"A": f"{kind}[]", "@": kind}.get(parameter, parameter)
