"""Faults of published listings that have no other test: see the last section of ``docs/feature-table.md``."""

from __future__ import annotations

from typing import Any

from nio.channels import SelectionKey, Selector
from nio.reactor import Reactor, StreamHandler
from tests.faults.helpers import own_descriptors
from tests.helpers import connected_pair
from tests.unit.reactor.support import World

READ, WRITE = SelectionKey.OP_READ, SelectionKey.OP_WRITE


def test_a_selection_that_times_out_is_an_empty_one() -> None:
    """studious-octo-funicular takes ``nil`` apart, which Ruby happens to allow."""
    with Selector.open() as selector:
        assert selector.select(0.001) == 0
        assert selector.select(0.001, lambda key: None) == 0
        assert list(selector.ready_keys(0.001)) == []
    with Reactor.open() as reactor:
        assert reactor.turn(timeout=0.001).ticks == 0


def test_a_wake_up_is_nobody_s_event() -> None:
    """minimio knows its wake-up by the token 0, which a user may have, too."""
    near, far = connected_pair()
    with near, far, Selector.open() as selector:
        key = near.register(selector, READ, 0)
        selector.wakeup()
        assert selector.select(None) == 0
        assert len(selector.selected_keys) == 0
        selector.wakeup()
        called: list[Any] = []
        assert selector.select(None, called.append) == 0
        assert called == []
        far.write(b"x")
        assert list(selector.ready_keys()) == [key]
        assert key.attachment == 0


def test_wake_ups_make_no_descriptors() -> None:
    """minimio makes an eventfd for each end of its loop."""
    with Selector.open() as selector:
        before = own_descriptors()
        for _ in range(100):
            selector.wakeup()
            selector.select(None)
        assert own_descriptors() == before


def test_all_that_are_ready_are_served_by_one_selection() -> None:
    """The Reactor-Executor example handles one event, and then no more."""
    pairs = [connected_pair() for _ in range(20)]
    try:
        with Selector.open() as selector:
            keys = {near.register(selector, WRITE) for near, _ in pairs}
            called: list[SelectionKey] = []
            assert selector.select(None, called.append) == 20
            assert set(called) == keys
            assert set(selector.ready_keys()) == keys
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def test_a_record_is_not_read_byte_by_byte() -> None:
    """libassa's record reader makes a system call for each byte."""

    class Length(StreamHandler):
        def process(self, record: bytes) -> bytes:
            return b"%d" % len(record)

    with World(Length) as world:
        client = world.connect()
        world.kernel.recv_calls = 0
        client.send(b"x" * 1000 + b"\n")
        assert client.read(5) == b"1000\n"
        assert world.kernel.recv_calls <= 2
