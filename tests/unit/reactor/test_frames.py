"""Calls of Python functions of ``nio`` per request, from ``turn()`` on, on a warm connection: a gate for the path.

What an executor of somebody else's does is not counted, nor is the handler's own ``process``, nor ``nio.spi``: poll and
select are asked by a Python function, epoll is not.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from types import FrameType
from typing import Any

import nio
from nio.channels import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler

PACKAGE = Path(nio.__file__).parent


class Hello(StreamHandler):
    framing = Lines(max_length=256)

    def process(self, name: bytes) -> bytes:
        return b"Hello " + name


class Inline(Executor):
    """Runs at once what it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def frames(workers: int | Executor, names: int, turns: int) -> float:
    """Calls of Python functions per record, where ``names`` come in one piece and are answered in so many turns."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        file = Path(frame.f_code.co_filename)
        calls += event == "call" and file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "spi")

    with Reactor.open(workers=workers) as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            while not reactor.statistics().open:
                reactor.turn(1.0)
            for warm in (False, False, True):
                client.sendall(b"name\n" * names)
                before = sys.getprofile()
                sys.setprofile(count if warm else None)
                for _ in range(turns):
                    reactor.turn(0.0)
                sys.setprofile(before)
                expected = b"Hello name\n" * names
                assert client.recv(len(expected), socket.MSG_WAITALL) == expected
    return calls / names


def test_single() -> None:
    assert frames(0, 1, 1) <= 8


def test_pooled() -> None:
    assert frames(Inline(), 1, 1) <= 22


def test_pipelined_by_sixteen() -> None:
    assert frames(0, 16, 1) <= 0.7
