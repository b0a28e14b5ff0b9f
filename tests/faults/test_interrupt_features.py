"""Ctrl-C wherever Python looks for signals in connects, timers, signals, deferred calls, datagrams, hooks, groups."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import Future
from typing import Any

import pytest

from nio.reactor import CloseReason, Connecting, Group, Reactor
from tests.faults.interrupts import Interrupt, every_moment, struck
from tests.faults.test_interrupt_anywhere import Here
from tests.unit.reactor import datagrams
from tests.unit.reactor.connecting import INET, Desk, Dialer, listener
from tests.unit.reactor.support import Greeter, World

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("no_collector"),
]
USR1, USR2 = signal.SIGUSR1, signal.SIGUSR2
SECOND = 1_000_000_000


def test_timers_that_are_new() -> None:
    """However they get on the heap, one by one or many at once, each fires once, in order and not late."""

    def scene(interrupt: Interrupt) -> None:
        calls = list[int]()
        with World() as world:
            now = world.kernel.now
            for count in (20, 3):
                for number in reversed(range(count)):
                    world.reactor.call_at(now + 1000 * (number + 1) + count, calls.append, 1000 * (number + 1) + count)
                struck(interrupt, world.reactor.turn, 0)
            for moment in range(22):
                world.kernel.now = now + 1000 * moment + 10
                world.reactor.turn(0)
                assert calls == sorted(calls)
                assert len(set(calls)) == len(calls) == min(max(0, moment - 1), 20) + min(moment, 3)

    every_moment(scene)


def test_timers_that_are_swept() -> None:
    """However often they are cancelled, those that are left are counted and called."""

    def scene(interrupt: Interrupt) -> None:
        calls = list[int]()
        with World() as world:
            before = len(world.reactor._timers)
            timers = [world.reactor.call_later(1, calls.append, number) for number in range(80)]

            def cancel() -> None:
                for timer in timers[:65]:  # the last of these has them swept
                    timer.cancel()

            struck(interrupt, cancel)
            cancel()
            assert world.reactor.statistics().timers == before + 15
            world.advance(1)
            assert calls == [*range(65, 80)]
            assert world.reactor.statistics().timers == before

    every_moment(scene)


def test_signals_that_have_come() -> None:
    """None is lost but the one whose call was struck."""

    def scene(interrupt: Interrupt) -> None:
        calls: list[str] = []
        with Reactor.open() as reactor:
            for signum, name in ((USR1, "a"), (USR1, "b"), (USR2, "c"), (USR2, "d")):
                reactor.on_signal(signum, calls.append, name)
            signal.raise_signal(USR1)
            signal.raise_signal(USR2)
            for _ in range(3):
                struck(interrupt, reactor.turn, 0)
            reactor.turn(0)
            assert len(calls) >= 3
            assert len(set(calls)) == len(calls)
            signal.raise_signal(USR1)
            reactor.turn(0)
            assert calls[-2:] == ["a", "b"]

    every_moment(scene)


def test_a_signal_is_watched_and_forgotten() -> None:
    def scene(interrupt: Interrupt) -> None:
        calls: list[str] = []
        before = signal.getsignal(USR1)
        with Reactor.open() as reactor:
            struck(interrupt, lambda: reactor.on_signal(USR1, calls.append, "a").cancel())
            reactor.on_signal(USR1, calls.append, "b")
            signal.raise_signal(USR1)
            reactor.turn(0)
            assert calls[-1:] == ["b"]
        assert signal.getsignal(USR1) is before

    every_moment(scene)


def test_periodic_timers() -> None:
    def scene(interrupt: Interrupt) -> None:
        calls: list[str] = []
        with World() as world:
            timers = [world.reactor.call_every(period, calls.append, name) for period, name in ((1, "a"), (1, "b"))]
            world.kernel.now += SECOND
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            world.turns()
            assert len(calls) >= 1
            assert len(set(calls)) == len(calls)
            calls.clear()
            world.advance(1)
            assert calls == ["a", "b"] or calls == ["b", "a"]
            timers[0].cancel()
            world.advance(1)
            assert calls[2:] == ["b"]
            assert len(world.reactor._timers) == 1

    every_moment(scene)


@pytest.mark.parametrize("by_name", [False, True], ids=["workers", "executor"])
def test_a_deferred_call(by_name: bool) -> None:
    def scene(interrupt: Interrupt) -> None:
        outcomes: list[Future[int]] = []
        here = Here()
        futures: list[Future[int]] = []
        with World(workers=Here()) as world:
            executor = here if by_name else None

            def defer() -> None:
                futures.append(world.reactor.defer(int, "5", then=outcomes.append, executor=executor))

            for _ in range(2):
                struck(interrupt, defer)
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            world.turns()
            assert all(future.done() for future in futures)
            assert len(outcomes) >= len(futures) - 1
            assert len(set(outcomes)) == len(outcomes)
            assert not world.reactor._deferred.unsettled
            world.reactor.defer(int, "7", then=outcomes.append, executor=executor)
            world.turns()
            assert outcomes[-1].result() == 7

    every_moment(scene)


@pytest.mark.parametrize("target", ["numeric", "name", "refusing"])
def test_a_connect(target: str) -> None:
    """A handler hears of one connection, or of none; then it is asked for again."""

    def scene(interrupt: Interrupt) -> None:
        made: list[Dialer] = []
        begun: list[Connecting] = []

        def make() -> Dialer:
            made.append(Dialer())
            return made[-1]

        with Desk() as desk, listener() as server:
            address = server.getsockname()
            if target == "name":
                desk.kernel.names["db.example"] = [(INET, address)]
                address = ("db.example", address[1])
            elif target == "refusing":
                server.close()

            def connect() -> None:
                begun.append(desk.reactor.connect(address, make))

            struck(interrupt, connect)
            for _ in range(4):
                struck(interrupt, desk.reactor.turn, 0.002 if target == "name" else 0)
            for connecting in begun:
                desk.settled(connecting)
            desk.turns()
            assert not desk.reactor.undertakings._all
            if interrupt.struck and not begun:
                desk.settled(desk.reactor.connect(address, make))
            opened = 0
            for dialer in made:
                assert dialer.diary or interrupt.struck
                ends = [entry for entry in dialer.diary if isinstance(entry, CloseReason)]
                is_open = bool(dialer.diary) and not ends
                assert len(ends) <= 1
                opened += is_open
                assert not is_open or dialer.channel.is_open
            assert desk.reactor.statistics().open == opened == desk.reactor.admission.taken
            desk.turns()
            assert len([key for key in desk.reactor._selector.keys if key.is_valid]) == opened
            assert len(desk.reactor._timers) <= opened + bool(interrupt.struck)

    every_moment(scene)


def all_replies(service: datagrams.Service, client: socket.socket) -> list[bytes]:
    """What came, up to the reply to a last word."""
    client.send(b"end")
    replies: list[bytes] = []
    client.settimeout(0)

    def ended() -> bool:
        try:
            replies.append(client.recv(100))
        except BlockingIOError:
            return False
        return replies[-1] == b"Hello end"

    service.until(ended)
    return replies


def test_datagrams() -> None:
    """One is lost at most, and the service goes on."""

    def scene(interrupt: Interrupt) -> None:
        with datagrams.Service() as service:
            client = service.client()
            for name in (b"ann", b"bob", b"cid"):
                client.send(name)
            for _ in range(3):
                struck(interrupt, service.reactor.turn, 0)
            replies = all_replies(service, client)
            assert len(replies) >= 3
            assert len(set(replies)) == len(replies)
            assert service.handler.reasons == []

    every_moment(scene)


def test_datagrams_that_wait() -> None:
    def scene(interrupt: Interrupt) -> None:
        with datagrams.Service() as service:
            client = service.client()
            narrow = service.narrow()
            client.send(b"ann")
            client.send(b"bob")
            service.received(2)
            narrow.room = 100
            for _ in range(3):
                struck(interrupt, service.reactor.turn, 0)
            replies = all_replies(service, client)
            assert len(replies) >= 2
            assert len(set(replies)) == len(replies)
            assert service.handler._unsent == 0
            assert service.handler.reasons == []

    every_moment(scene)


def test_a_drain_with_hooks() -> None:
    def scene(interrupt: Interrupt) -> None:
        calls: list[str] = []
        with World() as world:
            world.connect().close()
            reactor = world.reactor
            reactor.on_start(calls.append, "start")
            for moment in ("end", "begin", "drained"):
                reactor.on_stop(calls.append, moment, at=moment)
            reactor.stop(drain=5)
            struck(interrupt, reactor.run)
            if interrupt.struck:
                reactor.stop(drain=5)
                reactor.run()
            assert reactor.state.name == "OPEN"
            assert not reactor.statistics().open
            lost = {"start", "begin", "drained", "end"} - set(calls)
            assert len(lost) <= bool(interrupt.struck)
            calls.clear()
            reactor.stop()
            reactor.run()
            assert calls == ["start", "begin", "drained", "end"]

    every_moment(scene)


def test_in_a_thread() -> None:
    def scene(interrupt: Interrupt) -> None:
        with World() as world:
            bodies: list[int] = []

            def block() -> None:
                with world.reactor.in_thread(drain=5):
                    bodies.append(1)

            struck(interrupt, block)
            assert world.reactor.owner.thread is None
            block()
            assert bodies[-1:] == [1]
            assert world.reactor.owner.thread is None
            assert world.reactor.state.name == "OPEN"

    every_moment(scene)


def test_a_broadcast() -> None:
    class Member(Greeter):
        group: Group[Any]

        def on_open(self) -> None:
            super().on_open()
            self.group.join(self)

    def scene(interrupt: Interrupt) -> None:
        group = Member.group = Group[Any]()
        with World(Member) as world:
            peers = [world.connect() for _ in range(3)]
            struck(interrupt, group.broadcast, b"one")
            for _ in range(3):
                struck(interrupt, world.reactor.turn, 0)
            group.broadcast(b"two")
            heard = 0
            for peer, handler in zip(peers, world.handlers, strict=True):
                if handler.channel.is_open:
                    got = peer.read(4)
                    heard += got == b"one\n"
                    assert got == b"two\n" or peer.read(4) == b"two\n"
            assert len(group) == world.reactor.statistics().open >= 2
        assert not len(group)

    every_moment(scene)
