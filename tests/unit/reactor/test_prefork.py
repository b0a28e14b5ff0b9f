"""Prefork's parent: when it forks, what it tells its children, what it does when one is lost. No process is made."""

from __future__ import annotations

import errno
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.channels import Selector, ServerSocketChannel
from nio.errors import IllegalArgumentError, IllegalStateError
from nio.reactor import Acceptor, Prefork
from nio.reactor.groups._reports import Order, Word
from nio.spi import SelectorProvider
from tests.unit.reactor.prefork_support import ACCEPT, SECOND, Parent, again, nothing
from tests.unit.reactor.support import Greeter


@pytest.fixture(autouse=True)
def all_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_as_many_children_as_asked_for_and_SIGTERM_drains_them(
    parent: Parent, caplog: pytest.LogCaptureFixture
) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        lambda: parent.kernel.handler("SIGCHLD"),
        lambda: parent.kernel.handler("SIGTERM"),
        lambda: parent.end(101),
        lambda: parent.end(102),
    )
    assert parent.kernel.made == [101, 102]
    assert parent.told(101) == parent.told(102) == [(Order.DRAIN, 10.0)]
    assert not parent.kernel.killed
    assert [line.getMessage() for line in caplog.records] == [
        "process 101 (1) serves",
        "process 102 (2) serves",
        "process 101 (1) has ended: exit code 0",
        "process 102 (2) has ended: exit code 0",
    ]


def test_H09_a_second_SIGTERM_ends_them_at_once(parent: Parent) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        lambda: parent.kernel.handler("SIGINT"),
        lambda: parent.kernel.handler("SIGTERM"),
        lambda: parent.end(101, 102),
    )
    assert parent.told(101) == [(Order.DRAIN, 10.0)]
    assert parent.kernel.orders[101].is_closed


def test_two_signals_at_a_time_are_two(parent: Parent) -> None:
    def both() -> None:
        parent.kernel.handler("SIGTERM")
        parent.kernel.handler("SIGTERM")

    parent.run(both, lambda: parent.end(101, 102))
    assert parent.kernel.orders[101].is_closed


def test_whoever_does_not_end_in_time_is_killed(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        lambda: parent.prefork.stop(3),
        lambda: parent.end(101),
        lambda: parent.advance(3.4),
        lambda: parent.advance(0.2),
        nothing,
    )
    assert parent.kernel.killed == [(102, "SIGKILL")]
    assert parent.prefork.statistics().abandoned == 1
    assert "process 102 (2) has not ended in time and is killed" in caplog.text


def test_J01_stopped_before_it_runs_twice_and_afterwards(parent: Parent) -> None:
    parent.prefork.stop()
    parent.run()
    parent.prefork.stop(1)
    parent.run()
    assert not parent.kernel.made


def test_calls_run_between_two_waits_and_cost_nothing(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []

    def fail() -> None:
        raise BaseException("no Exception")

    def call() -> None:
        parent.prefork.execute(fail)
        parent.prefork.execute(seen.append, 1)

    with pytest.raises(TypeError, match="takes a function"):
        parent.prefork.execute(call())  # type: ignore[func-returns-value,arg-type]
    parent.run(lambda: seen.append(0), parent.prefork.stop, lambda: parent.end(101, 102))
    assert seen == [1, 0]
    assert "a call of the parent's raised" in caplog.text
    assert "no Exception" in caplog.text
    caplog.clear()  # its traceback knows the frames


def test_ctrl_c_in_a_call_leaves_and_the_children_are_looked_after_again(parent: Parent) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parent.run(lambda: parent.ready(101, 102), lambda: parent.prefork.execute(interrupt))
    assert parent.prefork.pids == (101, 102)
    parent.run(lambda: parent.prefork.stop(1), lambda: parent.end(101, 102))
    assert parent.kernel.made == [101, 102]


def test_hooks_and_periodic_calls_of_the_parent(parent: Parent) -> None:
    seen: list[str] = []
    parent.prefork.on_start(seen.append, "started")
    parent.prefork.on_stop(seen.append, "stops")
    parent.prefork.call_every(2, seen.append, "again")
    parent.prefork.call_every(1, seen.append, "never").cancel()
    parent.prefork.call_every(2, lambda: other.cancel())
    other = parent.prefork.call_every(2, seen.append, "cancelled by one that is due with it")
    with pytest.raises(IllegalArgumentError, match="period"):
        parent.prefork.call_every(0, seen.append)
    parent.run(
        lambda: parent.ready(101),
        lambda: parent.ready(102),
        lambda: parent.advance(1.9),
        lambda: parent.advance(0.1),
        lambda: parent.advance(5),
        lambda: parent.end(101),
        lambda: parent.advance(0.5),
        lambda: parent.ready(103),
        lambda: parent.prefork.stop(1),
        lambda: parent.prefork.stop(),
        lambda: parent.end(102, 103),
    )
    assert seen == ["started", "again", "again", "stops"]
    assert parent.kernel.waits_for_children[3] == pytest.approx(0.1)


def test_it_can_run_again(parent: Parent) -> None:
    parent.run(lambda: parent.prefork.stop(1), lambda: parent.end(101, 102))
    parent.prefork.stop()
    parent.run()  # the stop was for this one
    parent.run(lambda: parent.ready(103, 104), parent.prefork.stop, lambda: parent.end(103, 104))
    assert parent.kernel.made == [101, 102, 103, 104]
    parent.prefork.close()
    parent.run()


def test_stopped_while_children_start(parent: Parent) -> None:
    parent.run(lambda: parent.prefork.stop(1), lambda: parent.ready(101, 102), lambda: parent.end(101, 102))
    assert parent.told(101) == [(Order.DRAIN, 1.0)]


def test_a_drain_that_is_under_way_is_not_begun_anew(parent: Parent) -> None:
    parent.run(lambda: parent.prefork.stop(1), lambda: parent.prefork.stop(5), lambda: parent.end(101, 102))
    assert parent.told(101) == [(Order.DRAIN, 1.0)]


def test_a_handler_in_a_child_stops_all(parent: Parent) -> None:
    parent.run(
        lambda: parent.ready(101, 102),
        lambda: parent.say(102, Word.STOP, drain=2.5),
        lambda: parent.end(101, 102),
    )
    assert parent.told(101) == [(Order.DRAIN, 2.5)]


# children that are lost


def test_I06_a_lost_child_has_a_successor_after_a_tenth_of_a_second(
    parent: Parent, caplog: pytest.LogCaptureFixture
) -> None:
    parent.run_and_leave(
        lambda: parent.ready(101, 102),
        lambda: parent.advance(5),
        lambda: parent.end(101, how="SIGKILL"),
        lambda: parent.advance(0.099),
        nothing,
        lambda: parent.advance(0.001),
        nothing,
    )
    assert parent.kernel.made == [101, 102, 103]
    assert parent.kernel.waits_for_children[3] == pytest.approx(0.1)
    assert "process 101 (1) has died (SIGKILL), the next one comes in 0.1 s" in caplog.text


def test_I06_pauses_grow_to_five_seconds_and_a_minute_has_ten(parent: Parent) -> None:
    pauses = []
    now = parent.kernel.now
    place = parent.prefork._places[0]
    for _ in range(10):
        pauses.append(round(place.lost(now), 3))
        assert place.due is not None
        now = place.due
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, pytest.approx(60 - 21.3)]
    assert place.lost(now, now - SECOND) < 5.0
    assert place.lost(now + 100 * SECOND, now) == 0.1


def test_a_child_that_is_killed_while_it_starts(parent: Parent) -> None:
    parent.run_and_leave(lambda: parent.end(101, how="SIGKILL"), lambda: parent.advance(0.1), nothing)
    assert parent.kernel.made == [101, 102, 103]


def test_a_child_that_never_becomes_ready_is_killed_and_replaced(
    parent: Parent, caplog: pytest.LogCaptureFixture
) -> None:
    parent.run_and_leave(
        lambda: parent.ready(101),
        lambda: parent.advance(9.9),
        lambda: parent.advance(0.2),
        nothing,
        lambda: parent.advance(0.1),
        nothing,
    )
    assert parent.kernel.killed == [(102, "SIGKILL")]
    assert parent.kernel.made == [101, 102, 103]
    assert "process 102 (2) is not ready in time and is killed" in caplog.text


def test_a_fork_that_fails_is_tried_again(parent: Parent, caplog: pytest.LogCaptureFixture) -> None:
    parent.kernel.forks.extend([again(), 202, again()])
    parent.run_and_leave(nothing, lambda: parent.advance(0.1), lambda: parent.advance(0.2), nothing)
    assert parent.kernel.made == [202, 102]
    assert caplog.text.count("no process can be made now: [Errno 11]") == 2


def test_what_leaves_a_fork_leaves_run(parent: Parent) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    parent.kernel.fork = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        parent.prefork.run()


def test_run_goes_on_after_an_interrupt(parent: Parent) -> None:
    parent.run_and_leave(lambda: parent.ready(101, 102))
    parent.run(lambda: parent.prefork.stop(), lambda: parent.end(101, 102))
    assert parent.kernel.made == [101, 102]


def test_run_inside_run_is_refused(parent: Parent) -> None:
    parent.kernel.steps.append(parent.prefork.run)
    with pytest.raises(IllegalStateError, match="inside"):
        parent.prefork.run()


# what it refuses


def test_I02_threads_are_refused(parent: Parent) -> None:
    parent.kernel.threads = 3
    with pytest.raises(IllegalStateError, match=r"of the 3 threads .* setup\(reactor\)"):
        parent.prefork.run()
    assert not parent.kernel.made


def test_I01_selectors_are_refused(parent: Parent) -> None:
    with Selector.open(), pytest.raises(IllegalStateError, match="1 open selectors"):
        parent.prefork.run()
    assert not parent.kernel.made


def test_another_thread_than_the_main_one_is_refused(parent: Parent) -> None:
    parent.kernel.is_main = False
    with pytest.raises(IllegalStateError, match="main thread"):
        parent.prefork.run()


def test_bad_arguments() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(IllegalArgumentError, match="does not survive a fork"):
        Prefork(workers=pool)
    for options in ({"processes": 0}, {"workers": -1}, {"drain": -1}, {"respawns": 0}, {"max_connections": 0}):
        with pytest.raises(IllegalArgumentError, match=next(iter(options))):
            Prefork(**options)  # type: ignore[arg-type]


def test_the_limit_of_connections_is_shared_out() -> None:
    for options, most in (({"max_connections": 10}, 12), ({}, None)):
        with Prefork.open(processes=4, **options) as prefork:  # type: ignore[arg-type]
            assert prefork.max_connections == most


def test_as_many_as_processors() -> None:
    with Prefork(workers=lambda: ThreadPoolExecutor(1)) as prefork:
        assert prefork.processes == SelectorProvider.default().cpu_count()
        assert repr(prefork) == f"Prefork(open, processes={len(prefork._places)}, pids=[])"
    assert repr(prefork).startswith("Prefork(over")


def test_what_is_registered_is_checked_and_closed(parent: Parent) -> None:
    listener = ServerSocketChannel.open(provider=parent.kernel).bind(("127.0.0.1", 0))
    with pytest.raises(TypeError, match="Acceptor"):
        parent.prefork.register(listener, ACCEPT, Greeter())
    parent.prefork.register(listener, ACCEPT, Acceptor(Greeter))

    def late() -> None:
        with pytest.raises(IllegalStateError, match="before run"):
            parent.prefork.register(listener, ACCEPT, Acceptor(Greeter))
        parent.prefork.stop()

    parent.run(late, lambda: parent.end(101, 102))
    parent.prefork.close()
    parent.prefork.close()
    assert not listener.is_open


def test_reuse_port_opens_a_listener_for_each_place() -> None:
    parent = Parent(reuse_port=True, processes=3)
    plain = ServerSocketChannel.open(provider=parent.kernel).bind(("127.0.0.1", 0))
    with pytest.raises(IllegalArgumentError, match=r'set_option\("SO_REUSEPORT", True\)'):
        parent.prefork.register(plain, ACCEPT, Acceptor(Greeter))
    plain.close()
    listener = ServerSocketChannel.open(provider=parent.kernel).set_option("SO_REUSEPORT", True)
    listener.bind(("127.0.0.1", 0))
    parent.prefork.register(listener, ACCEPT, Acceptor(Greeter))
    channels = parent.prefork._plan.registrations[0].channels
    assert len({id(channel) for channel in channels}) == 3
    assert {channel.local_address for channel in channels} == {listener.local_address}  # type: ignore[attr-defined]
    parent.finish()
    assert not any(channel.is_open for channel in channels)


def test_a_sibling_that_cannot_be_bound_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EADDRINUSE, "in use")

    parent = Parent(reuse_port=True, processes=2)
    listener = ServerSocketChannel.open(provider=parent.kernel).set_option("SO_REUSEPORT", True)
    listener.bind(("127.0.0.1", 0))
    monkeypatch.setattr(ServerSocketChannel, "bind", refuse)
    with pytest.raises(OSError, match="in use"):
        parent.prefork.register(listener, ACCEPT, Acceptor(Greeter))
    listener.close()
    parent.finish()


# the child's side of a fork


def test_in_the_child_the_call_ends_the_process(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    places = []

    class Main:
        def __init__(self, plan: object, place: int, source: Any, *others: object) -> None:
            places.append(place)
            source.close()

        def run(self) -> int:
            return 7

    monkeypatch.setattr("nio.reactor.groups._nursery.ChildMain", Main)
    parent.kernel.forks.extend([101, 0])
    parent.run_and_leave()
    assert (places, parent.kernel.exits) == ([1], [7])
    assert parent.kernel.orders[101].is_closed
    parent.prefork._nursery.children.clear()


def test_close_ends_what_children_there_are() -> None:
    parent = Parent()
    parent.run_and_leave(lambda: parent.ready(101, 102))
    real = parent.kernel.wait_for

    def wait(fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
        if timeout:
            parent.advance(0.6)
            parent.end(101)
        return real(fd, mask, wakeup, timeout)

    parent.kernel.wait_for = wait  # type: ignore[method-assign]
    parent.prefork.close()
    assert parent.kernel.killed == [(102, "SIGKILL")]
    assert parent.kernel.orders[101].is_closed
