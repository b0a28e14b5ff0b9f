"""``demo``: the four reactors in turn, and a few clients that try each of them.

Every line shows what a client sent and what came of it; what comes otherwise than it should ends the demo.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from operator import attrgetter

from nio.reactor import CloseReason
from samples.hello_name._console import Exit, Failure, say, spell
from samples.hello_name._conversation import Conversation
from samples.hello_name._demo_servers import LOOPS, NAP, InThread, Preforked, Server
from samples.hello_name.handler import MAX_NAME

_LIMIT = 5.0  # seconds anything may take
_DESIGNS = {
    "single": ("Single reactor: one thread does everything", "one after the other"),
    "pooled": (f"Pooled reactor: one thread, but {LOOPS} workers greet", "at the same time"),
    "multi": (f"Group of reactors: one accepts, {LOOPS} threads do the rest", "at the same time"),
    "prefork": (f"Preforked reactors: {LOOPS} processes, each does everything", "as they were dealt"),
}


def main(options: argparse.Namespace) -> Exit:
    """Play the scenes on each reactor; Failure with the reason when one goes wrong."""
    started = time.monotonic()
    say("One service, four reactors, real sockets: what clients send and what they get.")
    for number, (mode, (title, slow)) in enumerate(_DESIGNS.items(), 1):
        with (Preforked if mode == "prefork" else InThread)(mode, _LIMIT) as server:
            say(f"\n{number}. {title} ({spell(server.address)})\n")
            _tell("", "the client sends", "and gets")
            _play(server, slow)
            done = server.final()
        say(f"\n   In all {done.connections} connections, {done.requests} names, {done.turns} turns of the loop.")
    say(f"\nAll as it should be, in {time.monotonic() - started:.1f} s.\n")
    say("Run one of them:       python3 -m samples.hello_name server --reactor multi")
    say("Which is the fastest:  python3 -m samples.hello_name compare")
    return Exit.DONE


def _play(server: Server, slow: str) -> None:
    _one_name(server)
    _byte_by_byte(server)
    _pipelined(server)
    _half_closed(server)
    _many(server)
    _slow(server, slow)
    _bad(server, "a name too long", f"ann, {MAX_NAME + 1} bytes", b"x" * (MAX_NAME + 1), CloseReason.FRAME_TOO_LONG)
    _bad(server, "not UTF-8", "ann, ff fe", b"\xff\xfe", CloseReason.PROTOCOL_ERROR)
    _stopped(server)


def _one_name(server: Server) -> None:
    with server.client() as client:
        client.send(b"ann\r\n")
        _tell("one name", "ann CR LF", _next(client, b"Hello ann"))


def _byte_by_byte(server: Server) -> None:
    with server.client() as client:
        for byte in b"bob\n":
            before = server.statistics.bytes_in
            client.send(bytes([byte]))
            server.wait_for("read a byte", attrgetter("bytes_in"), before)
        _tell("byte by byte", "b, o, b, LF", _next(client, b"Hello bob"))


def _pipelined(server: Server) -> None:
    names = [b"name %d" % number for number in range(1000)]
    with server.client() as client:
        client.send(b"".join(name + b"\n" for name in names))
        for name in names:
            _next(client, b"Hello " + name)
    _tell("pipelining", "1000 names, 1 write", "1000 greetings, in order")


def _half_closed(server: Server) -> None:
    with server.client() as client:
        client.send(b"ann\nbob\n")
        client.end_output()
        replies = [_next(client, b"Hello ann"), _next(client, b"Hello bob")]
        _next(client, None)
    _tell("half-close", "ann, bob, end", ", ".join(replies) + ", end")


def _many(server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(b"number %d\n" % number)
        for number, client in enumerate(clients):
            _next(client, b"Hello number %d" % number)
    _tell("50 clients at once", "a name each", "50 greetings, none mixed up")


def _slow(server: Server, how: str) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(LOOPS)]
        started = time.monotonic()
        for client in clients:
            client.send(b"slow ann\n")
        for client in clients:
            _next(client, b"Hello slow ann")
        took = time.monotonic() - started
    _tell(f"{LOOPS} slow greetings", f"each {NAP * 1000:g} ms of work", f"in {took * 1000:.0f} ms, {how}")


def _bad(server: Server, title: str, sent: str, name: bytes, reason: CloseReason) -> None:
    with server.client() as client:
        client.send(b"ann\n" + name + b"\nbob\n")
        reply = _next(client, b"Hello ann")
        _next(client, None)
    server.wait_for(f"ended the connection with {reason.name}", lambda now: now.closed.get(reason, 0), 0)
    _tell(title, f"{sent}, bob", f"{reply}, end: {reason.name}")


def _stopped(server: Server) -> None:
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
