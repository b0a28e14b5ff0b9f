"""Attempt: one address of a connect, and what hangs on its key until the connection stands.

It leaves its key before the connection's handler gets one. A Ctrl-C in between is told to the connector.
"""

from __future__ import annotations

import errno
import os
from typing import Protocol

from nio.channels import SocketChannel
from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._close_reason import CloseReason


class Connecting(Protocol):
    """Whoever makes attempts: a Connector."""

    _is_told: bool

    def _failed(self, attempt: Attempt, error: Exception) -> None: ...

    def _without(self, attempt: Attempt) -> None: ...

    def _stands(self, channel: SocketChannel) -> None: ...

    def after_interrupt(self) -> None: ...


class Attempt(Handler):
    """One address being tried: what hangs on its key until the connection stands."""

    __slots__ = ("_connector",)

    channel: SocketChannel

    def __init__(self, connector: Connecting) -> None:
        self._connector: Connecting | None = connector

    @property
    def owes(self) -> bool:
        return False

    def handle_connect(self) -> None:
        connector = self._connector
        try:
            if connector is None or not self.channel.finish_connect():
                return
        except OSError as error:
            self._end(error)
            return
        try:
            self._connector = None
            self.reactor.forget(self.key, CloseReason.LOCAL)
            connector._without(self)
            connector._stands(self.channel)
        except BaseException:  # a Ctrl-C
            if not connector._is_told:
                self.channel.close()
            connector.after_interrupt()
            raise

    def give_up(self) -> None:
        """Nobody waits for this one."""
        self._connector = None
        self.close()

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Also for whoever closes the channel, and for a kernel that does not watch it: the attempt has failed."""
        if self.reactor.owner.is_elsewhere:
            super().close(reason)
        else:
            self._end(OSError(errno.ECONNABORTED, f"{os.strerror(errno.ECONNABORTED)}: {reason.value}"), reason)

    def _end(self, error: OSError, reason: CloseReason = CloseReason.CONNECT_FAILED) -> None:
        connector, self._connector = self._connector, None
        try:
            super().close(reason)
            if connector is not None:
                connector._failed(self, error)
        except BaseException:  # a Ctrl-C
            if connector is not None:
                connector.after_interrupt()
            raise
