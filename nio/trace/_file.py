"""A trace in a file: gzip; one line of JSON that says what it is, then one JSON array a line, each a record.

What is read back are the same tuples. A program can end in the middle (``os._exit``, a kill, a disk that is full), so
the file is written through to the system with each batch of records, and a reader takes what there is: the end that is
missing is told in one sentence, with how much could be read.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from typing import Any, BinaryIO

import nio
from nio.errors import IllegalArgumentError
from nio.trace._recording import Recording
from nio.trace._records import Record, fits

FORMAT = 1
_GZIP = 31  # for zlib: a window of 15 bits, with a header of gzip
_BROKEN = (EOFError, OSError, zlib.error)

Header = dict[str, Any]
Path = str | PathLike[str]


def header_of(recording: Recording, **more: Any) -> Header:
    """What the first line says: the format, nio's version, the level, the clock when the recording began, and more."""
    about = {"nio_trace": FORMAT, "version": nio.__version__, "program": "", "level": recording.level_name}
    return {**about, "clock": recording.began, "process": 0, "seed": None, **more}


class TraceWriter:
    """A trace file that is being written; OSError as ``open`` has it, and from the others when the disk is full.

    For one thread at a time.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path: str = fspath(path)
        self._raw: BinaryIO = open(self.path, "wb", buffering=0)  # noqa: SIM115  # closed by close()
        self._zip = zlib.compressobj(1, wbits=_GZIP)
        try:
            self._put(self._zip.compress(_line(header)))
            self.flush()
        except BaseException:
            self.give_up()
            raise

    def write(self, records: Iterable[Record]) -> int:
        """Add records; how many."""
        count = 0
        for record in records:
            self._put(self._zip.compress(_line(record)))
            count += 1
        return count

    def flush(self) -> None:
        """What was written can be read by others now, also if this process ends here."""
        self._put(self._zip.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        if not self._raw.closed:
            try:
                self._put(self._zip.flush())
            finally:
                self.give_up()

    def give_up(self) -> None:
        """Give the descriptor back, and no more: the file has no end."""
        self._raw.close()

    def _put(self, data: bytes) -> None:
        while data:
            data = data[self._raw.write(data) :]

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _line(item: object) -> bytes:
    return json.dumps(item, separators=(",", ":")).encode() + b"\n"


class Trace:
    """A trace that was read: ``header`` and ``records``; ``problem`` says in one sentence what is missing, if anything.

    ``missing`` lines were no records of this version, and were left out.
    """

    def __init__(self, header: Header, records: list[Record], problem: str = "", missing: int = 0) -> None:
        self.header: Header = header
        self.records: list[Record] = records
        self.problem: str = problem
        self.missing: int = missing

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


def write(path: Path, recording: Recording, **header: Any) -> int:
    """Take what a recording has and write it to a file, ``.nio.gz`` by custom; how many records.

    ``header`` is what else the first line is to say, ``program`` and ``process`` for two. OSError where the file cannot
    be written.
    """
    with TraceWriter(path, header_of(recording, **header)) as writer:
        return writer.write(recording.take())


def read(path: Path) -> Trace:
    """Read a file back. IllegalArgumentError for what is no trace, OSError where there is nothing to read.

    A file that ends too early is read as far as it goes: see ``problem`` of the answer.
    """
    with open(path, "rb") as raw:
        lines, problem = _lines(raw)
    header = _header(lines[0] if lines else b"", fspath(path), problem)
    records = []
    for line in lines[1:]:
        record = _parsed(line)
        if fits(record):
            records.append(tuple(record))
    missing = len(lines) - 1 - len(records)
    if problem:
        problem = f"{fspath(path)} {problem}: {len(records)} records could be read"
    elif missing:
        problem = f"{missing} lines of {fspath(path)} are no records of this version, and were left out"
    return Trace(header, records, problem, missing)


def _lines(raw: BinaryIO) -> tuple[list[bytes], str]:
    """The whole lines, and what is wrong with the file, if anything."""
    data, problem = io.BytesIO(), ""
    try:
        with gzip.GzipFile(fileobj=raw) as file:
            while chunk := file.read1(65536):
                data.write(chunk)
    except _BROKEN as error:
        problem = f"ends too early or is damaged ({error})"
    *lines, rest = data.getvalue().split(b"\n")
    if rest and not problem:
        problem = "ends in the middle of a line"
    return lines, problem


def _header(line: bytes, path: str, problem: str) -> Header:
    header = _parsed(line)
    if not isinstance(header, dict) or "nio_trace" not in header:
        raise IllegalArgumentError(f"{path} is no trace of nio" + (f": it {problem}" if problem else ""))
    if header["nio_trace"] != FORMAT:
        raise IllegalArgumentError(
            f"{path} is a trace of format {header['nio_trace']!r:.20}, this nio ({nio.__version__}) reads {FORMAT}"
        )
    for name in ("clock", "process"):
        if type(header.get(name, 0)) is not int:
            raise IllegalArgumentError(f"{path} is no trace of nio: its {name} is {header[name]!r:.20}, no number")
    return header


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
