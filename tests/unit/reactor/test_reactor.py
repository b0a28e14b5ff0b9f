"""How a reactor is opened, and what registering with it does."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey
from nio.errors import IllegalArgumentError, IllegalSelectorError
from nio.reactor import CloseReason, Handler, Reactor
from nio.spi import SelectorProvider
from tests.unit.reactor.support import Kernel

READ = int(SelectionKey.OP_READ)


# opening


def test_a_new_reactor_has_done_nothing() -> None:
    with Reactor.open() as reactor:
        assert repr(reactor) == f"Reactor(open, provider={SelectorProvider.default().name}, connections=0, turns=0)"
        assert reactor.provider is SelectorProvider.default()
        assert reactor.hand_off is None
        assert not reactor.admission.is_full
        assert reactor.statistics().turns == 0
    assert repr(reactor).startswith("Reactor(closed")


def test_open_and_the_class_take_the_same() -> None:
    kernel = Kernel()
    with Reactor(workers=1, max_connections=3, provider=kernel) as reactor:
        assert (reactor.max_connections, reactor.provider) == (3, kernel)
        assert reactor.hand_off is not None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"workers": -1}, IllegalArgumentError),
        ({"workers": True}, TypeError),
        ({"workers": "4"}, TypeError),
        ({"workers": 1.5}, TypeError),
        ({"max_connections": 0}, IllegalArgumentError),
        ({"max_connections": False}, TypeError),
        ({"max_connections": 10.0}, TypeError),
    ],
)
def test_bad_arguments_are_refused_with_the_number(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=repr(next(iter(options.values())))):
        Reactor.open(**options)


def test_a_number_of_workers_is_a_pool_that_ends_with_the_reactor() -> None:
    before = threading.active_count()
    with Reactor.open(workers=3):
        assert threading.active_count() == before + 3  # started before anything listens
    assert threading.active_count() == before


def test_O03_more_connections_than_descriptors_are_cut_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel()
    kernel.descriptors = 64
    with Reactor.open(provider=kernel, max_connections=500) as reactor:
        assert reactor.max_connections == 32
    assert "max_connections is 32, not 500" in caplog.text
    caplog.clear()
    with Reactor.open(provider=kernel, max_connections=32) as reactor:
        assert reactor.max_connections == 32
    assert caplog.records == []


# registering


def test_a_channel_of_another_provider_is_refused(reactor: Reactor) -> None:
    with Pipe.open(provider=Kernel()) as pipe, pytest.raises(IllegalSelectorError):
        reactor.register(pipe.source, READ, Handler())
    assert reactor.statistics().open == 0


def test_a_handler_that_cannot_open_is_forgotten_and_its_channel_left_open(reactor: Reactor) -> None:
    class Bad(Handler):
        def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
            raise KeyError("bad")

    with Pipe.open(provider=reactor.provider) as pipe:
        with pytest.raises(KeyError):
            reactor.register(pipe.source, READ, Bad())
        assert pipe.source.is_open
        assert reactor.statistics().open == 0
        reactor.turn(0)
        assert not pipe.source.is_registered


def test_the_same_channel_again_is_one_connection(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        first, second = Handler(), Handler()
        key = reactor.admit(pipe.source, READ, first)
        assert reactor.register(pipe.source, READ, second) is key
        assert reactor.statistics().open == 1
        second.close()
        assert reactor.statistics().open == 0


def test_what_was_not_accepted_is_no_connection(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        handler = Handler()
        reactor.register(pipe.source, READ, handler)
        handler.close()
        statistics = reactor.statistics()
        assert (statistics.connections, statistics.open, statistics.closed) == (0, 0, {})


def test_what_is_no_handler_is_refused(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        for mistake in (None, object(), Handler):
            with pytest.raises(TypeError):
                reactor.register(pipe.source, READ, mistake)  # type: ignore[arg-type]  # the mistake is the point
        assert not pipe.source.is_registered
        assert reactor.statistics().open == 0


def test_an_attachment_that_is_no_handler_costs_its_channel_only(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        key = reactor.register(pipe.source, READ, Handler())
        key.attach("not a handler")
        pipe.sink.write(b"x")
        reactor.turn(1)
        reactor.turn(0)
        assert not pipe.source.is_open
        assert reactor.statistics().open == 0


def test_a_handler_that_closes_and_then_raises(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    class Leaver(Handler):
        def handle_read(self) -> None:
            self.close(CloseReason.OVERLOAD)
            raise KeyError("too late")

        def handle_error(self, error: BaseException) -> None:
            raise AssertionError("it is gone already")

    with Pipe.open(provider=reactor.provider) as pipe:
        reactor.admit(pipe.source, READ, Leaver())
        pipe.sink.write(b"x")
        reactor.turn(1)
        assert reactor.statistics().closed == {CloseReason.OVERLOAD: 1}
    (record,) = caplog.records
    assert record.getMessage() == "Leaver raised"
