"""sleep and timeout."""

from __future__ import annotations

from typing import Any

import pytest

from nio.errors import IllegalArgumentError, IllegalStateError
from nio.tasks import Cancelled, Timeout, sleep, suspend, timeout
from tests.unit.tasks.support import Stage


async def for_ever() -> None:
    await suspend(lambda suspension: None)


def test_sleep_is_never_short() -> None:
    with Stage() as stage:
        task = stage.begin(sleep, 1)
        stage.advance(0.999)
        assert not task.is_done
        stage.advance(0.001)
        assert task.is_done


def test_a_sleep_of_nothing_lets_the_others_have_a_turn() -> None:
    order: list[int] = []

    async def counting(start: int) -> None:
        for number in range(start, start + 3):
            order.append(number)
            await sleep(0)

    with Stage() as stage:
        stage.begin(counting, 0)
        other = stage.begin(counting, 10)
        stage.until(lambda: other.is_done)
        assert sorted(order) == [0, 1, 2, 10, 11, 12]
        assert order != sorted(order) or stage.live == []


@pytest.mark.parametrize(
    ("seconds", "error"), [(-1, IllegalArgumentError), ("1", TypeError), (float("nan"), ValueError)]
)
def test_seconds_are_seconds(seconds: Any, error: type[Exception]) -> None:
    with Stage() as stage:
        with pytest.raises(error):
            stage.ended(sleep, seconds)
        with pytest.raises(error):
            timeout(seconds)


def test_a_sleep_for_ever_can_be_cancelled() -> None:
    with Stage() as stage:
        task = stage.begin(sleep, float("inf"))
        task.cancel()
        stage.turns()
        assert isinstance(task._error, Cancelled)


def test_a_block_that_takes_too_long_raises_TimeoutError() -> None:
    async def main() -> list[object]:
        with pytest.raises(TimeoutError, match=r"more than 1 s") as raised:
            async with timeout(1) as limit:
                await for_ever()
        return [limit.has_expired, raised.value.__suppress_context__]

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        assert task._value == [True, True]


def test_a_block_that_is_in_time_leaves_no_timer() -> None:
    async def main() -> bool:
        async with timeout(1) as limit:
            await sleep(0)
        return limit.has_expired

    with Stage() as stage:
        assert stage.ended(main) is False
        assert stage.reactor.timeout() is None


def test_none_is_any_time() -> None:
    async def main() -> None:
        async with timeout(None):
            await sleep(1000)

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1000)
        assert task._error is None


def nested(outer: float, inner: float) -> Any:
    async def main() -> list[str]:
        log = []
        try:
            async with timeout(outer):
                try:
                    async with timeout(inner):
                        await for_ever()
                except TimeoutError:
                    log.append("inner")
                    await sleep(5)
        except TimeoutError:
            log.append("outer")
        return log

    return main


@pytest.mark.parametrize(
    ("outer", "inner", "expected"), [(3, 1, ["inner", "outer"]), (1, 3, ["outer"]), (1, 1, ["inner", "outer"])]
)
def test_nested_blocks_convert_what_they_have_asked_for(outer: float, inner: float, expected: list[str]) -> None:
    """Where both are over at the same moment the outer one's timer is the older."""
    with Stage() as stage:
        task = stage.begin(nested(outer, inner))
        for _ in range(8):
            stage.advance(1)
        assert task.is_done
        if outer == inner:
            assert task._value in (["outer"], ["inner", "outer"])
        else:
            assert task._value == expected


def test_the_cancelling_of_others_goes_through() -> None:
    async def main() -> None:
        async with timeout(1):
            await for_ever()

    with Stage() as stage:
        task = stage.begin(main)
        task.cancel()
        stage.turns()
        assert isinstance(task._error, Cancelled)
        stage.advance(2)


def test_an_error_of_the_block_goes_through() -> None:
    async def main() -> None:
        async with timeout(1):
            raise KeyError

    with Stage() as stage, pytest.raises(KeyError):
        stage.ended(main)


def test_a_block_that_swallows_the_cancelling_has_its_way() -> None:
    async def main() -> str:
        async with timeout(1) as limit:
            with pytest.raises(Cancelled) as raised:
                await for_ever()
        assert raised.value.by is limit
        await sleep(1)
        return "on"

    with Stage() as stage:
        task = stage.begin(main)
        stage.advance(1)
        stage.advance(1)
        assert task._value == "on"


def test_what_comes_too_late_for_the_block_is_forgotten_with_it() -> None:
    """The time is over while the task is on its way out: nobody is cancelled for it later."""

    async def main() -> str:
        limit = Timeout(1)
        async with limit:
            task = limit._task
            assert task is not None
            task._pending.append(limit)  # as by a timer that has fired while a value was on its way
        await sleep(0)
        return "on"

    with Stage() as stage:
        assert stage.ended(main) == "on"


def test_a_timeout_is_good_for_one_block() -> None:
    async def main() -> None:
        limit = timeout(1)
        async with limit:
            pass
        with pytest.raises(IllegalStateError, match=r"write timeout\(seconds\) anew"):
            await limit.__aenter__()
        await timeout(1).__aexit__(None, None, None)

    with Stage() as stage:
        stage.ended(main)
