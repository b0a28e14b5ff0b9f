"""Handler: what the reactor calls when a key is ready."""

from __future__ import annotations

from typing import Any

from nio.channels import SelectableChannel, SelectionKey
from nio.errors import CancelledKeyError, ClosedChannelError, IllegalStateError
from nio.reactor.handlers._slips import no_channel
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._connection_info import ConnectionInfo
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING

_READ, _WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
_CONNECT, _ACCEPT = int(SelectionKey.OP_CONNECT), int(SelectionKey.OP_ACCEPT)


class Handler:
    """Bound to one key by ``reactor.register``; every method runs on the reactor's thread.

    Override the ``handle_`` methods for the operations the key is registered for. They must not block. One that raises
    loses its channel, never the reactor. ``close`` may be called from any thread.
    """

    __slots__ = ("channel", "key", "reactor")

    _steady: object = None  # see streams/_steady.py, which asks this of each handler: none here is steady

    reactor: Reactor
    key: SelectionKey
    channel: SelectableChannel

    reports_bytes = False
    """True if this handler counts every byte it moves in ``reactor.tally``; only then can a spin of its key be told."""

    accepts = True
    """False if handlers of this class cannot have a listening channel, which is an Acceptor's."""

    endures = False
    """True if a KeyboardInterrupt or SystemExit that passes through such a handler leaves it in order."""

    @classmethod
    def check_class(cls) -> None:
        """Refuse a class that cannot work, with the reason; an Acceptor asks when it is made."""

    @classmethod
    def check_reactor(cls, reactor: Reactor) -> None:
        """Refuse a reactor that handlers of this class cannot run on; an Acceptor asks before its first connection."""

    @property
    def owes(self) -> bool:
        """Something is lost if the channel is closed now; of an unknown handler, that is to be assumed."""
        return True

    def describe(self) -> ConnectionInfo:
        """What ``reactor.connections()`` tells of this one."""
        key = self.key
        try:
            peer, interest = getattr(self.channel, "remote_address", None), key.interest_ops
        except (ClosedChannelError, CancelledKeyError):
            peer, interest = None, 0  # somebody has closed it, and its end is on its way
        return ConnectionInfo(type(self).__name__, peer, "open", interest, 0, 0.0, 0.0)

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        """The key exists now; called once, before any other.

        IllegalStateError for a handler that has a key already: a handler keeps what belongs to one channel.
        """
        mine: SelectionKey | None = getattr(self, "key", None)
        if mine is not None and mine is not key and mine.is_valid:
            name = type(self).__name__
            raise IllegalStateError(f"this {name} handles {mine.channel!r} already: make one {name} for each channel")
        self.reactor = reactor
        self.key = key
        self.channel = key.channel

    def handle_ready(self, ready: int) -> None:
        """The ready set as a plain int; calls the method of each operation in it, while the channel is open."""
        if ready & _ACCEPT:
            self.handle_accept()
        if ready & _CONNECT:
            self.handle_connect()
        if ready & _READ and self.channel.is_open:
            self.handle_read()
        if ready & _WRITE and self.channel.is_open:
            self.handle_write()

    def handle_accept(self) -> None:
        """A connection waits to be accepted."""
        raise NotImplementedError(f"{type(self).__name__} is registered for OP_ACCEPT and has no handle_accept")

    def handle_connect(self) -> None:
        """A connection attempt has ended: call ``finish_connect()``."""
        raise NotImplementedError(f"{type(self).__name__} is registered for OP_CONNECT and has no handle_connect")

    def handle_read(self) -> None:
        """There is something to read: data, the end of the stream or an error."""
        raise NotImplementedError(f"{type(self).__name__} is registered for OP_READ and has no handle_read")

    def handle_write(self) -> None:
        """There is room to write."""
        raise NotImplementedError(f"{type(self).__name__} is registered for OP_WRITE and has no handle_write")

    def handle_error(self, error: BaseException) -> None:
        """One of the methods of this handler raised ``error``, which is logged already."""
        self.close(CloseReason.HANDLER_ERROR)

    def handle_fault(self) -> None:
        """The peer has reset the connection while the interest set was empty; nothing happens."""

    def handle_drain(self) -> None:
        """The reactor is stopping: finish what is owed, then close."""
        self.close(CloseReason.DRAIN)

    def handle_replaced(self) -> None:
        """Another handler has the channel from now on, which stays open."""

    def handle_unconnected(self, reactor: Reactor, reason: CloseReason, error: Exception | None) -> None:
        """``reactor.connect`` was to connect this handler, which never had a key, and there will be no connection."""
        self.reactor = reactor

    def detach(self) -> Any:
        """Give the channel's socket, or its descriptor, to whoever calls, open; this handler ends with DETACHED.

        For the reactor's thread; see ``detach`` of the channel.
        """
        self.reactor.owner.check("detach")
        channel: Any = self.channel
        taken = channel.detach()
        self.close(CloseReason.DETACHED)
        return taken

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Close the channel at once and leave the reactor; closing again is nothing.

        From another thread than the reactor's it travels there, behind what that thread sent before.
        """
        try:
            reactor, key = self.reactor, self.key
        except AttributeError:
            raise no_channel(self) from None
        if reactor.owner.is_elsewhere:
            reactor.post(self.close, reason)
            return
        try:
            reactor.forget(key, reason)
            self.channel.close()
        except LEAVING:  # before that has begun, maybe
            self.channel.close()
            raise
