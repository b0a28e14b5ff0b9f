"""Prefork's parent: new children for old ones, and the counters of all. No process is made."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from nio.reactor import CloseReason
from nio.reactor.groups._reports import NOTHING, Order, Word
from tests.unit.reactor.prefork_support import Parent, again, nothing
from tests.unit.reactor.support import in_a_thread


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_SIGHUP_gives_everybody_a_successor_and_then_retires_the_old(parent: Parent) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        lambda: parent.kernel.handler("SIGHUP"),
        lambda: parent.ready(104),
        lambda: parent.end(102),
        lambda: parent.ready(103),
        lambda: parent.end(101),
        lambda: parent.prefork.stop(),
        lambda: parent.end(103, 104),
    )
    assert parent.kernel.made == [101, 102, 103, 104]
    assert parent.told(101) == parent.told(102) == [(Order.RETIRE, 10.0)]
    assert parent.told(103) == []


def test_a_successor_that_dies_leaves_the_old_one_at_work(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    parent.run_and_leave(
        lambda: parent.ready(101, 102),
        parent.prefork.reload,
        lambda: parent.end(103, how="exit code 1"),
        lambda: parent.ready(104),
        lambda: parent.advance(5),
    )
    assert parent.kernel.made == [101, 102, 103, 104]
    assert parent.told(101) == []
    assert parent.told(102) == [(Order.RETIRE, 10.0)]
    assert "process 103 (1) has died before it served (exit code 1): the old one goes on" in caplog.text


def test_an_old_one_that_dies_before_its_successor_is_ready(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    parent.run_and_leave(
        lambda: parent.ready(101, 102),
        parent.prefork.reload,
        lambda: parent.end(101, how="SIGSEGV"),
        lambda: parent.ready(103, 104),
        lambda: parent.advance(1),
    )
    assert parent.kernel.made == [101, 102, 103, 104]
    assert "process 101 (1) has died (SIGSEGV), its successor is there" in caplog.text


def test_a_reload_during_a_reload_comes_after_it(parent: Parent) -> None:
    parent.run_and_leave(
        lambda: parent.ready(101, 102),
        parent.prefork.reload,
        parent.prefork.reload,
        lambda: parent.ready(103, 104),
        lambda: parent.ready(105, 106),
    )
    assert parent.kernel.made == [101, 102, 103, 104, 105, 106]
    assert parent.told(103) == [(Order.RETIRE, 10.0)]


def test_a_reload_with_a_place_that_is_empty_or_a_fork_that_fails(parent: Parent) -> None:
    parent.kernel.forks.extend([again(), 202])
    parent.run_and_leave(
        lambda: parent.ready(202),
        lambda: parent.reload_and(parent.kernel.forks.append, again()),
        nothing,
    )
    assert parent.kernel.made == [202]
    assert parent.told(202) == []


def test_stopped_during_a_reload(parent: Parent) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        parent.prefork.reload,
        lambda: parent.ready(103),
        lambda: parent.prefork.stop(1),
        lambda: parent.reload_and(parent.ready, 104),
        lambda: parent.end(101, 102, 103, 104),
    )
    assert parent.told(104) == [(Order.DRAIN, 1.0)]
    assert parent.told(102) == [(Order.DRAIN, 1.0)]


def test_stopped_before_a_successor_is_ready(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        parent.prefork.reload,
        lambda: parent.prefork.stop(1),
        lambda: parent.end(103, 104),
        lambda: parent.end(101, 102),
    )
    assert "died" not in caplog.text


def test_on_reload_is_called_first_and_an_error_of_it_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    called: list[int] = []

    def read_configuration() -> None:
        called.append(len(there.kernel.made))
        if len(called) == 1:
            raise ValueError("line 3")

    there = Parent(on_reload=read_configuration)
    there.run_and_leave(lambda: there.ready(101, 102), there.prefork.reload, there.prefork.reload, nothing)
    assert called == [2, 2]
    assert there.kernel.made == [101, 102, 103, 104]
    assert "on_reload raised, the old processes serve on" in caplog.text
    caplog.clear()  # its traceback knows the frames
    there.finish()


def test_ctrl_c_in_on_reload_leaves() -> None:
    def read_configuration() -> None:
        raise KeyboardInterrupt

    there = Parent(on_reload=read_configuration)
    with pytest.raises(KeyboardInterrupt):
        there.run(lambda: there.ready(101, 102), there.prefork.reload)
    there.finish()


# counters


def counts(**numbers: Any) -> Any:
    return replace(NOTHING, **numbers)


def test_statistics_are_those_of_all_the_dead_included(parent: Parent) -> None:
    seen = []

    def answer() -> None:
        parent.say(101, Word.COUNTS, counts(connections=3, open=1, requests=7, closed={CloseReason.PEER_FIN: 2}))
        parent.say(102, Word.COUNTS, counts(connections=2, open=2))
        seen.append(parent.prefork.statistics())

    def last() -> None:
        parent.say(101, Word.COUNTS, counts(connections=4, open=0, timers=3, closed={CloseReason.DRAIN: 4}))
        parent.say(999, Word.COUNTS, counts(connections=1000))
        parent.end(101)

    parent.run(
        lambda: parent.ready(101, 102),
        answer,
        lambda: parent.prefork.stop(1),
        last,
        lambda: parent.end(102),
    )
    assert (seen[0].connections, seen[0].open, seen[0].requests, dict(seen[0].closed)) == (
        5,
        3,
        7,
        {CloseReason.PEER_FIN: 2},
    )
    assert parent.told(101) == [(Order.COUNT, 0.0), (Order.DRAIN, 1.0)]
    done = parent.prefork.statistics()
    assert (done.connections, done.open, done.timers, dict(done.closed)) == (6, 0, 0, {CloseReason.DRAIN: 4})


def test_another_thread_gets_the_last_report_and_has_the_parent_ask_for_a_new_one(parent: Parent) -> None:
    """The parent alone reads what its children tell."""
    seen: list[int] = []

    def look() -> None:
        seen.append(parent.prefork.statistics().requests)

    def ask() -> None:
        parent.say(101, Word.COUNTS, counts(requests=7))
        in_a_thread(look)
        in_a_thread(look)
        assert parent.told(101) == []

    parent.run_and_leave(lambda: parent.ready(101, 102), nothing, ask, lambda: in_a_thread(look))
    assert seen == [0, 0, 7]
    assert parent.told(101) == parent.told(102) == [(Order.COUNT, 0.0)] * 2


class Going(dict[int, Any]):
    """Children, one of whom goes just when another thread has begun to count them."""

    def __init__(self, parent: Parent, children: dict[int, Any]) -> None:
        super().__init__(children)
        self.nursery = parent.prefork._nursery

    def values(self) -> Any:
        if 101 in self:
            self.nursery._gone(self[101], "SIGKILL")
        return super().values()


def test_a_child_that_goes_while_they_are_counted_counts_once(parent: Parent) -> None:
    nursery = parent.prefork._nursery

    def count() -> None:
        parent.say(101, Word.COUNTS, counts(requests=7))
        parent.say(102, Word.COUNTS, counts(requests=2))
        nursery.take_reports()
        nursery.children = Going(parent, nursery.children)
        assert nursery.statistics().requests == 9
        assert list(nursery.children) == [102]

    parent.run_and_leave(lambda: parent.ready(101, 102), count)


def test_a_child_counts_while_it_goes(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    nursery, seen = parent.prefork._nursery, []

    def count() -> None:
        parent.say(101, Word.COUNTS, counts(requests=7))
        monkeypatch.setattr(nursery._seats, "give_back", lambda seat: seen.append(nursery.statistics().requests))
        parent.end(101)

    parent.run_and_leave(lambda: parent.ready(101, 102), count)
    assert seen == [7]


def test_a_child_that_does_not_answer_is_not_waited_for(parent: Parent) -> None:
    def ask() -> None:
        real = parent.kernel.clock
        parent.kernel.clock = lambda: (parent.advance(0.3), real())[1]  # type: ignore[func-returns-value]
        parent.prefork.statistics()
        parent.kernel.clock = real

    parent.run_and_leave(lambda: parent.ready(101, 102), nothing, ask)
    assert parent.told(102) == [(Order.COUNT, 0.0)]


def test_a_child_that_is_gone_can_be_told_anything(parent: Parent) -> None:
    def broken(source: memoryview, flags: int = 0) -> int:
        raise BrokenPipeError

    def gone() -> None:
        parent.kernel.orders[101].send = broken  # type: ignore[method-assign]
        parent.prefork.stop(1)

    parent.run(lambda: parent.ready(101, 102), gone, lambda: parent.end(101, 102))
