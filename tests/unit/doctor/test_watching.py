"""Strict mode watches, and says nothing of what is done for a reason."""

from __future__ import annotations

import errno
import gc
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from weakref import finalize

import pytest

import nio._strict
from nio import trace
from nio.buffers import ByteBuffer, MappedByteBuffer
from nio.channels import (
    EOF,
    DatagramChannel,
    FileChannel,
    Pipe,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
)
from nio.charset import StandardCharsets
from nio.doctor import Finding, MistakeWarning, Place, diagnose, strict
from nio.doctor import _strict as strict_mode
from nio.doctor._children import Children
from nio.doctor._clocks import all_queued
from nio.doctor._place import here, is_users
from nio.doctor._ward import Ward, snapshot
from nio.doctor._watchdog import Stretch, Watchdog
from nio.errors import CancelledKeyError, ForkedSelectorError
from nio.executors import WorkerPool
from nio.reactor import Acceptor, Handler, Reactor, StreamHandler
from nio.spi import SystemProvider
from tests.helpers import LOOPBACK, address_of, connected_pair, reset, until

READ, WRITE, CONNECT = SelectionKey.OP_READ, SelectionKey.OP_WRITE, SelectionKey.OP_CONNECT


@pytest.fixture
def watching() -> Iterator[strict_mode.Strict]:
    with strict(None) as on:
        yield on


def codes(watching: strict_mode.Strict) -> list[str]:
    watching.finish()
    return [finding.code for finding in watching.findings]


# buffers and text


def test_a_buffer_of_another_class_is_what_it_was(watching: strict_mode.Strict) -> None:
    assert type(MappedByteBuffer.allocate(4)) is MappedByteBuffer
    assert type(ByteBuffer.allocate_direct(4)) is not ByteBuffer
    plain = MappedByteBuffer.allocate(8).put(b"ab")
    ByteBuffer.allocate(8).put(plain)
    assert codes(watching) == []


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (b"Zo\xc3", True),
        (b"\xe2\x82", True),
        (b"\xf0\x9f\x98", True),
        (b"\xe2\x82\xac", False),
        (b"Zo\xc3\xab", False),
        (b"\x80\x80\x80", False),
        (b"abc", False),
        (b"a\xab", False),
    ],
)
def test_text_that_a_read_has_cut(data: bytes, cut: bool, watching: strict_mode.Strict) -> None:
    with Pipe.open() as (source, sink):
        sink.write(data)
        inbox = ByteBuffer.allocate(16)
        source.read(inbox)
        StandardCharsets.ISO_8859_1.decode(inbox.duplicate())
        StandardCharsets.UTF_8.decode(ByteBuffer.wrap(data))
        StandardCharsets.UTF_8.decode(inbox.flip())
    assert codes(watching) == ["B07"] * cut


# channels


def test_what_is_sent_bit_by_bit_is_owed_by_nobody(watching: strict_mode.Strict, tmp_path: Path) -> None:
    near, far = connected_pair()
    (tmp_path / "file").write_bytes(b"x" * 100)
    with Selector.open() as selector, near, far, FileChannel.open(tmp_path / "file", StandardOpenOption.READ) as file:
        assert file.transfer_to(0, 100, near) == 100
        near.register(selector, READ)
        near.write([b"ab", ByteBuffer.wrap(b"cd")])
        near.write(b"")
        assert file.transfer_to(0, 100, near) == 100
        with pytest.raises(TypeError):
            near.write("text")  # type: ignore[arg-type]
        for _ in range(70):
            selector.select_now()
    assert codes(watching) == []


def test_a_slow_reader_is_waited_for_and_may_be_hung_up_on(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        key = near.register(selector, READ)
        outbox = ByteBuffer.allocate(1 << 23)
        while near.write(outbox):
            pass
        key.interest_ops = WRITE
        for _ in range(100):
            selector.select_now()
    assert codes(watching) == []  # with OP_WRITE armed a close is meant


def test_what_is_left_when_the_channel_is_closed(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, READ)
        near.write(bytes(1 << 23))
    assert codes(watching) == ["I05"]


def test_a_peer_that_is_gone_is_owed_nothing(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near:
        near.register(selector, READ)
        outbox = ByteBuffer.allocate(1 << 23)
        near.write(outbox)
        reset(far)
        with pytest.raises(ConnectionError):
            until(lambda: near.write(outbox) < 0)
    assert codes(watching) == []


def test_one_who_reads_into_a_buffer_of_his_own(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with near, far:
        far.write(b"abcd")
        inbox = ByteBuffer.allocate(8)
        inbox.position = 2
        until(lambda: near.read(inbox) > 0)
        assert bytes(inbox.flip()) == b"\0\0abcd"
        assert near.read(bytearray(4)) == 0
    assert codes(watching) == []


def test_a_datagram_that_is_cut_and_asked_for(watching: strict_mode.Strict) -> None:
    with DatagramChannel.open().bind(LOOPBACK) as server, DatagramChannel.open() as client:
        for _ in range(2):
            client.send(b"0123456789", address_of(server))  # type: ignore[arg-type]
            target = ByteBuffer.allocate(4)
            server.receive(target)
            assert server.is_truncated
            target.flip().get()
            target.clear()  # the rest of a datagram is dropped for a reason
        client.connect(address_of(server))  # type: ignore[arg-type]
        client.write(b"ab")
        with Selector.open() as selector:
            server.configure_blocking(False).register(selector, READ)
            assert selector.select(5.0) == 1
            assert server.receive(bytearray(4)) is not None
    assert codes(watching) == []


def test_a_datagram_that_is_cut_before_another_comes(watching: strict_mode.Strict) -> None:
    with DatagramChannel.open().bind(LOOPBACK) as server, DatagramChannel.open() as client:
        for _ in range(2):
            client.send(b"0123456789", address_of(server))  # type: ignore[arg-type]
            server.receive(bytearray(4))
    assert codes(watching) == ["I14"]


def test_an_accept_that_fails_otherwise(watching: strict_mode.Strict, monkeypatch: pytest.MonkeyPatch) -> None:
    def accept(provider: object, listener: object) -> object:
        raise ConnectionAbortedError(errno.ECONNABORTED, "gone")

    monkeypatch.setattr(SystemProvider, "accept", accept)
    with ServerSocketChannel.open().bind(LOOPBACK) as server, pytest.raises(ConnectionAbortedError):
        server.accept()
    assert codes(watching) == []


def test_an_address_that_somebody_serves(watching: strict_mode.Strict) -> None:
    with (
        ServerSocketChannel.open().bind(LOOPBACK) as server,
        ServerSocketChannel.open() as again,
        pytest.raises(OSError, match="in use"),
    ):
        again.bind(address_of(server))
    assert codes(watching) == []


def test_a_channel_that_was_never_used_may_be_dropped(watching: strict_mode.Strict) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        ServerSocketChannel.open()
        SocketChannel.open()
        gc.collect()
    assert codes(watching) == []


# selectors


def test_a_cancelled_channel_that_is_used_after_all(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        for use in (
            lambda: near.configure_blocking(True).configure_blocking(False),
            lambda: near.write(b"x"),
            lambda: near.register(selector, READ),
        ):
            key = near.register(selector, READ)
            key.cancel()
            key.cancel()
            selector.select_now()
            use()
            for _ in range(300):
                selector.select_now()
        near.register(selector, READ).cancel()
        near.close()
        selector.select_now()
    assert codes(watching) == []


def test_a_wakeup_ends_the_wait(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        key = near.register(selector, 0)

        def change() -> None:
            key.interest_ops = READ
            selector.wakeup()

        selector.wakeup()  # before it has ever selected
        selector.select(0)
        thread = threading.Timer(0.05, change)
        thread.start()
        selector.select(20.0)
        thread.join()
        selector.select_now()
    assert codes(watching) == []


def test_dropped_interest_and_a_stale_event(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        key = near.register(selector, READ)
        selector.select_now()
        key.interest_ops = 0
        far.write(b"x")
        began = time.monotonic()
        assert selector.select(0.1) == 0
        assert selector.dispatch(0.01, lambda *found: None) == 0
        assert time.monotonic() - began > 0.1
        key.interest_ops = READ
        assert selector.select(1.0) == 1
    assert codes(watching) == []


def test_a_stale_event_and_another_in_one_selection(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    other, peer = connected_pair()
    with Selector.open() as selector, near, far, other, peer:
        key = near.register(selector, READ)
        other.register(selector, READ)
        selector.select_now()
        key.interest_ops = 0
        far.write(b"x")
        thread = threading.Timer(0.1, peer.write, (b"y",))
        thread.start()
        assert [ready.channel for ready in selector.ready_keys(20.0)] == [other]
        thread.join()
        other.read(bytearray(4))
        selector.select_now()
    assert codes(watching) == []


def test_a_key_that_is_cancelled_and_not_flushed(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, READ).cancel()
        near.write(b"x")
        assert selector.selected_keys | {1} == {1}
    assert codes(watching) == []


def test_a_channel_that_is_used_by_its_socket(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, READ | WRITE)
        sock = near.socket
        far.write(bytes(600))
        for _ in range(600):
            for _key in selector.ready_keys(1.0):
                assert sock.recv(1) == b"\0"
    assert codes(watching) == []


def test_many_threads_read_a_channel_of_a_loop(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, READ)
        selector.select_now()
        go = threading.Barrier(10)

        def read() -> None:
            go.wait(10)
            near.read(bytearray(1))
            go.wait(10)

        threads = [threading.Thread(target=read) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        near.read(bytearray(1))
        assert codes(watching) == []  # they, and not the loop


def test_a_selector_of_the_parent_s(watching: strict_mode.Strict) -> None:
    with Selector.open() as selector:
        selector._forget()  # as in a child
        with pytest.raises(ForkedSelectorError):
            selector.select_now()
    assert codes(watching) == ["P01"]


def test_what_was_opened_before(watching: strict_mode.Strict) -> None:
    strict_mode.switch_off()
    near, far = connected_pair()
    strict_mode.switch_on(None)
    with near, far:
        near.configure_blocking(True)
        near.write(b"x")


def test_a_datagram_that_is_cut_last(watching: strict_mode.Strict) -> None:
    with DatagramChannel.open().bind(LOOPBACK) as server, DatagramChannel.open() as client:
        client.send(b"0123456789", address_of(server))  # type: ignore[arg-type]
        server.receive(bytearray(4))
        assert codes(watching) == ["I14"]


def test_a_connection_that_comes_about(watching: strict_mode.Strict) -> None:
    with ServerSocketChannel.open().bind(LOOPBACK) as server, Selector.open() as selector:  # noqa: SIM117
        with SocketChannel.open().configure_blocking(False) as client:
            client.connect(address_of(server))
            key = client.register(selector, CONNECT)
            while not client.is_connected:
                for ready in selector.ready_keys(1.0):
                    assert ready is key
                    client.finish_connect()
            key.interest_ops = READ
            with pytest.raises(TypeError):
                client.register(None, READ)  # type: ignore[arg-type]
            assert [one for one in selector.keys if one.is_valid] == [key]
    assert codes(watching) == []


def test_the_selected_keys_of_another_thread_s_selector(watching: strict_mode.Strict) -> None:
    with Selector.open() as one, Selector.open() as other:
        thread = threading.Thread(target=other.select_now)
        thread.start()
        thread.join()
        one.select_now()
        assert list(one.selected_keys) == []
        assert list(other.selected_keys) == []
        threading.Thread(target=other.close).start()
    assert codes(watching) == []


def test_a_key_that_is_lost_for_another_reason(watching: strict_mode.Strict, monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, READ)

        def arm(watch: object, key: object, mask: int) -> None:
            if mask:
                raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr("nio.channels._watch.Watch.arm", arm)
        selector.select_now()
        monkeypatch.undo()
    assert codes(watching) == []


# reactors


class Echo(StreamHandler):
    """Says it again."""

    def process(self, record: bytes) -> bytes:
        return record


class Own(Handler):
    """Reads for itself, in Lea's manner."""

    def handle_read(self) -> None:
        channel = self.channel
        assert isinstance(channel, SocketChannel)
        inbox = ByteBuffer.allocate(64)
        if channel.read(inbox) == EOF:
            self.close()
            return
        name = bytes(inbox.flip())
        if name == b"full\n":
            ByteBuffer.allocate(1).put(b"abc")
        if name == b"reset\n":
            raise ConnectionResetError("somebody else's")
        channel.write(ByteBuffer.wrap(name))


def talk(address: object, *lines: bytes) -> None:
    with SocketChannel.open(address) as client:  # type: ignore[arg-type]
        for line in lines:
            client.write(line)
            reply = ByteBuffer.allocate(64)
            while reply.position < len(line):
                if client.read(reply) == EOF:
                    return


@pytest.mark.parametrize("handler", [Echo, Own])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_sound_reactor(handler: type[Handler], workers: int, watching: strict_mode.Strict) -> None:
    if workers and handler is Own:
        pytest.skip("it processes nothing")
    with Reactor.open(workers=workers) as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(handler))
        with reactor.in_thread():
            for _ in range(5):
                talk(address_of(server), b"ann\n", b"bob\n")
    assert codes(watching) == []


class Sleepy(Handler):
    """Waits, with the others."""

    def handle_read(self) -> None:
        time.sleep(0.3)
        self.close()


def test_a_handler_that_waits_and_whoever_turns_the_reactor_waits_too(watching: strict_mode.Strict) -> None:
    with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Sleepy))
        client = SocketChannel.open(address_of(server))
        with client, Selector.open() as other:
            client.configure_blocking(False).register(other, READ)
            for _ in range(3):
                reactor.turn(0)
                other.select(0.1)
                time.sleep(0.1)
            assert [finding.code for finding in watching.findings] == []
            client.write(b"x")
            until(lambda: [reactor.turn(0.1)] and client.peer_has_ended)
            reactor.turn(0)
    [finding] = watching.findings
    assert (finding.code, finding.place.path) == ("T01", __file__)


def test_a_reactor_that_is_recorded_too() -> None:
    with trace.recording() as log, strict(None) as watching:
        with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
            reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Own))
            clients = [SocketChannel.open(address_of(server)) for _ in range(3)]
            for _ in range(4):
                reactor.turn(0)
            for client in clients:
                client.write(b"ann\n")
            for _ in range(4):
                reactor.turn(0)
            for client in clients:
                client.close()
        assert codes(watching) == []
    assert diagnose(log.take()) == []


@pytest.mark.parametrize(("line", "code"), [(b"full\n", ["B11"]), (b"reset\n", [])])
def test_what_a_handler_raises(line: bytes, code: list[str], watching: strict_mode.Strict) -> None:
    with Reactor.open() as reactor, ServerSocketChannel.open().bind(LOOPBACK) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Own))
        with reactor.in_thread():
            talk(address_of(server), line)
    assert codes(watching) == code


# jobs


def test_jobs_whose_outcome_somebody_sees(watching: strict_mode.Strict) -> None:
    seen: list[object] = []
    for pool in (ThreadPoolExecutor(2), WorkerPool(2)):
        with pool:
            assert pool.submit(len, "ab").result() == 2
            failing = [pool.submit(int, "x") for _ in range(2)]
            assert isinstance(failing[0].exception(), ValueError)
            failing[1].add_done_callback(lambda future: seen.append(future.exception()))
            pool.submit(len, "abc")
            outer = pool.submit(lambda pool: pool.submit(len, "abcd").result(), pool)
            assert outer.result() == 4
            with pytest.raises(TypeError):
                pool.submit(7).result()  # type: ignore[arg-type]
    assert len(seen) == 2
    cancelled: Future[int] = Future()
    cancelled.cancel()
    assert codes(watching) == []


def test_a_job_that_nobody_can_run_in_our_pool(watching: strict_mode.Strict) -> None:
    with WorkerPool(1) as pool:

        def outer() -> None:
            inner = pool.submit(len, "a")
            with pytest.raises(TimeoutError):
                inner.result(0.01)

        pool.submit(outer).result()
    assert codes(watching) == ["T07"]


def test_a_future_outlives_its_pool(watching: strict_mode.Strict) -> None:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(len, "a")
    assert future.result() == 1
    pool.shutdown()
    del pool
    gc.collect()
    assert future.result() == 1


def test_a_job_that_is_cancelled(watching: strict_mode.Strict) -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(go.wait, 10)
        second = pool.submit(len, "a")
        assert second.cancel()
        go.set()
        first.result()
    assert codes(watching) == []


def test_a_future_of_another_kind(watching: strict_mode.Strict) -> None:
    class OwnFuture(Future[int]):
        """Somebody's."""

    future = OwnFuture()
    watching._jobs._watch(future, None, Place())
    assert type(future) is OwnFuture
    ending = finalize(future, len, "a")
    ending()
    watching._jobs._finalizers[1] = ending
    assert codes(watching) == []


# parts


class Growing(dict[int, int]):
    """Another thread adds to it while it is gone through for the first time."""

    times = 0

    def values(self) -> Any:
        self.times += 1
        if self.times == 1:
            raise RuntimeError("dictionary changed size during iteration")
        return super().values()


def test_a_snapshot_of_what_grows() -> None:
    growing: Any = Growing({1: 2})
    assert snapshot(growing) == [2]


def test_where_nobody_tells_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def listdir(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert all_queued(0) == 0
    monkeypatch.undo()
    assert all_queued(0) >= 0


def test_places() -> None:
    assert here().path == __file__
    assert str(here()).startswith("test_watching.py:")
    assert str(Place()) == ""
    assert not is_users("<string>")
    assert not is_users(os.__file__)
    assert is_users("/usr/lib/python3/dist-packages/x.py")


def test_the_watchdog_blames_the_line_that_is_met_most() -> None:
    dog = Watchdog()
    stretch = Stretch(threading.get_ident())
    assert stretch.blamed == (Place(), "")
    gone = Stretch(0)
    dog.working = {1: stretch, 2: gone}
    dog.look(stretch.began)  # not long yet
    assert not stretch.seen
    dog.look(stretch.began + 10**9)
    assert str(stretch.blamed[0]).startswith("test_watching.py:")
    assert gone.blamed == (Place(), "")
    dog.stop()  # it has never started


def test_a_place_in_the_library_is_told_with_its_function() -> None:
    ready, go = threading.Event(), threading.Event()

    def wait() -> None:
        ready.set()
        go.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait(10)
    dog, stretch = Watchdog(), Stretch(thread.ident or 0)
    dog.working = {1: stretch}

    def looked() -> bool:
        dog.look(stretch.began + 10**9)
        return "wait" in stretch.blamed[1]

    until(looked)
    go.set()
    thread.join()


def test_a_thread_of_the_doctor_s_is_not_counted(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        before = SystemProvider("select").thread_count()
        near.register(selector, WRITE)
        selector.select(1.0)
        assert SystemProvider("select").thread_count() == before


def test_a_child_s_findings_through_the_pipe() -> None:
    ward, children = Ward(), Children()
    report = children.reporting(lambda ward, finding: None)
    found = [Finding("X", "there", Place("a.py", 3))]
    report(ward, Finding("X", "here"))
    children._parent = -1
    children.collect(ward)  # not the parent
    report(ward, *found)
    report(ward, Finding("X", "x" * 5000))
    for number in range(10, 3000):
        report(ward, Finding("X", "more", Place("a.py", number)))
    children._parent = os.getpid()
    children.collect(ward)
    assert 1 < len(ward.findings) < 3000
    assert ward.findings[:1] == found
    children.close()
    children.collect(ward)


def test_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[object] = []
    shown: list[object] = []
    monkeypatch.setattr("atexit.register", ends.append)
    monkeypatch.setattr("sys.excepthook", lambda *what: shown.append(what))
    monkeypatch.setenv("NIO_STRICT", "1")
    nio._strict.switch_on_if_asked()
    [on] = strict_mode._on
    assert ends == [on.finish]
    with pytest.warns(MistakeWarning, match="S10"):
        sys.excepthook(CancelledKeyError, error := CancelledKeyError("x"), None)
    assert shown == [(CancelledKeyError, error, None)]
    strict_mode.switch_off()
    assert strict_mode._on == []


def test_sessions_that_are_kept_but_not_all_or_that_are_one(watching: strict_mode.Strict) -> None:
    class Session:
        """Of one client."""

    kept, one = [], Session()
    with Selector.open() as selector:
        for number in range(1100):
            with Pipe.open() as (source, _):
                session = one if number < 520 else Session()
                if number % 100:
                    kept.append(session)
                source.configure_blocking(False).register(selector, READ, session)
                selector.select_now()
    assert codes(watching) == []
