from __future__ import annotations

import dataclasses

import pytest

from nio.reactor import CloseReason, Progress, Reactor, ReactorStatistics
from nio.reactor.loop._progress import Tally
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


def test_the_timers_that_are_set_are_counted(reactor: Reactor) -> None:
    assert reactor.statistics().timers == 0
    timers = [reactor.call_later(delay, int) for delay in (0, 1, 2)]
    assert reactor.statistics().timers == 3
    timers[1].cancel()
    timers[1].cancel()
    assert reactor.statistics().timers == 2
    reactor.turn(0)
    assert reactor.statistics().timers == 1


def test_the_timers_of_a_connection_go_with_it() -> None:
    with World() as world:
        before = world.reactor.statistics().timers
        world.connect()
        assert world.reactor.statistics().timers == before + 1
        world.handler.close()
        assert world.reactor.statistics().timers == before


def test_statistics_are_a_copy_of_the_tally() -> None:
    tally = Tally()
    tally.connections, tally.open, tally.bytes_in = 3, 1, 7
    tally.closed = {CloseReason.PEER_FIN: 1, CloseReason.LOCAL: 1}
    statistics = tally.statistics(timers=5, now=0)
    assert (statistics.connections, statistics.open, statistics.bytes_in, statistics.timers) == (3, 1, 7, 5)
    assert statistics.closed == {CloseReason.PEER_FIN: 1, CloseReason.LOCAL: 1}
    tally.closed[CloseReason.LOCAL] = 2
    assert statistics.closed == {CloseReason.PEER_FIN: 1, CloseReason.LOCAL: 1}
    assert tally.statistics(timers=0, now=0).closed == {CloseReason.PEER_FIN: 1, CloseReason.LOCAL: 2}


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
