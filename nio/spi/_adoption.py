"""What somebody else has opened, sockets of Python's own and bare descriptors, and what is known of their other end."""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import stat
from collections.abc import Callable
from typing import Any

from nio.spi._base import READABLE, Inherited, Poller
from nio.spi._inherited import KINDS
from nio.spi._pipe import SystemDescriptor

_ENDED = select.POLLRDHUP | select.POLLHUP | select.POLLERR if hasattr(select, "POLLRDHUP") else 0


class AdoptionDoor:
    """The part of a provider that takes over and gives back."""

    open_poller: Callable[[], Poller]

    def adopt_socket(self, sock: object) -> Inherited:
        if not isinstance(sock, socket.socket):
            raise TypeError(f"a channel adopts a socket.socket, not {sock!r:.100}")
        if hasattr(sock, "do_handshake"):
            raise TypeError("a TLS socket cannot be adopted: what it reads is not what the kernel has")
        if sock.fileno() < 0:
            raise OSError(errno.EBADF, f"{os.strerror(errno.EBADF)}: the socket is closed")
        family = KINDS.get((sock.family, sock.type))
        if family is None:
            raise io.UnsupportedOperation(f"there is no channel for a {sock.family.name} socket of {sock.type!r}")
        sock.setblocking(False)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0
        return Inherited(sock, family, sock.type == socket.SOCK_DGRAM, is_listening)

    def release_socket(self, sock: Any) -> Any:
        sock.setblocking(True)
        return sock

    def adopt_descriptor(self, fd: int) -> SystemDescriptor:
        if not 0 <= fd < 2**31:
            raise OSError(errno.EBADF, f"{os.strerror(errno.EBADF)}: {fd}")
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            raise _never_waits(fd)
        poller = self.open_poller()
        try:
            poller.add(fd, READABLE)
            poller.remove(fd)
        except OSError:  # EPERM of epoll, EINVAL of kqueue: the null device, for one
            raise _never_waits(fd) from None
        finally:
            poller.close()
        return SystemDescriptor(fd)

    def peer_has_ended(self, sock: Any) -> bool | None:
        """Linux tells it also while bytes wait to be read, other systems only when none do."""
        if _ENDED:
            poll = select.poll()
            poll.register(sock, _ENDED)
            return bool(poll.poll(0))
        return _reads_as_ended(sock)


def _reads_as_ended(sock: Any) -> bool | None:
    if not hasattr(sock, "getsockopt"):
        return None
    try:
        return None if sock.recv(1, socket.MSG_PEEK) else True
    except BlockingIOError:
        return False
    except OSError:
        return True


def _never_waits(fd: int) -> io.UnsupportedOperation:
    return io.UnsupportedOperation(
        f"descriptor {fd} cannot be waited for: a file or a device that is always ready; FileChannel reads files"
    )
