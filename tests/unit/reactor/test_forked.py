"""A reactor of the parent's in a forked child: it says so, and what the parent has queued is the parent's to call."""

from __future__ import annotations

import signal
from concurrent.futures import Future

import pytest

from nio.errors import ForkedSelectorError
from nio.reactor import CloseReason, Reactor
from tests.contract.test_fork import in_child
from tests.unit.reactor.connecting import Desk, Dialer, silence
from tests.unit.reactor.support import Manual, World

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_its_close_calls_nothing_that_the_parent_has_queued() -> None:
    calls: list[str] = []
    outcomes: list[Future[int]] = []
    with World(workers=Manual()) as world:
        world.connect()
        reactor = world.reactor
        reactor.execute(calls.append, "tick")
        reactor.call_later(0, calls.append, "timer")
        reactor.on_stop(calls.append, "stop", at="end")
        reactor.defer(int, "5", then=outcomes.append)

        def close() -> None:
            reactor.close()
            assert (calls, outcomes, world.handler.reasons) == ([], [], [])

        in_child(close)
        reactor.turn(0)
        assert calls == ["timer", "tick"]
        assert world.handler.reasons == []


def test_a_connect_under_way_is_the_parent_s() -> None:
    with Desk() as desk, silence() as mute:
        dialer = Dialer()
        connecting = desk.reactor.connect(mute, dialer)
        desk.turns()

        def close() -> None:
            with pytest.raises(ForkedSelectorError):
                desk.reactor.connect(mute, Dialer)
            desk.reactor.close()
            assert dialer.diary == []

        in_child(close)
        connecting.cancel()
        assert dialer.diary == [CloseReason.LOCAL]


def test_no_signal_is_watched_for_a_dead_reactor() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with Reactor.open() as reactor:
        calls: list[int] = []
        reactor.execute(calls.append, 1)
        reactor._selector._forget()  # as in a child
        with pytest.raises(ForkedSelectorError, match="the reactor belongs to the process"):
            reactor.on_signal(signal.SIGUSR1, int)
        assert signal.getsignal(signal.SIGUSR1) is before
    assert calls == []
