"""Client: one browser's connection to the page: a GET or POST, an answer, the end; or a stream of events that goes on.

**Why HTTP stands here by hand.** It is needed for one page on loopback, and a server of the library would bring threads
or a loop of its own into a process that is being observed. What is spoken is the least that a browser understands: the
head of a request within 8 KiB and five seconds, an answer that ends with the connection, and Server-Sent Events. It is
also a sample: a protocol on a :class:`~nio.reactor.Connection`, with a bound for everything. Do not build a site on it.

**Bounds**: 64 connections (the reactor's), 16 streams of them; 8 KiB and 64 headers of a request; five seconds until
its head is there; a stream that has more than 64 KiB unsent skips ticks, one whose page takes nothing for a minute is
closed. A long answer is written piece by piece, as the browser takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from nio.inspector._request import MOST_BYTES, Refusal, Request, parse
from nio.reactor import CloseReason, Connection, Timer

PATIENCE = 5.0  # seconds for a head to come
MOST_UNSENT = 65536
_REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_ALWAYS = (
    "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\nX-Frame-Options: DENY\r\n"
)


class Answer:
    """What is sent: a status, a type, further headers and the body, in pieces."""

    def __init__(
        self, body: str | Iterator[str], kind: str = "application/json", status: int = 200, **more: str
    ) -> None:
        self.status: int = status
        self.head: str = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\n{_ALWAYS}"
        self.head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items()) + "\r\n"
        self.pieces: Iterator[str] = iter((body,)) if isinstance(body, str) else body


class Stream:
    """The answer to ``/events``: what comes after tick number ``after``, without end."""

    def __init__(self, after: int | None) -> None:
        self.after: int | None = after


class Site(Protocol):
    """What answers requests."""

    def answer(self, request: Request, here: str, port: int) -> Answer | Stream: ...

    def join(self, client: Client, after: int | None) -> Iterator[bytes]:
        """A stream begins; the ticks it has missed."""

    def leave(self, client: Client) -> None: ...


class Client(Connection):
    """See the head of the module."""

    __slots__ = ("_head", "_is_stream", "_pieces", "_site", "_timer")

    idle_timeout = 30.0
    write_timeout = 60.0
    slowest_rate = None
    max_output = 1024 * 1024

    def __init__(self, site: Site) -> None:
        self._site = site
        self._head = b""
        self._is_stream = False
        self._pieces: Iterator[bytes] | None = None
        self._timer: Timer | None = None

    def on_open(self) -> None:
        self._timer = self.reactor.call_later(PATIENCE, self._refuse, Refusal(408, "the request has not come"))

    def handle_data(self, data: bytes) -> None:
        if self._timer is None:
            return  # the request is there, and a body means nothing here
        self._head += data
        head, end, _ = self._head.partition(b"\r\n\r\n")
        if len(head) > MOST_BYTES:
            self._refuse(Refusal(431, f"more than {MOST_BYTES} bytes"))
        elif end:
            self._ask(head)

    def on_writable(self, writable: bool) -> None:
        if writable:
            self._pump()

    def on_close(self, reason: CloseReason) -> None:
        self._forget_timer()
        self._pieces = None
        if self._is_stream:
            self._site.leave(self)

    def tick(self, event: bytes) -> None:
        """A tick for a stream, which skips it while it has to catch up or has much unsent."""
        if self._pieces is None and self.unsent <= MOST_UNSENT:
            self.write(event)

    def _ask(self, head: bytes) -> None:
        self._forget_timer()
        channel: Any = self.channel
        host, port = channel.local_address[:2]
        try:
            answer = self._site.answer(parse(head), f"[{host}]" if ":" in host else host, port)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        except Exception as error:
            self.reactor.report("inspector", 40, "the page could not answer", error=error)
            self._refuse(Refusal(500, "this has failed: see the log"))
            return
        if isinstance(answer, Stream):
            self._is_stream = True
            self.write(Answer("", "text/event-stream").head.encode() + b"retry: 1000\n\n")
            self._pieces = self._site.join(self, answer.after)
        else:
            self._reply(answer)
        self._pump()

    def _reply(self, answer: Answer) -> None:
        self.write(answer.head.encode())
        self._pieces = (piece.encode() for piece in answer.pieces)

    def _refuse(self, refusal: Refusal) -> None:
        self._forget_timer()
        self._head = b""
        self._reply(Answer(f"{refusal}\n", "text/plain", refusal.status))
        self._pump()

    def _pump(self) -> None:
        """Write pieces until there is enough unsent, or no more."""
        pieces = self._pieces
        while pieces is not None and self.unsent < MOST_UNSENT:
            piece = next(pieces, None)
            if piece is None:
                self._pieces = pieces = None
                if not self._is_stream:
                    self.finish()
            else:
                self.write(piece)
        if pieces is not None:
            self.reactor.next_tick(self._pump_on)

    def _pump_on(self) -> None:
        """What was written has been offered to the kernel; where too much is left, ``on_writable`` tells later."""
        if self.unsent < MOST_UNSENT:
            self._pump()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
