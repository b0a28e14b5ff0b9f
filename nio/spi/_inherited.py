"""The socket a process is started with: inetd, or a socket unit of systemd, has put it in the place of standard input.

The caller gets a duplicate. Number 0 keeps the socket, so that nobody else gets that number. But a connection ends for
its peer only with the last descriptor. So closing the duplicate also points to nowhere those standard streams that are
the same socket. (Java does that to all three, even to a log at number 2.)

The duplicate does not block. That mode belongs to the socket, not to the descriptor: a ``print`` to a standard output
that is this socket may find no room, and so may the process that has passed the socket on.
"""

from __future__ import annotations

import fcntl
import os
import socket

from nio.spi._addresses import FAMILIES
from nio.spi._base import Inherited, ProtocolFamily
from nio.spi._descriptors import FIRST_FREE, above_standard

KINDS: dict[tuple[int, int], ProtocolFamily] = {
    (number, kind): family
    for family, number in FAMILIES.items()
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    if kind == socket.SOCK_STREAM or family is not ProtocolFamily.UNIX
}


class InheritedSocket(socket.socket):
    """A duplicate of descriptor 0."""

    def close(self) -> None:
        """Close it, and have the standard streams let go of the socket too."""
        if self.fileno() >= 0:
            own = _identity(self.fileno())
            streams = [stream for stream in range(FIRST_FREE) if _identity(stream) == own]
            nowhere = above_standard(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            for stream in streams:
                os.dup2(nowhere, stream)
            os.close(nowhere)
        super().close()


class InheritanceDoor:
    """The part of a provider that looks at what the process was started with."""

    def inherited_socket(self) -> Inherited | None:
        """A duplicate of descriptor 0, non-blocking; None when that is no socket, or of a kind that has no channel."""
        try:
            found = socket.socket(fileno=0)
        except OSError:
            return None
        try:
            family = KINDS.get((found.family, found.type))
            if family is None:
                return None
            copy = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
            sock = InheritedSocket(found.family, found.type, found.proto, copy)
        finally:
            found.detach()
        sock.setblocking(False)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
        return Inherited(sock, family, sock.type == socket.SOCK_DGRAM, is_listening)


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(fd)
    except OSError:  # a standard stream that is closed
        return None
    return status.st_dev, status.st_ino
