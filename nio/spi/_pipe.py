"""One end of a pipe(2), speaking the part of the socket vocabulary that the channels use."""

from __future__ import annotations

import os
from collections.abc import Sequence


class PipeEnd:
    """One end of a pipe, non-blocking; once closed, its descriptor is -1 and every use fails with ``EBADF``."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def recv_into(self, target: memoryview) -> int:
        return os.readv(self._fd, [target])

    def recvmsg_into(self, targets: Sequence[memoryview]) -> tuple[int]:
        return (os.readv(self._fd, targets),)

    def send(self, source: memoryview) -> int:
        return os.write(self._fd, source)

    def sendmsg(self, sources: Sequence[memoryview]) -> int:
        return os.writev(self._fd, sources)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
