"""A connection's deadlines are made when more than idleness is to be watched, and are the same deadlines then."""

from __future__ import annotations

from typing import Any

import pytest

from nio.reactor import CloseReason
from tests.unit.reactor.support import Blob, Greeter, Keeper, World


class Pinging(Greeter):
    ping_after = 20.0


class Timeless(Greeter):
    idle_timeout = None


def is_watched_whole(world: World) -> bool:
    return world.handler._all_deadlines is not None


def test_whoever_is_only_silent_now_and_then_needs_a_timer_alone() -> None:
    with World() as world:
        peer = world.connect()
        for _ in range(3):
            world.advance(40)
            peer.send(b"ann\n")
            assert peer.read(10) == b"Hello ann\n"
            assert world.reactor.statistics().timers == 1
        [told] = [info for info in world.reactor.connections() if info.handler == "Greeter"]
        assert (told.age, told.idle) == (120, 0)
        world.advance(59.999)
        assert not is_watched_whole(world)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]
        assert world.reactor.statistics().timers == 0


@pytest.mark.parametrize("handler", [Pinging, Timeless])
def test_whoever_has_another_deadline_is_watched_whole(handler: type[Greeter]) -> None:
    with World(handler) as world:
        world.connect()
        assert is_watched_whole(world)


def test_with_half_a_record_or_output_that_waits_it_is_watched_whole() -> None:
    for factory, sent, room in ((Greeter, b"an", None), (Blob, b"100\n", 40)):
        with World(factory) as world:
            peer = world.connect()
            world.kernel.room = room
            assert not is_watched_whole(world)
            peer.send(sent)
            world.until(lambda world=world: is_watched_whole(world))  # type: ignore[misc]


def test_a_timeout_that_is_set_later_counts_from_the_next_look_on() -> None:
    with World() as world:
        world.connect()
        world.handler.idle_timeout = None
        world.advance(60)
        assert world.handler.reasons == []
        assert is_watched_whole(world)
        world.advance(600)
        assert world.handler.reasons == []


def test_a_connection_that_has_ended_waits_for_nothing_more() -> None:
    with World() as world:
        world.connect()
        world.handler.close()
        world.handler.wait_anew(world.kernel.now)  # as a Ctrl-C may leave it on the calendar
        assert world.reactor.statistics().timers == 0


def test_a_suspended_connection_is_not_called_silent() -> None:
    with World() as world:
        world.connect()
        world.handler.suspend()
        world.advance(60)
        assert world.handler.reasons == []
        assert is_watched_whole(world)
        world.handler.resume()
        world.turns()
        world.advance(59.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.IDLE_TIMEOUT]


def test_a_handler_whose_setting_raises_when_it_opens_can_be_closed() -> None:
    class Broken(Keeper):
        @property
        def idle_timeout(self) -> Any:  # type: ignore[override]
            raise ValueError("not known yet")

    with World(Broken) as world:
        peer = world.dial()
        world.until(lambda: bool(world.handlers))
        assert peer.read_to_end() == b""
        world.handler.close()
        assert world.handler.reasons == [CloseReason.LOCAL]
        assert world.reactor.statistics().timers == 0
