"""Faults that selectors and channels have to survive, by the number each carries in the catalogue.

Where a fault shows only now and then, the test does the deed many times; what can be forced is forced in
``tests/contract`` and ``tests/unit/channels``.
"""

from __future__ import annotations

import errno
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, Pipe, SelectableChannel, SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.errors import (
    CancelledKeyError,
    ClosedChannelError,
    ClosedSelectorError,
    IllegalArgumentError,
    IllegalSelectorError,
    UnsupportedAddressTypeError,
)
from nio.spi import Address, ProtocolFamily, SelectorProvider, SystemProvider
from tests.helpers import (
    LOOPBACK,
    PATIENCE,
    PROVIDERS,
    A,
    Background,
    R,
    W,
    address_of,
    arrived,
    connected_pair,
    drain,
    listening,
    provider_named,
    reset,
)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> SelectorProvider:
    return provider_named(request.param)


@pytest.fixture
def selector(provider: SelectorProvider) -> Iterator[Selector]:
    with Selector.open(provider) as selector:
        yield selector


def own_descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")}


class RefusingProvider(SystemProvider):
    """Accepts fail with the errors of ``script`` before they work again."""

    def __init__(self) -> None:
        super().__init__(self.available()[0])
        self.script: deque[int] = deque()

    def accept(self, listener: socket.socket) -> tuple[socket.socket, Address]:
        if self.script:
            code = self.script.popleft()
            raise OSError(code, os.strerror(code))
        return super().accept(listener)


# accepting


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_A02_out_of_descriptors_again_and_again_costs_no_connection(code: int) -> None:
    provider = RefusingProvider()
    with listening(provider) as server, Selector.open(provider) as selector:
        key = server.register(selector, A)
        with SocketChannel.open(address_of(server), provider=provider) as client:
            provider.script.extend([code] * 3)
            for _ in range(3):
                assert selector.select(PATIENCE) == 1
                selector.selected_keys.clear()
                with pytest.raises(OSError, match=os.strerror(code)) as caught:
                    server.accept()
                assert caught.value.errno == code
                assert key.is_valid
            accepted = server.accept()
            assert accepted is not None
            assert accepted.remote_address == client.local_address
            accepted.close()


def test_A03_an_error_of_one_connection_is_not_the_listeners() -> None:
    provider = RefusingProvider()
    codes = [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EPERM]
    with listening(provider) as server:
        provider.script.extend(codes * 200)
        while provider.script:
            expected = provider.script[0]
            with pytest.raises(OSError, match=os.strerror(expected)):
                server.accept()
        assert server.is_open
        assert server.accept() is None
        with SocketChannel.open(address_of(server), provider=provider):
            arrived(server)
            accepted = server.accept()
            assert accepted is not None
            accepted.close()


@pytest.mark.parametrize("data", [b"", b"hello"])
def test_A04_a_peer_that_resets_before_the_accept(selector: Selector, provider: SelectorProvider, data: bytes) -> None:
    before = own_descriptors()
    with listening(provider) as server:
        for _ in range(25):
            client = SocketChannel.open(address_of(server), provider=provider)
            client.write(data)
            address = client.local_address
            reset(client)
            arrived(server)
            accepted = server.accept()
            assert accepted is not None
            arrived(accepted, 0)
            assert accepted.remote_address == address
            assert accepted.is_connected
            assert accepted.local_address == server.local_address
            accepted.configure_blocking(False).register(selector, R | W)
            assert selector.select_now() == 1
            assert not data or accepted.read(bytearray(8)) == len(data)
            with pytest.raises(ConnectionResetError):
                accepted.read(bytearray(8))
            accepted.shutdown_output().close()
            assert selector.select_now() == 0
            assert len(selector.keys) == 0
    assert own_descriptors() == before


def test_A05_another_selector_was_faster(provider: SelectorProvider, selector: Selector) -> None:
    with Selector.open(provider) as other, listening(provider) as server:
        server.register(selector, A)
        server.register(other, A)
        for _ in range(20):
            with SocketChannel.open(address_of(server), provider=provider):
                assert (selector.select(PATIENCE), other.select(PATIENCE)) == (1, 1)
                accepted = server.accept()
                assert accepted is not None
                accepted.close()
                assert server.accept() is None
            selector.selected_keys.clear()
            other.selected_keys.clear()


def test_A09_many_connect_before_anybody_accepts(provider: SelectorProvider) -> None:
    with listening(provider) as server:
        clients = [SocketChannel.open(address_of(server), provider=provider) for _ in range(100)]
        accepted = []
        for _ in clients:
            arrived(server)
            accepted.append(server.accept())
        assert server.accept() is None
        for client, end in zip(clients, accepted, strict=True):
            assert end is not None
            assert end.remote_address == client.local_address
            end.close()
            client.close()


def note_and_close(seen: list[SelectionKey], server: ServerSocketChannel) -> Callable[[SelectionKey], None]:
    def act(key: SelectionKey) -> None:
        seen.append(key)
        server.close()

    return act


def test_A10_a_listener_closed_while_its_key_waits_in_the_batch(provider: SelectorProvider) -> None:
    for _ in range(10):
        with Selector.open(provider) as selector, listening(provider) as server, Pipe.open(provider=provider) as pipe:
            accept = server.register(selector, A)
            write = pipe.sink.configure_blocking(False).register(selector, W)
            seen: list[SelectionKey] = []
            with SocketChannel.open(address_of(server), provider=provider):
                arrived(server)
                selector.select_now(note_and_close(seen, server))
                assert write in seen
                assert accept not in seen or seen == [accept, write]
                with pytest.raises(ClosedChannelError):
                    server.accept()


def test_A11_a_child_inherits_nothing(provider: SelectorProvider) -> None:
    before = own_descriptors()
    near, far = connected_pair(provider)
    with near, far, listening(provider), Pipe.open(provider=provider), Selector.open(provider):
        ours = {str(fd) for fd in own_descriptors() - before}
        assert len(ours) >= 6
        code = "import os; print(*os.listdir('/proc/self/fd'))"
        child = subprocess.run([sys.executable, "-c", code], close_fds=False, stdout=-1, timeout=30, check=True)
        listing = str(max(map(int, child.stdout.split())))
        assert not ours & ({*child.stdout.decode().split()} - {listing})


def test_A12_errors_at_the_start_are_clear(provider: SelectorProvider, tmp_path: os.PathLike[str]) -> None:
    with listening(provider) as server, ServerSocketChannel.open(provider=provider) as second:
        address = address_of(server)
        assert address[1] != 0
        with pytest.raises(OSError, match="in use") as caught:
            second.bind(address)
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(UnsupportedAddressTypeError):
            second.bind(("::1", 0))
        with pytest.raises(UnsupportedAddressTypeError):
            second.bind(tmp_path)
        assert second.bind(LOOPBACK).local_address != address


# reading and writing


def test_B02_readiness_without_data(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R)
        with socket.socket(fileno=os.dup(near.socket.fileno())) as other:
            for _ in range(20):
                far.write(b"x")
                assert selector.select(PATIENCE) == 1
                assert other.recv(8) == b"x"
                buffer = ByteBuffer.allocate(8)
                assert near.read(buffer) == 0
                assert buffer.position == 0
                selector.selected_keys.clear()


def test_B07_urgent_data_neither_spins_nor_stains_the_stream(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R)
        far.write(b"one")
        far.socket.send(b"!", socket.MSG_OOB)
        far.write(b"two")
        assert drain(near, 6) == b"onetwo"
        assert selector.select_now() == 0
        far.socket.send(b"!", socket.MSG_OOB)
        far.write(b"x")
        assert selector.select(PATIENCE) == 1
        assert drain(near, 1) == b"x"
        selector.selected_keys.clear()
        assert selector.select_now() == 0


def close_somebody(selector: Selector, channels: list[SocketChannel], choice: random.Random) -> int:
    closed: set[SelectableChannel] = set()

    def act(key: SelectionKey) -> None:
        assert key.channel not in closed
        assert key.is_writable
        victim = choice.choice(channels)
        victim.close()
        closed.add(victim)

    return selector.select_now(act)


def test_B10_a_closes_b_when_both_are_ready(provider: SelectorProvider, selector: Selector) -> None:
    choice = random.Random(10)
    for _ in range(40):
        channels = [end for _ in range(3) for end in connected_pair(provider)]
        for channel in channels:
            channel.register(selector, W)
        assert 1 <= close_somebody(selector, channels, choice) <= 6
        for channel in channels:
            channel.close()
        assert selector.select_now() == 0
        assert len(selector.keys) == 0


def pump(selector: Selector, sender: SocketChannel, receiver: SocketChannel, data: bytes) -> bytes:
    """Send ``data`` as a handler would: write first, arm OP_WRITE for what is left; read what comes."""
    source, received = ByteBuffer.wrap(data), bytearray()
    key = sender.register(selector, 0)
    receiver.register(selector, R)
    sender.write(source)
    while len(received) < len(data):
        key.interest_ops = W if source.has_remaining else 0
        for ready in selector.ready_keys(PATIENCE):
            if ready is key:
                sender.write(source)
            else:
                target = ByteBuffer.allocate(3000)
                assert receiver.read(target) >= 0
                received += bytes(target.flip())
    return bytes(received)


def test_C01_short_writes(provider: SelectorProvider, selector: Selector) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        sender.set_option(Options.SO_SNDBUF, 1)
        data = random.Random(1).randbytes(200_000)
        assert pump(selector, sender, receiver, data) == data


class ReluctantSocket(socket.socket):
    """Every second write finds the kernel unwilling, whatever poll(2) said."""

    turn = 0

    def send(self, data: object, flags: int = 0, /) -> int:
        self.turn += 1
        if self.turn % 2:
            raise BlockingIOError
        return super().send(data, flags)  # type: ignore[arg-type]  # as it was given


class ReluctantProvider(SystemProvider):
    def open_socket(self, family: ProtocolFamily) -> socket.socket:
        sock = ReluctantSocket()
        sock.setblocking(False)
        return sock


def test_C02_nothing_is_lost_when_the_kernel_takes_nothing() -> None:
    provider = ReluctantProvider(SelectorProvider.available()[0])
    sender, receiver = connected_pair(provider)
    with sender, receiver, Selector.open(provider) as selector:
        source = ByteBuffer.wrap(b"hello")
        assert sender.write(source) == 0
        assert source.remaining == 5
        assert sender.write(source) == 5
        assert drain(receiver, 5) == b"hello"
        data = random.Random(2).randbytes(1_000_000)
        assert pump(selector, sender, receiver, data) == data


def test_C10_what_was_taken_may_be_changed(provider: SelectorProvider) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        data = bytearray(b"A" * 8_000_000)
        taken = sender.write(data)
        assert 0 < taken < len(data)
        data[:] = b"B" * len(data)
        assert drain(receiver, taken) == b"A" * taken


def test_C15_five_thousand_tiny_buffers(provider: SelectorProvider) -> None:
    sender, receiver = connected_pair(provider)
    with sender, receiver:
        data = random.Random(15).randbytes(5000)
        tiny = [ByteBuffer.wrap(bytearray(data[i : i + 1])) for i in range(5000)]
        assert sender.write(tiny) == 1024  # one system call's worth in non-blocking mode
        assert sender.configure_blocking(True).write(tiny) == 5000 - 1024
        assert not any(buffer.has_remaining for buffer in tiny)
        targets = [bytearray(1) for _ in range(5000)]
        count = 0
        while count < 5000:
            arrived(receiver)
            count += receiver.read(targets, count)
        assert b"".join(targets) == data


# the selector and its threads


def test_D01_wake_up_then_select(selector: Selector) -> None:
    for _ in range(1000):
        selector.wakeup()
        assert selector.select(None) == 0


@pytest.mark.usefixtures("eager_switches")
def test_D02_wake_ups_from_four_threads(selector: Selector) -> None:
    def wake() -> None:
        for _ in range(2000):
            selector.wakeup()

    selecting = Background(lambda: [selector.select(None) for _ in range(50)])
    while not selecting.is_done:
        for waking in [Background(wake) for _ in range(4)]:
            waking.result()
    assert selecting.result() == [0] * 50
    selector.select_now()
    begin = time.monotonic()
    assert selector.select(0.01) == 0
    assert time.monotonic() - begin >= 0.01


def test_D03_every_job_posted_before_a_wake_up_is_seen(selector: Selector) -> None:
    jobs: deque[int] = deque()

    def post() -> None:
        for job in range(1000):
            jobs.append(job)
            selector.wakeup()

    begin = time.monotonic()
    producers = [Background(post) for _ in range(2)]
    seen: Counter[int] = Counter()
    while seen.total() < 2000:
        selector.select(PATIENCE)
        while jobs:
            seen[jobs.popleft()] += 1
    for producer in producers:
        producer.result()
    assert seen == dict.fromkeys(range(1000), 2)
    assert time.monotonic() - begin < PATIENCE  # with a wake-up lost it would have slept that long


def test_D04_interest_turned_on_by_another_thread(provider: SelectorProvider, selector: Selector) -> None:
    with Pipe.open(provider=provider) as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, 0)
        asked = threading.Semaphore(0)

        def turn_on() -> None:
            for _ in range(200):
                assert asked.acquire(timeout=PATIENCE)
                key.interest_ops = W
                selector.wakeup()

        turning = Background(turn_on)
        for _ in range(200):
            asked.release()
            begin = time.monotonic()
            while selector.select(PATIENCE, lambda key: None) == 0:
                assert time.monotonic() - begin < PATIENCE
            key.interest_ops = 0
        turning.result()


@pytest.mark.usefixtures("eager_switches")
def test_D05_cancels_racing_registrations_and_selections(provider: SelectorProvider, selector: Selector) -> None:
    with Pipe.open(provider=provider) as pipe:
        sink = pipe.sink.configure_blocking(False)
        keys: deque[SelectionKey] = deque(maxlen=1)
        cancelled: list[SelectionKey] = []
        done = threading.Event()

        def cancel() -> None:
            while not done.is_set():
                for key in tuple(keys):
                    if key.is_valid:
                        key.cancel()
                        cancelled.append(key)

        cancelling = Background(cancel)
        deadline = time.monotonic() + PATIENCE
        rounds = 0
        while rounds < 200 or len(cancelled) < 20:
            assert time.monotonic() < deadline
            rounds += 1
            try:
                keys.append(sink.register(selector, W))
            except CancelledKeyError:
                pass
            selector.select_now(lambda key: key.attach("seen"))
            assert len(selector.keys) <= 1
        done.set()
        cancelling.result()
        for key in keys:
            key.cancel()
        selector.select_now()
        assert len(selector.keys) == 0
        assert not sink.is_registered


def test_D06_registrations_while_another_thread_selects(provider: SelectorProvider, selector: Selector) -> None:
    stop = threading.Event()

    def select() -> int:
        handed = 0
        while not stop.is_set():
            handed += selector.select(None, lambda key: key.cancel())
        return handed

    selecting = Background(select)
    for _ in range(100):
        pipe = Pipe.open(provider=provider)
        key = pipe.sink.configure_blocking(False).register(selector, W)
        selector.wakeup()
        while key.is_valid:
            os.sched_yield()
        pipe.close()
    stop.set()
    selector.wakeup()
    assert selecting.result() == 100


@pytest.mark.usefixtures("eager_switches")
def test_D07_the_selector_is_closed_while_others_select_and_register(provider: SelectorProvider) -> None:
    with Pipe.open(provider=provider) as pipe:
        sink = pipe.sink.configure_blocking(False)
        for _ in range(40):
            selector = Selector.open(provider)
            selecting = Background(selector.select)
            registering = Background(sink.register, selector, W)
            begin = time.monotonic()
            selector.close()
            assert time.monotonic() - begin < PATIENCE
            try:
                assert selecting.result() in (0, 1)
            except ClosedSelectorError:
                pass
            try:
                assert not registering.result().is_valid
            except ClosedSelectorError:
                pass
            assert not sink.is_registered


def test_D08_channels_closed_by_another_thread(provider: SelectorProvider, selector: Selector) -> None:
    before = own_descriptors()
    for _ in range(40):
        near, far = connected_pair(provider)
        near.register(selector, R)
        far.write(b"x")
        closing = Background(near.close)
        key = near.key_for(selector)
        selector.select_now(lambda key: None)
        closing.result()
        selector.select_now(lambda key: None)
        assert key is None or not key.is_valid
        assert near.socket.fileno() == -1
        far.close()
        assert len(selector.keys) == 0
    assert own_descriptors() == before


@pytest.mark.parametrize(
    "operation",
    [
        lambda channel: channel.read(bytearray(4)),
        lambda channel: channel.write(b"x"),
        lambda channel: channel.configure_blocking(False),
        lambda channel: channel.local_address,
        lambda channel: channel.get_option(Options.SO_RCVBUF),
        lambda channel: channel.set_option(Options.TCP_NODELAY, True),
        lambda channel: channel.shutdown_output(),
        lambda channel: channel.finish_connect(),
        lambda channel: channel.close(),
    ],
    ids=["read", "write", "mode", "address", "get_option", "set_option", "shutdown", "finish_connect", "close"],
)
def test_D08_an_operation_during_a_close_is_done_or_refused(operation: Callable[[SocketChannel], object]) -> None:
    for _ in range(12):
        near, far = connected_pair()
        closing = Background(near.close)
        while not closing.is_done:
            try:
                operation(near)
            except ClosedChannelError:
                pass
        closing.result()
        assert near.socket.fileno() == -1
        far.close()


def test_D09_one_set_of_rules_on_every_back_end(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        key = near.register(selector, R)
        assert near.register(selector, W) is key
        key.interest_ops = R  # the kernel knows nothing of it yet
        key.interest_ops = W
        assert selector.select_now() == 1
        key.cancel()
        with pytest.raises(CancelledKeyError):
            near.register(selector, W)
        assert selector.select_now() == 0
        assert near.register(selector, W) is not key
        assert selector.select_now() == 1


def test_D10_cancelled_keys_do_not_pile_up(provider: SelectorProvider, selector: Selector) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(20)]
    for _ in range(50):
        for pipe in pipes:
            pipe.source.configure_blocking(False).register(selector, R).cancel()
        assert len(selector.keys) == 20
        assert selector.select_now() == 0
        assert len(selector.keys) == len(selector._updates) == len(selector._cancelled) == len(selector._by_fd) == 0
    for pipe in pipes:
        pipe.close()


def test_D11_a_copy_of_a_closed_descriptor_reports_nothing(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    with near, far:
        near.register(selector, R)
        assert selector.select_now() == 0
        copy = os.dup(near.socket.fileno())
        far.write(b"x")
        arrived(near)
        near.close()
        begin = time.monotonic()
        assert selector.select(0.02) == 0
        assert time.monotonic() - begin >= 0.02
        assert len(selector._by_fd) == 0
        os.close(copy)


def test_D14_a_loop_that_handles_a_few_keys_a_time_serves_all(provider: SelectorProvider, selector: Selector) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(100)]
    served: Counter[SelectionKey] = Counter()
    for pipe in pipes:
        pipe.sink.write(b"x")
        pipe.source.configure_blocking(False).register(selector, R)
    for _ in range(100):
        served.update(islice(selector.ready_keys(PATIENCE), 16))
    for pipe in pipes:
        pipe.close()
    assert len(served) == 100
    assert min(served.values()) >= max(served.values()) / 2


def test_D15_what_cannot_be_watched(provider: SelectorProvider, selector: Selector) -> None:
    near, far = connected_pair(provider)
    pipe = Pipe.open(provider=provider)
    server = listening(provider)
    channels: list[SelectableChannel] = [near, far, pipe.source, pipe.sink, server]
    for channel in channels:
        channel.close()
        with pytest.raises(ClosedChannelError):
            channel.register(selector, channel.valid_ops)
    assert len(selector.keys) == 0
    assert selector.select_now() == 0


def test_D16_descriptors_beyond_what_select_can_watch() -> None:
    provider = SelectorProvider.named("select")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1200, hard))
    low = Pipe.open(provider=provider)
    selector = Selector.open(provider)
    null = os.open(os.devnull, os.O_RDONLY)
    copies = [null]
    try:
        while copies[-1] < 1024:
            copies.append(os.dup(null))
        with Pipe.open(provider=provider) as high:
            high.sink.configure_blocking(False)
            with pytest.raises(IllegalArgumentError, match="beyond the 1024 that select can watch; use another of"):
                high.sink.register(selector, W)
            with pytest.raises(IllegalArgumentError, match="beyond the 1024"):
                Selector.open(provider)
            low.sink.configure_blocking(False).register(selector, W)
            assert selector.select_now() == 1
            best = SelectorProvider.named(SelectorProvider.available()[0])
            with Pipe.open(provider=best) as fine, Selector.open(best) as other:
                fine.sink.configure_blocking(False).register(other, W)
                assert other.select_now() == 1
    finally:
        for fd in copies:
            os.close(fd)
        low.close()
        selector.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_D18_a_handler_that_always_raises_loses_its_connection_and_no_others(
    provider: SelectorProvider, selector: Selector
) -> None:
    pipes = [Pipe.open(provider=provider) for _ in range(5)]
    keys = [pipe.sink.configure_blocking(False).register(selector, W) for pipe in pipes]
    served: Counter[SelectionKey] = Counter()
    failed: list[SelectionKey] = []

    def act(key: SelectionKey) -> None:
        if key is keys[0]:
            failed.append(key)
            raise RuntimeError("always")
        served[key] += 1

    for _ in range(20):
        try:
            selector.select_now(act)
        except RuntimeError:
            if len(failed) == 3:
                failed[-1].channel.close()
    assert len(failed) == 3
    assert min(served[key] for key in keys[1:]) >= 17
    for pipe in pipes:
        pipe.close()


def test_D19_providers_do_not_mix(provider: SelectorProvider) -> None:
    other = SelectorProvider.named("select" if provider.name == "poll" else "poll")
    with Selector.open(other) as selector, Pipe.open(provider=provider) as pipe:
        with pytest.raises(IllegalSelectorError, match=re.escape(f"is of {provider!r}, ")):
            pipe.sink.configure_blocking(False).register(selector, W)
        assert len(selector.keys) == 0


# descriptors


def test_E01_descriptor_numbers_that_come_again(provider: SelectorProvider, selector: Selector) -> None:
    numbers: Counter[int] = Counter()
    with listening(provider) as server:
        server.register(selector, A)
        for turn in range(100):
            with SocketChannel.open(address_of(server), provider=provider) as client:
                arrived(server)
                accepted = server.accept()
                assert accepted is not None
                key = accepted.configure_blocking(False).register(selector, R)
                numbers[key._fd] += 1
                client.write(b"%d" % turn)
                arrived(accepted)
                ready = {key.channel for key in selector.ready_keys(PATIENCE)}
                assert accepted in ready
                assert selector._by_fd[key._fd] is key
                target = ByteBuffer.allocate(8)
                accepted.read(target)
                assert bytes(target.flip()) == b"%d" % turn
                accepted.close()
    assert max(numbers.values()) > 1
    selector.select_now()
    assert len(selector._by_fd) == 0


def test_E04_an_old_event_does_not_reach_the_new_owner_of_the_number(
    provider: SelectorProvider, selector: Selector
) -> None:
    ends = connected_pair(provider)
    numbers = {end.register(selector, W)._fd for end in ends}
    newcomers: list[SocketChannel] = []
    seen: list[SelectionKey] = []

    def replace(key: SelectionKey) -> None:
        seen.append(key)
        for end in ends:
            end.close()
        newcomers.extend(connected_pair(provider))
        for newcomer in newcomers:
            newcomer.register(selector, R)

    assert selector.select_now(replace) == len(seen) == 1
    assert not numbers & {newcomer.socket.fileno() for newcomer in newcomers}
    assert selector.select_now(replace) == 0
    for newcomer in newcomers:
        newcomer.close()
    selector.select_now()


# time and signals


def test_G02_a_timer_takes_no_more_than_two_selections(selector: Selector) -> None:
    for delay in (0.0003, 0.0011, 0.0049):
        deadline = time.monotonic() + delay
        turns = 0
        while (left := deadline - time.monotonic()) > 0:
            assert selector.select(left) == 0
            turns += 1
        assert turns <= 2


def test_H01_selections_under_a_storm_of_signals(provider: SelectorProvider, selector: Selector) -> None:
    signals: Counter[int] = Counter()
    previous = signal.signal(signal.SIGALRM, lambda number, _: signals.update([number]))
    sender, receiver = connected_pair(provider)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        begin = time.monotonic()
        assert selector.select(0.05) == 0
        assert time.monotonic() - begin >= 0.05
        data = random.Random(1).randbytes(1_000_000)
        assert pump(selector, sender, receiver, data) == data
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        sender.close()
        receiver.close()
    assert signals[signal.SIGALRM] > 1


def test_the_end_of_a_stream_is_told_under_load(provider: SelectorProvider, selector: Selector) -> None:
    pairs = [connected_pair(provider) for _ in range(30)]
    for near, far in pairs:
        near.register(selector, R)
        far.write(b"bye")
        far.close()
    left = {near for near, _ in pairs}
    while left:
        for key in selector.ready_keys(PATIENCE):
            assert isinstance(key.channel, SocketChannel)
            if key.channel.read(bytearray(2)) == EOF:
                key.channel.close()
                left.discard(key.channel)
    selector.select_now()
    assert len(selector.keys) == 0
