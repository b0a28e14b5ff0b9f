"""Files: opened, read, written, mapped and locked by descriptor, and sent by the kernel.

**Locks** are open-file-description locks where the kernel has them (Linux), else POSIX record locks. The two kinds
exclude each other, and both end with the process. But a process loses a POSIX lock as soon as it closes *any*
descriptor of the file: another part of the program may have read the file, and ``mmap`` keeps a descriptor until its
mapping is collected. Neither kind works inside one process; the caller sees to that.

The kernel writes a region without an end as length 0. A region that ends at the last possible position is one.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import sys
from collections.abc import Callable, Sequence, Set

from nio.spi._descriptors import above_standard
from nio.spi._pipe import SystemPipeEnd

_ALWAYS = {"SYNC": os.O_SYNC, "DSYNC": getattr(os, "O_DSYNC", os.O_SYNC), "DELETE_ON_CLOSE": os.O_NOFOLLOW}
_WRITING = {
    "APPEND": os.O_APPEND,
    "TRUNCATE_EXISTING": os.O_TRUNC,
    "CREATE": os.O_CREAT,
    "CREATE_NEW": os.O_CREAT | os.O_EXCL,
}
_ACCESS = {"READ_ONLY": mmap.ACCESS_READ, "READ_WRITE": mmap.ACCESS_WRITE, "PRIVATE": mmap.ACCESS_COPY}
_UNTRACKED = {"trackfd": False} if sys.version_info >= (3, 13) else {}  # else every mapping keeps a descriptor
_CANNOT_SEND = {errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP}
_LOCKED = {errno.EAGAIN, errno.EACCES}
_END = 2**63 - 1

Locker = Callable[[int, int, int, int], object]


class SystemFile(SystemPipeEnd):
    """An open file: reading and writing as through a pipe's end, at a position of its own or at a given one.

    Where the path named a pipe or a terminal, an operation that would have to wait raises BlockingIOError.
    """

    __slots__ = ()

    def read(self, targets: Sequence[memoryview], position: int | None = None) -> int:
        """0 at the end; without a position at the file's own, which moves."""
        return os.readv(self._fd, targets) if position is None else os.preadv(self._fd, targets, position)

    def write(self, sources: Sequence[memoryview], position: int | None = None) -> int:
        return os.writev(self._fd, sources) if position is None else os.pwritev(self._fd, sources, position)

    def tell(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)

    def seek(self, position: int) -> None:
        os.lseek(self._fd, position, os.SEEK_SET)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def truncate(self, size: int) -> None:
        """Cut the file to that size, or extend it by a gap of zeros."""
        os.ftruncate(self._fd, size)

    def force(self, metadata: bool) -> None:
        """Return when the content is on the device; with ``metadata`` also what the system notes about the file."""
        if metadata or not hasattr(os, "fdatasync"):
            os.fsync(self._fd)
        else:
            os.fdatasync(self._fd)

    def map(self, mode: str, position: int, size: int) -> tuple[mmap.mmap, int]:
        """A mapping ``READ_ONLY``, ``READ_WRITE`` or ``PRIVATE``, and where in it the position is.

        The file must reach to the end of the region. A mapping of no bytes, which kernels refuse, maps none of it.
        """
        access = _ACCESS[mode]
        if not size:
            return mmap.mmap(-1, 1, access=access), 0
        skip = position % mmap.ALLOCATIONGRANULARITY
        return mmap.mmap(self._fd, skip + size, access=access, offset=position - skip, **_UNTRACKED), skip

    def identity(self) -> tuple[int, int]:
        """Equal for two descriptors of the same file."""
        status = os.fstat(self._fd)
        return status.st_dev, status.st_ino

    def lock(self, position: int, size: int, shared: bool) -> bool:
        """Lock that region against other processes; False when one of them has it."""
        try:
            lock_region(self._fd, fcntl.F_RDLCK if shared else fcntl.F_WRLCK, position, _length(position, size))
        except OSError as error:
            if error.errno not in _LOCKED:
                raise
            return False
        return True

    def unlock(self, position: int, size: int) -> None:
        lock_region(self._fd, fcntl.F_UNLCK, position, _length(position, size))

    def __repr__(self) -> str:
        return f"File(fd={self._fd})"


class FileDoor:
    """The part of a provider that has to do with files."""

    def open_file(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], options: Set[str]) -> SystemFile:
        writing = not options.isdisjoint({"WRITE", "APPEND"})
        flags = (os.O_RDWR if "READ" in options else os.O_WRONLY) if writing else os.O_RDONLY
        for name, bits in (_ALWAYS | _WRITING if writing else _ALWAYS).items():
            flags |= bits if name in options else 0
        file = SystemFile(above_standard(os.open(path, flags, 0o666)))
        if "DELETE_ON_CLOSE" in options:
            try:
                os.unlink(path)
            except OSError:
                pass  # as in Java: a directory, or somebody else was first
        return file

    def send_file(self, target: int, file: int, position: int, count: int) -> int | None:
        try:
            return os.sendfile(target, file, position, count)
        except OSError as error:
            if error.errno in _CANNOT_SEND:
                return None
            raise

    def after_fork(self, call: Callable[[], object]) -> None:
        os.register_at_fork(after_in_child=call)


def _length(position: int, size: int) -> int:
    return 0 if position + size == _END else size


def lock_description(fd: int, kind: int, position: int, length: int) -> None:
    """By the open file description."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, position, length, 0))


def lock_record(fd: int, kind: int, position: int, length: int) -> None:
    """By the process."""
    operation = {fcntl.F_RDLCK: fcntl.LOCK_SH | fcntl.LOCK_NB, fcntl.F_WRLCK: fcntl.LOCK_EX | fcntl.LOCK_NB}
    fcntl.lockf(fd, operation.get(kind, fcntl.LOCK_UN), length, position)


lock_region: Locker = lock_description if hasattr(fcntl, "F_OFD_SETLK") else lock_record
