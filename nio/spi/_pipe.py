"""One end of a pipe(2), or any other descriptor, with those methods of a socket that channels call.

Flags mean nothing to them.
"""

from __future__ import annotations

import errno
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


class SystemDescriptor(SystemPipeEnd):
    """What somebody else has opened; it gets its blocking mode back when it is closed or given back."""

    __slots__ = ("_was_blocking",)

    def __init__(self, fd: int) -> None:
        self._was_blocking = os.get_blocking(fd)
        super().__init__(fd)

    def recv(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except OSError as error:
            if self._has_hung_up(error):
                return b""
            raise

    def recv_into(self, target: memoryview) -> int:
        return self.recvmsg_into([target])[0]

    def recvmsg_into(self, targets: Sequence[memoryview]) -> tuple[int]:
        try:
            return super().recvmsg_into(targets)
        except OSError as error:
            if self._has_hung_up(error):
                return (0,)
            raise

    def _has_hung_up(self, error: OSError) -> bool:
        """Linux says so of a terminal whose other side is gone."""
        return error.errno == errno.EIO and os.isatty(self._fd)

    def detach(self) -> int:
        fd, self._fd = self._fd, -1
        os.set_blocking(fd, self._was_blocking)
        return fd

    def close(self) -> None:
        if self._fd >= 0:
            try:
                os.set_blocking(self._fd, self._was_blocking)
            finally:
                super().close()

    def __repr__(self) -> str:
        return f"Descriptor(fd={self._fd})"
