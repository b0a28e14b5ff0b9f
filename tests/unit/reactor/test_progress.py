from __future__ import annotations

import dataclasses

import pytest

from nio.reactor import CloseReason, Progress, Reactor, ReactorStatistics
from tests.unit.reactor.support import Silent, World


def test_progress_is_a_tuple_of_six_numbers() -> None:
    assert Progress._fields == ("accepted", "bytes_in", "bytes_out", "closed", "ticks", "timers")
    assert not any(Progress(0, 0, 0, 0, 0, 0))


def test_a_turn_tells_what_it_did() -> None:
    with World() as world:
        assert world.reactor.turn(0) == (0, 0, 0, 0, 0, 0)
        peer = world.dial()
        total = [0] * 6
        peer.send(b"ann\n")
        peer.half_close()
        world.reactor.execute(int)
        world.reactor.call_later(0, int)
        while not world.closed():
            total = [a + b for a, b in zip(total, world.reactor.turn(0), strict=True)]
        accepted, bytes_in, bytes_out, closed, ticks, timers = total
        assert (accepted, bytes_in, bytes_out, closed) == (1, 4, 10, 1)
        assert ticks >= 1
        assert timers >= 1
        assert peer.read_to_end() == b"Hello ann\n"


def test_a_connection_that_came_and_went_in_one_turn_counts_as_both() -> None:
    class Refuser(Silent):
        def on_open(self) -> None:
            self.close()

    with World(Refuser) as world:
        world.dial()
        progress = world.reactor.turn(5)
        assert (progress.accepted, progress.closed) == (1, 1)


def test_statistics_are_a_picture_of_their_moment() -> None:
    with World() as world:
        before = world.reactor.statistics()
        peer = world.connect()
        peer.send(b"ann\nbo\n")
        assert peer.read(19) == b"Hello ann\nHello bo\n"
        during = world.reactor.statistics()
        peer.half_close()
        world.until(lambda: world.closed())
        after = world.reactor.statistics()
        assert (before.connections, before.open, before.requests, before.closed) == (0, 0, 0, {})
        assert (during.connections, during.open, during.requests) == (1, 1, 2)
        assert (during.bytes_in, during.bytes_out) == (7, 19)
        assert (after.connections, after.open) == (1, 0)
        assert after.closed == {CloseReason.PEER_FIN: 1}
        assert during.closed == {}
        assert before.turns < during.turns < after.turns
        assert (after.dropped, after.abandoned, after.spins) == (0, 0, 0)


def test_statistics_cannot_be_changed() -> None:
    with Reactor.open() as reactor:
        statistics = reactor.statistics()
        assert isinstance(statistics, ReactorStatistics)
        with pytest.raises(dataclasses.FrozenInstanceError):
            statistics.turns = 7  # type: ignore[misc]  # what is refused is the point
        with pytest.raises(TypeError):
            statistics.closed[CloseReason.LOCAL] = 1  # type: ignore[index]  # as above


def test_every_close_reason_says_why_in_words() -> None:
    assert len({reason.value for reason in CloseReason}) == len(CloseReason)
    assert all(" " in reason.value for reason in CloseReason)
