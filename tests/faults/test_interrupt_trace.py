"""Ctrl-C wherever Python looks for signals while a reactor is recorded: the books are right, as they are without."""

from __future__ import annotations

from typing import Any

import pytest

from nio.trace import TracingProvider
from tests.faults.interrupts import Interrupt, every_moment, struck
from tests.faults.test_interrupt_anywhere import answered, serves_on
from tests.unit.reactor.support import Kernel, World

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("no_collector"),
]


@pytest.mark.parametrize("level", ["io", "teach"])
def test_a_recorded_connection_is_told_of_its_end_whenever_it_is_struck(level: str) -> None:
    def scene(interrupt: Interrupt) -> None:
        traced: Any = TracingProvider(Kernel(), level=level)
        with World(kernel=traced) as world:
            other, peer = world.connect(), world.dial()
            peer.send(b"ann\n")
            for _ in range(2):
                struck(interrupt, world.reactor.turn, 0)
            answered(peer, b"Hello ann\n")
            serves_on(world, other)

    every_moment(scene)
