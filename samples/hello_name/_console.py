"""What the commands share: exit codes, one way to fail, one way to write, one way to find a host."""

from __future__ import annotations

import enum
import errno
import os
import socket
import sys
from typing import cast

from nio.spi import Address, ProtocolFamily

FAMILIES = {socket.AF_INET: ProtocolFamily.INET, socket.AF_INET6: ProtocolFamily.INET6}


class Exit(enum.IntEnum):
    """How a command ends."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    CANNOT_BIND = 3
    CANNOT_CONNECT = 4
    TIME_LIMIT = 5
    WRONG_REPLY = 6
    WORKERS_LOST = 7
    INTERRUPTED = 130


class Failure(Exception):
    """The command ends with ``code``; the message is one line for a person, or nothing."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def say(text: str | bytes) -> None:
    """Write ``text`` and a line's end to stdout, at once; bytes as they are. Failure when nobody can read it."""
    if sys.stdout is None:
        return
    try:
        if isinstance(text, str):
            print(text, flush=True)
        else:
            sys.stdout.buffer.write(text + b"\n")
            sys.stdout.buffer.flush()
    except OSError as error:
        _mute()
        reason = "" if error.errno == errno.EPIPE else f"cannot write to stdout: {error.strerror}"
        raise Failure(Exit.UNEXPECTED, reason) from None


def _mute() -> None:
    """What stdout still holds must go somewhere when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def resolve(host: str, port: int) -> list[tuple[ProtocolFamily, Address]]:
    """The addresses of a host, best first; OSError when it has none. A reactor never does this: it can take seconds."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    addresses = [(FAMILIES[family], address) for family, _, _, _, address in found if family in FAMILIES]
    return cast("list[tuple[ProtocolFamily, Address]]", addresses)


def spell(address: object) -> str:
    """``host:port``, with brackets where the host has colons itself."""
    if not isinstance(address, tuple):
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reason_of(error: OSError) -> str:
    """What the system says, without number and address."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)
