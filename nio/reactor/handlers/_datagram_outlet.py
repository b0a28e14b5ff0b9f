"""DatagramOutlet: the sending half of a datagram socket's handler, its counters and its interest set.

**Write first, arm later**: a datagram is sent at once; ``OP_WRITE`` is armed only for what the kernel did not take.
That waits in a queue, and when the queue is full the newest datagram is dropped: those before it were promised first.

**What the system says of a datagram costs that datagram only**: nobody is there, no buffers, too long. A connected
socket tells with the next call that nobody took an earlier datagram; then the call is made again.
"""

from __future__ import annotations

import logging
import os
from collections import deque

from nio._numbers import check_count
from nio._record import Record, record
from nio.channels import DatagramChannel, SelectionKey, StandardSocketOptions
from nio.errors import (
    CancelledKeyError,
    ClosedChannelError,
    IllegalArgumentError,
    NotYetConnectedError,
)
from nio.reactor.handlers._handler import Handler
from nio.reactor.handlers._slips import bad_reply, no_channel
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.spi import Address, ProtocolFamily

_READ, _WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)
_ANSWERS = 2  # of the network to earlier datagrams, that one send may meet
_ENVELOPE = 64  # bytes that a datagram in the queue counts for besides its own, so that empty ones are bounded, too


@record
class DatagramStatistics(Record):
    """A handler's datagrams since it was registered.

    ``received`` were handed to ``process``, ``sent`` were taken by the kernel. ``truncated`` were longer than
    ``max_length``, ``dropped`` found the queue of output full, ``rejected`` got no worker, ``raised`` met an error of
    ``process``. ``failed`` is how often the system refused a datagram or told of one that nobody took.
    """

    received: int
    sent: int
    truncated: int
    dropped: int
    rejected: int
    raised: int
    failed: int


class DatagramOutlet(Handler):
    """What :class:`DatagramHandler` is made on: it can send and end, and does not read yet."""

    __slots__ = (
        "_busy",
        "_counts",
        "_draining",
        "_family",
        "_is_open",
        "_ops",
        "_outbox",
        "_reading",
        "_unsent",
        "reports_bytes",
    )

    datagrams_per_turn = 64
    max_output = 256 * 1024

    accepts = False
    endures = True
    channel: DatagramChannel
    reports_bytes: bool  # empty datagrams count no bytes: True while the last look at the socket has found none
    _is_open: bool

    # for the user

    def on_error(self, error: OSError) -> None:
        """The system refused a datagram, or tells of one that nobody took (ConnectionRefusedError, connected only)."""

    def on_close(self, reason: CloseReason) -> None:
        """The channel is closed; called once, after everything else."""

    def send(self, data: bytes | bytearray | memoryview, peer: Address | None = None) -> bool:
        """Send one datagram to ``peer``, from any thread; without ``peer`` to the one that the channel is connected to.

        False when it is not sent: the handler is closed, the queue is full, the system refuses it. True is no promise
        that anybody gets it. TypeError for what is no bytes, UnsupportedAddressTypeError and UnresolvedAddressError for
        a bad address, NotYetConnectedError for none, IllegalStateError before the registration. Nothing is called from
        inside ``send``.
        """
        name = type(self).__name__
        if data is None:
            raise TypeError(f"{name}.send() was given None: a datagram is bytes")
        wrong = bad_reply(f"{name}.send() was given", data)
        if wrong is not None:
            raise wrong
        is_open: bool | None = getattr(self, "_is_open", None)
        if is_open is None:
            raise no_channel(self)
        if not is_open:
            return False
        if peer is not None:
            self.reactor.provider.check_address(self._family, peer)
        elif not self.channel.is_connected:
            raise NotYetConnectedError(f"{self.channel!r} is not connected: {name}.send(data, peer) says where to")
        data = memoryview(data).tobytes()
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self._send, data, peer)
            return True
        return self._send(data, peer)

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        """Close the channel at once, whatever waits to be sent; closing again is nothing."""
        try:
            is_open = self._is_open
        except AttributeError:
            raise no_channel(self) from None
        if not is_open:
            return
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.close, reason)
            return
        self._let_go()
        super().close(reason)
        self.reactor.guarded(self.on_close, reason)

    def statistics(self) -> DatagramStatistics:
        """The counters so far; from any thread."""
        return DatagramStatistics(**self._counts)

    @property
    def unsent(self) -> int:
        """How many datagrams the kernel has not taken yet."""
        return len(self._outbox)

    def __repr__(self) -> str:
        channel = getattr(self, "channel", None)
        return f"{type(self).__name__}({'not open' if channel is None else repr(channel)})"

    # for the reactor

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        name = type(self).__name__
        if not isinstance(key.channel, DatagramChannel):
            raise IllegalArgumentError(f"a {name} handles a DatagramChannel, not {key.channel!r}")
        for setting in ("datagrams_per_turn", "max_output"):
            check_count(f"{name}.{setting}", getattr(self, setting), 1)
        super().handle_open(reactor, key)
        is_inet6 = StandardSocketOptions.IPV6_V6ONLY in self.channel.supported_options
        self._family = ProtocolFamily.INET6 if is_inet6 else ProtocolFamily.INET
        self._ops = key.interest_ops
        self._reading, self._draining = bool(self._ops & _READ), False
        self._busy = False  # so many datagrams are under way that no more are read
        self._outbox: deque[tuple[bytes, Address | None]] = deque()
        self._unsent = 0  # bytes in it, with their envelopes
        self._counts = dict.fromkeys(DatagramStatistics.__match_args__, 0)
        self.reports_bytes = self._is_open = True

    def handle_write(self) -> None:
        """There is room for what waits to be sent."""
        outbox = self._outbox
        try:
            for _ in range(min(len(outbox), self.datagrams_per_turn)):
                data, peer = outbox[0]
                size = len(data) + _ENVELOPE
                self._unsent -= size  # a Ctrl-C may come behind any call
                outbox.popleft()
                if self._transmit(data, peer) is None:
                    self._unsent += size
                    outbox.appendleft((data, peer))
                    break
        finally:
            self._arm()

    def handle_error(self, error: BaseException) -> None:
        """One of the methods of this handler raised ``error``, which is logged already: the service goes on."""

    def handle_fault(self) -> None:
        """The network has answered while nothing was watched."""
        code = self.reactor.provider.connect_error(self.channel.socket)
        self._failed(OSError(code, os.strerror(code)))

    def handle_replaced(self) -> None:
        """Another handler has the channel: it gets nothing of this one."""
        self._let_go()

    # datagrams out

    def _send(self, data: bytes, peer: Address | None) -> bool:
        if not self._is_open:
            return False
        if not self._outbox:
            sent = self._transmit(data, peer)
            if sent is not None:
                return sent
        size = len(data) + _ENVELOPE
        if self._unsent + size > self.max_output:
            self._counts["dropped"] += 1
            return False
        self._unsent += size
        self._outbox.append((data, peer))
        self._arm()
        return True

    def _transmit(self, data: bytes, peer: Address | None) -> bool | None:
        """Give it to the kernel: whether that took it, None when there is no room now."""
        try:
            sent = self._offer(data, peer, _ANSWERS)
        except ClosedChannelError:
            return False
        except OSError as error:
            self._failed(error)
            return False
        if sent is None:
            return None
        self._counts["sent"] += 1
        self.reactor.tally.bytes_out += sent
        self.reports_bytes = False
        return True

    def _offer(self, data: bytes, peer: Address | None, answers: int) -> int | None:
        try:
            if not data:
                return self._offer_nothing(peer)
            return (self.channel.write(data) if peer is None else self.channel.send(data, peer)) or None
        except ConnectionRefusedError as error:
            if not answers:
                raise
            self._failed(error)
            return self._offer(data, peer, answers - 1)

    def _offer_nothing(self, peer: Address | None) -> int | None:
        """An empty datagram: a connected channel would not send it, and no channel tells it from one without room."""
        channel = self.channel
        if not channel.is_open:
            raise ClosedChannelError(f"{channel!r}")
        nothing = memoryview(b"")
        try:
            if channel.is_connected:
                return channel.socket.send(nothing)  # type: ignore[no-any-return]
            return channel.socket.sendto(nothing, peer)  # type: ignore[no-any-return]
        except BlockingIOError:
            return None

    def _failed(self, error: OSError) -> None:
        """The system has told of a datagram that went nowhere."""
        self._counts["failed"] += 1
        level = logging.DEBUG if isinstance(error, ConnectionRefusedError) else logging.WARNING
        self.reactor.report("datagram", level, "%s: %s", type(self).__name__, error)
        self.reactor.post(self._tell, error)  # later: whoever sends need not expect to be called

    def _tell(self, error: OSError) -> None:
        if self._is_open:
            self.on_error(error)

    # interest, and the end

    def _arm(self) -> None:
        """The one place where interest is computed, and where a drain finds that nothing is owed any more."""
        if not self._is_open:
            return
        if self._draining and not self.owes:
            self.close(CloseReason.DRAIN)
            return
        ops = (_READ if self._reading and not self._busy else 0) | (_WRITE if self._outbox else 0)
        if ops != self._ops:
            self._ops = ops
            try:
                self.key.set_interest(ops)
            except CancelledKeyError:
                pass  # whoever cancelled it has brought the end on its way

    def _let_go(self) -> None:
        self._is_open = self._reading = False
        self._outbox.clear()
