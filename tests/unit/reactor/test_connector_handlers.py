"""reactor.connect and the users' code: what raises, what ends, which handlers it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nio.errors import IllegalArgumentError
from nio.reactor import (
    CloseReason,
    Connector,
    EventHandler,
    Handler,
    Reactor,
    State,
)
from tests.unit.reactor.connecting import Desk, Dialer, listener, refusing
from tests.unit.reactor.support import Greeter


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


# what users' code does


def test_factory_that_raises_costs_the_connection_only(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def make() -> EventHandler:
        raise ZeroDivisionError

    with listener() as server:
        connecting = desk.settled(desk.reactor.connect(server.getsockname(), make))
        assert (connecting.handler, connecting.reason) == (None, CloseReason.HANDLER_ERROR)
        assert isinstance(connecting.error, ZeroDivisionError)
    assert "a connection got no handler" in caplog.text
    desk.settled(desk.reactor.connect(refusing(), make))
    assert "Connector._tell raised" in caplog.text


@pytest.mark.parametrize("made", [None, 5, Dialer], ids=["nothing", "number", "class"])
def test_factory_of_what_is_no_handler_is_no_connection(
    desk: Desk, made: object, caplog: pytest.LogCaptureFixture
) -> None:
    make: Any = lambda: made  # noqa: E731  # its name is in the message
    with listener() as server:
        stands = desk.settled(desk.reactor.connect(server.getsockname(), make))
        fails = desk.settled(desk.reactor.connect(refusing(), make))
    assert (stands.handler, stands.reason) == (None, CloseReason.HANDLER_ERROR)
    assert (fails.handler, fails.reason) == (None, CloseReason.CONNECT_FAILED)
    assert "which made" in str(stands.error)
    assert caplog.text.count("Error: connect() was given") == 2
    assert not desk.reactor.connections()


def test_open_that_raises_ends_the_connection(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Dialer):
        def on_open(self) -> None:
            raise ZeroDivisionError

    wrong = Wrong()
    with listener() as server:
        connecting = desk.settled(desk.reactor.connect(server.getsockname(), wrong))
    assert wrong.diary == [CloseReason.HANDLER_ERROR]
    assert connecting.reason is CloseReason.HANDLER_ERROR
    assert "a connection got no handler" in caplog.text


def test_interrupt_in_open_leaves_everything_in_order(desk: Desk) -> None:
    class Interrupted(Dialer):
        def on_open(self) -> None:
            raise KeyboardInterrupt

    dialer = Interrupted()
    with listener() as server:
        connecting = desk.reactor.connect(server.getsockname(), dialer)
        with pytest.raises(KeyboardInterrupt):
            desk.settled(connecting)
    assert (connecting.is_pending, dialer.diary) == (False, [CloseReason.HANDLER_ERROR])
    desk.turns()
    assert not desk.reactor._selector.keys


def test_interrupt_while_an_address_is_dialled_is_made_good_with_the_next_turn(desk: Desk) -> None:
    with listener() as server:
        desk.kernel.opens = [KeyboardInterrupt()]
        connecting = desk.reactor.connect(server.getsockname(), Dialer)
        with pytest.raises(KeyboardInterrupt):
            desk.turns()
        assert desk.settled(connecting).reason is None


def test_a_connection_that_the_poller_refuses_is_told(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands at once, so that the first key would be the handler's own."""
    desk.kernel.connects = [0]
    monkeypatch.setattr(desk.reactor._selector._watch.poller, "limit", 0)
    dialer = Dialer()
    connecting = desk.settled(desk.reactor.connect(("127.0.0.1", 9), dialer))
    assert dialer.diary == [CloseReason.HANDLER_ERROR]
    assert isinstance(dialer.close_error, IllegalArgumentError)
    assert connecting.error is dialer.close_error
    assert "a connection got no handler" in caplog.text
    assert not desk.reactor._selector.keys


def test_a_connection_that_cannot_be_carried_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(channel: object) -> Any:
        raise ZeroDivisionError

    dialer, plain = Dialer(), Handler()
    with listener() as server:
        connecting = desk.settled(desk.reactor.connect(server.getsockname(), dialer, transport=broken))
        assert dialer.diary == [CloseReason.HANDLER_ERROR] == [connecting.reason]
        assert isinstance(dialer.close_error, ZeroDivisionError)
        monkeypatch.setattr(desk.reactor._selector._watch.poller, "limit", 0)
        desk.kernel.connects = [0]
        desk.settled(desk.reactor.connect(server.getsockname(), plain))
        assert plain.reactor is desk.reactor


def test_interrupt_before_there_is_a_key_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    dialer = Dialer()
    desk.kernel.connects = [0]
    monkeypatch.setattr(desk.reactor, "_attach", interrupted)
    connecting = desk.reactor.connect(("127.0.0.1", 9), dialer)
    with pytest.raises(KeyboardInterrupt):
        desk.settled(connecting)
    assert (dialer.diary, dialer.close_error) == ([CloseReason.HANDLER_ERROR], None)


def test_interrupt_between_the_handler_and_its_key_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = Connector._leave

    def struck(connector: Connector) -> None:
        monkeypatch.setattr(Connector, "_leave", leave)
        raise KeyboardInterrupt

    monkeypatch.setattr(Connector, "_leave", struck)
    dialer = Dialer()
    with listener() as server:
        connecting = desk.reactor.connect(server.getsockname(), dialer)
        with pytest.raises(KeyboardInterrupt):
            desk.settled(connecting)
        assert dialer.diary == [CloseReason.HANDLER_ERROR]
        assert not desk.settled(connecting).is_pending


def test_interrupt_while_the_handler_is_made_is_made_good_with_the_next_turn(desk: Desk) -> None:
    errors: list[BaseException] = [KeyboardInterrupt()]

    def make() -> EventHandler:
        if errors:
            raise errors.pop()
        return Dialer()

    with listener() as server:
        connecting = desk.reactor.connect(server.getsockname(), make)
        with pytest.raises(KeyboardInterrupt):
            desk.settled(connecting)
        assert desk.settled(connecting).reason is None
        assert isinstance(connecting.handler, Dialer)


def test_plain_handler_is_connected_too(desk: Desk) -> None:
    class Plain(Handler):
        got = b""

        def handle_read(self) -> None:
            self.got += self.channel.socket.recv(100)  # type: ignore[attr-defined]

    with listener() as server:
        plain = Plain()
        desk.settled(desk.reactor.connect(server.getsockname(), plain))
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"x")
            desk.until(lambda: plain.got == b"x")
    unlucky = Plain()
    desk.settled(desk.reactor.connect(refusing(), unlucky))
    assert unlucky.reactor is desk.reactor


def test_stranger_that_has_a_handlers_methods(desk: Desk) -> None:
    class Stranger:
        def handle_ready(self, ready: int) -> None: ...

    connecting = desk.settled(desk.reactor.connect(refusing(), Stranger()))  # type: ignore[arg-type]
    assert connecting.reason is CloseReason.CONNECT_FAILED


def test_unconnected_handler_answers_what_an_ended_one_does(desk: Desk) -> None:
    greeter = Greeter()
    desk.settled(desk.reactor.connect(refusing(), greeter))
    assert greeter.reasons == [CloseReason.CONNECT_FAILED]
    assert (greeter.state, greeter.unsent) == (State.CLOSED, 0)
    assert (greeter.send(b"x"), greeter.write(b"x")) == (False, False)
    greeter.finish()
    greeter.suspend()
    greeter.resume()
    greeter.close()
    assert greeter.reasons == [CloseReason.CONNECT_FAILED]
    assert repr(greeter) == "Greeter(not open)"


def test_it_is_a_connector_and_says_where_it_stands(desk: Desk) -> None:
    with listener() as server:
        connecting = desk.reactor.connect(server.getsockname(), Dialer)
        assert isinstance(connecting, Connector)
        assert repr(connecting) == f"Connector({server.getsockname()!r}, pending, attempts=0)"
        desk.settled(connecting)
        assert "connected, attempts=1" in repr(connecting)


def test_stream_handler_registered_for_connect_is_told_what_is_missing(reactor: Reactor) -> None:
    handler = Greeter()
    with pytest.raises(NotImplementedError, match="is registered for OP_CONNECT and has no handle_connect"):
        handler.handle_connect()
