"""EventHandler: the loop knows no class; whatever has the methods can be registered."""

from __future__ import annotations

import logging
from collections import deque

import pytest

from nio.channels import Pipe, SelectableChannel, SelectionKey
from nio.reactor import CloseReason, ConnectionInfo, EventHandler, Reactor
from tests.unit.reactor.support import World, run

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Own:
    """A handler by its methods alone, with a diary."""

    key: SelectionKey
    reports_bytes = False
    owes = False

    def __init__(self) -> None:
        self.calls: list[object] = []

    def describe(self) -> ConnectionInfo:
        return ConnectionInfo("Own", None, "own", 0, 0, 0.0, 0.0)

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        self.reactor, self.key, self.channel = reactor, key, key.channel
        self.calls.append("open")

    def handle_read(self) -> None:
        self.calls.append("read")
        self.channel.read(bytearray(10))  # type: ignore[attr-defined]  # a pipe's source

    def handle_ready(self, ready: int) -> None:
        self.calls.append(ready)
        self.key.interest_ops = 0

    def handle_error(self, error: BaseException) -> None:
        self.calls.append(type(error))

    def handle_fault(self) -> None:
        self.calls.append("fault")

    def handle_drain(self) -> None:
        self.calls.append("drain")
        self.close()

    def handle_replaced(self) -> None:
        self.calls.append("replaced")

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        self.calls.append(reason)
        self.reactor.forget(self.key, reason)
        self.channel.close()


def registered(reactor: Reactor, channel: SelectableChannel, ops: int) -> Own:
    own = Own()
    handler: EventHandler = own  # mypy looks here
    reactor.register(channel, ops, handler)
    return own


def test_the_methods_are_enough(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        source, sink = registered(reactor, pipe.source, READ), registered(reactor, pipe.sink, WRITE)
        pipe.sink.write(b"x")
        reactor.turn(5)
        reactor.turn(0)
        assert (source.calls, sink.calls) == (["open", "read"], ["open", WRITE])


def test_its_error_is_told_to_it(reactor: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        own = registered(reactor, pipe.source, READ)
        pipe.sink.write(b"x")
        pipe.source.configure_blocking(False)
        own.channel = object()  # type: ignore[assignment]  # which has no read()
        reactor.turn(5)
        own.channel = pipe.source
        assert own.calls == ["open", "read", AttributeError]
        assert pipe.source.is_open
    assert [record.getMessage() for record in caplog.records] == ["Own raised"]


def test_it_is_replaced_drained_and_closed(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        first, second = registered(reactor, pipe.source, READ), registered(reactor, pipe.source, READ)
        assert first.calls == ["open", "replaced"]
        reactor.stop(drain=5)
        run(reactor)
        assert second.calls == ["open", "drain", CloseReason.LOCAL]
        assert first.calls == ["open", "replaced"]


def test_it_is_closed_with_the_reactor(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        own = registered(reactor, pipe.source, READ)
        reactor.close()
        assert own.calls == ["open", CloseReason.LOCAL]


def test_it_can_be_a_connection(reactor: Reactor) -> None:
    with Pipe.open(provider=reactor.provider) as pipe:
        own = Own()
        reactor.admit(pipe.source, READ, own)
        assert (reactor.statistics().connections, reactor.admission.taken) == (1, 1)
        assert reactor.connections() == (own.describe(),)
        own.close(CloseReason.OVERLOAD)
        assert (reactor.statistics().open, reactor.admission.taken) == (0, 0)
        assert reactor.statistics().closed == {CloseReason.OVERLOAD: 1}


def test_an_attachment_that_is_no_handler_is_named_and_costs_its_key_only(
    reactor: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    with Pipe.open(provider=reactor.provider) as lost, Pipe.open(provider=reactor.provider) as other:
        own, bystander = registered(reactor, lost.source, READ), registered(reactor, other.source, READ)
        own.key.attach("x" * 1000)
        for pipe in (lost, other):
            pipe.sink.write(b"x")
        reactor.turn(5)
        assert own.calls == ["open", AttributeError]  # the handler that was registered is told, and only notes it
        assert bystander.calls == ["open", "read"]
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "has no Handler attached, but 'xxx" in record.getMessage()
    assert len(record.getMessage()) < 500


class Behind:
    """Stands before another object, and raises what it likes when it is asked."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = deque(errors)

    def __getattr__(self, name: str) -> object:
        raise self._errors[0] if len(self._errors) == 1 else self._errors.popleft()


class Panic(BaseException):
    pass


@pytest.mark.parametrize("error", [LookupError("gone"), ReferenceError("gone"), Panic("gone"), AttributeError("gone")])
def test_whatever_an_attachment_raises_when_it_is_asked_costs_its_key_only(error: BaseException) -> None:
    with World() as world:
        world.connect()
        other = world.connect()
        lost = world.handlers[0]
        lost.key.attach(Behind(error))
        for peer in world.peers:
            peer.send(b"ann\n")
        assert other.read(10) == b"Hello ann\n"
        assert lost.reasons == [CloseReason.HANDLER_ERROR]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_an_attachment_that_leaves_when_it_is_asked_leaves(before: int) -> None:
    """By the steady loop, when it is called, and when its error is told."""
    with World() as world:
        peer = world.connect()
        world.handler.key.attach(Behind(*[LookupError("gone")] * before, KeyboardInterrupt()))
        peer.send(b"ann\n")
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: world.handler.reasons)
