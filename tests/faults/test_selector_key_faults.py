"""Faults of keys, of the descriptors they stand for and of time-outs, by the number each carries in the catalogue."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import time
from collections import Counter
from itertools import islice

import pytest

from nio.buffers import ByteBuffer
from nio.channels import Pipe, SelectableChannel, SelectionKey, Selector, SocketChannel
from nio.errors import CancelledKeyError, ClosedChannelError, IllegalArgumentError, IllegalSelectorError
from nio.spi import SelectorProvider
from tests.helpers import PATIENCE, A, C, R, W, address_of, arrived, connected_pair, listening


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
        assert (
            len(selector.keys) == len(selector._updates) == len(selector._cancelled) == len(selector._watch.by_fd) == 0
        )
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
        assert len(selector.keys) == 0
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


def test_D16_one_descriptor_is_waited_for_whatever_its_number(provider: SelectorProvider) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 1200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1200, hard))
    with Pipe.open(provider=provider) as pipe:
        high = fcntl.fcntl(pipe.source._fd, fcntl.F_DUPFD_CLOEXEC, 1100)
        try:
            assert not provider.wait_for(high, R, None, 0)
            pipe.sink.write(b"x")
            assert provider.wait_for(high, R, None, PATIENCE)
        finally:
            os.close(high)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_D12_an_interest_that_was_left_on_is_told(provider: SelectorProvider, selector: Selector) -> None:
    with listening(provider) as server, SocketChannel.open(provider=provider) as client:
        client.configure_blocking(False).connect(address_of(server))
        key = client.register(selector, C)
        assert selector.select(PATIENCE) == 1
        assert selector.stale_events == 0
        selector.selected_keys.clear()
        assert client.finish_connect()  # and OP_CONNECT stays
        for action in (None, lambda key: None):
            assert selector.select(None, action) == 0
            assert selector.stale_events == 1
        key.interest_ops = W
        assert selector.select_now() == 1
        assert selector.stale_events == 0
        key.interest_ops = C
        assert selector.dispatch(0, lambda *_: None) == 0
        assert selector.stale_events == 1
        key.interest_ops = R
        selector.wakeup()
        assert selector.select() == 0
        assert selector.stale_events == 0
        assert selector.select(0.001) == 0
        assert selector.stale_events == 0


@pytest.mark.parametrize("change", ["interest", "cancel"])
def test_D12_what_an_earlier_action_has_changed_is_no_spin(
    provider: SelectorProvider, selector: Selector, change: str
) -> None:
    with Pipe.open(provider=provider) as one, Pipe.open(provider=provider) as other:
        keys = [pipe.sink.configure_blocking(False).register(selector, W) for pipe in (one, other)]

        def act(key: SelectionKey) -> None:
            for another in set(keys) - {key}:
                if change == "cancel":
                    another.cancel()
                else:
                    another.interest_ops = 0

        assert selector.select_now(act) == 1
        assert selector.stale_events == 0


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


def test_E01_descriptor_numbers_that_come_again(provider: SelectorProvider, selector: Selector) -> None:
    numbers: Counter[int] = Counter()
    with listening(provider) as server:
        server.register(selector, A)
        for turn in range(100):
            with SocketChannel.open(address_of(server), provider=provider) as client:
                arrived(server)
                accepted = server.accept()
                assert accepted is not None
                accepted.configure_blocking(False).register(selector, R)
                numbers[accepted.socket.fileno()] += 1
                client.write(b"%d" % turn)
                arrived(accepted)
                ready = {key.channel for key in selector.ready_keys(PATIENCE)}
                assert accepted in ready
                target = ByteBuffer.allocate(8)
                accepted.read(target)
                assert bytes(target.flip()) == b"%d" % turn
                accepted.close()
    assert max(numbers.values()) > 1
    selector.select_now()
    assert len(selector.keys) == 0


def test_E04_an_old_event_does_not_reach_the_new_owner_of_the_number(
    provider: SelectorProvider, selector: Selector
) -> None:
    ends = connected_pair(provider)
    for end in ends:
        end.register(selector, W)
    numbers = {end.socket.fileno() for end in ends}
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


def test_G02_a_timer_takes_no_more_than_two_selections(selector: Selector) -> None:
    for delay in (0.0003, 0.0011, 0.0049):
        deadline = time.monotonic() + delay
        turns = 0
        while (left := deadline - time.monotonic()) > 0:
            assert selector.select(left) == 0
            turns += 1
        assert turns <= 2
