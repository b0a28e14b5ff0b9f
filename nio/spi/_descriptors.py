"""Numbers 0 to 2 belong to the standard streams, even while those are closed. What the kernel opens there moves up.

Otherwise a ``print`` could go to a client, and a program that opens its standard streams again would replace a socket.
"""

from __future__ import annotations

import fcntl
import os

FIRST_FREE = 3


def above_standard(fd: int) -> int:
    """``fd``, or when it is a standard stream's number a duplicate above those; ``fd`` itself is then closed."""
    if fd >= FIRST_FREE:
        return fd
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE)
    finally:
        os.close(fd)
