"""Strict mode watches channels and selectors, and says nothing of what is done for a reason."""

from __future__ import annotations

import errno
import gc
import threading
import time
import warnings
from pathlib import Path
from weakref import ref

import pytest

from nio.buffers import ByteBuffer, MappedByteBuffer
from nio.channels import (
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
from nio.doctor import _strict as strict_mode
from nio.errors import ForkedSelectorError
from nio.spi import SystemProvider
from tests.helpers import LOOPBACK, address_of, connected_pair, reset, until
from tests.unit.doctor.support import codes

READ, WRITE, CONNECT = SelectionKey.OP_READ, SelectionKey.OP_WRITE, SelectionKey.OP_CONNECT


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


def test_a_cancelled_channel_that_is_kept_for_later(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        key = near.register(selector, READ)
        selector.select_now()
        key.cancel()
        for _ in range(600):
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


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_channel_that_was_cancelled_and_dropped_is_not_kept(watching: strict_mode.Strict) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, far:
        key = near.configure_blocking(False).register(selector, READ)
        selector.select_now()
        key.cancel()
        selector.select_now()
        known = ref(near)
        del near, key
        gc.collect()
        assert known() is None
        selector.select_now()
        selector.select_now()
    assert codes(watching) == ["P06"]
