"""What a recording tells: of programs that ran, and of records made by hand where a program would be chance."""

from __future__ import annotations

import errno
import runpy
from contextlib import suppress
from pathlib import Path

import pytest

from nio import trace
from nio.doctor import Diagnosis, Finding, diagnose
from tests.unit.doctor.support import MS, Tape
from tests.unit.doctor.test_broken import PROGRAMS, marked

READ, WRITE, CONNECT, ACCEPT = 1, 4, 8, 16


def codes(tape: Tape) -> list[str]:
    return [finding.code for finding in diagnose(tape.records)]


# What a recording at level ``io`` can tell, and the line that it has: that of the interest set.
RECORDED = {"B05": 13, "I01": 0, "I05": 0, "S01": 14, "S12": 13, "S13": 13, "S18": 11, "S02": 0, "I02": 0, "S06": 18}


@pytest.mark.parametrize("code", RECORDED)
def test_a_program_that_was_recorded(code: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[code].read_text(encoding="utf-8"), encoding="utf-8")
    with trace.recording() as log:
        runpy.run_path(str(program), run_name="__main__")
    findings = diagnose(log.take())
    assert [(finding.code, finding.place.line) for finding in findings] == [(code, RECORDED[code])]
    assert RECORDED[code] == 0 or findings[0].place.path == str(program)


SLOW = {"S05", "S15", "T01", "T02", "T07", "P07", "B09", "I06"}
OTHERS = sorted(set(PROGRAMS) - set(RECORDED) - SLOW - {"P01", "I11"})  # one forks, one changes a limit


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("code", OTHERS)
def test_no_recorded_program_is_told_to_have_another_mistake(code: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[code].read_text(encoding="utf-8"), encoding="utf-8")
    with trace.recording() as log, suppress(Exception):
        runpy.run_path(str(program), run_name="__main__")
    assert {finding.code for finding in diagnose(log.take())} <= {code}


@pytest.mark.parametrize("code", ["S01", "S12", "S13", "S18", "S06"])
def test_the_line_is_that_of_strict_mode(code: str) -> None:
    assert RECORDED[code] in marked(PROGRAMS[code])


def changed_by(tape: Tape, woken: bool = False, age: int = 150) -> None:
    """Thread 1 arms OP_WRITE of channel 1 while thread 0 sleeps, which it does until so many ms after it."""
    tape.thread(0, "loop")
    tape.put(trace.CHANNEL, 1, 5, "stream", "", "1.2.3.4:5")
    tape.put(trace.INTEREST, 1, 0, READ, "hello.py:3", 1)
    tape.turn()
    tape.put(trace.READY, 1, READ, 0)
    tape.put(trace.READ, 1, 5, 64)
    began = tape.now
    tape.turn(slept=(age + 10) * MS, woken=int(woken))
    ended = tape.now
    tape.thread(1, "worker")
    tape.now = began + 9 * MS
    tape.put(trace.INTEREST, 1, READ, READ | WRITE, "hello.py:31", 1)
    tape.now = ended


def test_a_worker_that_changes_an_interest_set() -> None:
    tape = Tape()
    changed_by(tape)
    [finding] = diagnose(tape.records)
    assert finding.code == "S06"
    assert str(finding.place) == "hello.py:31"
    assert finding.evidence.startswith("An interest set was changed by thread worker, and the selection saw it 0.1 s")


def test_a_worker_that_wakes_the_selection_or_is_seen_at_once() -> None:
    for tape, options in ((Tape(), {"woken": True}), (Tape(), {"age": 50})):
        changed_by(tape, **options)
        assert codes(tape) == []


def test_a_wakeup_of_the_worker_is_enough() -> None:
    tape = Tape()
    changed_by(tape)
    tape.now -= 100 * MS
    tape.put(trace.WAKEUP, 1, 0)
    assert codes(tape) == []


def test_a_reactor_looks_after_its_own_connections() -> None:
    tape = Tape()
    tape.put(trace.CHANNEL, 1, 5, "stream", "", "")
    tape.put(trace.INTEREST, 1, 0, READ | WRITE, "", 1)
    for _ in range(600):
        tape.turn()
        tape.dispatch(1, READ | WRITE)
    assert codes(tape) == []


def test_a_job_and_a_key_that_is_armed_early() -> None:
    tape = Tape()
    tape.put(trace.INTEREST, 1, 0, WRITE, "hello.py:8", 1)
    tape.put(trace.HANDOFF, 1, 77)
    for _ in range(65):
        tape.turn()
        tape.dispatch(1, WRITE)
    tape.put(trace.DONE, 77, 1)
    tape.put(trace.DONE, 78, 1)
    tape.turn()
    [finding] = diagnose(tape.records)
    assert (finding.code, str(finding.place)) == ("T04", "hello.py:8")


@pytest.mark.parametrize(
    ("took", "cpu", "code"),
    [(60, 55, ["T02"]), (300, 10, ["T01"]), (120, 10, []), (60, 0, []), (40, 39, [])],
    ids=["computes", "waits", "waits for what may be a processor", "nobody has counted", "short"],
)
def test_a_dispatch_that_is_long(took: int, cpu: int, code: list[str]) -> None:
    tape = Tape()
    tape.turn()
    tape.dispatch(1, READ, took=took * MS, cpu=cpu * MS)
    tape.turn()
    assert codes(tape) == code


def test_no_descriptor_is_left() -> None:
    tape = Tape()
    tape.put(trace.CHANNEL, 1, 5, "listener", "", "")
    tape.put(trace.INTEREST, 1, 0, ACCEPT, "no place", 1)
    tape.turn()
    tape.put(trace.READY, 1, READ, 0)
    tape.put(trace.ACCEPT, 1, -errno.EMFILE, 0)
    [finding] = diagnose(tape.records)
    assert (finding.code, str(finding.place)) == ("I11", "")


def test_what_a_reactor_s_listener_meets_is_its_affair() -> None:
    tape = Tape()
    tape.put(trace.CHANNEL, 1, 5, "listener", "", "")
    tape.turn()
    tape.dispatch(1, ACCEPT, before="")
    tape.put(trace.ACCEPT, 1, -errno.EMFILE, 0)
    assert codes(tape) == []


def spin(tape: Tape, turns: int) -> None:
    for _ in range(turns):
        tape.turn()
        tape.put(trace.READY, 1, WRITE, 0)


def test_a_streak_is_not_sewn_together_over_records_that_are_lost() -> None:
    tape = Tape()
    tape.put(trace.INTEREST, 1, 0, WRITE, "hello.py:8", 1)
    spin(tape, 400)
    tape.put(trace.SKIPPED, 10)
    spin(tape, 400)
    assert codes(tape) == []
    spin(tape, 112)
    assert codes(tape) == ["S01"]


def test_a_reset_or_a_reason_is_no_word_about_what_is_owed() -> None:
    for count, reason in ((-errno.ECONNRESET, ""), (5, "IDLE")):
        tape = Tape()
        tape.turn()
        tape.put(trace.READ, 1, trace.END, 64)
        tape.put(trace.READ, 1, -errno.ECONNRESET, 64)
        tape.put(trace.WRITE, 1, 1, 9)
        tape.put(trace.WRITE, 1, count, 8)
        tape.put(trace.CLOSED, 1, reason)
        tape.put(trace.CLOSED, 1, "")
        assert codes(tape) == []


def test_an_attempt_to_connect() -> None:
    tape = Tape()
    tape.put(trace.CHANNEL, 1, 5, "connecting", "", "1.2.3.4:5")
    tape.put(trace.CONNECT, 1, trace.WOULD_BLOCK, 0)
    tape.put(trace.INTEREST, 1, 0, CONNECT, "a.py:1", 1)
    for _ in range(8):
        tape.turn()
        tape.put(trace.READY, 1, WRITE, 0)
    tape.put(trace.CONNECT, 1, 0, 0)
    tape.put(trace.INTEREST, 1, 8, 0, "", 0)
    tape.put(trace.RECORD, 1, 5)
    assert codes(tape) == []


def test_many_changes_are_not_kept_for_ever() -> None:
    tape = Tape()
    for number in range(2000):
        tape.put(trace.INTEREST, number, 0, READ, "a.py:1", 1)
    assert diagnose(tape.records) == []


def test_threads_that_only_read_and_jobs_that_never_end_are_not_kept_for_ever() -> None:
    diagnosis = Diagnosis()
    reader = diagnosis._reader
    for number in range(300):
        tape = Tape()
        tape.thread(number, "reads")
        for ch in (1, 2, 1):
            tape.put(trace.READ, ch, 5, 64)
        diagnosis.feed(tape.records)
    assert len(reader._facts) == 256
    assert not any(facts.turn.channels for facts in reader._facts.values())
    assert list(reader.names) == [299]
    tape = Tape()
    for job in range(10_002):
        tape.put(trace.HANDOFF, 1, job)
    diagnosis.feed(tape.records)
    assert (min(reader._jobs), len(reader._jobs), len(reader._of(1).jobs)) == (2, 10_000, 10_000)


def test_nothing_is_nothing() -> None:
    empty: list[Finding] = diagnose([])
    assert empty == []
