"""What is made up for when a Ctrl-C has struck a tick or timer of the library's own: it is called again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import pytest

from nio.reactor import CloseReason, Handler, Reactor
from tests.unit.reactor.connecting import Desk, Dialer, refusing, silence
from tests.unit.reactor.support import Manual, World


class Once:
    """Raises KeyboardInterrupt at the first call, and is the original from then on."""

    def __init__(self, original: Callable[..., Any]) -> None:
        self.original = original
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise KeyboardInterrupt
        return self.original(*args)


def leaves(reactor: Reactor) -> None:
    with pytest.raises(KeyboardInterrupt):
        turn_on(reactor)


def turn_on(reactor: Reactor) -> None:
    """Three turns, or fewer if something leaves one."""
    for _ in range(3):
        reactor.turn(0)


def test_an_acceptor_that_is_to_accept_again_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with World(max_connections=1) as world:
        first = world.connect()
        world.dial()
        world.turns()
        assert not world.acceptor.key.interest_ops
        monkeypatch.setattr(type(world.acceptor.key), "interest_ops", Struck())
        first.close()
        leaves(world.reactor)
        monkeypatch.undo()
        world.until(lambda: len(world.handlers) == 2)


class Struck:
    """An attribute that cannot be set without a Ctrl-C."""

    def __get__(self, key: Any, kind: type) -> int:
        return 0

    def __set__(self, key: Any, ops: int) -> None:
        raise KeyboardInterrupt


def test_a_factory_of_executors_is_asked_again() -> None:
    made: list[Manual] = []

    def make() -> Executor:
        made.append(Manual())
        if len(made) == 2:
            raise KeyboardInterrupt
        return made[-1]

    with World(workers=make) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        hand_off.replace(made[0], OSError())
        leaves(world.reactor)
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: len(made) == 3 and made[2].waiting)
        made[2].run_one()
        assert peer.read(10) == b"Hello ann\n"


@pytest.mark.parametrize("step", ["begin", "one", "end_all"])
def test_a_drain_is_gone_through(step: str) -> None:
    """Ctrl-C in the first of its steps, in the second, and at the end of its time."""
    with World() as world:
        peer = world.connect()
        calls: list[str] = []
        reactor = world.reactor
        reactor.on_stop(calls.append, "drained", at="drained")
        if step == "begin":
            reactor.on_stop(Once(int))
        elif step == "one":
            world.handler.handle_drain = Once(world.handler.handle_drain)
        else:
            world.handler.process = lambda record: None
            original = reactor._registry.end_all
            reactor._drain._handlers = Names(reactor._registry, end_all=Once(original))
        reactor.stop(drain=5)
        if step == "end_all":
            world.turns()
            world.kernel.now += 6_000_000_000
        leaves(reactor)
        peer.close()
        world.until(lambda: calls == ["drained"])


class Names:
    """An object, with some names of one's own."""

    def __init__(self, inner: Any, **names: Any) -> None:
        self.inner = inner
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_what_users_queue_is_called_once() -> None:
    """Also a method of the reactor."""
    with World() as world:
        world.connect()
        reactor = world.reactor
        world.handler.on_close = Once(int)
        reactor.execute(reactor.close)
        leaves(reactor)
        assert not [fn for fn, _ in reactor._ticks if fn == reactor.close]


def test_a_signal_that_was_let_go_by_halves_is_caught_anew() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    calls: list[int] = []
    with Reactor.open() as reactor:
        watch = reactor.on_signal(signal.SIGUSR1, int)
        signals = reactor._signals
        signals._releases[signal.SIGUSR1] = Once(signals._releases[signal.SIGUSR1])
        with pytest.raises(KeyboardInterrupt):
            watch.cancel()
        reactor.on_signal(signal.SIGUSR1, calls.append, 1)
        signal.raise_signal(signal.SIGUSR1)
        reactor.turn(0)
        assert calls == [1]
        last = reactor.on_signal(signal.SIGUSR2, int)
        signals._releases[signal.SIGUSR2] = Once(signals._releases[signal.SIGUSR2])
        with pytest.raises(KeyboardInterrupt):
            last.cancel()
    assert signal.getsignal(signal.SIGUSR1) is before
    assert not signals._releases


def test_timers_of_an_attempt_that_is_over_are_nobody_s() -> None:
    """A Ctrl-C may come between the setting of a timer and the note of it."""
    with Desk() as desk, silence() as mute:
        connecting: Any = desk.reactor.connect(mute, Dialer)
        desk.turns()
        number = connecting._round - 1
        connecting._head_start_is_over(number)
        connecting._time_is_over(number)
        connecting._begin(number)
        assert connecting.is_pending
        assert connecting.attempts == 1
        connecting.cancel()


def test_attempt_that_nobody_waits_for_goes_when_it_is_struck() -> None:
    with Desk() as desk, silence() as mute:
        connecting: Any = desk.reactor.connect(mute, Dialer)
        desk.turns()
        [attempt] = connecting._under_way
        attempt._connector = None
        attempt.reactor = Names(desk.reactor, forget=Once(desk.reactor.forget))
        with pytest.raises(KeyboardInterrupt):
            attempt.close()
        attempt.close()
        connecting.cancel()
        assert connecting.reason is CloseReason.LOCAL


def test_end_of_a_connect_is_told_once() -> None:
    """Ctrl-C in the factory: the handler is not made a second time."""
    made = Once(Dialer)
    with Desk() as desk:
        connecting = desk.reactor.connect(refusing(), made)
        with pytest.raises(KeyboardInterrupt):
            desk.until(lambda: made.calls)
        desk.turns()
        assert made.calls == 1
        assert connecting.reason is CloseReason.CONNECT_FAILED
        assert not desk.reactor.undertakings._all


def test_partial_of_a_handler_s_method_is_that_handler_s_error() -> None:
    class Wrong(Handler):
        def raises(self, number: int) -> None:
            raise ZeroDivisionError

    with World() as world:
        wrong = Wrong()
        key = world.listener.key_for(world.reactor._selector)
        assert key is not None
        world.reactor.register(world.listener, key.interest_ops, wrong)
        world.reactor.execute(partial(wrong.raises, 1))
        world.turns()
        assert not world.listener.is_open
