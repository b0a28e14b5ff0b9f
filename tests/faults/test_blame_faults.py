"""Whose error it is: what raises costs the connection it belongs to, or the tick or timer, and nobody else.

``Panic`` is no ``Exception``, as GeneratorExit and the exceptions of some test tools are not.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.reactor import CloseReason, Handler
from tests.faults.panics import Bad, BadRecv, BadSend, BadTick, BadWriting, Diary, Mixed, Panic, carried, framed, serves
from tests.unit.reactor.support import Greeter, Kernel, World


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(Bad, id="process"),
        pytest.param(BadTick, id="tick"),
        pytest.param(framed("feed"), id="feed"),
        pytest.param(framed("encode"), id="encode"),
        pytest.param(carried(BadRecv), id="recv"),
        pytest.param(carried(BadSend), id="send"),
    ],
)
def test_a_panic_costs_its_connection_and_no_other(
    kind: type[Greeter], workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    with World(Mixed(kind), workers=workers) as world:
        bad, other = world.connect(), world.connect()
        bad.send(b"bad\n")
        assert bad.read_to_end() in ((b"", b"Hello bad\n") if kind is BadTick else (b"",))
        bad.close()
        world.until(lambda: world.handlers[0].reasons)
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        other.close()
        serves(world)
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
    assert caplog.text.count("Panic") >= 1


def test_a_panic_of_on_writable_costs_its_connection(workers: int) -> None:
    kernel = Kernel()
    with World(Mixed(BadWriting), workers=workers, kernel=kernel) as world:
        bad = world.connect()
        kernel.room = 0
        bad.send(b"bad\n")
        world.until(lambda: world.handler.reason is CloseReason.HANDLER_ERROR)
        kernel.room = None
        assert bad.read_to_end() == b"Hello bad\n"  # what was owed
        bad.close()
        serves(world)
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]


def test_a_panic_of_on_open_closes_once(workers: int) -> None:
    class Door(Greeter):
        def on_open(self) -> None:
            raise Panic("open")

    with World(Mixed(Door), workers=workers) as world:
        assert world.connect().read_to_end() == b""
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
        serves(world)


def test_a_panic_of_a_framing_s_decoder_closes_once(workers: int) -> None:
    with World(Mixed(framed("decoder")), workers=workers) as world:
        assert world.connect().read_to_end() == b""
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        assert world.handlers[0].opened == 0
        serves(world)


def test_a_panic_of_on_close_is_logged_and_the_counts_are_right(workers: int, caplog: pytest.LogCaptureFixture) -> None:
    class Parting(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            raise Panic("close")

    with World(Mixed(Parting), workers=workers) as world:
        world.connect().close()
        world.until(lambda: world.handlers[0].reasons)
        serves(world)
        assert world.handlers[0].reasons == [CloseReason.PEER_FIN]
    assert "Parting.on_close raised" in caplog.text


def test_a_panic_of_handle_error_closes_at_once_and_once(workers: int) -> None:
    class Helpless(framed("feed")):  # type: ignore[misc]
        def handle_error(self, error: BaseException) -> None:
            raise Panic("again")

    with World(Mixed(Helpless), workers=workers) as world:
        bad = world.connect()
        bad.send(b"bad\n")
        assert bad.read_to_end() == b""
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        serves(world)


def test_a_panic_of_handle_drain_does_not_hold_the_drain_up(workers: int) -> None:
    class Stubborn(Greeter):
        def handle_drain(self) -> None:
            raise Panic("drain")

    with World(Mixed(Stubborn), workers=workers) as world:
        world.connect()
        other = world.connect()
        world.reactor.stop(drain=1000)
        assert other.read_to_end() == b""
        other.close()
        world.until(lambda: world.handlers[0].reasons and world.handlers[1].reasons)
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        assert world.handlers[1].reasons == [CloseReason.DRAIN]


def test_a_handler_that_cannot_say_what_it_owes_does_not_keep_the_reactor_running() -> None:
    class Mute(Greeter):
        @property
        def owes(self) -> bool:
            raise Panic("owes")

        def handle_drain(self) -> None:
            pass  # it takes its time

    with World(Mute) as world:
        world.connect()
        world.reactor.stop(drain=2)
        world.turns()
        world.kernel.now += 3_000_000_000
        world.reactor.run()
        assert world.reactor.statistics().abandoned == 1


def test_a_panic_of_handle_data_costs_its_connection() -> None:
    class Raw(Diary):
        def handle_data(self, data: bytes) -> None:
            raise Panic("data")

    with World(Mixed(Raw)) as world:
        bad = world.connect()
        bad.send(b"x")
        assert bad.read_to_end() == b""
        bad.close()
        world.until(lambda: world.handlers[0].reasons == [CloseReason.HANDLER_ERROR])
        serves(world)


def test_a_panic_in_a_deadline_s_last_attempt_ends_the_connection() -> None:
    """The write deadline offers the output once more; a transport that raises there had no deadline any more."""

    class Stuck(Greeter):
        write_timeout = 5.0
        transport = BadSend

    kernel = Kernel()
    with World(Mixed(Stuck), kernel=kernel) as world:
        kernel.room = 0
        world.connect().send(b"ann\n")
        world.until(lambda: world.handler.unsent)
        world.handler._own_outbox().append(b"bad")
        world.advance(6)
        world.turns()
        assert world.handlers[0].reasons == [CloseReason.HANDLER_ERROR]
        kernel.room = None
        serves(world)


@pytest.mark.parametrize("kind", ["tick", "timer"])
def test_a_panic_of_a_tick_or_timer_costs_only_that(kind: str, workers: int, caplog: pytest.LogCaptureFixture) -> None:
    def blow() -> None:
        raise Panic("boom")

    done: list[int] = []
    with World(workers=workers) as world:
        peer = world.connect()
        for call in (blow, lambda: done.append(1)):
            if kind == "tick":
                world.reactor.execute(call)
            else:
                world.reactor.call_later(0, call)
        world.turns()
        assert done == [1]
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
    assert f"a {kind} raised" in caplog.text


def test_a_panic_of_a_factory_costs_its_connection(workers: int, caplog: pytest.LogCaptureFixture) -> None:
    steps: deque[Callable[[], Handler]] = deque([Greeter])

    def make() -> Handler:
        if not steps:
            return Greeter()
        steps.popleft()
        raise Panic("factory")

    with World(make, workers=workers) as world:
        assert world.dial().read_to_end() == b""
        assert world.reactor.statistics().connections == 0
        serves(world)
    assert "got no handler" in caplog.text


def test_a_panic_in_a_repr_or_a_log_filter_ends_neither_close_nor_run(caplog: pytest.LogCaptureFixture) -> None:
    class Unspeakable(Greeter):
        def __repr__(self) -> str:
            raise Panic("repr")

    caplog.set_level(logging.DEBUG, "nio.reactor")
    with World(Mixed(Unspeakable)) as world:
        world.connect().close()
        world.until(lambda: world.handlers[0].reasons)
        serves(world)


def test_a_framing_that_raises_behind_a_full_batch_ends_its_connection(workers: int) -> None:
    names = [b"%d" % number for number in range(64)]
    with World(Mixed(framed("feed nothing")), workers=workers) as world:
        bad = world.connect()
        bad.send(b"".join(name + b"\n" for name in [*names, b"one more"]))
        got = bad.read_to_end()
        assert b"".join(b"Hello " + name + b"\n" for name in names).startswith(got)
        bad.close()
        world.until(lambda: world.handlers[0].reasons == [CloseReason.HANDLER_ERROR])
        serves(world)


class Refusing(Executor):
    """Raises from ``submit``, or from ``shutdown``, something that is no Exception."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        raise Panic("submit")


def test_an_executor_that_panics_costs_the_records_it_was_given() -> None:
    with World(workers=Refusing()) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        assert world.handler.reason is CloseReason.OVERLOAD


def test_a_second_handler_that_cannot_open_leaves_no_channel_behind() -> None:
    class First(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.register(self.channel, SelectionKey.OP_READ, framed("decoder")())
            return None

    with World(Mixed(First)) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        world.until(lambda: world.reactor.statistics().open == 0)
        serves(world)


def test_a_handler_whose_opening_is_refused_leaves_no_channel_behind_either() -> None:
    class First(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.reactor.register(self.channel, SelectionKey.OP_READ, world.handlers[1])  # it has a channel already
            return None

    with World(Mixed(First)) as world:
        peer, other = world.connect(), world.connect()
        other.send(b"bo")
        world.received(2)
        peer.send(b"ann\n")
        assert peer.read_to_end() == b""
        other.send(b"b\n")
        assert other.read(10) == b"Hello bob\n"
        other.close()
        serves(world)


def test_close_ends_every_connection_though_one_of_them_panics(caplog: pytest.LogCaptureFixture) -> None:
    class Clinging(Greeter):
        def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
            raise Panic("close")

    with World(Mixed(Clinging)) as world:
        world.connect()
        world.connect()
        world.reactor.close()
        assert world.handlers[1].reasons == [CloseReason.LOCAL]
        assert not world.handlers[0].channel.is_open


def test_nobody_but_a_stream_handler_says_panic() -> None:
    """The registry's rule holds for a plain Handler, too."""

    class Plain(Handler):
        def handle_read(self) -> None:
            raise Panic("read")

    with World(Mixed(Plain)) as world:
        peer = world.connect()
        peer.send(b"x")
        world.until(lambda: world.reactor.statistics().open == 0)
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
        serves(world)
