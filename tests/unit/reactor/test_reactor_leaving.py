"""What a reactor does not catch: KeyboardInterrupt and SystemExit leave ``run``, whoever raises them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nio.reactor import CloseReason, Reactor
from tests.unit.reactor.support import Greeter, World

Leave = Callable[[Reactor], None]


@pytest.fixture(params=[KeyboardInterrupt, SystemExit])
def error(request: pytest.FixtureRequest) -> type[BaseException]:
    kind: type[BaseException] = request.param
    return kind


@pytest.fixture
def leave(error: type[BaseException]) -> Leave:
    """Stop the reactor, so that it ends where the error is swallowed, too; then raise the error."""

    def leave(reactor: Reactor) -> None:
        reactor.stop()
        raise error("leave")

    return leave


def test_what_a_tick_raises_leaves_run(reactor: Reactor, error: type[BaseException], leave: Leave) -> None:
    reactor.execute(leave, reactor)
    with pytest.raises(error, match="leave"):
        reactor.run()


def test_what_a_timer_raises_leaves_run(reactor: Reactor, error: type[BaseException], leave: Leave) -> None:
    reactor.call_later(0, leave, reactor)
    with pytest.raises(error, match="leave"):
        reactor.run()


def test_what_process_raises_leaves_run(error: type[BaseException], leave: Leave) -> None:
    class Leaves(Greeter):
        def process(self, record: bytes) -> bytes | None:
            leave(self.reactor)
            return None

    with World(Leaves) as world:
        world.connect().send(b"ann\n")
        with pytest.raises(error, match="leave"):
            world.reactor.run()


def test_what_on_close_raises_leaves_run(error: type[BaseException], leave: Leave) -> None:
    class Leaves(Greeter):
        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            if self is world.handlers[0]:
                leave(self.reactor)

    with World(Leaves) as world:
        world.connect().close()
        with pytest.raises(error, match="leave"):
            world.reactor.run()
        assert world.handler.reasons == [CloseReason.PEER_FIN]
