from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.reactor import Acceptor, CloseReason, Handler, Reactor
from tests.unit.reactor.support import Greeter, Kernel, World, run

ACCEPT = int(SelectionKey.OP_ACCEPT)


def interest(world: World) -> int:
    return world.acceptor.key.interest_ops


def test_each_connection_gets_a_handler_of_its_own() -> None:
    with World() as world:
        peers = [world.connect(), world.connect()]
        for number, peer in enumerate(peers):
            peer.send(b"n%d\n" % number)
        assert [peer.read(9) for peer in peers] == [b"Hello n0\n", b"Hello n1\n"]
        assert [handler.seen for handler in world.handlers] == [[b"n0"], [b"n1"]]
        assert world.handlers[0].channel.remote_address == peers[0].sock.getsockname()


def test_A06_a_turn_accepts_no_more_than_its_share() -> None:
    with World(accepts_per_turn=3) as world:
        for _ in range(8):
            world.dial()
        assert [world.reactor.turn(0).accepted for _ in range(4)] == [3, 3, 2, 0]


def test_a_connection_that_comes_alone_costs_one_accept_from_the_second_on() -> None:
    with World() as world:
        calls = []
        for _ in range(4):
            world.dial()
            before = world.kernel.accept_calls
            assert world.reactor.turn(0).accepted == 1
            calls.append(world.kernel.accept_calls - before)
            world.turns(2)
        assert calls == [2, 1, 1, 1]


def test_a_burst_after_one_that_came_alone_is_accepted_from_the_next_turn_on() -> None:
    with World() as world:
        world.dial()
        world.turns(3)
        for _ in range(20):
            world.dial()
        assert [world.reactor.turn(0).accepted for _ in range(4)] == [1, 16, 3, 0]


def test_sixteen_unless_told_otherwise() -> None:
    with World() as world:
        for _ in range(20):
            world.dial()
        assert [world.reactor.turn(0).accepted for _ in range(2)] == [16, 4]


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_A01_without_resources_accepting_pauses(code: int, caplog: pytest.LogCaptureFixture) -> None:
    with World() as world:
        old = world.connect()
        world.kernel.accepts.extend([OSError(code, "out of something")] * 3)
        peer = world.dial()
        for _ in range(3):
            world.until(lambda: interest(world) == 0)
            calls = world.kernel.accept_calls
            world.turns(5)
            assert world.kernel.accept_calls == calls
            old.send(b"ann\n")
            assert old.read(10) == b"Hello ann\n"
            world.advance(0.099)
            assert interest(world) == 0
            world.kernel.now += 1_000_000
            world.reactor.turn(0)
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"
        assert interest(world) == ACCEPT
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in lines] == [
        f"cannot accept, trying every 0.1 s: [Errno {code}] out of something"
    ]


def test_A01_the_next_episode_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with World() as world:
        for _ in range(2):
            world.kernel.accepts.append(OSError(errno.EMFILE, "full"))
            world.dial()
            world.until(lambda: interest(world) == 0)
            world.advance(0.1)
            world.until(lambda: not world.kernel.accepts)
            world.turns()
    assert caplog.text.count("cannot accept") == 2


def test_A01_the_sleep_of_a_pausing_reactor_ends_with_the_pause() -> None:
    with World() as world:
        world.kernel.accepts.append(OSError(errno.EMFILE, "full"))
        world.dial()
        world.until(lambda: interest(world) == 0)
        world.kernel.waits.clear()
        world.reactor.wakeup()
        world.reactor.turn()
        assert world.kernel.waits == [0.1]


def test_A01_an_acceptor_closed_in_its_pause_leaves_no_timer() -> None:
    with World() as world:
        world.kernel.accepts.append(OSError(errno.EMFILE, "full"))
        world.dial()
        world.until(lambda: interest(world) == 0)
        world.acceptor.close()
        assert world.reactor.statistics().timers == 0
        world.advance(1)
        assert not world.listener.is_open


def test_a_pause_of_one_s_own() -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        listener = ServerSocketChannel.open(provider=kernel).bind(("127.0.0.1", 0))
        acceptor = Acceptor(Greeter, pause=2)
        key = reactor.register(listener, ACCEPT, acceptor)
        kernel.accepts.append(OSError(errno.EMFILE, "full"))
        acceptor.handle_accept()
        kernel.now += 1_999_999_999
        reactor.turn(0)
        assert key.interest_ops == 0
        kernel.now += 1
        reactor.turn(0)
        assert key.interest_ops == ACCEPT


@pytest.mark.parametrize(
    "code", [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EPERM, errno.ETIMEDOUT]
)
def test_A03_a_connection_lost_before_its_accept_is_passed_over(code: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"), World() as world:
        world.kernel.accepts.extend([OSError(code, "lost")] * 3)
        world.dial()
        assert world.reactor.turn(5).accepted == 1  # within the same batch
        assert world.kernel.accept_calls == 5
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


def test_A03_a_thousand_in_a_row_cost_bounded_turns_and_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "nio.reactor"), World() as world:
        world.kernel.accepts.extend([ConnectionAbortedError(errno.ECONNABORTED, "lost")] * 1000)
        world.dial()
        turns = 0
        while not world.handlers:
            before = world.kernel.accept_calls
            world.reactor.turn(0)
            assert world.kernel.accept_calls - before <= 16
            turns += 1
        assert turns == 1000 // 16 + 1
    assert len([record for record in caplog.records if "ended" not in record.getMessage()]) == 10


def test_A05_readiness_that_another_process_used_up_is_nothing() -> None:
    with World() as world:
        world.kernel.accepts.append(BlockingIOError())
        peer = world.connect()
        assert world.kernel.accept_calls == 3
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_A05_nor_is_it_where_one_alone_was_asked_for() -> None:
    with World() as world:
        world.connect()
        world.turns(2)
        world.kernel.accepts.append(BlockingIOError())
        world.dial()
        before = world.kernel.accept_calls
        assert [world.reactor.turn(0).accepted for _ in range(2)] == [0, 1]
        assert world.kernel.accept_calls == before + 3


def test_A07_a_factory_that_raises_costs_its_connection_only(caplog: pytest.LogCaptureFixture) -> None:
    made = []

    def factory() -> Handler:
        made.append(1)
        if len(made) % 3 == 0:
            raise KeyError("no handler today")
        return Greeter()

    with World(factory) as world:
        peers = [world.dial() for _ in range(6)]
        world.until(lambda: len(made) == 6)
        for number, peer in enumerate(peers):
            if number % 3 == 2:
                assert peer.read_to_end() == b""
            else:
                peer.send(b"ann\n")
                assert peer.read(10) == b"Hello ann\n"
        assert world.reactor.statistics().open == 4
    assert "no handler today" in caplog.text


def test_A07_a_factory_whose_product_is_no_handler(caplog: pytest.LogCaptureFixture) -> None:
    products: list[Callable[[], object]] = [object, lambda: None, Greeter]
    with World(lambda: products.pop(0)()) as world:  # type: ignore[arg-type, return-value]  # the mistake is the point
        for _ in range(2):
            assert world.dial().read_to_end() == b""
        peer = world.dial()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert world.reactor.statistics().open == 1
    assert caplog.text.count("a connection got no handler") == 2


def test_A07_a_handler_that_raises_before_it_is_bound() -> None:
    class Early(Handler):
        def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
            raise KeyError("too early")

    with World(Early) as world:
        assert world.dial().read_to_end() == b""
        assert world.reactor.statistics().open == 0


# the limit


def test_A08_at_the_limit_accepting_pauses_and_goes_on_at_95_percent() -> None:
    with World(max_connections=40) as world:
        peers = [world.connect() for _ in range(40)]
        late = [world.dial(), world.dial(), world.dial()]
        world.until(lambda: interest(world) == 0)
        world.turns(5)
        assert world.reactor.statistics().open == 40
        peers[0].half_close()
        world.until(lambda: world.reactor.statistics().open == 39)
        world.turns()
        assert interest(world) == 0
        peers[1].half_close()
        world.until(lambda: world.reactor.statistics().open == 40)
        world.turns()
        assert len(world.handlers) == 42
        for peer in peers[2:5]:
            peer.half_close()
        late[2].send(b"ann\n")
        assert late[2].read(10) == b"Hello ann\n"
        assert world.reactor.statistics().connections == 43


def test_A08_a_limit_of_one_serves_one_after_the_other() -> None:
    with World(max_connections=1) as world:
        peers = [world.dial() for _ in range(5)]
        for peer in peers:
            peer.send(b"ann\n")
            peer.half_close()
        for peer in peers:
            assert peer.read_to_end() == b"Hello ann\n"
        world.until(lambda: world.closed() == {CloseReason.PEER_FIN: 5})
        assert world.reactor.statistics().open == 0


def test_A08_reaching_the_limit_exactly_is_noticed_at_the_next_connection() -> None:
    with World(max_connections=2) as world:
        world.connect()
        world.connect()
        world.turns()
        assert world.reactor.admission.is_full
        world.dial()
        world.until(lambda: interest(world) == 0)
        assert world.reactor.statistics().open == 2


def test_an_acceptor_that_waits_for_room_and_is_closed_stays_closed() -> None:
    with World(max_connections=1) as world:
        peer = world.connect()
        world.dial()
        world.until(lambda: interest(world) == 0)
        world.acceptor.close()
        peer.half_close()
        world.until(lambda: world.closed())
        assert not world.listener.is_open


# other ends


def test_a_listener_closed_by_another_thread_is_noticed_without_noise(caplog: pytest.LogCaptureFixture) -> None:
    with World() as world:
        world.dial()
        thread = threading.Thread(target=world.listener.close)
        thread.start()
        thread.join()
        world.turns()
        assert world.reactor.statistics().open <= 1
        world.reactor.stop(drain=1)
        run(world.reactor)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_listener_that_was_never_bound_is_an_error_of_its_owner(caplog: pytest.LogCaptureFixture) -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        listener = ServerSocketChannel.open(provider=kernel)
        acceptor = Acceptor(Greeter)
        reactor.register(listener, ACCEPT, acceptor)
        reactor.turn(0.01)
        if listener.is_open:  # not every kernel reports a socket that does not listen
            acceptor.close()
        assert reactor.statistics().open == 0


def test_an_acceptor_that_raises_loses_its_listener_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(acceptor: Acceptor) -> None:
        raise LookupError("mine")

    with World() as world:
        peer = world.connect()  # from now on its loop goes through the kernel's answer
        monkeypatch.setattr(Acceptor, "handle_accept", raising)
        world.dial()
        world.until(lambda: not world.listener.is_open)
        peer.send(b"bob\n")
        assert peer.read(10) == b"Hello bob\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"accepts_per_turn": 0}, IllegalArgumentError),
        ({"accepts_per_turn": True}, TypeError),
        ({"accepts_per_turn": 1.5}, TypeError),
        ({"pause": -1}, IllegalArgumentError),
    ],
)
def test_settings_that_would_spin_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Acceptor(Greeter, **options)
