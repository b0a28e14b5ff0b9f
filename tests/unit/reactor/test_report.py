from __future__ import annotations

import logging

import pytest

from nio.reactor.loop._report import Report

SECOND = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


def test_a_line_has_its_level_its_arguments_and_the_error(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("why")
    with caplog.at_level(logging.DEBUG, "nio.reactor"):
        Report(Clock())("kind", logging.ERROR, "%s said %.200r", "peer", "x\n", error=error)
    (record,) = caplog.records
    assert (record.name, record.levelno, record.getMessage()) == ("nio.reactor", logging.ERROR, r"peer said 'x\n'")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_K08_ten_lines_a_second_of_each_kind_and_then_how_many_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    report = Report(clock)
    with caplog.at_level(logging.DEBUG, "nio.reactor"):
        for number in range(1000):
            clock.now += SECOND // 1001
            report("a", logging.DEBUG, "a %d", number)
        assert [record.getMessage() for record in caplog.records] == [f"a {number}" for number in range(10)]
        report("b", logging.DEBUG, "another kind")
        assert caplog.records[-1].getMessage() == "another kind"
        caplog.clear()
        clock.now += SECOND
        report("a", logging.WARNING, "again")
        lines = [(record.levelno, record.getMessage()) for record in caplog.records]
        assert lines == [
            (logging.WARNING, "990 more lines of kind 'a' were left out"),
            (logging.WARNING, "again"),
        ]
        caplog.clear()
        clock.now += SECOND
        report("a", logging.DEBUG, "nothing was left out in between")
        assert len(caplog.records) == 1


def test_a_second_begins_anew_at_exactly_one_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    report = Report(clock)
    with caplog.at_level(logging.DEBUG, "nio.reactor"):
        for _ in range(11):
            report("a", logging.INFO, "x")
        clock.now += SECOND - 1
        report("a", logging.INFO, "x")
        assert len(caplog.records) == 10
        clock.now += 1
        report("a", logging.INFO, "y")
        assert caplog.records[-1].getMessage() == "y"


def test_what_is_not_logged_anyway_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    report = Report(clock)
    with caplog.at_level(logging.WARNING, "nio.reactor"):
        for _ in range(50):
            report("a", logging.DEBUG, "x")
        report("a", logging.WARNING, "seen")
    assert [record.getMessage() for record in caplog.records] == ["seen"]


def test_O02_a_log_that_cannot_be_written_is_nobody_s_end() -> None:
    tried: list[str] = []

    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            tried.append(record.getMessage())
            raise BrokenPipeError("the log is gone")

    logger, broken = logging.getLogger("nio.reactor"), Broken()
    logger.addFilter(broken)
    try:
        report = Report(Clock())
        report("kind", logging.ERROR, "lost")
        report("kind", logging.ERROR, "lost too")
    finally:
        logger.removeFilter(broken)
    assert tried == ["lost", "lost too"]
