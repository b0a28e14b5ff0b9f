"""Values of RESP2 as they are written, and the numbers in what is read."""

from __future__ import annotations

NIL = b"$-1\r\n"


def number(digits: bytes, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    value = int(digits) if len(digits) <= 20 and digits.removeprefix(b"-").isdigit() else most + 1
    if not least <= value <= most:
        raise ValueError("ERR value is not an integer or out of range")
    return value


def bulk(value: bytes | None) -> bytes:
    return NIL if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


def array(*values: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(values), b"".join(values))


def integer(value: int) -> bytes:
    return b":%d\r\n" % value


def told(error: str) -> bytes:
    return b"-%b\r\n" % error.encode("ascii", "backslashreplace").replace(b"\r", b" ").replace(b"\n", b" ")
