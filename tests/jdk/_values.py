"""The words of ``data/BufferDriver.java``: how its arguments are read and its values are printed.

Floating-point numbers travel as the hexadecimal digits of their bits, characters as UTF-16 code units, arrays with the
name of their Java type. Like Java's ``floatToIntBits`` the driver prints every NaN as the one.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, TypeAlias

import nio.errors
from nio.buffers import (
    ByteBuffer,
    ByteOrder,
    CharBuffer,
    DoubleBuffer,
    FloatBuffer,
    IntBuffer,
    LongBuffer,
    ShortBuffer,
)
from nio.charset import Charset, CoderResult, CodingErrorAction

JavaArray: TypeAlias = (
    "bytearray | array[Any]"  # a Java byte[] is a bytearray, all others are arrays of the same item type
)

# By the Java name of the element type: the class (Any: a script calls what it likes), the item type of an array, the
# size.
CLASSES: dict[str, Any] = {
    "byte": ByteBuffer,
    "char": CharBuffer,
    "short": ShortBuffer,
    "int": IntBuffer,
    "long": LongBuffer,
    "float": FloatBuffer,
    "double": DoubleBuffer,
}
CODES = {"byte": "b", "char": "H", "short": "h", "int": "i", "long": "q", "float": "f", "double": "d"}
SIZES = {"byte": 1, "char": 2, "short": 2, "int": 4, "long": 8, "float": 4, "double": 8}
ITEMS = {code: name for name, code in CODES.items()}
KINDS: dict[type, str] = {kind: name for name, kind in CLASSES.items()}

_FLOAT, _FLOAT_BITS, _DOUBLE, _DOUBLE_BITS = Struct("<f"), Struct("<I"), Struct("<d"), Struct("<Q")
_NAN, _DOUBLE_NAN = 0x7FC00000, 0x7FF8000000000000


def to_float(digits: str) -> float:
    value: float = _FLOAT.unpack(_FLOAT_BITS.pack(int(digits, 16)))[0]
    return value


def to_double(digits: str) -> float:
    value: float = _DOUBLE.unpack(_DOUBLE_BITS.pack(int(digits, 16)))[0]
    return value


def to_text(digits: str) -> str:
    """A str with one character per code unit: halves of pairs stay apart, as in Java."""
    return "".join([chr(int(digits[at : at + 4], 16)) for at in range(0, len(digits), 4)])


def to_array(kind: str, items: str) -> JavaArray:
    """``1,2,3`` as an array; ``-`` and nothing are an empty one."""
    words = [] if items in ("", "-") else items.split(",")
    if kind == "byte":
        return bytearray(int(word) & 0xFF for word in words)
    if kind in ("float", "double"):
        bits = array("I" if kind == "float" else "Q", [int(word, 16) for word in words])
        return array(CODES[kind], bits.tobytes())  # as bytes: a value would lose the payload of its NaN
    return array(CODES[kind], map(int, words))


_LETTERS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys("ibsl", int),
    "c": lambda digits: chr(int(digits)),
    "f": to_float,
    "d": to_double,
    "z": "1".__eq__,
    "O": {">": ByteOrder.BIG_ENDIAN, "<": ByteOrder.LITTLE_ENDIAN}.__getitem__,
    "S": to_text,
    "A": lambda rest: to_array(*rest.split(":", 1)),
    "n": lambda _: None,
    **dict.fromkeys("R", lambda _: CodingErrorAction.REPORT),
    **dict.fromkeys("I", lambda _: CodingErrorAction.IGNORE),
    **dict.fromkeys("P", lambda _: CodingErrorAction.REPLACE),
}


def to_value(word: str, slots: dict[str, Any]) -> object:
    """The value of an argument; ``@3`` is what stands in slot 3."""
    return slots.get(word[1:]) if word[0] == "@" else _LETTERS[word[0]](word[1:])


def java_type(word: str, value: object) -> str:
    """What an argument is to Java: the letter of a primitive type, a null or an enum, else a name."""
    if word[0] not in "@A":
        return "R" if word in "RIP" else word[0]
    if isinstance(value, bytearray):
        return "byte[]"
    if isinstance(value, array):
        return f"{ITEMS[value.typecode]}[]"
    if value is None:
        return "n"
    return "S" if isinstance(value, str) else KINDS.get(type(value), "Object")


def bits_of(kind: str, value: float) -> str:
    """The digits of a floating-point number."""
    if kind == "float":
        return f"{_NAN if value != value else _FLOAT_BITS.unpack(_FLOAT.pack(value))[0]:08x}"
    return f"{_DOUBLE_NAN if value != value else _DOUBLE_BITS.unpack(_DOUBLE.pack(value))[0]:016x}"


def print_array(items: JavaArray | bytes) -> str:
    """``[1,2,3]``, bytes with their sign."""
    if not isinstance(items, array):
        return f"[{','.join([str(item - 256 if item > 127 else item) for item in items])}]"
    kind = ITEMS[items.typecode]
    printed = [bits_of(kind, item) for item in items] if kind in ("float", "double") else map(str, items)
    return f"[{','.join(printed)}]"


def print_text(text: str) -> str:
    """Every code unit in four digits."""
    return f"S{text.encode('utf-16-be', 'surrogatepass').hex()}"


def print_value(value: object, receiver: object) -> str:
    """The result of a call of ``receiver``."""
    if value is receiver:
        return "self"
    if value is None:
        return "null"
    if isinstance(value, (int, CoderResult, Charset)):
        return str(value)[0] if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        return print_text(value)
    if isinstance(value, (bytes, bytearray, array)):
        return print_array(value)
    if isinstance(value, ByteOrder):
        return "BE" if value is ByteOrder.BIG_ENDIAN else "LE"
    return "obj"


def print_element(kind: str) -> Callable[[Any, object], str]:
    """How an element of this type is printed."""
    if kind == "byte":
        return lambda value, _: str(value - 256 if value > 127 else value)
    if kind == "char":
        return lambda value, _: f"c{ord(value)}"
    if kind in ("float", "double"):
        return lambda value, _: kind[0] + bits_of(kind, value)
    return lambda value, _: str(value)


def java_name(error: Exception, arguments: Sequence[object]) -> str:
    """The Java name of what nio has raised: for None where nothing may be None that of a null."""
    name = type(error).__name__
    if type(error).__module__ == nio.errors.__name__:
        return f"!{name.removesuffix('Error')}Exception"
    if isinstance(error, io.UnsupportedOperation):
        return "!UnsupportedOperationException"
    if isinstance(error, IndexError):
        return "!IndexOutOfBoundsException"
    if isinstance(error, TypeError) and None in arguments:
        return "!NullPointerException"
    return f"!{name}: {error}"
