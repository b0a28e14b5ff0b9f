"""Locks of files, against this process and against others; what is expected is what JDK 17 answered."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import nio
from nio.channels import FileChannel, FileLock, StandardOpenOption
from nio.channels._lock_table import LockTable
from nio.errors import (
    AsynchronousCloseError,
    ClosedChannelError,
    IllegalArgumentError,
    NonReadableChannelError,
    NonWritableChannelError,
    OverlappingFileLockError,
)
from nio.spi import SelectorProvider, _files
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, until

READ, WRITE = StandardOpenOption.READ, StandardOpenOption.WRITE
LAST = 2**63 - 1

HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, int(sys.argv[2]), int(sys.argv[4]), int(sys.argv[3]))
    print("locked", flush=True)
    sys.stdin.read()
"""
LOCK_SH, LOCK_EX = 1, 2


@pytest.fixture
def channel(path: Path) -> Iterator[FileChannel]:
    with FileChannel.open(path, READ, WRITE) as channel:
        yield channel


@contextmanager
def held_elsewhere(path: Path, kind: int, position: int, length: int) -> Iterator[Callable[[], object]]:
    """Another process has a POSIX record lock; what is yielded ends it."""
    command = [sys.executable, "-c", HOLD, str(path), str(kind), str(position), str(length)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"locked\n"
        yield process.stdin.close


def free_for_others(path: Path, position: int, length: int) -> bool:
    """Whether another process gets an exclusive lock there."""
    code = HOLD.replace("int(sys.argv[2])", "int(sys.argv[2]) | fcntl.LOCK_NB").replace("sys.stdin.read()", "")
    command = [sys.executable, "-c", code, str(path), str(LOCK_EX), str(position), str(length)]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def test_what_a_lock_says(channel: FileChannel) -> None:
    with channel.lock() as lock:
        assert (lock.position, lock.size, lock.is_shared, lock.is_valid) == (0, LAST, False, True)
        assert lock.channel is channel
        assert lock.acquired_by is channel
        assert repr(lock) == f"FileLock(position=0, size={LAST}, exclusive, valid)"
    assert not lock.is_valid
    assert repr(lock) == f"FileLock(position=0, size={LAST}, exclusive, invalid)"
    shared = channel.try_lock(3, 4, True)
    assert shared is not None
    assert repr(shared) == "FileLock(position=3, size=4, shared, valid)"


@pytest.mark.parametrize(
    ("position", "size", "expected"),
    [
        (0, 10, False),
        (0, 11, True),
        (20, 1, False),
        (19, 1, True),
        (12, 0, True),
        (10, 0, False),
        (20, 0, False),
        (-5, 20, True),
        (0, LAST, True),
        (11, LAST, True),
    ],
)
def test_overlaps(channel: FileChannel, position: int, size: int, expected: bool) -> None:
    with channel.lock(10, 10) as lock:
        assert lock.overlaps(position, size) is expected


# statement 181
def test_a_process_does_not_overlap_itself(channel: FileChannel, path: Path, tmp_path: Path) -> None:
    (tmp_path / "also").hardlink_to(path)
    with FileChannel.open(tmp_path / "also", READ, WRITE) as other, channel.lock(0, 5, True):
        for asked in (channel, other):
            for take in (asked.lock, asked.try_lock):
                for shared in (True, False):
                    with pytest.raises(
                        OverlappingFileLockError, match=r"position=4, size=1, .* overlaps .*size=5, shared"
                    ):
                        take(4, 1, shared)
        with channel.lock(5, 1), other.lock(6, 1):  # side by side
            pass
        with FileChannel.open(tmp_path / "u", READ, WRITE, StandardOpenOption.CREATE) as another:
            assert another.lock().is_valid
    with other_after_close(path) as again:
        assert again.is_valid


@contextmanager
def other_after_close(path: Path) -> Iterator[FileLock]:
    first = FileChannel.open(path, WRITE)
    first.lock()
    first.close()
    with FileChannel.open(path, WRITE) as second:
        yield second.lock()


# statement 182
def test_modes_and_arguments(path: Path) -> None:
    with FileChannel.open(path) as reading, FileChannel.open(path, WRITE) as writing:
        for take in (reading.lock, reading.try_lock):
            with pytest.raises(NonWritableChannelError):
                take(-1, -1)
        for take in (writing.lock, writing.try_lock):
            with pytest.raises(NonReadableChannelError):
                take(-1, -1, True)
        for position, size, said in [
            (-1, 1, "position must be 0 to .*, not -1"),
            (0, -1, "size must be 0 to .*, not -1"),
            (LAST + 1, 1, f"not {LAST + 1}"),
            (1, LAST, f"position 1 and size {LAST} together are beyond {LAST}"),
        ]:
            with pytest.raises(IllegalArgumentError, match=said):
                writing.try_lock(position, size)
        for wrong in (1, None, "shared"):
            with pytest.raises(TypeError, match="shared must be True or False"):
                writing.lock(0, 1, wrong)  # type: ignore[arg-type]  # what is refused
        with reading.lock(0, 1, True), writing.lock(1, 1):
            assert not free_for_others(path, 0, 1)


# statement 182
def test_release_is_idempotent_while_the_channel_is_open(channel: FileChannel, path: Path) -> None:
    lock, other = channel.lock(0, 10), channel.lock(10, 10)
    lock.release()
    lock.close()
    lock.release()
    assert not lock.is_valid
    assert free_for_others(path, 0, 10)
    assert not free_for_others(path, 10, 10)
    channel.close()
    assert not other.is_valid
    assert free_for_others(path, 0, 0)
    for gone in (lock, other):
        for let_go in (gone.release, gone.close):
            with pytest.raises(ClosedChannelError):
                let_go()


def test_a_size_of_0_reaches_to_the_end(channel: FileChannel, path: Path) -> None:
    with channel.lock(3, 0) as lock:
        assert lock.size == LAST - 3
        with pytest.raises(OverlappingFileLockError):
            channel.lock(2**40, 1)
        assert free_for_others(path, 0, 3)
        assert not free_for_others(path, 2**40, 1)
    assert free_for_others(path, 0, 0)


def test_another_process_is_in_the_way(channel: FileChannel, path: Path) -> None:
    with held_elsewhere(path, LOCK_EX, 0, 10) as let_go:
        assert channel.try_lock() is None
        assert channel.try_lock(9, 1, True) is None
        with channel.lock(10, 5):
            pass
        let_go()
        until(lambda: channel.try_lock(0, 5))
        with channel.lock(5, 5):
            pass
    with held_elsewhere(path, LOCK_SH, 20, 1), channel.lock(20, 1, True):
        assert channel.try_lock(21, 1) is not None


# statement 154
def test_waiting_for_a_lock(path: Path) -> None:
    watched = WatchedProvider(SelectorProvider.default())
    first, second = (FileChannel.open(path, READ, WRITE, provider=watched) for _ in range(2))
    with held_elsewhere(path, LOCK_EX, 0, 10) as let_go, first, second:
        waiting = Background(first.lock, 0, 20)
        watched.until_asleep()
        for asked in (first, second):  # who waits is in the table too
            with pytest.raises(OverlappingFileLockError, match="size=20, exclusive, invalid"):
                asked.try_lock(15, 1, True)
        with second.lock(30, 1):
            pass
        first.close()
        with pytest.raises(AsynchronousCloseError):
            waiting.result()
        assert second.try_lock(0, 20) is None
        watched.forget()
        waiting = Background(second.lock, 0, 20)
        watched.until_asleep()
        let_go()
        with waiting.result() as lock:
            assert lock.is_valid


@pytest.mark.parametrize("name", ["lock", "try_lock"])
def test_closed_between_the_kernels_yes_and_ours(path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    channel = FileChannel.open(path, WRITE)
    kernel_lock = _files.SystemFile.lock

    def lock(file: _files.SystemFile, position: int, size: int, shared: bool) -> bool:
        locked = kernel_lock(file, position, size, shared)
        channel.close()
        return locked

    with monkeypatch.context() as patch:
        patch.setattr(_files.SystemFile, "lock", lock)
        with pytest.raises(AsynchronousCloseError):
            getattr(channel, name)()
    with FileChannel.open(path, WRITE) as other:
        assert other.lock().is_valid


def test_what_the_kernel_refuses_leaves_no_trace(channel: FileChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr(_files, "lock_region", refuse)
        for take in (channel.lock, channel.try_lock):
            with pytest.raises(OSError, match="No locks available"):
                take()
    lock = channel.lock()
    with monkeypatch.context() as patch:
        patch.setattr(_files, "lock_region", refuse)
        channel.close()
    assert not lock.is_valid


def test_a_lock_outlasts_other_descriptors_of_the_file(channel: FileChannel, path: Path) -> None:
    mapping = channel.map(FileChannel.MapMode.READ_WRITE, 0, 5)
    with channel.lock():
        FileChannel.open(path).close()
        assert path.read_bytes() == b"hello"
        del mapping
        assert not free_for_others(path, 0, 1)


def test_locks_by_the_process_where_the_kernel_has_no_others(
    channel: FileChannel, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "lock_region", _files.lock_record)
    with held_elsewhere(path, LOCK_EX, 0, 10):
        assert channel.try_lock() is None
    with channel.lock(2, 3, True), channel.lock(7, 1):
        assert free_for_others(path, 0, 2)
        assert free_for_others(path, 5, 2)
        assert not free_for_others(path, 4, 1)
        assert not free_for_others(path, 7, 1)
    assert free_for_others(path, 0, 0)


def test_a_channel_that_nobody_closed_goes_with_its_locks(path: Path) -> None:
    channel = FileChannel.open(path, WRITE)
    lock = channel.lock()
    del channel, lock
    with pytest.warns(ResourceWarning, match="unclosed File"):
        gc.collect()
    with FileChannel.open(path, WRITE) as other:
        assert other.lock().is_valid


def test_a_table_that_forgets(channel: FileChannel) -> None:
    table = LockTable(channel.provider)
    lock = FileLock(channel, "file", 0, 1, False)
    table.claim(lock)
    table.grant(lock)
    assert lock.is_valid
    table.forget()
    assert not lock.is_valid
    again = FileLock(channel, "file", 0, 1, False)
    table.claim(again)
    table.drop(again)


FORK = """
import os, sys
from nio.channels import FileChannel, StandardOpenOption as Option
with FileChannel.open(sys.argv[1], Option.WRITE) as channel:
    lock = channel.lock()
    child = os.fork()
    if not child:
        assert not lock.is_valid
        lock.release()
        channel.close()
        with FileChannel.open(sys.argv[1], Option.WRITE) as own:
            os._exit(0 if own.try_lock() is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert lock.is_valid
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_forked_child_holds_nothing_and_releases_nothing(path: Path) -> None:
    command = [sys.executable, "-c", FORK, str(path)]
    where = {**os.environ, "PYTHONPATH": str(Path(nio.__file__).parents[1])}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=where) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        assert not free_for_others(path, 0, 1)
    assert process.returncode == 0
    assert free_for_others(path, 0, 1)
