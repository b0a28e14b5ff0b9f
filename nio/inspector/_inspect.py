"""The page beside a program: opened, closed, and opened anew in each forked child.

**A reactor of its own, in a thread of its own**, over the plain operating system: what is observed makes no call for
the page and does not see it. It counts as another kernel, so that a fork, before which a program must have closed its
own selectors, does not stumble over this one.

**Processes** of a Prefork have a page each, at a port of its own, which one line on stderr tells; it is opened with the
first thing that is recorded there. The parent's page shows the sums.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import quote

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import IllegalArgumentError
from nio.inspector._client import Client
from nio.inspector._collector import Collector
from nio.inspector._guard import Guard
from nio.inspector._site import Site
from nio.inspector._tick import Json
from nio.inspector._view import counters_of
from nio.reactor import Acceptor, Prefork, Reactor
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from nio.trace import Record, TracingProvider
from nio.trace._keeper import Keeper
from nio.trace._stdio import tell

TOKEN = "NIO_INSPECT_TOKEN"  # the environment variable with a token that stays, so that a page finds a server again
_MOST_CLIENTS = 64
_JOIN = 10.0  # seconds
_LOOPBACK = ("127.0.0.1", "::1")
_logger = logging.getLogger("nio.inspector")
_tell = partial(tell, of="nio.inspector")


class _OwnDoor(SystemProvider):
    """The operating system, for pages alone."""

    @property
    def kernel(self) -> object:
        return _OwnDoor


@dataclass(frozen=True)
class _Wanted:
    """What kind of page, of whom."""

    provider: SelectorProvider
    name: str
    port: int
    host: str
    token: str
    control: bool
    say: Callable[[str], object]
    count: Callable[[], Json] | None = None


class Page:
    """A page that is served; for a keeper, one of those who are told what was recorded."""

    def __init__(self, wanted: _Wanted) -> None:
        self._wanted = wanted
        self._is_over = False
        provider = wanted.provider
        recording = provider.recording if isinstance(provider, TracingProvider) else None
        self._collector = Collector(provider, recording, wanted.count, wanted.name)
        own = _OwnDoor(SelectorProvider.available()[0])
        is_6 = ":" in wanted.host
        listener = ServerSocketChannel.open(ProtocolFamily.INET6 if is_6 else ProtocolFamily.INET, provider=own)
        try:
            listener.bind((wanted.host, wanted.port))
            self._reactor = Reactor.open(max_connections=_MOST_CLIENTS, provider=own)
        except BaseException:
            listener.close()
            raise
        host = f"[{wanted.host}]" if is_6 else wanted.host
        guard = Guard(wanted.token, () if wanted.host in _LOOPBACK else (host,))
        self._site = Site(self._reactor, self._collector, guard, control=wanted.control)
        self._reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(lambda: Client(self._site)))
        self.url: str = f"http://{host}:{listener.port}/?token={quote(wanted.token, safe='')}"
        self._thread = own.start_thread(self._run, name="nio-inspector")
        if isinstance(provider, TracingProvider):
            provider.own_threads += 1
        try:
            wanted.say(f"the page of {wanted.name or 'this program'}, process {os.getpid()}: {self.url}")
        except BaseException:
            self.close()  # nobody else has it
            raise

    def write(self, records: list[Record]) -> None:
        """They will be in the next tick."""
        self._collector.put(records)

    def close(self) -> None:
        """End the page; a second call does nothing."""
        if self._is_over:
            return
        self._is_over = True
        self._reactor.execute(self._site.close)
        self._reactor.stop()
        self._thread.join(_JOIN)
        self._reactor.close()
        self._uncount()

    def hurry(self) -> None:
        """Nobody is waited for."""

    def in_child(self, process: int) -> _PageOfChild:
        """In a forked child: the parent's page is the parent's."""
        self._is_over = True
        self._reactor.close()
        return _PageOfChild(replace(self._wanted, port=0, count=None))

    def _uncount(self) -> None:
        provider = self._wanted.provider
        if isinstance(provider, TracingProvider):
            provider.own_threads -= 1

    def _run(self) -> None:
        try:
            self._reactor.run()
        except BaseException as error:
            _logger.error("the page has ended", exc_info=error)


class _PageOfChild:
    """Where the page of a forked child will be, once something is recorded there."""

    def __init__(self, wanted: _Wanted) -> None:
        self._wanted = wanted
        self._page: Page | None = None

    def write(self, records: list[Record]) -> None:
        if self._page is None:
            self._page = Page(self._wanted)
        self._page.write(records)

    def close(self) -> None:
        if self._page is not None:
            self._page.close()

    def hurry(self) -> None:
        """Nobody is waited for."""

    def in_child(self, process: int) -> _PageOfChild:
        return self if self._page is None else self._page.in_child(process)


class Inspector:
    """A live page of a reactor, made by :func:`inspect`; ``url`` is its address, with its token.

    A context manager: ``close()`` ends the page, and what is observed goes on.
    """

    def __init__(self, page: Page, keeper: Keeper | None) -> None:
        self._page = page
        self._keeper = keeper
        self.url: str = page.url

    def close(self) -> None:
        """End the page; a second call does nothing."""
        try:
            if self._keeper is not None:
                self._keeper.close()
        finally:
            self._page.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Inspector({self.url.partition('?')[0]!r})"


def inspect(
    target: Reactor | Prefork | TracingProvider,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    token: str | None = None,
    control: bool | None = None,
    name: str = "",
    say: Callable[[str], object] | None = None,
) -> Inspector:
    """Serve a live page of ``target`` at a port (0: any), in a thread of its own, until it is closed.

    Over a :class:`~nio.trace.TracingProvider` the page shows everything that its level records; over any other provider
    it shows keys, states and counters, and the reactor does nothing for it. ``host`` is a numeric address; one that is
    not loopback shows the page to whoever knows the token. ``token`` is a secret of yours, else ``NIO_INSPECT_TOKEN``
    or a new one. ``control`` adds buttons that hold the loop and play clients: by default at level ``teach`` on
    loopback. ``say`` is given the line with the address, by default stderr is.

    Raises OSError where the port is taken, IllegalArgumentError for control without level ``teach`` and for a host that
    is a name, TypeError for a target that is none.
    """
    if not isinstance(target, (Reactor, Prefork, TracingProvider)):
        raise TypeError(f"inspect() takes a reactor or a TracingProvider, not {target!r:.100}")
    provider = target if isinstance(target, TracingProvider) else target.provider
    count = None if isinstance(target, TracingProvider) else lambda: counters_of((target,))
    is_taught = isinstance(provider, TracingProvider) and provider.recording.level_name == "teach"
    if control and not is_taught:
        raise IllegalArgumentError(
            "control is for level 'teach': Reactor.open(provider=TracingProvider(level='teach'))"
        )
    if control is None:
        control = is_taught and host in _LOOPBACK
    secret = token or os.environ.get(TOKEN) or secrets.token_urlsafe(16)
    title = name or ("" if isinstance(target, TracingProvider) else type(target).__name__.removeprefix("Traced"))
    page = Page(_Wanted(provider, title, port, host, secret, control, say or _tell, count))
    return Inspector(page, Keeper(provider, [page]) if isinstance(provider, TracingProvider) else None)


def page_of(provider: TracingProvider, port: int, program: str) -> Page:
    """For ``python3 -m nio.trace --inspect``, which has a keeper of its own."""
    teach = provider.recording.level_name == "teach"
    token = os.environ.get(TOKEN) or secrets.token_urlsafe(16)
    return Page(_Wanted(provider, Path(program).name, port, "127.0.0.1", token, teach, _tell))
