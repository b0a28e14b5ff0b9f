"""What newcomers write first, and the words they get: what was given, and what to write instead."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

import nio
from nio.buffers import ByteBuffer
from nio.channels import MulticastChannel, NetworkChannel, Pipe, Selector
from nio.errors import IllegalArgumentError
from tests.helpers import A, C, R, W, connected_pair, listening

OPENED = (nio.SocketChannel, nio.ServerSocketChannel, nio.DatagramChannel, nio.FileChannel)
CALLS: list[tuple[type, tuple[object, ...]]] = [
    (kind, given) for kind in OPENED for given in ((), (9900,), (("127.0.0.1", 80),), ("127.0.0.1", 80))
]
CALLS += [(Pipe, ()), (Pipe, (9900,)), (nio.FileChannel, ("f", "r", 0, 0))]


@pytest.mark.parametrize(("kind", "given"), CALLS)
def test_a_channel_that_is_called_names_open(kind: Any, given: tuple[object, ...]) -> None:
    with pytest.raises(TypeError) as caught:
        kind(*given)
    assert str(caught.value) == f"{kind.__name__} is not called: use {kind.__name__}.open()"


def test_a_class_without_an_open_of_its_own_names_who_has_one() -> None:
    for kind in (NetworkChannel, MulticastChannel):
        with pytest.raises(TypeError, match=r"use open\(\) of ServerSocketChannel, SocketChannel or DatagramChannel$"):
            kind()
    for end in (Pipe.SourceChannel, Pipe.SinkChannel):
        with pytest.raises(TypeError, match=r"use Pipe\.open\(\)$"):
            end()


def test_a_python_socket_and_named_arguments() -> None:
    with socket.socket() as sock, pytest.raises(TypeError, match=r"use SocketChannel\.open\(\)"):
        nio.SocketChannel(sock)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(TypeError, match=r"use FileChannel\.open\(\)"):
        nio.FileChannel(path="f")


@pytest.mark.parametrize("kind", [nio.ServerSocketChannel, nio.DatagramChannel])
def test_an_address_in_the_place_of_a_family_names_the_methods_that_take_one(kind: Any) -> None:
    with pytest.raises(TypeError) as caught:
        kind.open(("127.0.0.1", 80))
    words = "a family is a ProtocolFamily, not ('127.0.0.1', 80); bind() and connect() take an address"
    assert str(caught.value) == words


# operations by name


def test_operations_that_a_channel_does_not_have_are_named() -> None:
    near, far = connected_pair()
    with Selector.open() as selector, listening() as server, near, far, Pipe.open() as (source, sink):
        source.configure_blocking(False)
        sink.configure_blocking(False)
        for channel, ops, words in (
            (server, R, "interest set 1: this channel has OP_ACCEPT, not OP_READ"),
            (server, R | W | A, "interest set 21: this channel has OP_ACCEPT, not OP_READ and OP_WRITE"),
            (near, A, "interest set 16: this channel has OP_READ and OP_WRITE and OP_CONNECT, not OP_ACCEPT"),
            (source, W, "interest set 4: this channel has OP_READ, not OP_WRITE"),
            (sink, C | 32, "interest set 40: this channel has OP_WRITE, not OP_CONNECT and 32, which is no operation"),
        ):
            with pytest.raises(IllegalArgumentError) as caught:
                channel.register(selector, ops)
            assert str(caught.value) == words
        key = near.register(selector, R)
        for call in (key.interest_ops_or, lambda ops: setattr(key, "interest_ops", ops)):
            with pytest.raises(IllegalArgumentError, match=r"not OP_ACCEPT$"):
                call(A)


# bytes


def test_text_is_not_written() -> None:
    near, far = connected_pair()
    with near, far, pytest.raises(TypeError, match=r"not str; use \.encode\(\)$"):
        near.write("text")  # type: ignore[arg-type]  # what is refused


@pytest.mark.parametrize(
    ("target", "says_why"),
    [
        (ByteBuffer.wrap(b"abc"), True),
        (ByteBuffer.wrap(b"abc").slice(1), True),
        (b"abc", True),
        (memoryview(b"abc"), True),
        ([bytearray(1), b"abc"], True),
        (ByteBuffer.allocate(3).as_read_only_buffer(), False),
    ],
)
def test_what_is_not_read_into_says_why(target: Any, says_why: bool) -> None:
    near, far = connected_pair()
    words = "cannot read into a read-only buffer"
    if says_why:
        words += ": bytes never change; use ByteBuffer.allocate() or a bytearray"
    with near, far, pytest.raises(IllegalArgumentError, match=f"^{re.escape(words)}$"):
        near.read(target)


# selected keys


def remove(selector: Selector, key: nio.SelectionKey) -> None:
    selector.selected_keys.remove(key)


@pytest.mark.parametrize("change", [remove, lambda selector, _: selector.selected_keys.clear()])
def test_removing_while_iterating_names_the_two_ways(change: Callable[[Selector, nio.SelectionKey], None]) -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, W)
        far.register(selector, W)
        assert selector.select(0) == 2
        with pytest.raises(RuntimeError) as caught:  # noqa: PT012  # what is refused is the loop
            for key in selector.selected_keys:
                change(selector, key)
        advice = "to remove keys, iterate over list(selector.selected_keys) or use selector.ready_keys()"
        assert str(caught.value) == f"the selected keys changed during iteration; {advice}"
        for key in list(selector.selected_keys):
            selector.selected_keys.remove(key)
        assert len(selector.selected_keys) == 0


def test_an_error_in_the_loop_stays_what_it_is() -> None:
    near, far = connected_pair()
    with Selector.open() as selector, near, far:
        near.register(selector, W)
        selector.select(0)
        with pytest.raises(RuntimeError, match=r"^mine$"):  # noqa: PT012  # what raises is the loop
            for _ in selector.selected_keys:
                raise RuntimeError("mine")
