"""Ctrl-C inside the small callbacks, and what comes when its connection, key or executor is gone already."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from typing import Any

import pytest

from nio.channels import SelectionKey, SocketChannel
from nio.executors import Saturation, WorkerPool
from nio.framing import Lines
from nio.reactor import CloseReason, Connection, Handler, State
from nio.reactor.loop._report import logger
from nio.reactor.streams._transport import PlainTransport
from tests.unit.reactor.support import Gate, Greeter, Manual, World


def interrupt(*args: Any, **kwargs: Any) -> Any:
    raise KeyboardInterrupt


def test_a_listener_that_is_closed_while_its_event_waits() -> None:
    with World() as world:
        world.listener.close()
        world.acceptor.handle_accept()
        assert not world.acceptor.key.is_valid


def test_a_descriptor_that_somebody_closed_costs_its_connection() -> None:
    with World() as world:
        peer, other = world.connect(), world.connect()
        lost = world.handlers[0]
        os.close(lost.channel.socket.detach())
        lost.key.interest_ops = SelectionKey.OP_READ | SelectionKey.OP_WRITE
        world.until(lambda: lost.reasons)
        assert lost.reasons == [CloseReason.OVERLOAD]
        other.send(b"bob\n")
        assert other.read(10) == b"Hello bob\n"
        peer.close()


def test_a_fault_of_a_key_whose_handler_has_left_is_nothing() -> None:
    with World() as world:
        world.connect()
        key = world.handler.key
        world.handler.close()
        world.reactor._departures._faulted(key)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_ctrl_c_where_the_end_of_a_drain_asks_what_is_owed() -> None:
    class Owing(Greeter):
        owes = property(interrupt)

        def handle_drain(self) -> None:
            pass

    with World(Owing) as world:
        world.connect()
        world.reactor.stop(drain=1)
        world.turns()
        with pytest.raises(KeyboardInterrupt):
            world.advance(1)


def test_what_a_record_raises_where_the_reactor_runs_it_is_that_record_s() -> None:
    class Bad(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"wait":
                gate()
            raise KeyError(record)

    gate = Gate()
    pool = WorkerPool(1, queue=1, saturation=Saturation.CALLER_RUNS)
    with pool, World(Bad, workers=pool) as world, gate:
        for name in (b"wait", b"wait"):
            world.connect().send(name + b"\n")
            world.until_state(State.PROCESSING)
        assert gate.begun.acquire(timeout=10)
        world.connect().send(b"here\n")
        world.until(lambda: world.handler.state in (State.LINGERING, State.CLOSED))
        assert world.handler.reason is CloseReason.HANDLER_ERROR


class Stranger(Executor):
    """Raises ``error`` from ``submit``, and from ``shutdown`` if it is told to."""

    def __init__(self, error: BaseException, *, to_the_end: bool = False) -> None:
        self.error = error
        self.to_the_end = to_the_end

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if self.to_the_end:
            raise KeyboardInterrupt


def test_a_job_whose_connection_is_gone_does_not_travel() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        job = hand_off.job(Greeter(), bytes.upper)
        job.abandon()
        hand_off.add(job)
        hand_off.flush()
        assert manual.submitted == 0
        assert hand_off.has_lost(Stranger(KeyError()), BrokenExecutor("another"))
        hand_off.replace(Stranger(KeyError()), BrokenExecutor("another"))
        assert hand_off.has_lost(manual, BrokenExecutor("its own")) is False


@pytest.mark.parametrize(("error", "is_raised"), [(RuntimeError("full"), False), (KeyboardInterrupt(), True)])
def test_an_executor_that_is_probed_and_raises(error: BaseException, is_raised: bool) -> None:
    stranger = Stranger(error)
    with World(workers=stranger) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        if is_raised:
            with pytest.raises(KeyboardInterrupt):
                hand_off.has_lost(stranger, BrokenExecutor("its own"))
        else:
            assert hand_off.has_lost(stranger, BrokenExecutor("its own")) is False


def test_ctrl_c_while_a_broken_executor_is_replaced() -> None:
    made: list[Stranger] = []

    def factory() -> Executor:
        if made:
            raise KeyboardInterrupt
        made.append(Stranger(BrokenExecutor("broken"), to_the_end=True))
        return made[0]

    with World(workers=factory) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        with pytest.raises(KeyboardInterrupt):
            hand_off.replace(made[0], BrokenExecutor("broken"))
        with pytest.raises(KeyboardInterrupt):
            world.turns()
        hand_off.close()
        hand_off._make()  # after the end it makes none


def test_in_a_forked_child_close_gives_descriptors_back_and_tells_nobody() -> None:
    with World() as world:
        peer = world.connect()
        fd = world.handler.channel.socket.fileno()
        world.reactor._selector._forget()
        world.reactor.close()
        assert world.handler.reasons == []
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
        peer.close()


def test_ctrl_c_in_a_filter_of_the_log_leaves() -> None:
    with World() as world:
        logger.addFilter(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                world.reactor.report("test", logging.ERROR, "words")
        finally:
            logger.removeFilter(interrupt)


def test_op_connect_left_on_is_named_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Waits(Handler):
        def handle_connect(self) -> None:
            assert isinstance(self.channel, SocketChannel)
            self.channel.finish_connect()

    with World() as world, SocketChannel.open(provider=world.kernel).configure_blocking(False) as channel:
        channel.connect(world.address)
        key = world.reactor.register(channel, SelectionKey.OP_CONNECT, Waits())
        world.until(lambda: channel.is_connected and world.handlers)
        world.turns(600)
        assert world.reactor.statistics().spins == 1
        assert "512 turns" in caplog.text
        assert key.interest_ops == 0
        key.interest_ops = SelectionKey.OP_READ
        world.advance(1)
        assert key.interest_ops == SelectionKey.OP_READ  # whoever has set another one keeps it


def test_a_transport_that_received_nothing_for_us_may_want_to_write() -> None:
    class Shaking(PlainTransport):
        def __init__(self, channel: SocketChannel) -> None:
            super().__init__(channel)
            self.recv, self._plain = self.shake, self.recv

        def shake(self, size: int) -> bytes:
            if self._plain(size) == b"hello":
                self.send(b"olleh", 0)
                self.needs = self.unsent = 1
            raise BlockingIOError

    shaking = Shaking

    class Shaken(Greeter):
        transport = shaking

    with World(Shaken) as world:
        peer = world.connect()
        peer.send(b"hello")
        assert peer.read(5) == b"olleh"
        world.turns()
        assert world.handler.key.interest_ops & SelectionKey.OP_WRITE
        world.handler._transport.needs = world.handler._transport.unsent = 0


class Interrupted(Connection):
    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    def handle_data(self, data: bytes) -> None:
        if data == b"write":
            self.write(bytes(100_000))
        else:
            interrupt()

    def on_writable(self, writable: bool) -> None:
        interrupt()

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


@pytest.mark.parametrize("data", [b"read", b"write"])
def test_ctrl_c_in_handle_data_or_on_writable_leaves_and_closes(data: bytes) -> None:
    with World(Interrupted) as world:
        peer = world.connect()
        world.kernel.room = 10
        peer.send(data)
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: False)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


def test_the_attempt_at_the_write_deadline_shows_a_broken_connection() -> None:
    class Hasty(Greeter):
        write_timeout = 1.0

    with World(Hasty) as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent)
        world.kernel.sends.append(ConnectionResetError(104, "reset"))
        world.advance(1)
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.PEER_RST]
        world.handler._deadlines.watch()  # of a connection that is gone it sets no timer
        assert world.reactor.statistics().timers == 0


def test_interest_of_a_cancelled_key_changes_nothing() -> None:
    with World() as world:
        world.connect()
        world.handler.key.cancel()
        world.handler.suspend()
        world.turns()
        assert world.handler.reasons == [CloseReason.LOCAL]


class Unsendable(Lines):
    """Ctrl-C comes while a record is encoded."""

    encode: Callable[..., bytes] = interrupt


class Encoding(Greeter):
    framing = Unsendable(max_length=256)


def test_ctrl_c_while_a_record_is_encoded() -> None:
    with World(Encoding) as world:
        world.connect()
        with pytest.raises(KeyboardInterrupt):
            world.handler.send(b"x")


def test_ctrl_c_while_a_worker_s_reply_is_encoded() -> None:
    manual = Manual()
    with World(Encoding, workers=manual) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: manual.waiting)
        manual.run_one()
        with pytest.raises(KeyboardInterrupt):
            world.turns()
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]


def test_a_worker_that_is_lost_after_its_connection_is_counted() -> None:
    with World(workers=Manual()) as world:
        world.connect()
        world.handler.handle_loss(BrokenExecutor("gone"))
        assert world.reactor.statistics().dropped == 1


def test_of_what_is_no_socket_nobody_can_tell_what_is_queued() -> None:
    with World() as world, open(os.devnull, "rb") as nothing:
        assert world.kernel.unread(nothing) is None  # type: ignore[arg-type]


class Noted(Stranger):
    """A pool that has noted that it is broken; it must not be asked by ``submit``."""

    _broken = "a worker was killed"


def test_a_pool_that_notes_that_it_is_broken_is_lost() -> None:
    pool = Noted(AssertionError("it was asked"))
    with World(workers=pool) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        assert hand_off.has_lost(pool, BrokenExecutor("broken"))


def test_an_executor_that_refuses_as_broken_is_lost() -> None:
    stranger = Stranger(BrokenExecutor("broken"))
    with World(workers=stranger) as world:
        hand_off = world.reactor.hand_off
        assert hand_off is not None
        assert hand_off.has_lost(stranger, BrokenExecutor("broken"))
