"""What records add up to."""

from __future__ import annotations

from nio.inspector._buffers import Buffers
from nio.inspector._figures import Figures
from nio.inspector._tick import by_thread
from nio.trace import BUFFER, DONE, HANDOFF, READ, SKIPPED, THREAD, TIMER, TURN, WORK, Record

MS = 1_000_000
LOOP: Record = (THREAD, 0, 0, "loop")


def feed(figures: Figures, records: list[Record]) -> None:
    for group in by_thread(records):
        figures.feed(group.thread, group.records)


def test_why_each_selection_returned() -> None:
    figures = Figures()
    feed(
        figures,
        [
            LOOP,
            (TURN, 0, 5, -1, 1, 0),  # a key
            (TURN, 0, 5, -1, 1, 1),  # the wake-up alone
            (TURN, 0, 5, -1, 2, 1),  # a key and a wake-up
            (TURN, 0, 10 * MS, 10_000, 0, 0),  # all its time
            (TURN, 0, 10 * MS, 10_000, 0, 0),  # for a timer, as is told next
            (TIMER, 10 * MS, 10 * MS, 1, 11 * MS),
            (TURN, 0, 5, 0, 0, 0),  # was not to wait
            (TURN, 0, 5, 10_000, 0, 0),  # too early
            (TURN, 0, 5, -1, 0, 0),
        ],
    )
    assert figures.why == {"key": 2, "wake": 1, "timer": 1, "time-out": 1, "poll": 1, "nothing": 2}
    assert figures.turns == 8
    feed(figures, [LOOP, (TIMER, 0, 0, 1, 0), (THREAD, 0, 1, "other"), (TIMER, 0, 0, 1, 0)])
    assert figures.why["timer"] == 1


def test_busy_is_the_time_between_selections() -> None:
    figures = Figures()
    assert figures.look() == 0
    feed(figures, [LOOP, (TURN, 0, 60 * MS, -1, 1, 0), (TURN, 80 * MS, 100 * MS, -1, 1, 0)])
    assert figures.look() == 0.2
    assert figures.lag_sum_us == 20_000
    assert figures.lag_us[15] == 1  # up to 32.768 ms
    assert sum(figures.lag_us) == 1
    assert figures.look() == 0
    feed(figures, [LOOP, (SKIPPED, 100 * MS, 3), (TURN, 300 * MS, 400 * MS, -1, 1, 0)])
    assert sum(figures.lag_us) == 1  # what was between was not seen


def test_jobs_and_workers() -> None:
    figures = Figures()
    feed(figures, [LOOP, (HANDOFF, 1, 3, 1), (HANDOFF, 1, 4, 2), (THREAD, 0, 5, "worker-1"), (WORK, 1000, 4000, 5, 1)])
    feed(figures, [(THREAD, 0, 5, "worker-1"), (WORK, 5000, 6000, 5, 2), LOOP, (DONE, 9000, 1, 1)])
    assert (figures.given, figures.done) == (2, 1)
    assert figures.workers_as_json() == [{"name": "worker-1", "jobs": 2, "last_us": 1}]
    for number in range(6, 300):
        feed(figures, [(THREAD, 0, number, f"worker-{number}"), (WORK, 0, 1, number, 1)])
        feed(figures, [(THREAD, 0, 5, "worker-1"), (WORK, 0, 1, 5, 1)])
    names = [row["name"] for row in figures.workers_as_json()]
    assert (names[:2], len(names)) == (["worker-1", "worker-45"], 256)


def step(number: int, op: str, position: int = 0) -> Record:
    return (BUFFER, 1, number, op, position, 8, 8, "616200")


def test_a_buffer_is_of_the_channel_that_was_read_into_it() -> None:
    buffers = Buffers()
    buffers.feed([step(1, "new"), (READ, 1, 7, 2, 8), step(1, "position", 2), step(1, "flip")])
    buffers.feed([step(2, "new"), (READ, 1, 8, -2, 8), step(2, "clear")])
    newest, other = buffers.as_json()
    assert (newest["buffer"], newest["ch"], newest["steps"]) == (2, 0, ["new", "clear"])
    assert (other["buffer"], other["ch"], other["steps"]) == (1, 7, ["new", "position", "flip"])
    assert (other["position"], other["limit"], other["capacity"], other["first"]) == (0, 8, 8, "616200")


def test_few_buffers_are_kept() -> None:
    buffers = Buffers()
    buffers.feed([step(number, "new") for number in range(100)])
    assert [buffer["buffer"] for buffer in buffers.as_json()] == list(range(99, 35, -1))
