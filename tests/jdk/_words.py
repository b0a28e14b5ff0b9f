"""The words of ``data/SelectorDriver.java``: how it prints sets of operations, bytes and, above all, exceptions.

Errors of ``nio.errors`` print by their names. Those of the operating system print by what was being done, since the JDK
has another class for the same errno in every corner: what read(2) and write(2) say becomes an ``IOException``, what the
other calls of a socket say one of the classes of java.net, and a connection reset is told apart by direction.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable

import nio.errors
from nio.buffers import ByteBuffer
from nio.channels import NetworkChannel, SocketChannel

_LETTERS = ((1, "r"), (4, "w"), (8, "c"), (16, "a"))

_NET_ERRORS = {
    errno.ECONNREFUSED: "ConnectException",
    errno.ETIMEDOUT: "ConnectException",
    errno.ENOTCONN: "ConnectException",
    errno.EHOSTUNREACH: "NoRouteToHostException",
    errno.EADDRINUSE: "BindException",
    errno.EADDRNOTAVAIL: "BindException",
    errno.EACCES: "BindException",
}
_FILE_ERRORS = {errno.EEXIST: "FileAlreadyExistsException", errno.ENOENT: "NoSuchFileException"}
_READS = frozenset({"read", "readro", "scatter", "drain"})
_WRITES = frozenset({"write", "gather", "fill", "bigwrite", "biggather"})


class JavaError(Exception):
    """What the driver itself throws; the message is the name of the class."""


def to_ops(text: str) -> int:
    """``rw`` as a set of operations, ``#5`` as that number."""
    return int(text[1:]) if text.startswith("#") else sum(bit for bit, letter in _LETTERS if letter in text)


def letters(ops: int) -> str:
    """A set of operations as letters."""
    return "".join(letter for bit, letter in _LETTERS if ops & bit) or "-"


def printed(value: object) -> str:
    """T or F, null, a number or a word."""
    if value is None:
        return "null"
    return str(value)[0] if isinstance(value, bool) else str(value)


def to_seconds(milliseconds: str) -> float | None:
    """A timeout of the driver, where 0 is for ever."""
    return int(milliseconds) / 1000 or None


def to_buffer(word: str) -> ByteBuffer:
    """The bytes to be written; ``-`` is none."""
    return ByteBuffer.wrap(b"" if word == "-" else word.encode("latin-1"))


def shown(buffer: ByteBuffer) -> str:
    """The bytes before the position, zeros as dots."""
    return bytes(buffer.duplicate().flip()).decode("latin-1").replace("\0", ".")


def order_of_names(names: Iterable[str]) -> list[str]:
    """The order in which the driver's ConcurrentHashMap lists its keys; an address belongs to the first that has it."""
    names = list(names)
    size = 16
    while len(names) >= size * 3 // 4:
        size *= 2

    def bucket(name: str) -> int:
        code = 0
        for char in name:
            code = (31 * code + ord(char)) & 0xFFFFFFFF
        return (code ^ code >> 16) & (size - 1)

    return sorted(names, key=bucket)


def java_name(error: Exception, subject: object, word: str) -> str:
    """How the driver prints what the operation ``word`` raised on ``subject``."""
    name = type(error).__name__
    if isinstance(error, JavaError):
        return f"!{error}"
    if type(error).__module__ == nio.errors.__name__:
        return f"!{name.removesuffix('Error')}Exception"
    if isinstance(error, io.UnsupportedOperation):
        return "!UnsupportedOperationException"
    if isinstance(error, OSError) and error.errno is not None:
        return f"!{_system_error(error.errno, subject, word)}"
    if isinstance(error, RuntimeError) and "during iteration" in str(error):
        return "!ConcurrentModificationException"
    if isinstance(error, AttributeError):
        return "!NullPointerException" if error.obj is None else "!ClassCastException"
    if isinstance(error, ValueError) and str(error).startswith("invalid literal for int"):  # a word of the script
        return "!NumberFormatException"
    if isinstance(error, TypeError) and word in ("fto", "ffrom", "reg"):  # of null, which can be cast to anything
        return "!NullPointerException"
    if isinstance(error, IndexError):
        return "!IndexOutOfBoundsException"
    return "!NoSuchElementException" if isinstance(error, StopIteration) else f"!{name}"


def _system_error(number: int, subject: object, word: str) -> str:
    said = os.strerror(number)
    if (word, number) == ("fmap", errno.EACCES):
        return "IOException:Channel not open for writing - cannot extend file to required size"
    if number == errno.EMSGSIZE and getattr(subject, "is_connected", False):  # the JDK writes there, and does not send
        return f"IOException:{said}"
    if number == errno.ECONNREFUSED and type(subject).__name__ == "DatagramChannel":
        return "PortUnreachableException"
    if number == errno.ECONNRESET and word in _READS and isinstance(subject, SocketChannel):
        return "SocketException:Connection reset"
    if word in _READS | _WRITES or not isinstance(subject, NetworkChannel):
        return _FILE_ERRORS.get(number, f"IOException:{said}")
    return _NET_ERRORS.get(number, f"SocketException:{said}")
