"""Connector: the active opener: connects and gives the connection its handler, as an Acceptor does for its side.

**A handler hears of one connection, or of none.** ``on_open`` comes when the connection stands and never before. When
it will never stand, ``on_close`` comes with CONNECT_FAILED or CONNECT_TIMEOUT, with LOCAL after a ``cancel()`` and the
end of the reactor, with DRAIN while it drains, with HANDLER_ERROR when it stands and cannot be watched or carried.
Nothing is called from inside ``connect``.

**A name has many addresses.** All are tried, in the order of RFC 8305: the families take turns, the resolver's first
choice begins, the next address starts when the one before has failed or 250 ms are over. The first connection that
stands wins, the others are closed. The resolver is asked in a thread, and again with each round.

**A round** is one name and all its addresses, in ``timeout`` seconds. A round that fails is the end, or with ``retry``
the beginning of the next wait. Each attempt has its own channel and key; between rounds there is neither, so the
reactor knows the Connector as an undertaking.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from nio._numbers import check_seconds
from nio.channels import SelectionKey, SocketChannel
from nio.reactor.handlers._attempt import Attempt
from nio.reactor.handlers._handler import Handler
from nio.reactor.handlers._slips import carried
from nio.reactor.handlers._targets import Found, check_handler, check_local, in_turns, numeric
from nio.reactor.loop._backoff import Backoff
from nio.reactor.loop._checks import is_handler
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connecting import Target
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._timers import Timer
from nio.spi import Address, ProtocolFamily

_HEAD_START = 0.25  # seconds for an address before the next one is tried, too
_QUEUE_IS_FULL = 0.05  # seconds: a Unix-domain server's queue is full, and no event says when there is room


class Connector:
    """One ``reactor.connect``; it fits :class:`~nio.reactor.Connecting`.

    Concurrency: ``cancel`` from any thread; everything else on the reactor's thread.
    """

    __slots__ = (
        "__weakref__",
        "_addresses",
        "_deadline",
        "_delays",
        "_errors",
        "_handler",
        "_is_told",
        "_local",
        "_name",
        "_next",
        "_reactor",
        "_round",
        "_timeout",
        "_under_way",
        "_untried",
        "address",
        "attempts",
        "error",
        "handler",
        "is_pending",
        "reason",
    )

    def __init__(
        self,
        reactor: Reactor,
        address: Target,
        handler: EventHandler | Callable[[], EventHandler],
        *,
        timeout: float | None = 30.0,
        local: Target | None = None,
        retry: Backoff | None = None,
        transport: Callable[..., object] | None = None,
    ) -> None:
        if retry is not None and not isinstance(retry, Backoff):
            raise TypeError(f"retry is a Backoff or None, not {retry!r:.60}")
        check_handler(reactor, handler, retry)
        self._addresses = numeric(reactor.provider, address)
        self._name = "", 0  # host and port to resolve, if there is no address
        if isinstance(address, tuple):
            self._name = address[0], address[1]
        if local is not None:
            check_local(reactor.provider, local, self._addresses)
        self._timeout = None if timeout is None else check_seconds("timeout", timeout)
        self._reactor = reactor
        if isinstance(address, tuple):
            transport = getattr(transport, "for_server", lambda _: transport)(address[0])
        self._handler = handler if transport is None else carried(partial(_made, handler), transport)
        self._local = local
        self._delays: Iterator[float] = iter(()) if retry is None else retry.delays(reactor.provider.random)
        self._round = 0  # counts beginnings and ends of rounds: an answer or timer of another one has its number
        self._untried: deque[Found] = deque()
        self._under_way: list[Attempt] = []
        self._is_told = False  # the handler has heard, or is about to, that there is a connection or none
        self._errors: list[Exception] = []
        self._deadline: Timer | None = None
        self._next: Timer | None = None
        self.address: Target = address
        self.attempts: int = 0
        self.is_pending: bool = True
        self.handler: EventHandler | None = None
        self.reason: CloseReason | None = None
        self.error: BaseException | None = None

    @classmethod
    def open(
        cls,
        reactor: Reactor,
        address: Target,
        handler: EventHandler | Callable[[], EventHandler],
        *,
        timeout: float | None = 30.0,
        local: Target | None = None,
        retry: Backoff | None = None,
        transport: Callable[..., object] | None = None,
    ) -> Connector:
        """One that begins with the next turn; the arguments are those of ``reactor.connect``."""
        connector = cls(reactor, address, handler, timeout=timeout, local=local, retry=retry, transport=transport)
        ending = reactor.undertakings.reason
        reactor.undertakings.add(connector)
        try:
            if ending is None:
                reactor.post(connector._begin, 0)
            else:
                reactor.post(connector.end, ending)
        except BaseException:  # a Ctrl-C
            reactor.undertakings.discard(connector)
            raise
        return connector

    def cancel(self) -> None:
        """Give up: the handler's ``on_close`` is called with LOCAL. From any thread; again, or too late, is nothing."""
        if self._reactor.owner.is_elsewhere:
            self._reactor.post(self.cancel)
        else:
            self.end(CloseReason.LOCAL)

    def __repr__(self) -> str:
        state = "pending" if self.is_pending else "connected" if self.reason is None else self.reason.name
        return f"Connector({self.address!r}, {state}, attempts={self.attempts})"

    # for the reactor

    def end(self, reason: CloseReason) -> None:
        """The reactor is stopping, say: no connection will come about."""
        if not self._is_told:
            self._give_up(reason, None)

    def after_interrupt(self, fn: Callable[..., object] | None = None, args: tuple[object, ...] = ()) -> None:
        """A Ctrl-C has struck: the round begins anew, or the end is gone through again, unless the handler was told."""
        if self._is_told:
            self._leave()
        elif self.reason is None:
            self._end_round()
            self._reactor.post(self._begin, self._round)
        else:
            self._reactor.post(self._give_up, self.reason, self.error)

    # a round

    def _begin(self, number: int) -> None:
        if number != self._round or not self.is_pending:
            return
        self._reactor.undertakings.add(self)
        self._round += 1
        self.attempts += 1
        if self._timeout is not None:
            self._deadline = self._reactor.call_later(self._timeout, self._time_is_over, self._round)
        if self._addresses:
            self._untried.extend(self._addresses)
            self._try_next()
            return
        try:
            self._reactor.undertakings.resolver.resolve(*self._name, partial(self._resolved, self._round))
        except Exception as error:
            self._fail(CloseReason.CONNECT_FAILED, error)

    def _resolved(self, number: int, found: Sequence[Found], error: Exception | None) -> None:
        if number != self._round:
            return  # too late, or nobody waits any more
        if error is not None:
            self._fail(CloseReason.CONNECT_FAILED, error)
            return
        self._untried.extend(in_turns(found))
        self._try_next()

    def _try_next(self) -> None:
        """Start with the next address that can be started with; when none is left, look whether all have failed."""
        _cancel(self._next)
        while self._untried:
            family, address = self._untried.popleft()
            try:
                channel = self._dial(family, address)
            except BlockingIOError as error:
                if family is not ProtocolFamily.UNIX:
                    self._errors.append(error)
                    continue
                self._untried.append((family, address))
                self._next = self._reactor.call_later(_QUEUE_IS_FULL, self._head_start_is_over, self._round)
                return
            except Exception as error:
                self._errors.append(error)
                continue
            if channel is not None:
                self._stands(channel)
            elif self._untried:
                self._next = self._reactor.call_later(_HEAD_START, self._head_start_is_over, self._round)
            return
        if not self._under_way:
            self._fail(CloseReason.CONNECT_FAILED, self._first_error())

    def _dial(self, family: ProtocolFamily, address: Address) -> SocketChannel | None:
        """Start connecting; the channel if it is connected at once."""
        channel = SocketChannel.open(family=family, provider=self._reactor.provider)
        try:
            channel.configure_blocking(False)
            if self._local is not None:
                if family is not ProtocolFamily.UNIX:
                    channel.set_option("SO_REUSEADDR", True)  # two addresses may be tried from the same port
                channel.bind(self._local)  # type: ignore[arg-type]  # a path may be bytes
            if channel.connect(address):
                return channel
            attempt = Attempt(self)
            self._reactor.register(channel, SelectionKey.OP_CONNECT, attempt)
            self._under_way.append(attempt)
        except BaseException:
            channel.close()
            raise
        return None

    def _failed(self, attempt: Attempt, error: Exception) -> None:
        """One address has failed: the next need not wait."""
        self._without(attempt)
        self._errors.append(error)
        self._try_next()

    def _without(self, attempt: Attempt) -> None:
        if attempt in self._under_way:
            self._under_way.remove(attempt)

    def _first_error(self) -> Exception:
        """What the resolver's first choice failed with; the others are notes on it."""
        if not self._errors:
            return OSError(errno.EADDRNOTAVAIL, f"{self.address!r} has no address")
        first, *others = self._errors
        for error in others:
            first.add_note(f"and another address: {error}")
        return first

    def _head_start_is_over(self, number: int) -> None:
        if number == self._round:
            self._try_next()

    def _time_is_over(self, number: int) -> None:
        if number != self._round:
            return
        error = TimeoutError(errno.ETIMEDOUT, f"no connection to {self.address!r} in {self._timeout} s")
        for failed in self._errors:
            error.add_note(f"one address failed before: {failed}")
        self._fail(CloseReason.CONNECT_TIMEOUT, error)

    def _fail(self, reason: CloseReason, error: Exception) -> None:
        """The round has failed."""
        self._end_round()
        self.error = error.with_traceback(None)  # which would keep the frames, and these the channel
        delay = next(self._delays, None)
        if delay is None:
            self._give_up(reason, error)
            return
        level = logging.WARNING if self.attempts == 1 else logging.DEBUG
        words = "no connection to %.200r, trying again in %.1f s: %s"
        self._reactor.report("connect", level, words, self.address, delay, error)
        self._next = self._reactor.call_later(delay, self._begin, self._round)

    def _end_round(self) -> None:
        self._round += 1
        _cancel(self._deadline)
        _cancel(self._next)
        self._untried.clear()
        self._errors.clear()
        while self._under_way:
            self._under_way[-1].give_up()
            self._under_way.pop()

    # the end

    def _stands(self, channel: SocketChannel) -> None:
        try:
            self._end_round()
            self.handler = handler = self._make()
            self._is_told = True
            self._leave()
            self._reactor.admit(channel, SelectionKey.OP_READ, handler)
        except LEAVING:  # before the handler was told the round begins anew
            channel.close()
            if self._is_told:
                self.reason = CloseReason.HANDLER_ERROR
                self._tell_unopened(channel, None)
            raise
        except BaseException as error:
            channel.close()
            self._is_told, self.reason = True, CloseReason.HANDLER_ERROR
            self._leave()
            self.error = error.with_traceback(None)
            self._tell_unopened(channel, error)
            self._reactor.report("admit", logging.ERROR, "a connection got no handler", error=error)

    def _give_up(self, reason: CloseReason, error: BaseException | None) -> None:
        self.reason = reason
        self._end_round()
        self.is_pending = False
        try:
            self._reactor.guarded(self._tell, reason, error)
        finally:
            if self._is_told:
                self._leave()

    def _tell(self, reason: CloseReason, error: Exception | None) -> None:
        self._is_told = True
        self.handler = handler = self._make()
        if isinstance(handler, Handler):
            handler.handle_unconnected(self._reactor, reason, error)

    def _tell_unopened(self, channel: SocketChannel, error: Any) -> None:
        """The connection stands, and its handler has no key: the system refused that, say."""
        handler: Any = self.handler
        if isinstance(handler, Handler) and getattr(getattr(handler, "key", None), "channel", None) is not channel:
            self._reactor.guarded(handler.handle_unconnected, self._reactor, CloseReason.HANDLER_ERROR, error)

    def _leave(self) -> None:
        self.is_pending = False
        self._reactor.undertakings.discard(self)

    def _make(self) -> EventHandler:
        return _made(self._handler)


def _made(maker: Any) -> EventHandler:
    if is_handler(maker):
        return maker  # type: ignore[no-any-return]
    handler: EventHandler = maker()
    if not is_handler(handler):
        raise TypeError(f"connect() was given {maker!r:.100}, which made {handler!r:.100}: a Handler is needed")
    return handler


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()


Reactor._opener = Connector.open
