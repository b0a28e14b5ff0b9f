"""The thread that writes records down, and what it does around a fork."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from nio.trace import READ, THREAD, Record, TracingProvider, read
from nio.trace._keeper import FileSink, FollowSink, Keeper, Sink, _each, header_for
from tests.helpers import until

ONE: Record = (READ, 10, 1, 5, 8)


class ListSink:
    """Keeps what it is given; ``error`` is raised instead, if there is one."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.error: Exception | None = None
        self.closed = 0
        self.children: list[int] = []

    def write(self, records: list[Record]) -> None:
        if self.error is not None:
            raise self.error
        self.records += records

    def close(self) -> None:
        self.closed += 1

    def hurry(self) -> None: ...

    def in_child(self, process: int) -> Sink:
        self.children.append(process)
        return self


@pytest.fixture
def sink() -> ListSink:
    return ListSink()


@pytest.fixture
def keeper(provider: TracingProvider, sink: ListSink) -> Iterator[Keeper]:
    keeper = Keeper(provider, [sink])
    yield keeper
    keeper.close()


def test_records_come_while_the_program_runs(provider: TracingProvider, sink: ListSink, keeper: Keeper) -> None:
    provider.recording.put(ONE)
    until(lambda: ONE in sink.records)
    assert sink.records[0][0] == THREAD
    assert sink.closed == 0


def test_the_last_ones_come_with_the_close(provider: TracingProvider, sink: ListSink, keeper: Keeper) -> None:
    for _ in range(2):
        keeper.close()
    assert sink.closed == 1
    provider.recording.put(ONE)
    assert sink.records == []


def test_its_thread_is_not_counted(provider: TracingProvider, sink: ListSink) -> None:
    before = provider.thread_count()
    keeper = Keeper(provider, [sink])
    assert provider.thread_count() == before
    keeper.close()
    assert provider.thread_count() == before


def test_a_sink_that_fails_is_told_once_and_left(
    provider: TracingProvider, sink: ListSink, keeper: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    sink.error = OSError(28, "No space left on device")
    provider.recording.put(ONE)
    until(lambda: not keeper._sinks)
    provider.recording.put(ONE)
    keeper.close()
    told = capsys.readouterr().err
    assert told == "nio.trace: the trace ends here: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == ""
    assert (sink.records, sink.closed) == ([], 0)


def test_around_a_fork_nothing_is_written_and_the_child_begins_anew(
    provider: TracingProvider, sink: ListSink, keeper: Keeper
) -> None:
    thread = keeper._thread
    _each(keeper._hooked, Keeper._hold)
    assert not keeper._lock.acquire(False)
    _each(keeper._hooked, Keeper._let_go)
    assert keeper._thread is thread
    keeper._over.set()
    thread.join()
    keeper._in_child()
    assert sink.children == []  # it was over
    keeper._over.clear()
    keeper._in_child()
    assert sink.children == [os.getpid()]
    assert keeper._thread is not thread


def test_a_childs_file_is_made_when_there_is_something_to_write(provider: TracingProvider, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    sink = FileSink(path, header_for(provider, "p.py"))
    child = sink.in_child(77)
    child.close()
    assert os.listdir(tmp_path) == ["t"]
    grandchild = child.in_child(78)
    grandchild.write([ONE])
    grandchild.close()
    assert sorted(os.listdir(tmp_path)) == ["t", "t.77.78"]
    trace = read(f"{path}.77.78")
    assert (trace.records, trace.header["process"], trace.header["program"]) == ([ONE], 78, "p.py")


def test_following() -> None:
    lines: list[str] = []
    sink = FollowSink(lines.append, 0)
    sink.write([(THREAD, 0, 1, "loop"), ONE, (READ, 5, 2, 1, 8)])
    assert sink.in_child(7) is sink
    sink.close()
    assert lines == ["    0.000000 loop         read(2, 8) = 1\n    0.000000 loop         read(1, 8) = 5\n"]


def test_a_fork_while_the_last_word_was_said_leaves_the_child_free_to_fork(keeper: Keeper) -> None:
    keeper.close()
    keeper._hold()
    keeper._in_child()
    assert keeper._lock.acquire(False)
    keeper._lock.release()


def test_one_that_has_ended_is_kept_by_no_hook(provider: TracingProvider, sink: ListSink) -> None:
    keeper = Keeper(provider, [sink])
    known = ref(keeper)
    keeper.close()
    del keeper
    gc.collect()
    assert known() is None


def test_a_fork_does_not_wait_for_ever_for_a_reader(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.trace._keeper._PERIOD", 0.001)
    with keeper._lock:  # which is being written
        keeper._hold()
        keeper._let_go()  # and is not given back by whoever never had it
        assert not keeper._lock.acquire(False)


def test_a_reader_who_is_slow_is_waited_for_until_there_is_a_hurry(
    provider: TracingProvider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room, got = [False, False, True, True], list[str]()
    sink = FollowSink(got.append, 0, lambda seconds: room.pop(0) if room else False)
    sink.write([ONE] * 60)
    assert [len(piece) for piece in got] == [2048, 60 * len("    0.000000 ?            read(1, 8) = 5\n") - 2048]
    keeper = Keeper(provider, [sink])
    provider.recording.put(ONE)
    keeper.close(hurry=True)
    assert len(got) == 2
    assert capsys.readouterr().err == ""
    assert keeper._sinks == []


def test_ctrl_c_while_the_end_waits_for_a_reader_is_a_hurry(provider: TracingProvider, sink: ListSink) -> None:
    struck = [KeyboardInterrupt()]
    hurried: list[str] = []

    def close() -> None:
        if struck:
            raise struck.pop()
        hurried.append("closed")

    sink.hurry = lambda: hurried.append("hurry")  # type: ignore[method-assign]
    sink.close = close  # type: ignore[method-assign]
    keeper = Keeper(provider, [sink])
    with pytest.raises(KeyboardInterrupt):
        keeper.close()
    keeper.close()
    assert hurried == ["hurry", "closed"]
    assert provider.own_threads == 0
