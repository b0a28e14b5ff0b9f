"""Urgent (out-of-band) data of TCP, told by a signal and not by readiness.

java.nio has no operation bit for urgent data, and a poller that watched for it would report it to whoever does not care
as well. BSD has another way: the owner of a socket gets SIGURG when urgent data comes. So only who asks is told, on
every back end alike.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket


class UrgentDoor:
    """The part of the system's provider that knows of urgent data."""

    urgent_signal: int = signal.SIGURG

    def announce_urgent(self, sock: socket.socket) -> None:
        fcntl.fcntl(sock, fcntl.F_SETOWN, os.getpid())

    def has_urgent(self, sock: socket.socket) -> bool:
        poll = select.poll()
        poll.register(sock, select.POLLPRI)
        return any(mask & select.POLLPRI for _, mask in poll.poll(0))
