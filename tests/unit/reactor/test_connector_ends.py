"""reactor.connect: tried again and again, given up by its owner, and cut short by the end of the reactor."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from nio.channels import SelectionKey
from nio.errors import ClosedSelectorError
from nio.reactor import Backoff, CloseReason, Connecting
from nio.reactor.handlers._attempt import Attempt
from nio.spi import Address, ProtocolFamily
from tests.unit.reactor.connecting import INET, Desk, Dialer, listener, refusing, silence
from tests.unit.reactor.support import PATIENCE, in_a_thread


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


class Made:
    """A factory of dialers that remembers them."""

    def __init__(self) -> None:
        self.all: list[Dialer] = []

    def __call__(self) -> Dialer:
        self.all.append(Dialer())
        return self.all[-1]


# tried again


def test_waits_grow_until_the_server_is_there(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    made = Made()
    with listener() as server:
        address = server.getsockname()
    connecting = desk.reactor.connect(address, made, retry=Backoff(first=1.0, jitter=0.5))
    for attempts, wait in ((1, 1.0), (2, 2.0), (3, 4.0)):
        desk.turns(10)
        assert (connecting.attempts, desk.trying()) == (attempts, [])
        desk.advance(wait - 0.01)
        assert connecting.attempts == attempts
        desk.advance(0.02)
    assert made.all == []
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert ["trying again in 1.0 s" in record.getMessage() for record in warnings] == [True]


def test_connection_stands_after_a_failure(desk: Desk) -> None:
    made = Made()
    with listener() as server:
        desk.kernel.opens = [OSError(errno.EMFILE, "none left")]
        connecting = desk.reactor.connect(server.getsockname(), made, retry=Backoff(first=1.0))
        desk.turns()
        assert (connecting.attempts, connecting.is_pending) == (1, True)
        desk.advance(1.0)
        desk.settled(connecting)
        assert [dialer.diary for dialer in made.all] == [[server.getsockname()]]
        assert connecting.attempts == 2


def test_time_out_is_of_each_round(desk: Desk) -> None:
    made = Made()
    with silence() as address:
        connecting = desk.reactor.connect(address, made, timeout=3.0, retry=Backoff(first=1.0, attempts=2))
        desk.turns()
        desk.advance(3.1)
        assert (connecting.is_pending, connecting.attempts, bool(desk.trying())) == (True, 1, False)
        desk.advance(1.1)
        assert (connecting.attempts, len(desk.trying())) == (2, 1)
        desk.advance(3.1)
    assert [dialer.diary for dialer in made.all] == [[CloseReason.CONNECT_TIMEOUT]]


def test_attempts_run_out(desk: Desk) -> None:
    made = Made()
    connecting = desk.reactor.connect(refusing(), made, retry=Backoff(first=0.0, attempts=3))
    desk.settled(connecting)
    assert connecting.attempts == 3
    assert [dialer.diary for dialer in made.all] == [[CloseReason.CONNECT_FAILED]]


def test_name_is_resolved_anew_in_each_round(desk: Desk) -> None:
    with listener() as server:
        desk.kernel.names["db.example"] = OSError("no network")
        connecting = desk.reactor.connect(("db.example", 1), Dialer, retry=Backoff(first=1.0))
        desk.until(lambda: connecting.error)
        desk.kernel.names["db.example"] = [(INET, server.getsockname())]
        desk.advance(1.1)
        desk.settled(connecting)
    assert (connecting.reason, len(desk.kernel.asked)) == (None, 2)


# the stages of a connect: each sets one up and returns what else it holds


def not_begun(desk: Desk, stack: ExitStack, made: Made) -> Connecting:
    with listener() as server:
        return desk.reactor.connect(server.getsockname(), made)


def resolving(desk: Desk, stack: ExitStack, made: Made) -> Connecting:
    release = threading.Event()
    stack.callback(release.set)

    def late() -> list[tuple[ProtocolFamily, Address]]:
        assert release.wait(PATIENCE)
        return [(INET, ("127.0.0.1", 1))]

    desk.kernel.names["db.example"] = late
    connecting = desk.reactor.connect(("db.example", 1), made)
    desk.until(lambda: desk.kernel.asked)
    return connecting


def under_way(desk: Desk, stack: ExitStack, made: Made) -> Connecting:
    mute, other = stack.enter_context(silence()), stack.enter_context(silence())
    desk.kernel.names["db.example"] = [(INET, mute), (INET, other)]
    connecting = desk.reactor.connect(("db.example", 1), made)
    desk.until(desk.trying)
    desk.advance(0.3)
    assert len(desk.trying()) == 2
    return connecting


def waiting(desk: Desk, stack: ExitStack, made: Made) -> Connecting:
    connecting = desk.reactor.connect(refusing(), made, retry=Backoff(first=5.0))
    desk.until(lambda: connecting.error)
    return connecting


Stage = Callable[[Desk, ExitStack, Made], Connecting]
STAGES = pytest.mark.parametrize("stage", [not_begun, resolving, under_way, waiting])


@STAGES
def test_cancel(desk: Desk, stage: Stage) -> None:
    made = Made()
    with ExitStack() as stack:
        connecting = stage(desk, stack, made)
        connecting.cancel()
        connecting.cancel()
    assert [dialer.diary for dialer in made.all] == [[CloseReason.LOCAL]]
    assert (connecting.is_pending, connecting.reason) == (False, CloseReason.LOCAL)
    desk.turns(10)
    assert desk.reactor.statistics().timers == 0
    assert not desk.reactor._selector.keys
    desk.advance(100)
    assert len(made.all) == 1


@STAGES
def test_cancel_from_another_thread(desk: Desk, stage: Stage) -> None:
    made = Made()
    with ExitStack() as stack:
        desk.turns(1)  # this thread runs the reactor
        connecting = stage(desk, stack, made)
        in_a_thread(connecting.cancel)
        assert connecting.is_pending
        desk.settled(connecting)
    assert [dialer.diary for dialer in made.all] == [[CloseReason.LOCAL]]


@STAGES
def test_close_of_the_reactor(stage: Stage) -> None:
    made = Made()
    with ExitStack() as stack:
        with Desk() as desk:
            connecting = stage(desk, stack, made)
        assert [dialer.diary for dialer in made.all] == [[CloseReason.LOCAL]]
        assert connecting.reason is CloseReason.LOCAL
        connecting.cancel()
        assert len(made.all) == 1


@STAGES
def test_J_drain_does_not_wait_for_it(desk: Desk, stage: Stage) -> None:
    made = Made()
    with ExitStack() as stack:
        connecting = stage(desk, stack, made)
        desk.reactor.stop(drain=10.0)
        desk.reactor.run()
    assert [dialer.diary for dialer in made.all] == [[CloseReason.DRAIN]]
    assert connecting.reason is CloseReason.DRAIN


def test_J_nothing_is_begun_during_a_drain(desk: Desk) -> None:
    with listener() as server:
        busy = Dialer()
        desk.settled(desk.reactor.connect(server.getsockname(), busy))
        busy.write(b"x" * 10_000_000)  # what nobody takes
        desk.reactor.stop(drain=10.0)
        desk.turns()
        late = Dialer()
        desk.reactor.connect(server.getsockname(), late)
        assert late.diary == []
        desk.turns()
        assert late.diary == [CloseReason.DRAIN]


def test_cancel_comes_too_late(desk: Desk) -> None:
    with listener() as server:
        dialer = Dialer()
        connecting = desk.settled(desk.reactor.connect(server.getsockname(), dialer))
        connecting.cancel()
        assert (connecting.reason, dialer.diary) == (None, [server.getsockname()])


def test_cancel_inside_its_own_callbacks(desk: Desk) -> None:
    class Canceller(Dialer):
        def on_open(self) -> None:
            super().on_open()
            connecting.cancel()

        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            connecting.cancel()

    unlucky = Canceller()
    connecting = desk.reactor.connect(refusing(), unlucky)
    desk.settled(connecting)
    assert unlucky.diary == [CloseReason.CONNECT_FAILED]
    with listener() as server:
        dialer = Canceller()
        connecting = desk.reactor.connect(server.getsockname(), dialer)
        desk.settled(connecting)
        assert dialer.diary == [server.getsockname()]


def test_dial_again_from_on_close(desk: Desk) -> None:
    """What a client does that is to stay connected."""
    made: list[Dialer] = []

    class Stayer(Dialer):
        def on_open(self) -> None:
            made.append(self)

        def on_close(self, reason: CloseReason) -> None:
            self.reactor.connect(address, Stayer)

    with listener() as server:
        address = server.getsockname()
        desk.reactor.connect(address, Stayer)
        desk.until(lambda: len(made) == 1)
        server.accept()[0].close()
        desk.until(lambda: len(made) == 2)
        address = refusing()  # whoever comes now is told by its on_close, and dials again: until the end
        made[-1].close()
        desk.turns(20)


# an attempt that ends without its Connector


@pytest.fixture
def attempt(desk: Desk) -> Iterator[tuple[Connecting, Attempt]]:
    with silence() as address:
        connecting = desk.reactor.connect(address, Dialer)
        desk.turns()
        [key] = desk.reactor._selector.keys
        assert isinstance(key.attachment, Attempt)
        yield connecting, key.attachment


@pytest.mark.parametrize("end", ["channel.close", "key.cancel", "close"])
def test_attempt_that_is_ended_has_failed(desk: Desk, attempt: tuple[Connecting, Attempt], end: str) -> None:
    connecting, tried = attempt
    owner, _, method = end.rpartition(".")
    in_a_thread(getattr(getattr(tried, owner) if owner else tried, method))
    desk.settled(connecting)
    assert connecting.reason is CloseReason.CONNECT_FAILED
    assert isinstance(connecting.error, ConnectionAbortedError)


def test_attempt_that_the_kernel_does_not_watch_has_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, mask: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with silence() as address:
        connecting = desk.reactor.connect(address, Dialer)
        monkeypatch.setattr(desk.reactor._selector._poller, "add", full)
        desk.settled(connecting)
    assert isinstance(connecting.error, ConnectionAbortedError)


def test_readiness_without_a_result_is_nothing(
    desk: Desk, attempt: tuple[Connecting, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting, tried = attempt
    assert (tried.owes, tried.key.interest_ops) == (False, SelectionKey.OP_CONNECT)
    tried.handle_connect()
    assert connecting.is_pending


def test_attempt_that_is_over_is_not_finished(desk: Desk, attempt: tuple[Connecting, Attempt]) -> None:
    connecting, tried = attempt
    connecting.cancel()
    tried.handle_connect()
    assert connecting.reason is CloseReason.LOCAL


def test_attempt_is_not_counted_twice(desk: Desk, attempt: tuple[Connecting, Attempt]) -> None:
    """An interrupt fell between its registration and the note of it."""
    connecting, tried = attempt
    connecting._under_way.clear()  # type: ignore[attr-defined]
    tried.close()
    assert connecting.reason is CloseReason.CONNECT_FAILED


def test_after_the_close_of_the_reactor() -> None:
    with Desk() as desk:
        pass
    with pytest.raises(ClosedSelectorError, match="the reactor is closed"):
        desk.reactor.connect(("127.0.0.1", 1), Dialer)


def test_end_is_one_line_of_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"):
        desk.settled(desk.reactor.connect(refusing(), Dialer))
    [line] = caplog.messages
    assert line.startswith("Dialer ended: CONNECT_FAILED, ConnectionRefusedError")
