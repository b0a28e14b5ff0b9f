from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from nio.channels import EOF, Pipe, SelectableChannel, SelectionKey, Selector, SocketChannel
from nio.errors import AsynchronousCloseError, ClosedChannelError
from nio.spi import READABLE, OptionSpec, SelectorProvider, SystemProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import Background, R, arrived, connected_pair


@pytest.fixture
def selector() -> Iterator[Selector]:
    with Selector.open() as selector:
        yield selector


@pytest.fixture
def pair() -> Iterator[tuple[SocketChannel, SocketChannel]]:
    near, far = connected_pair()
    with near, far:
        yield near, far


def test_a_kind_of_channel_without_operations() -> None:
    assert SelectableChannel._valid_ops == 0


def test_leaving_the_block_closes(pair: tuple[SocketChannel, SocketChannel]) -> None:
    channel, _ = pair
    with channel as inside:
        assert inside is channel
        assert channel.is_open
    assert not channel.is_open


def test_D08_the_selector_lets_go_between_the_steps_of_a_close(
    selector: Selector, pair: tuple[SocketChannel, SocketChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another thread's selection does, when it flushes the key before close() shuts the output down."""
    channel, peer = pair
    channel.register(selector, R)
    cancel = SelectionKey.cancel

    def cancel_and_flush(key: SelectionKey) -> None:
        cancel(key)
        selector.select_now()

    monkeypatch.setattr(SelectionKey, "cancel", cancel_and_flush)
    channel.close()
    assert channel.socket.fileno() == -1
    arrived(peer)
    assert peer.read(bytearray(4)) == EOF


def test_D11_a_descriptor_that_others_share_is_not_watched_after_the_close(selector: Selector) -> None:
    """As after a fork: the file lives on, so the kernel would report it for ever and nobody could take it out."""
    with Pipe.open() as pipe:
        pipe.source.configure_blocking(False).register(selector, R)
        selector.select_now()
        copy = os.dup(pipe.source._fd)
        pipe.sink.write(b"x")
        pipe.source.close()
        assert selector.select_now() == 0
        assert selector._poller.wait(0) == []
        os.close(copy)


def test_a_channel_that_never_sleeps_opens_no_wake_up(pair: tuple[SocketChannel, SocketChannel]) -> None:
    channel, peer = pair
    assert peer._wakeup is None
    channel.write(b"x")
    arrived(peer)
    peer.configure_blocking(True).read(bytearray(1))
    assert peer._wakeup is None


def test_a_thread_about_to_sleep_finds_the_channel_closed() -> None:
    with Pipe.open() as pipe:
        pipe.source.close()
        with pytest.raises(AsynchronousCloseError, match="was closed while a thread was inside"):
            pipe.source._sleep(pipe.source._fd, READABLE)
        assert pipe.source._wakeup is None


class FailingProvider(SystemProvider):
    """Accepts with an error of the test's."""

    code = errno.EPROTO

    def accept(self, *_: object) -> None:  # type: ignore[override]  # it never returns anything
        raise OSError(self.code, os.strerror(self.code))


def test_an_error_of_the_kernel_passes_while_the_channel_is_open() -> None:
    provider = FailingProvider(SelectorProvider.available()[0])
    with SocketChannel.open(provider=provider) as channel:
        with pytest.raises(OSError, match=os.strerror(errno.EPROTO)):
            channel._attempt(1, provider.accept)
        channel._open = False
        with pytest.raises(AsynchronousCloseError):
            channel._attempt(1, provider.accept)
        channel._open = True


class HookedProvider(WatchedProvider):
    """Runs ``during`` inside every look at an option."""

    during: Callable[[], object]

    def get_option(self, sock: socket.socket, spec: OptionSpec) -> bool | int:
        self.during()
        return super().get_option(sock, spec)


def test_D08_a_close_waits_for_a_look_at_an_option() -> None:
    provider = HookedProvider(SelectorProvider.default())
    with SocketChannel.open(provider=provider) as channel:
        closing: list[Background[None]] = []

        def close_elsewhere() -> None:
            closing.append(Background(channel.close))
            provider.until_queued()

        provider.during = close_elsewhere
        assert channel.get_option("SO_RCVBUF") > 0
        closing[0].result()
        assert not channel.is_open
        assert channel.socket.fileno() == -1


def test_a_closed_channel_says_so(pair: tuple[SocketChannel, SocketChannel], selector: Selector) -> None:
    pair[0].close()
    with pytest.raises(ClosedChannelError, match=r"SocketChannel\(closed\)"):
        pair[0].register(selector, R)
