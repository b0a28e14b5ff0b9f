"""One end of a pipe(2). It has those methods of a socket that channels call; flags mean nothing to it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence


class SystemPipeEnd:
    """One end of a pipe, non-blocking; once closed, its descriptor is -1 and every use fails with ``EBADF``."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        return self._fd

    def recv_into(self, target: memoryview) -> int:
        return os.readv(self._fd, [target])

    def recvmsg_into(self, targets: Sequence[memoryview]) -> tuple[int]:
        return (os.readv(self._fd, targets),)

    def send(self, source: memoryview, flags: int = 0) -> int:
        return os.write(self._fd, source)

    def sendmsg(self, sources: Sequence[memoryview], ancillary: tuple[()] = (), flags: int = 0) -> int:
        return os.writev(self._fd, sources)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __repr__(self) -> str:
        return f"PipeEnd(fd={self._fd})"

    def __del__(self) -> None:
        if self._fd >= 0:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self.close()
