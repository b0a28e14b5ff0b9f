"""Acceptor: Lea's passive opener: accepts connections and gives each a handler."""

from __future__ import annotations

import errno
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from nio._numbers import check_count, check_seconds
from nio.channels import SelectionKey, ServerSocketChannel, SocketChannel
from nio.errors import ClosedChannelError
from nio.reactor._close_reason import CloseReason
from nio.reactor._handler import Handler
from nio.reactor._stream_handler import StreamHandler

if TYPE_CHECKING:
    from nio.reactor._reactor import Reactor
    from nio.reactor._timers import Timer

_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor(Handler):
    """Attached to a listening channel's key; ``handler`` makes the handler of each connection, a class usually.

    At most ``accepts_per_turn`` connections are accepted in a turn, so that a storm of them does not starve those that
    are there. When the process is out of descriptors or the kernel out of memory, accepting pauses for ``pause``
    seconds; when the reactor has ``max_connections``, until some have gone. What ends a single connection before it was
    accepted is passed over.
    """

    __slots__ = ("_handler", "_starving", "_timer", "accepts_per_turn", "pause")

    counts_progress = True
    channel: ServerSocketChannel

    def __init__(self, handler: Callable[[], Handler], *, accepts_per_turn: int = 16, pause: float = 0.1) -> None:
        self._handler = handler
        self.accepts_per_turn: int = check_count("accepts_per_turn", accepts_per_turn, 1)
        self.pause: float = check_seconds("pause", pause)
        self._starving = False
        self._timer: Timer | None = None

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        super().handle_open(reactor, key)
        if reactor.hand_off is not None and inspect.isclass(self._handler):
            process = inspect.getattr_static(self._handler, "process", None)
            if inspect.isfunction(process) and process is not StreamHandler.process:
                reactor.hand_off.check_bound(self._handler.__name__)

    def handle_accept(self) -> None:
        """Accept what waits, within bounds."""
        for _ in range(self.accepts_per_turn):
            if self.reactor.is_full:
                self._suspend()
                return
            try:
                channel = self.channel.accept()
            except ClosedChannelError:
                self.close()
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._starve(error)
                    return
                self.reactor.report("accept", logging.DEBUG, "a connection was lost before its accept: %s", error)
                continue
            if channel is None:
                return
            self._starving = False
            self._admit(channel)

    def handle_drain(self) -> None:
        """Take what the kernel has accepted already, then listen no more."""
        try:
            self.accepts_per_turn = self.reactor.max_connections
            self.handle_accept()
        finally:
            self.close(CloseReason.DRAIN)

    def resume(self) -> None:
        """Accept again; the reactor calls it when connections have gone."""
        if self.channel.is_open:
            self.key.interest_ops = SelectionKey.OP_ACCEPT

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close(reason)

    def _admit(self, channel: SocketChannel) -> None:
        try:
            self.reactor.register(channel, SelectionKey.OP_READ, self._handler())
        except Exception as error:
            channel.close()
            self.reactor.report("admit", logging.ERROR, "a connection got no handler", error=error)

    def _suspend(self) -> None:
        self.key.interest_ops = 0
        self.reactor.resume_when_room(self)

    def _starve(self, error: OSError) -> None:
        self.key.interest_ops = 0
        self._timer = self.reactor.call_later(self.pause, self.resume)
        if not self._starving:
            self._starving = True
            self.reactor.report("starve", logging.WARNING, "cannot accept, trying every %s s: %s", self.pause, error)
