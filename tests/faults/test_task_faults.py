"""The faults of reading and writing of ``test_stream_faults.py``, on a server whose handlers are tasks.

The clients, what they expect and the bounds are the same, word for word: only who serves is another.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import pytest

from nio.framing import Framing, Lines
from nio.reactor import CloseReason, Handler
from nio.tasks import Stream
from tests.faults import test_stream_faults as faults
from tests.faults.helpers import Server
from tests.unit.reactor.support import Blob, Greeter, Kernel, World


class Greeting(Stream):
    framing: Framing = Lines(max_length=256)

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.reasons: list[CloseReason] = []

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)

    def reply(self, record: bytes) -> bytes:
        return b"Hello " + record

    async def serve(self) -> None:
        async for record in self:
            self.seen.append(record)
            await self.send(self.reply(record))


class Large(Greeting):
    def reply(self, record: bytes) -> bytes:
        return b"x" * (int(record) - 1)


TASKS: dict[Any, type[Greeting]] = {Greeter: Greeting, Blob: Large}


class TaskServer(Server):
    def __init__(
        self,
        factory: Callable[[], Handler] = Greeter,
        *,
        workers: int | Executor = 0,
        kernel: Kernel | None = None,
    ) -> None:
        super().__init__(TASKS[factory], workers=workers, kernel=kernel)


@pytest.fixture(autouse=True)
def served_by_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "Server", TaskServer)
    monkeypatch.setattr(faults, "World", lambda: World(Greeting))


SERVED: list[Callable[[int], None]] = [
    faults.test_B01_half_a_line_stops_nobody,
    faults.test_B02_every_second_readiness_is_a_lie,
    faults.test_B03_the_end_of_the_stream_does_not_spin,
    faults.test_B09_a_thousand_records_in_one_segment,
    faults.test_C01_a_long_reply_through_the_smallest_buffers,
    faults.test_C02_a_kernel_that_says_not_now_at_every_second_write,
    faults.test_C03_a_request_costs_few_selections_and_idleness_none,
    faults.test_C04_a_reader_that_stops_and_goes_on_gets_everything,
    faults.test_C06_a_slow_reader_gets_all_its_replies,
]


@pytest.mark.parametrize("fault", SERVED, ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault(fault: Callable[[int], None], workers: int) -> None:
    fault(workers)


@pytest.mark.parametrize(
    "fault",
    [faults.test_B07_urgent_data_is_no_part_of_the_stream, faults.test_N01_drips_are_cut_and_the_others_do_not_notice],
    ids=lambda fault: str(fault.__name__),
)
def test_a_fault_of_one_thread(fault: Callable[[], None]) -> None:
    fault()


@pytest.mark.parametrize("count", [1, 63, 64, 65, 129, 500])
def test_B04_requests_and_a_half_close(count: int) -> None:
    faults.test_B04_requests_and_a_half_close(0, count)


@pytest.mark.parametrize(
    "point",
    [
        faults.opened,
        faults.half_a_record,
        faults.answered,
        faults.asked,
        faults.many_asked,
        faults.much_owed,
        faults.finished,
    ],
)
def test_B05_a_reset_at_any_point_of_the_protocol(
    point: Callable[[Any, Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    faults.test_B05_a_reset_at_any_point_of_the_protocol(0, point, caplog)


@pytest.mark.parametrize("size", [10_000, 300_000])
def test_C05_peers_that_do_not_read_cost_a_bounded_amount(size: int) -> None:
    faults.test_C05_peers_that_do_not_read_cost_a_bounded_amount(0, size)
