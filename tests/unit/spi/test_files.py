from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nio.spi import File, SelectorProvider


@pytest.fixture
def provider() -> SelectorProvider:
    return SelectorProvider.default()


def test_a_file_is_not_inheritable_and_above_the_standard_streams(provider: SelectorProvider, tmp_path: Path) -> None:
    file = provider.open_file(tmp_path / "t", {"READ", "WRITE", "CREATE"})
    assert file.fileno() > 2
    assert not os.get_inheritable(file.fileno())
    assert repr(file) == f"File(fd={file.fileno()})"
    file.close()
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        file.size()
    assert caught.value.errno == errno.EBADF


def test_its_own_position_and_given_ones(provider: SelectorProvider, tmp_path: Path) -> None:
    file = provider.open_file(tmp_path / "t", {"READ", "WRITE", "CREATE"})
    assert file.write([memoryview(b"he"), memoryview(b"llo")]) == file.tell() == 5
    assert file.write([memoryview(b"!")], 7) == 1
    file.seek(1)
    first, second = bytearray(2), bytearray(9)
    assert file.read([memoryview(first), memoryview(second)]) == 7
    assert file.read([memoryview(first)], 1) == 2
    assert file.read([memoryview(first)]) == 0
    assert (bytes(first), bytes(second[:5]), file.tell(), file.size()) == (b"el", b"lo\0\0!", 8, 8)
    file.truncate(2)
    assert file.size() == 2
    file.close()


def test_identity(provider: SelectorProvider, tmp_path: Path) -> None:
    (tmp_path / "t").touch()
    (tmp_path / "u").touch()
    (tmp_path / "also").hardlink_to(tmp_path / "t")
    files: list[File] = [provider.open_file(tmp_path / name, frozenset()) for name in ("t", "also", "u")]
    first, same, other = (file.identity() for file in files)
    assert first == same != other
    for file in files:
        file.close()


def test_what_the_kernel_cannot_send(provider: SelectorProvider, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"hello")
    source = provider.open_file(tmp_path / "t", {"READ"})
    log = provider.open_file(tmp_path / "log", {"APPEND", "CREATE"})
    reader, writer = provider.open_pipe()
    assert provider.send_file(log.fileno(), source.fileno(), 0, 5) is None
    assert provider.send_file(writer.fileno(), source.fileno(), 1, 100) == 4
    with pytest.raises(OSError, match="Bad file descriptor"):
        provider.send_file(reader.fileno(), source.fileno(), 0, 5)
    for end in (source, log, reader, writer):
        end.close()


def test_a_name_that_somebody_else_took_away(
    provider: SelectorProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(os, "unlink", gone)
    provider.open_file(tmp_path / "t", {"WRITE", "CREATE", "DELETE_ON_CLOSE"}).close()
    assert (tmp_path / "t").exists()
