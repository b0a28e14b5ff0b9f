"""A provider around another: what a plain selector loop and its peers do, as records."""

from __future__ import annotations

import errno
import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    EOF,
    DatagramChannel,
    FileChannel,
    Pipe,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
)
from nio.spi import SelectorProvider
from nio.trace import (
    ACCEPT,
    CHANNEL,
    CLOSED,
    CONNECT,
    END,
    INTEREST,
    NAMES,
    READ,
    READY,
    SKIPPED,
    THREAD,
    TURN,
    WAKEUP,
    WOULD_BLOCK,
    WRITE,
    Record,
    Recording,
    TracingProvider,
    fits,
)
from tests.helpers import LOOPBACK, R, W, address_of, arrived, connected_pair

HERE = str(Path(__file__))


def taken(provider: TracingProvider, *kinds: int) -> list[Record]:
    """What was recorded, each of it as it should be; of these kinds, all without."""
    records = list(provider.recording.take())
    assert [record for record in records if not fits(record)] == []
    return [record for record in records if not kinds or record[0] in kinds]


def line_of(marker: str) -> str:
    """The line of this file that ends with a comment."""
    lines = Path(HERE).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if line.endswith(f"# {marker}")]
    return f"{HERE}:{number}"


Pair = tuple[SocketChannel, SocketChannel]


@pytest.fixture
def pair(provider: TracingProvider) -> Iterator[Pair]:
    near, far = connected_pair(provider)
    taken(provider)
    with near, far:
        yield near, far


def number_of(provider: TracingProvider, channel: SocketChannel) -> int:
    return provider.recording.channels[channel._fd]


def test_a_connection_comes_about(provider: TracingProvider) -> None:
    with ServerSocketChannel.open(provider=provider).bind(LOOPBACK) as server:
        address = f"127.0.0.1:{server.port}"
        with SocketChannel.open(address_of(server), provider=provider) as near:
            far = server.accept()
            assert far is not None
            mine = f"127.0.0.1:{near.port}"
            with far:
                fds = (server._fd, near._fd, far._fd)
    channels = [record[2:] for record in taken(provider, CHANNEL)]
    assert channels == [
        (1, fds[0], "stream", "", ""),
        (1, fds[0], "bound", address, ""),
        (1, fds[0], "listener", address, ""),
        (2, fds[1], "stream", "", ""),
        (2, fds[1], "connecting", mine, address),
        (3, fds[2], "stream", "", mine),
    ]


def test_accepting_connecting_and_closing(provider: TracingProvider) -> None:
    near, far = connected_pair(provider)
    near.close()
    far.close()
    records = [(record[0], *record[2:]) for record in taken(provider, ACCEPT, CONNECT, CLOSED)]
    assert records == [
        (CONNECT, 2, WOULD_BLOCK, 0),
        (CONNECT, 2, 0, 0),
        (ACCEPT, 1, 1, 3),
        (CLOSED, 1, ""),
        (CLOSED, 2, ""),
        (CLOSED, 3, ""),
    ]


def test_nobody_waits_to_be_accepted(provider: TracingProvider) -> None:
    with ServerSocketChannel.open(provider=provider).bind(LOOPBACK) as server:
        assert server.configure_blocking(False).accept() is None
    assert [record[2:] for record in taken(provider, ACCEPT)] == [(1, WOULD_BLOCK, 0)]


def test_reading_and_writing(provider: TracingProvider, pair: Pair) -> None:
    near, far = pair
    a, b = number_of(provider, near), number_of(provider, far)
    buffer = ByteBuffer.allocate(8)
    assert far.read(buffer) == 0
    near.write(b"hello")
    arrived(far)
    far.read(buffer)
    near.write([b"ab", b"c"])
    arrived(far)
    far.read([ByteBuffer.allocate(1), ByteBuffer.allocate(9)])
    near.shutdown_output()
    arrived(far)
    assert far.read(buffer) == EOF
    assert [(record[0], *record[2:]) for record in taken(provider, READ, WRITE)] == [
        (READ, b, WOULD_BLOCK, 8),
        (WRITE, a, 5, 5),
        (READ, b, 5, 8),
        (WRITE, a, 3, 3),
        (READ, b, 3, 10),
        (READ, b, END, 3),
    ]


def test_a_write_that_the_kernel_does_not_take(provider: TracingProvider, pair: Pair) -> None:
    near, _ = pair
    chunk = bytes(1 << 20)
    while near.write(chunk):
        pass
    writes = taken(provider, WRITE)
    assert writes[-1][2:] == (number_of(provider, near), WOULD_BLOCK, 1 << 20)
    assert 0 < int(writes[0][3]) <= 1 << 20


def test_errors_are_told_by_their_numbers(provider: TracingProvider, pair: Pair) -> None:
    near, far = pair
    ch = number_of(provider, near)
    far.set_option("SO_LINGER", 0)
    far.close()
    arrived(near)
    with pytest.raises(ConnectionResetError):
        near.read(ByteBuffer.allocate(4))
    with pytest.raises(BrokenPipeError):
        near.write(b"x")
    assert [(record[0], *record[2:]) for record in taken(provider, READ, WRITE)] == [
        (READ, ch, -errno.ECONNRESET, 4),
        (WRITE, ch, -errno.EPIPE, 1),
    ]


def test_a_refused_connection(provider: TracingProvider) -> None:
    with SocketChannel.open(provider=provider).bind(LOOPBACK) as taken_port, pytest.raises(ConnectionRefusedError):
        SocketChannel.open(taken_port.local_address, provider=provider)
    assert taken(provider, CONNECT)[-1][2:] == (2, -errno.ECONNREFUSED, 0)


def test_pipes(provider: TracingProvider) -> None:
    with Pipe.open(provider=provider) as pipe:
        pipe.sink.write(b"abc")
        pipe.source.read(ByteBuffer.allocate(5))
        pipe.sink.write([b"d", b"e"])
        pipe.source.read([ByteBuffer.allocate(1), ByteBuffer.allocate(1)])
    records = taken(provider, CHANNEL, READ, WRITE, CLOSED)
    assert [record[4] for record in records if record[0] == CHANNEL] == ["pipe", "pipe"]
    assert [(record[0], *record[2:]) for record in records if record[0] != CHANNEL] == [
        (WRITE, 2, 3, 3),
        (READ, 1, 3, 5),
        (WRITE, 2, 2, 2),
        (READ, 1, 2, 2),
        (CLOSED, 2, ""),
        (CLOSED, 1, ""),
    ]


def test_datagrams(provider: TracingProvider) -> None:
    receiver, sender = DatagramChannel.open(provider=provider).bind(LOOPBACK), DatagramChannel.open(provider=provider)
    with receiver.configure_blocking(False), sender:
        assert receiver.receive(ByteBuffer.allocate(4)) is None
        sender.send(b"abc", ("127.0.0.1", receiver.port or 0))
        sender.send(b"", ("127.0.0.1", receiver.port or 0))
        arrived(receiver)
        assert receiver.receive(ByteBuffer.allocate(4)) is not None
        assert receiver.receive(ByteBuffer.allocate(4)) is not None
    records = taken(provider, CHANNEL, READ, WRITE)
    assert {record[4] for record in records if record[0] == CHANNEL} == {"datagram", "bound"}
    assert [(record[0], *record[2:]) for record in records if record[0] != CHANNEL] == [
        (READ, 1, WOULD_BLOCK, 4),
        (WRITE, 2, 3, 3),
        (WRITE, 2, 0, 0),
        (READ, 1, 3, 4),
        (READ, 1, 0, 4),
    ]


def test_a_file_that_the_kernel_sends(provider: TracingProvider, pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(100))
    near, far = pair
    with FileChannel.open(tmp_path / "f", StandardOpenOption.READ, provider=provider) as file:
        assert file.transfer_to(0, 100, near) == 100
        while near.write(bytes(1 << 20)):
            pass
        taken(provider)
        assert file.transfer_to(0, 100, near) == 0
    assert [record[2:] for record in taken(provider, WRITE)] == [(number_of(provider, near), WOULD_BLOCK, 100)]
    assert far.is_open


def test_a_selection(provider: TracingProvider, pair: Pair) -> None:
    near, far = pair
    ch = number_of(provider, far)
    with Selector.open(provider) as selector:
        far.register(selector, R)  # armed
        near.write(b"x")
        arrived(far)
        assert selector.select(2.5) == 1
        assert selector.select(0) == 0
        selector.selected_keys.clear()
        far.read(ByteBuffer.allocate(4))
        assert selector.select(0.001) == 0
    records = taken(provider, TURN, READY, INTEREST)
    turns = [record for record in records if record[0] == TURN]
    assert [turn[3:] for turn in turns] == [(2_500_000, 1, 0), (0, 1, 0), (1000, 0, 0)]
    assert all(int(turn[1]) <= int(turn[2]) for turn in turns)
    assert int(turns[2][2]) - int(turns[2][1]) >= 1_000_000
    ready = [record[2:] for record in records if record[0] == READY]
    assert ready == [(ch, R, 0), (ch, R, 1)]
    armed = [record[2:] for record in records if record[0] == INTEREST and record[2] == ch]
    assert armed[:2] == [(ch, 0, R, line_of("armed"), 1), (ch, 0, R, line_of("armed"), 0)]


def test_what_was_asked_and_what_the_kernel_was_told(provider: TracingProvider, pair: Pair) -> None:
    near, _ = pair
    ch = number_of(provider, near)
    with Selector.open(provider) as selector:
        key = near.register(selector, R)  # one
        selector.select(0)
        key.interest_ops = R | W  # two
        key.interest_ops_and(R)  # three
        key.interest_ops_or(W)  # four
        selector.select(0)
        key.set_interest(W)  # five
        key.cancel()
        selector.select(0)
    one, two, three, four, five = (line_of(name) for name in ("one", "two", "three", "four", "five"))
    assert [record[3:] for record in taken(provider, INTEREST) if record[2] == ch] == [
        (0, R, one, 1),
        (0, R, one, 0),
        (R, R | W, two, 1),
        (R | W, R, three, 1),
        (R, R | W, four, 1),
        (R, R | W, four, 0),
        (R | W, W, five, 1),
        (R | W, 0, five, 0),
    ]


def test_a_wake_up(provider: TracingProvider) -> None:
    with Selector.open(provider) as selector:
        thread = threading.Thread(target=selector.wakeup, name="waker")
        thread.start()
        selector.select()
        thread.join()
        records = taken(provider, THREAD, WAKEUP, TURN)
    threads = {record[2]: record[3] for record in records if record[0] == THREAD}
    [wakeup] = [record for record in records if record[0] == WAKEUP]
    [turn] = [record for record in records if record[0] == TURN]
    assert threads[wakeup[2]] == "waker"
    assert turn[3:] == (-1, 1, 1)


def test_two_wake_ups_are_one(provider: TracingProvider) -> None:
    wakeup = provider.open_wakeup()
    wakeup.set()
    wakeup.set()
    wakeup.clear()
    wakeup.set()
    assert [record[3] for record in taken(provider, WAKEUP)] == [0, 1, 0]


def test_at_level_events_reading_and_writing_go_past() -> None:
    provider = TracingProvider(level="events")
    near, far = connected_pair(provider)
    with near, far, Selector.open(provider) as selector:
        assert near._end.send == near.socket.send
        far.register(selector, R)
        near.write(b"x")
        arrived(far)
        selector.select()
        far.read(ByteBuffer.allocate(1))
    records = taken(provider)
    assert {NAMES[int(record[0])] for record in records} == {
        *("THREAD", "CHANNEL", "INTEREST", "TURN", "READY", "CLOSED", "WAKEUP"),
    }
    assert {record[5] for record in records if record[0] == INTEREST} == {""}


def test_an_adopted_socket_and_its_way_back(provider: TracingProvider) -> None:
    import socket

    near, far = socket.socketpair()
    with far:
        channel = SocketChannel.adopt(near, provider=provider)
        assert channel.socket is near
        channel.write(b"abc")
        assert channel.detach() is near
        near.close()
    records = taken(provider, CHANNEL, WRITE, CLOSED)
    assert [(record[0], record[2]) for record in records] == [(CHANNEL, 1), (WRITE, 1), (CLOSED, 1)]
    assert provider.recording.channels == {}


def test_numbers_are_for_life(provider: TracingProvider) -> None:
    with Pipe.open(provider=provider) as first:
        fds = {first.source._fd, first.sink._fd}
    with Pipe.open(provider=provider) as second:
        assert {second.source._fd, second.sink._fd} == fds
    numbers = [record[2] for record in taken(provider, CHANNEL)]
    assert numbers == [1, 2, 3, 4]


def test_what_a_record_holds_keeps_nothing_alive(provider: TracingProvider, pair: Pair) -> None:
    near, far = pair
    with Selector.open(provider) as selector:
        key = far.register(selector, R, object())
        gone = ref(key)
        selector.select(0)
        key.cancel()
        selector.select(0)
        far.close()
        near.close()
        del key
    gc.collect()
    assert gone() is None
    for record in taken(provider):
        assert {type(item) for item in record} <= {int, str}


def test_what_a_ring_has_no_room_for_is_counted(provider: TracingProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.trace._recording.ROOM", 10)
    log = Recording("io", provider.clock)
    for number in range(25):
        log.put((READ, number, 1, 1, 1))
    first = list(log.take())
    assert [record[0] for record in first[:2]] == [THREAD, SKIPPED]
    assert first[1][2] == 15
    assert [record[1] for record in first[2:]] == list(range(15, 25))
    for number in range(12):
        log.put((READ, number, 1, 1, 1))
    second = list(log.take())
    assert (second[1][0], second[1][2], len(second)) == (SKIPPED, 2, 12)
    assert log.skipped == 17
    assert list(log.take()) == []


def test_a_thread_that_ends_leaves_its_records(provider: TracingProvider) -> None:
    log = provider.recording
    for name in ("one", "two"):
        thread = threading.Thread(target=log.put, args=((READ, 1, 1, 1, 1),), name=name)
        thread.start()
        thread.join()
    names = [record[3] for record in taken(provider, THREAD)]
    assert names == ["one", "two"]
    log.put((READ, 2, 1, 1, 1))
    assert [record[3] for record in taken(provider, THREAD)] == [threading.current_thread().name]


def test_many_threads_that_nobody_reads_are_bounded(provider: TracingProvider) -> None:
    log = provider.recording
    for _ in range(300):
        thread = threading.Thread(target=log.put, args=((READ, 1, 1, 1, 1),))
        thread.start()
        thread.join()
    assert len(log._rings) <= 257
    assert log.skipped >= 300 - 257
    assert len([record for record in log.take() if record[0] == READ]) + log.skipped == 300


def test_a_reader_beside_a_writer_loses_and_doubles_nothing(
    eager_switches: None, provider: TracingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nio.trace._recording.ROOM", 64)
    log = Recording("io", provider.clock)
    seen: list[int] = []

    def write() -> None:
        for number in range(20_000):
            log.put((READ, number, 1, 1, 1))

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        seen += [int(record[1]) for record in log.take() if record[0] == READ]
    seen += [int(record[1]) for record in log.take() if record[0] == READ]
    assert seen == sorted(set(seen))
    assert len(seen) + log.skipped == 20_000


def test_a_forked_child_tells_its_own_records_only(provider: TracingProvider, pair: Pair) -> None:
    near, _ = pair
    near.write(b"parent")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            near.write(b"child")
            writes = [record for record in provider.recording.take() if record[0] == WRITE]
            code = 0 if [record[3] for record in writes] == [5] else 2
        finally:
            os._exit(code)
    os.close(reader)
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0
    assert [record[3] for record in taken(provider, WRITE)] == [6]


def test_only_a_provider_can_be_recorded() -> None:
    with pytest.raises(TypeError, match="stands before a SelectorProvider, not 'epoll'"):
        TracingProvider("epoll")  # type: ignore[arg-type]


def test_two_providers_may_share_a_recording(provider: TracingProvider) -> None:
    other = TracingProvider(SelectorProvider.named("poll"), recording=provider.recording)
    for each in (provider, other):
        Pipe.open(provider=each).close()
    assert len(taken(provider, CHANNEL)) == 4
    assert repr(other) == "TracingProvider(SystemProvider('poll'), level='io')"


def test_every_method_of_a_provider_is_the_inner_ones_or_its_own() -> None:
    provider = TracingProvider()
    names = [name for name in vars(SelectorProvider) if not name.startswith("_")]
    static = {"available", "named", "default", "use", "name"}
    missing = [
        name
        for name in names
        if name not in static and name not in vars(TracingProvider) and name not in vars(provider)
    ]
    assert missing == []
