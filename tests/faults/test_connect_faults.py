"""Faults of clients on a real kernel, in real time: whoever is connected to does not answer, refuses, or says nothing.

Published listings have several of these: a connect that blocks the loop (minimio), a resolver asked on the loop
(EventMachine), a time limit for connecting that is never looked at (EventMachine in Ruby), a reconnect without a pause.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from functools import partial

import pytest

from nio.reactor import Backoff, CloseReason, Connecting
from nio.spi import Address, ProtocolFamily
from tests.faults.helpers import Server
from tests.unit.reactor.connecting import Dialer, NamingKernel, listener, refusing, silence
from tests.unit.reactor.support import PATIENCE


class Timed(Dialer):
    """Notes when it heard of the end."""

    idle_timeout = 0.3

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        self.ended_at = time.monotonic()


def test_B13_silent_refusing_and_half_open_server_each_end_with_their_reason_in_their_time() -> None:
    with silence() as mute, listener() as half_open, Server() as server:
        began = time.monotonic()
        targets: dict[str, Address] = {"silent": mute, "refusing": refusing(), "half open": half_open.getsockname()}
        dialers = {name: Timed() for name in targets}
        for name, address in targets.items():
            server.call(partial(server.reactor.connect, address, dialers[name], timeout=0.2))
        server.until(lambda: all(hasattr(dialer, "ended_at") for dialer in dialers.values()))
        took = {name: dialer.ended_at - began for name, dialer in dialers.items()}
    assert {name: dialer.diary[-1] for name, dialer in dialers.items()} == {
        "silent": CloseReason.CONNECT_TIMEOUT,
        "refusing": CloseReason.CONNECT_FAILED,
        "half open": CloseReason.IDLE_TIMEOUT,
    }
    assert dialers["half open"].diary[0] == targets["half open"]
    assert took["silent"] >= 0.2
    assert took["half open"] >= 0.3
    assert max(took.values()) < PATIENCE / 2


def test_connect_that_nobody_answers_keeps_nobody_waiting() -> None:
    with silence() as mute, Server() as server, server.client() as client:
        connecting = server.call(lambda: server.reactor.connect(mute, Dialer))
        for name in (b"Ann", b"Bob"):
            client.ask(name)
        assert connecting.is_pending
        connecting.cancel()
        server.until(lambda: not connecting.is_pending)
    assert connecting.reason is CloseReason.LOCAL


def test_resolver_that_hangs_keeps_nobody_waiting() -> None:
    release, asked, over = threading.Event(), threading.Event(), threading.Event()

    def hang() -> list[tuple[ProtocolFamily, Address]]:
        asked.set()
        release.wait(PATIENCE)
        over.set()
        return []

    kernel = NamingKernel(real_time=True)
    kernel.names["db.example"] = hang
    try:
        with Server(kernel=kernel) as server, server.client() as client:
            dialer = Timed()
            server.call(lambda: server.reactor.connect(("db.example", 80), dialer, timeout=0.2))
            assert asked.wait(PATIENCE)
            client.ask(b"Ann")
            server.until(lambda: dialer.diary)
            assert not over.is_set()
        assert dialer.diary == [CloseReason.CONNECT_TIMEOUT]
    finally:
        release.set()


def test_B13_connection_to_itself_is_a_refusal() -> None:
    """A connect from a port to the same port succeeds in TCP; a client that tries ports at random meets it."""
    address = refusing()
    with Server() as server:
        dialer = Dialer()
        server.call(lambda: server.reactor.connect(address, dialer, local=address))
        server.until(lambda: dialer.diary)
        assert dialer.diary == [CloseReason.CONNECT_FAILED]
        assert isinstance(dialer.close_error, ConnectionRefusedError)


def test_reconnect_pauses() -> None:
    address = refusing()
    with Server() as server:
        began = time.monotonic()
        connecting = server.call(
            lambda: server.reactor.connect(address, Dialer, retry=Backoff(first=0.05, jitter=0.0, attempts=4))
        )
        server.until(lambda: not connecting.is_pending)
        assert time.monotonic() - began >= 0.05 + 0.1 + 0.2


@pytest.mark.parametrize("end", ["refused", "cancelled", "connected and closed"])
def test_hundreds_of_connects_leave_nothing_behind(end: str) -> None:
    heard: list[list[object]] = []

    class Counted(Dialer):
        def on_open(self) -> None:
            self.close()

        def on_close(self, reason: CloseReason) -> None:
            super().on_close(reason)
            heard.append(self.diary)

    with silence() as mute, Server() as server:
        address: Address = {"refused": refusing(), "cancelled": mute}.get(end, server.address)
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

        def connect() -> list[Connecting]:
            return [server.reactor.connect(address, Counted) for _ in range(200)]

        for connecting in server.call(connect):
            if end == "cancelled":
                connecting.cancel()
        server.until(lambda: len(heard) == 200 and server.reactor.statistics().open == 0)
        server.until(lambda: len(server.reactor._selector.keys) == 1)
        assert {len(diary) for diary in heard} == {1}
        assert server.reactor.statistics().timers <= 1  # the one that asks
        if before:
            server.until(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_no_descriptors_are_left_and_a_later_attempt_succeeds() -> None:
    kernel = NamingKernel(real_time=True)
    with Server(kernel=kernel) as server:
        kernel.opens = [OSError(errno.EMFILE, "Too many open files")] * 2
        dialers: list[Dialer] = []

        def make() -> Dialer:
            dialers.append(Dialer())
            return dialers[-1]

        connecting = server.call(
            lambda: server.reactor.connect(server.address, make, retry=Backoff(first=0.01, attempts=5))
        )
        server.until(lambda: not connecting.is_pending)
        assert (connecting.attempts, connecting.reason) == (3, None)
        assert dialers[0].diary == [server.address]


def test_server_that_ends_while_it_is_connected_to() -> None:
    with Server() as server, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(0)
        dialers = [Dialer() for _ in range(20)]
        address = other.getsockname()
        server.call(lambda: [server.reactor.connect(address, dialer, timeout=0.3) for dialer in dialers])
        server.until(lambda: any(dialer.diary for dialer in dialers))
        other.close()
        server.until(lambda: all(dialer.diary and isinstance(dialer.diary[-1], CloseReason) for dialer in dialers))
        ends = {dialer.diary[-1] for dialer in dialers}
    assert ends <= {CloseReason.PEER_RST, CloseReason.PEER_FIN, CloseReason.CONNECT_FAILED, CloseReason.CONNECT_TIMEOUT}
