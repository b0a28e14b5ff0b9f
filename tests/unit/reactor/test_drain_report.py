"""``reactor.drain(deadline)``: its report, and a deadline that holds whatever handlers and peers do."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from nio.channels import Pipe, SelectionKey
from nio.errors import IllegalArgumentError
from nio.reactor import CloseReason, DrainRecord, Handler, Reactor, State
from nio.reactor.loop import _drain
from tests.unit.reactor.support import Greeter, Kernel, Manual, World, in_a_thread, run

READ = int(SelectionKey.OP_READ)


def test_before_a_drain_there_is_no_report() -> None:
    with World() as world:
        assert world.reactor.drain_report == ()


def test_one_record_for_each_connection_in_the_order_of_their_ends() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        busy, idle = world.connect(), world.connect()
        addresses = [peer.sock.getsockname() for peer in (busy, idle)]
        busy.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.advance(1)
        world.reactor.drain(5)
        world.turns()
        world.kernel.now += 2 * 10**9
        manual.run_one()
        assert busy.read_to_end() == b"Hello ann\n"
        busy.close()
        run(world.reactor)
        assert world.reactor.drain_report == (
            DrainRecord(addresses[1], "Greeter", CloseReason.DRAIN, "reading", 0, 0.0, False),
            DrainRecord(addresses[0], "Greeter", CloseReason.DRAIN, "processing", 0, 2.0, False),
        )


def test_a_record_cannot_be_changed() -> None:
    record = DrainRecord(None, "Greeter", CloseReason.DRAIN, "reading", 0, 0.0, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.unsent = 1  # type: ignore[misc]


def test_J06_whoever_is_cut_says_what_it_did_not_take() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 7)
        world.reactor.drain(3)
        world.turns()
        world.advance(3)
        run(world.reactor)
        (record,) = world.reactor.drain_report
        assert (record.unsent, record.seconds, record.abandoned) == (7, 3.0, True)
        assert world.reactor.statistics().abandoned == 1


def test_a_peer_that_resets_meanwhile_has_its_own_reason() -> None:
    with World() as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann\n")
        world.until(lambda: world.handler.unsent == 7)
        world.reactor.drain(3)
        world.turns()
        world.kernel.room = None
        world.kernel.sends.append(ConnectionResetError())
        run(world.reactor)
        (record,) = world.reactor.drain_report
        assert (record.unsent, record.abandoned) == (7, False)


def test_the_hook_at_drained_sees_the_report() -> None:
    with World() as world:
        world.connect()
        world.advance(1)
        counts: list[int] = []
        world.reactor.on_stop(lambda: counts.append(len(world.reactor.drain_report)))
        world.reactor.on_stop(lambda: counts.append(len(world.reactor.drain_report)), at="drained")
        world.reactor.drain(5)
        run(world.reactor)
        assert counts == [0, 1]


def test_from_another_thread_and_with_nobody_there() -> None:
    with World() as world:
        in_a_thread(world.reactor.drain, 5)
        run(world.reactor)
        assert world.reactor.drain_report == ()
        assert not world.listener.is_open  # a listener is no connection


def test_a_connection_that_comes_meanwhile_is_in_the_report() -> None:
    with World() as world:
        peer = world.dial()
        peer.send(b"ann\n")
        world.reactor.on_stop(world.reactor.drain, 5)  # again is nothing
        world.reactor.drain(5)
        assert peer.read_to_end() == b"Hello ann\n"
        address = peer.sock.getsockname()
        peer.close()
        run(world.reactor)
        (record,) = world.reactor.drain_report
        assert (record.handler, record.peer, record.state) == ("Greeter", address, "reading")


def test_a_connection_that_is_gone_when_it_has_come_is_in_no_report() -> None:
    class Refuser(Greeter):
        def on_open(self) -> None:
            self.close()

    with World(Refuser) as world:
        world.reactor.on_stop(world.dial)
        world.reactor.drain(5)
        run(world.reactor)
        assert world.reactor.drain_report == ()
        assert world.closed() == {CloseReason.LOCAL: 1}


def test_the_next_drain_has_a_report_of_its_own() -> None:
    with World() as world:
        for _ in range(2):
            world.connect()
        world.advance(1)
        world.reactor.drain(5)
        run(world.reactor)
        reports = [world.reactor.drain_report]
        world.reactor.drain(5)
        run(world.reactor)
        reports.append(world.reactor.drain_report)
        assert [len(report) for report in reports] == [2, 0]


def test_what_ends_after_a_stop_has_overruled_the_drain_is_no_part_of_it() -> None:
    manual = Manual()
    with World(workers=manual) as world:
        idle, busy = world.connect(), world.connect()
        busy.send(b"ann\n")
        world.until(lambda: manual.waiting)
        world.advance(1)
        world.reactor.drain(100)
        world.turns()
        assert idle.read_to_end() == b""
        world.reactor.stop()
        run(world.reactor)
        busy.reset()
        world.until(lambda: world.reactor.statistics().open == 0)
        assert [record.state for record in world.reactor.drain_report] == ["reading"]


def test_a_newcomer_is_not_drained_when_a_stop_has_overruled_the_drain() -> None:
    class Polite(Stubborn):
        def handle_drain(self) -> None:
            for _ in range(256):  # a turn's share
                self.reactor.next_tick(int)
            self.reactor.register(late.source, READ, newcomer)
            self.reactor.stop()

    newcomer = Handler()
    kernel = Kernel()
    with (
        Reactor.open(provider=kernel) as reactor,
        Pipe.open(provider=kernel) as pipe,
        Pipe.open(provider=kernel) as late,
    ):
        reactor.register(pipe.source, READ, Polite())
        reactor.drain(5)
        run(reactor)
        reactor.turn(0)
        assert late.source.is_open


def test_it_is_bounded_and_keeps_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _drain._MOST == 10_000
    monkeypatch.setattr(_drain, "_MOST", 2)
    with World() as world:
        for _ in range(3):
            world.connect()
        world.kernel.room = 0
        world.handlers[0].send(b"news")
        world.advance(1)
        world.reactor.drain(2)
        world.turns()
        world.advance(2)
        run(world.reactor)
        assert [record.abandoned for record in world.reactor.drain_report] == [False, True]


@pytest.mark.parametrize("deadline", [-1, float("nan")])
def test_a_bad_deadline_is_refused_at_once(deadline: float) -> None:
    with World() as world:
        with pytest.raises(IllegalArgumentError, match="deadline"):
            world.reactor.drain(deadline)
        assert world.reactor.turn(0).ticks == 0


def test_J10_a_handler_that_cannot_be_described_or_closed_has_its_record() -> None:
    class Broken(Greeter):
        def describe(self) -> Any:
            raise KeyError("describe")

        def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
            raise KeyError("close")

    with World(Broken) as world:
        world.connect()
        world.advance(1)
        world.reactor.drain(2)
        world.turns()
        run(world.reactor)  # before the time is over: nobody is left
        (record,) = world.reactor.drain_report
        assert (record.handler, record.peer, record.state) == ("Broken", None, "unknown")
        assert (record.reason, record.seconds) == (CloseReason.HANDLER_ERROR, 0.0)


def test_ctrl_c_while_a_handler_describes_itself_leaves() -> None:
    class Interrupted(Greeter):
        def describe(self) -> Any:
            raise KeyboardInterrupt

    with World(Interrupted) as world:
        world.connect()
        world.reactor.drain(2)
        with pytest.raises(KeyboardInterrupt):
            world.turns()
        world.reactor.stop()
        run(world.reactor)


def test_ctrl_c_while_a_handler_says_whether_it_owes_leaves() -> None:
    class Interrupted(Stubborn):
        @property
        def owes(self) -> bool:
            raise KeyboardInterrupt

    with World() as world, Pipe.open(provider=world.kernel) as pipe:
        world.reactor.register(pipe.source, READ, Interrupted())
        world.reactor.drain(2)
        world.turns()
        with pytest.raises(KeyboardInterrupt):
            world.advance(2)
        world.reactor.stop()
        run(world.reactor)


def test_a_drain_after_one_whose_time_was_over_has_its_own_time() -> None:
    kernel = Kernel()
    with (
        Reactor.open(provider=kernel) as reactor,
        Pipe.open(provider=kernel) as first,
        Pipe.open(provider=kernel) as last,
    ):
        for pipe in (first, last):
            reactor.admit(pipe.source, READ, Stubborn())
            reactor.drain(3)
            reactor.turn(0)
            kernel.now += 2_999_999_999
            reactor.turn(0)
            assert pipe.source.is_open
            kernel.now += 1
            run(reactor)
            assert [record.abandoned for record in reactor.drain_report] == [True]


# the deadline holds


class Stubborn(Handler):
    """Stays when it is asked to go."""

    def handle_drain(self) -> None:
        pass


def test_J06_the_deadline_holds_under_a_flood() -> None:
    """Three peers never stop sending, and one of them never reads."""
    with World(kernel=Kernel(real_time=True)) as world:
        peers = [world.connect() for _ in range(3)]
        halt = threading.Event()

        def flood(sock: Any) -> None:
            sock.settimeout(0.05)
            while not halt.is_set():
                try:
                    sock.send(b"ann\n" * 10_000)
                    if sock is not peers[0].sock:
                        sock.recv(1 << 20)
                except TimeoutError:
                    pass
                except OSError:
                    return

        threads = [threading.Thread(target=flood, args=(peer.sock,)) for peer in peers]
        for thread in threads:
            thread.start()
        try:
            world.until(lambda: world.reactor.statistics().requests > 50_000)
            began = world.kernel.clock()
            world.reactor.drain(0.3)
            run(world.reactor)
            seconds = (world.kernel.clock() - began) / 1e9
        finally:
            halt.set()
            for thread in threads:
                thread.join()
        assert seconds < 3
        assert len(world.reactor.drain_report) == 3
        assert world.reactor.statistics().open == 0


def test_J06_the_deadline_holds_with_a_handler_that_always_sends_more() -> None:
    class Talker(Greeter):
        high_mark, low_mark = 100, 50

        def more(self) -> None:
            if self.send(b"x" * 60):
                self.reactor.next_tick(self.more)

        def process(self, record: bytes) -> bytes | None:
            self.reactor.next_tick(self.more)
            return None

        def handle_drain(self) -> None:
            self.reactor.next_tick(self.more)

    with World(Talker) as world:
        world.connect().send(b"ann\n")
        world.until(lambda: world.reactor.statistics().requests)
        world.reactor.drain(3)
        world.turns(20)
        assert world.handler.reasons == []
        world.advance(3)
        run(world.reactor)
        assert world.handler.state is State.CLOSED
        assert world.reactor.drain_report[0].abandoned


def test_J06_the_deadline_holds_with_a_late_reply_that_never_comes() -> None:
    late: Future[bytes | None] = Future()

    class Late(Greeter):
        def process(self, record: bytes) -> Any:
            return late

    with World(Late) as world:
        world.connect().send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.reactor.drain(3)
        world.turns()
        world.advance(2.999)
        assert not late.cancelled()
        world.advance(0.001)
        run(world.reactor)
        assert late.cancelled()
        (record,) = world.reactor.drain_report
        assert (record.state, record.abandoned, record.seconds) == ("processing", True, 3.0)


def test_J06_the_deadline_holds_with_a_handler_that_puts_another_in_its_place() -> None:
    """Whoever ends brings a new one, for ever; the reactor can run again afterwards."""
    kernel = Kernel()
    pipes: list[Pipe] = []

    class Hydra(Stubborn):
        def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
            super().close(reason)
            if reactor.state.name != "CLOSED":
                grow()

    def grow() -> None:
        pipes.append(Pipe.open(provider=kernel))
        reactor.admit(pipes[-1].source, READ, Hydra())

    with Reactor.open(provider=kernel) as reactor:
        grow()
        reactor.drain(3)
        reactor.turn(0)
        kernel.now += 3 * 10**9
        run(reactor)
        assert reactor.drain_report[0].abandoned
        assert reactor.statistics().abandoned == 1
        reactor.stop()
        run(reactor)
    for pipe in pipes:
        pipe.close()
