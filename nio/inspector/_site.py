"""Site: what each address of the page answers, and what the page's buttons do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from nio.inspector._client import Answer, Client, Stream
from nio.inspector._collector import Collector
from nio.inspector._gate import Gate
from nio.inspector._guard import Guard
from nio.inspector._history import History
from nio.inspector._inject import Injector
from nio.inspector._metrics import as_prometheus
from nio.inspector._page import page, policy, with_ticks
from nio.inspector._request import Refusal, Request
from nio.inspector._tick import dumps
from nio.inspector._view import listeners_of
from nio.reactor import Reactor
from nio.trace import as_chrome_json

PERIOD = 0.1  # seconds
MOST_STREAMS = 16
_MOST_KEYS = 10_000
_GRACE = 3.0  # seconds a loop is held after the last page has gone: it may be loaded anew
_TEXT = b"Ann\n"


class Site:
    """Lives on the page's own reactor and is called by its thread alone."""

    def __init__(self, reactor: Reactor, collector: Collector, guard: Guard, *, control: bool) -> None:
        self._reactor = reactor
        self._collector = collector
        self._guard = guard
        self._history = History()
        self._streams: list[Client] = []
        self._injector = Injector(reactor)
        self._gate: Gate | None = Gate(reactor.provider) if control else None
        if self._gate is not None and collector.recording is not None:
            collector.recording.between_turns = self._gate.pass_through
        reactor.call_every(PERIOD, self._tick)

    def close(self) -> None:
        """Let the loops on, and end the clients that were played."""
        if self._gate is not None:
            self._gate.open()
        self._injector.close()

    # the stream

    def _tick(self) -> None:
        gate = self._gate
        more: dict[str, Any] = {"process": os.getpid(), "control": gate is not None}
        if gate is not None:
            more |= {"held": gate.is_held, "slow": gate.is_slow, "clients": len(self._injector.clients)}
        text = self._collector.tick(more)
        self._history.add(text)
        event = _event(self._history.newest, text)
        for client in tuple(self._streams):
            client.tick(event)

    def join(self, client: Client, after: int | None) -> Iterator[bytes]:
        """As ``Site`` in ``_client.py`` has it: without a number the whole minute, to be rewound."""
        self._streams.append(client)
        known = after if after is not None and after <= self._history.newest else 0
        return (_event(number, text) for number, text in self._history.after(known))

    def leave(self, client: Client) -> None:
        """A page has gone."""
        self._streams.remove(client)
        if self._gate is not None and not self._streams:
            self._reactor.call_later(_GRACE, self._open_if_alone)

    def _open_if_alone(self) -> None:
        if self._gate is not None and not self._streams:
            self._gate.open()

    # answers

    def answer(self, request: Request, here: str, port: int) -> Answer | Stream:
        """Refusal for whom the guard refuses and for what there is not."""
        self._guard.check(request, here, port)
        if request.method == "POST":
            return self._do(request)
        found: dict[str, Callable[[Request], Answer | Stream]] = {
            "/": self._page,
            "/events": self._events,
            "/keys.json": self._keys,
            "/findings.json": lambda _: Answer(dumps({"findings": self._collector.findings()})),
            "/trace.json": self._chrome,
            "/trace.html": self._html,
            "/metrics": self._metrics,
            "/healthz": lambda _: Answer(dumps({"ok": True, "process": os.getpid()})),
        }
        make = found.get(request.path)
        if make is None:
            raise Refusal(404, "there is nothing here")
        return make(request)

    def _page(self, _: Request) -> Answer:
        return Answer(page(), "text/html", Content_Security_Policy=f"{policy()}; frame-ancestors 'none'")

    def _events(self, request: Request) -> Stream:
        if len(self._streams) >= MOST_STREAMS:
            raise Refusal(503, f"{MOST_STREAMS} pages are open already")
        last = request.headers.get("last-event-id") or request.query.get("after", "")
        return Stream(int(last) if last.isdecimal() and len(last) < 16 else None)

    def _keys(self, _: Request) -> Answer:
        keys, more = self._collector.keys(_MOST_KEYS)
        stats = self._collector.counters()
        stats.pop("busy", None)  # nanoseconds in all
        if self._collector.recording is not None:
            stats["busy"] = self._collector.figures.busy
        return Answer(dumps({"name": self._collector.name, "stats": stats, "keys": keys, "more_keys": more}))

    def _chrome(self, _: Request) -> Answer:
        ticks = (json.loads(text) for _, text in self._history.after(0))
        records = [tuple(record) for tick in ticks for record in tick["trace"]]
        return Answer(_in_pieces(as_chrome_json(records, 0, os.getpid())))

    def _html(self, _: Request) -> Answer:
        ticks = (text for _, text in self._history.after(0))
        pieces = with_ticks(ticks, f"nio trace: {self._collector.name}")
        return Answer(pieces, "text/html", Content_Disposition='inline; filename="trace.html"')

    def _metrics(self, _: Request) -> Answer:
        keys, _more = self._collector.keys(_MOST_KEYS)
        queued = sum(key["unsent"] for key in keys)
        return Answer(as_prometheus(self._collector.counters(), self._collector.figures, queued), "text/plain")

    # what is done

    def _do(self, request: Request) -> Answer:
        gate = self._gate
        if gate is None:
            raise Refusal(403, "this page only looks: it has control at level teach")
        what = request.path.removeprefix("/do/")
        if what.startswith("inject/"):
            problem = self._inject(what.removeprefix("inject/"), request)
        else:
            steps = {"pause": gate.hold, "resume": gate.open, "step": gate.step, "slow": gate.be_slow}
            step = steps.get(what)
            if step is None or not request.path.startswith("/do/"):
                raise Refusal(404, "there is nothing to do here")
            step()
            problem = ""
        return Answer(dumps({"problem": problem}), status=409 if problem else 200)

    def _inject(self, what: str, request: Request) -> str:
        listeners = listeners_of(self._collector.provider)
        if not listeners:
            return "nobody listens"
        text = request.query.get("text", "").encode()
        return self._injector.do(what, listeners[0].local_address, text + b"\n" if text else _TEXT)


def _event(number: int, text: str) -> bytes:
    return f"id: {number}\ndata: {text}\n\n".encode()


def _in_pieces(text: str) -> Iterator[str]:
    return (text[start : start + 32768] for start in range(0, len(text), 32768))
