"""``demo``: both reactors in turn, each in a thread of its own, and a few clients that try them.

Every line shows what a client sent and what came of it; what comes otherwise than it should ends the demo.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from operator import attrgetter
from threading import Thread
from typing import Self

from nio import ProtocolFamily, SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Reactor, ReactorStatistics
from samples.hello_name._console import Exit, Failure, say, spell
from samples.hello_name._conversation import Conversation
from samples.hello_name.handler import MAX_NAME, HelloHandler, sleep_and_greet

_WORKERS = 4
_NAP = 0.05  # seconds the slow service takes
_LIMIT = 5.0  # seconds anything may take


def main(options: argparse.Namespace) -> Exit:
    """Play the scenes on both reactors; Failure with the reason when one goes wrong."""
    started = time.monotonic()
    say("One service, two reactors, real sockets: what clients send and what they get.")
    for number, (workers, title, slow) in enumerate(
        (
            (0, "Single reactor: one thread does everything", "one after the other"),
            (_WORKERS, f"Pooled reactor: one thread, but {_WORKERS} workers greet", "at the same time"),
        ),
        1,
    ):
        with _Server(workers) as server:
            say(f"\n{number}. {title} ({spell(server.address)})\n")
            _tell("", "the client sends", "and gets")
            _play(server, slow)
            done = server.statistics
        say(f"\n   In all {done.connections} connections, {done.requests} names, {done.turns} turns of the reactor.")
    say(f"\nAll as it should be, in {time.monotonic() - started:.1f} s.")
    return Exit.DONE


class _Handler(HelloHandler):
    __slots__ = ()

    @staticmethod
    def process(name: bytes) -> bytes:
        return sleep_and_greet(_NAP, name) if name.startswith(b"slow") else HelloHandler.process(name)


class _Server:
    """A reactor in a thread."""

    def __init__(self, workers: int) -> None:
        self._reactor = Reactor.open(workers=workers)
        listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        self.address = listener.local_address or ""
        self._reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(_Handler))
        self._thread = Thread(target=self._reactor.run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._reactor.stop()
        self._thread.join(_LIMIT)
        self._reactor.close()

    @property
    def statistics(self) -> ReactorStatistics:
        return self._reactor.statistics()

    def client(self) -> Conversation:
        return Conversation([(ProtocolFamily.INET, self.address)], _LIMIT)

    def stop(self) -> None:
        """Answer what was received, then end."""
        self._reactor.stop(_LIMIT)

    def wait_for(self, what: str, counter: Callable[[ReactorStatistics], int], before: int) -> None:
        """Until one of the reactor's counters has gone up; they may be read from any thread."""
        end = time.monotonic() + _LIMIT
        while counter(self.statistics) <= before:
            if time.monotonic() > end:
                raise Failure(Exit.UNEXPECTED, f"the server has not {what} within {_LIMIT:g} s")
            time.sleep(0.0005)


def _play(server: _Server, slow: str) -> None:
    _one_name(server)
    _byte_by_byte(server)
    _pipelined(server)
    _half_closed(server)
    _many(server)
    _slow(server, slow)
    _bad(server, "a name too long", f"ann, {MAX_NAME + 1} bytes", b"x" * (MAX_NAME + 1), CloseReason.FRAME_TOO_LONG)
    _bad(server, "not UTF-8", "ann, ff fe", b"\xff\xfe", CloseReason.PROTOCOL_ERROR)
    _stopped(server)


def _one_name(server: _Server) -> None:
    with server.client() as client:
        client.send(b"ann\r\n")
        _tell("one name", "ann CR LF", _next(client, b"Hello ann"))


def _byte_by_byte(server: _Server) -> None:
    with server.client() as client:
        for byte in b"bob\n":
            before = server.statistics.bytes_in
            client.send(bytes([byte]))
            server.wait_for("read a byte", attrgetter("bytes_in"), before)
        _tell("byte by byte", "b, o, b, LF", _next(client, b"Hello bob"))


def _pipelined(server: _Server) -> None:
    names = [b"name %d" % number for number in range(1000)]
    with server.client() as client:
        client.send(b"".join(name + b"\n" for name in names))
        for name in names:
            _next(client, b"Hello " + name)
    _tell("pipelining", "1000 names, 1 write", "1000 greetings, in order")


def _half_closed(server: _Server) -> None:
    with server.client() as client:
        client.send(b"ann\nbob\n")
        client.end_output()
        replies = [_next(client, b"Hello ann"), _next(client, b"Hello bob")]
        _next(client, None)
    _tell("half-close", "ann, bob, end", ", ".join(replies) + ", end")


def _many(server: _Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(b"number %d\n" % number)
        for number, client in enumerate(clients):
            _next(client, b"Hello number %d" % number)
    _tell("50 clients at once", "a name each", "50 greetings, none mixed up")


def _slow(server: _Server, how: str) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(_WORKERS)]
        started = time.monotonic()
        for client in clients:
            client.send(b"slow ann\n")
        for client in clients:
            _next(client, b"Hello slow ann")
        took = time.monotonic() - started
    _tell(f"{_WORKERS} slow greetings", f"each {_NAP * 1000:g} ms of work", f"in {took * 1000:.0f} ms, {how}")


def _bad(server: _Server, title: str, sent: str, name: bytes, reason: CloseReason) -> None:
    with server.client() as client:
        client.send(b"ann\n" + name + b"\nbob\n")
        reply = _next(client, b"Hello ann")
        _next(client, None)
    server.wait_for(f"ended the connection with {reason.name}", lambda now: now.closed.get(reason, 0), 0)
    _tell(title, f"{sent}, bob", f"{reply}, end: {reason.name}")


def _stopped(server: _Server) -> None:
    with server.client() as client:
        requests = server.statistics.requests
        client.send(b"slow bob\n")
        server.wait_for("taken the name", attrgetter("requests"), requests)
        server.stop()
        reply = _next(client, b"Hello slow bob")
        _next(client, None)
    _tell("stop while busy", "slow bob", f"{reply}, end")


def _next(client: Conversation, expected: bytes | None) -> str:
    """The next reply, which is as expected (None: the end)."""
    try:
        reply = client.receive()
    except OSError as error:
        raise Failure(Exit.UNEXPECTED, f"expected {expected!r}, got {error}") from None
    if reply != expected:
        raise Failure(Exit.UNEXPECTED, f"expected {expected!r}, got {reply!r}")
    return (reply or b"").decode()


def _tell(title: str, sent: str, outcome: str) -> None:
    say(f"   {title:<18}   {sent:<19}   {outcome}")
