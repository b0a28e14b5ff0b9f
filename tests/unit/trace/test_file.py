"""Trace files: what is read back is what was written, also when the end is missing."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

import nio
from nio.errors import IllegalArgumentError
from nio.trace import FIELDS, READ, THREAD, Record, Recording, TracingProvider, read, write
from nio.trace._file import TraceWriter, header_of
from tests.unit.trace.test_records import sample

ALL = [sample(kind) for kind in FIELDS]


@pytest.fixture
def log() -> Recording:
    return TracingProvider(level="io").recording


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.nio.gz"


def test_the_same_records_come_back(log: Recording, path: Path) -> None:
    for record in ALL:
        log.put(record)
    assert write(path, log, program="p.py", process=7) == len(ALL) + 1
    trace = read(path)
    assert trace.records[0][0] == THREAD
    assert trace.records[1:] == ALL
    assert list(trace) == trace.records
    assert (trace.problem, trace.missing) == ("", 0)
    assert trace.header == {
        "nio_trace": 1,
        "version": nio.__version__,
        "program": "p.py",
        "level": "io",
        "clock": log.began,
        "process": 7,
        "seed": None,
    }


def test_anybody_can_read_it_with_gzip_and_json(log: Recording, path: Path) -> None:
    log.put((READ, 10, 3, 4, 479))
    write(path, log)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header, _, record = (json.loads(line) for line in file)
    assert header["nio_trace"] == 1
    assert record == [13, 10, 3, 4, 479]


def test_the_same_records_make_the_same_bytes(log: Recording, tmp_path: Path) -> None:
    header = header_of(log)
    for name in ("a", "b"):
        with TraceWriter(tmp_path / name, header) as writer:
            writer.write(ALL)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def written(path: Path, records: list[Record]) -> bytes:
    with TraceWriter(path, {"nio_trace": 1}) as writer:
        writer.write(records)
    return path.read_bytes()


def header_is_there(data: bytes) -> bool:
    return b"\n" in zlib.decompressobj(31).decompress(data)


def test_every_end_that_is_missing_is_told_and_the_rest_is_read(path: Path) -> None:
    data = written(path, ALL * 3)
    most = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        if not header_is_there(data[:length]):
            with pytest.raises(IllegalArgumentError, match="is no trace of nio"):
                read(path)
            continue
        trace = read(path)
        assert trace.records == (ALL * 3)[: len(trace.records)]
        assert len(trace.records) >= most
        assert trace.problem.startswith(f"{path} ends too early or is damaged")
        assert trace.problem.endswith(f"{len(trace.records)} records could be read")
        most = len(trace.records)
    assert most > 0


def test_what_was_flushed_can_be_read_before_the_end(path: Path) -> None:
    with TraceWriter(path, {"nio_trace": 1}) as writer:
        writer.write(ALL)
        writer.flush()
        trace = read(path)
    assert trace.records == ALL
    assert "could be read" in trace.problem


def test_a_damaged_file(path: Path) -> None:
    data = bytearray(written(path, ALL * 50))
    data[-4] ^= 0xFF  # of the length
    path.write_bytes(data)
    trace = read(path)
    assert trace.records == ALL * 50
    assert "damaged" in trace.problem


def test_a_file_that_ends_inside_a_line(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"nio_trace":1}\n[13,1,1,1,1]\n[13,1'))
    trace = read(path)
    assert trace.records == [(13, 1, 1, 1, 1)]
    assert trace.problem == f"{path} ends in the middle of a line: 1 records could be read"


def test_lines_that_are_no_records_are_left_out_and_counted(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"nio_trace":1}\n[13,1,1,1,1]\n[99,1]\nnonsense\n{"a":1}\n[13,1,1,1,2]\n'))
    trace = read(path)
    assert trace.records == [(13, 1, 1, 1, 1), (13, 1, 1, 1, 2)]
    assert trace.missing == 3
    assert trace.problem == f"3 lines of {path} are no records of this version, and were left out"


@pytest.mark.parametrize("text", [None, b"", b"[1]\n", b"{}\n"])
def test_what_is_no_trace(path: Path, text: bytes | None) -> None:
    path.write_bytes(b"hello" if text is None else gzip.compress(text))
    with pytest.raises(IllegalArgumentError, match="is no trace of nio"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(IllegalArgumentError, match="is no trace of nio"):
        read(path)


@pytest.mark.parametrize("field", ["clock", "process"])
def test_a_head_without_numbers(path: Path, field: str) -> None:
    path.write_bytes(gzip.compress(b'{"nio_trace":1,"%s":null}\n' % field.encode()))
    with pytest.raises(IllegalArgumentError, match=f"is no trace of nio: its {field} is None, no number"):
        read(path)


def test_a_trace_of_another_format(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"nio_trace":2}\n'))
    with pytest.raises(IllegalArgumentError, match=r"is a trace of format 2, this nio .* reads 1"):
        read(path)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(path)


def test_a_file_that_cannot_be_written(log: Recording, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write(tmp_path, log)


def test_a_disk_that_is_full(log: Recording) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write("/dev/full", log)


def test_a_disk_that_gets_full(log: Recording, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TraceWriter(path, header_of(log))

    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_put", full)
    with pytest.raises(OSError, match="No space"):
        writer.close()
    writer.close()
    assert read(path).records == []
