"""DatagramHandler: one datagram socket's handler: each datagram in is a request, and may be answered.

How it sends stands in ``_datagram_outlet.py``.

**One bad datagram must not end the service.** What ``process`` raises costs its datagram; it is logged and counted, and
the channel stays open until ``close()``. A datagram longer than ``max_length`` is dropped whole, since a cut one is
worse than none, and that is logged and counted, too.

**Fair shares.** A turn reads so many datagrams and leaves the rest to the next, so that a flood does not starve others.

**With workers** each datagram is a job of its own. Several of one handler may run at a time, and replies leave in the
order in which they are made. While ``max_outstanding`` are with the workers nothing is read, and the kernel keeps, then
drops, what comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import FunctionType
from typing import Any

from nio._numbers import check_count
from nio.buffers import ByteBuffer
from nio.channels import SelectionKey
from nio.errors import ClosedChannelError, ProtocolError
from nio.reactor.handlers._datagram_outlet import DatagramOutlet
from nio.reactor.handlers._slips import bad_reply, check_callbacks, check_settings, static
from nio.reactor.loop._hand_off import Job
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.spi import Address


class DatagramHandler(DatagramOutlet):
    """One datagram socket's handler: datagrams in, replies out. Subclass it and write ``process``.

    ``reactor.register(DatagramChannel.open().bind(address), SelectionKey.OP_READ, handler)`` starts the service. The
    channel may be connected to one peer. Class attributes are the settings, read when the channel is registered; an
    ``__init__`` may set them, too:

    - ``max_length``: bytes of the longest datagram to be processed (65,535: every one); longer ones are dropped.
    - ``datagrams_per_turn``: how many are read, and how many sent from the queue, in one turn of the reactor (64).
    - ``max_output``: bytes that may wait for the kernel, 64 more for each datagram (256 KiB).
    - ``max_outstanding``: how many datagrams may be with the workers or wait for a late reply (64); 1 keeps the order.

    ``process`` runs on the reactor's thread, or with workers in one of them, several datagrams at a time; everything
    else is called on the reactor's thread. An error of ``process`` costs its datagram only, and is logged;
    :class:`~nio.errors.ProtocolError` is the peer's fault and logged as DEBUG. ``send`` and ``close`` may be called
    from any thread.
    """

    __slots__ = ("_buffer", "_requests")

    max_length = 65_535
    max_outstanding = 64

    # for the user

    def process(self, data: bytes, peer: Address) -> bytes | Future[bytes | None] | None:
        """The reply to one datagram, which goes back to ``peer``; None for no reply. Empty datagrams come, too.

        A ``concurrent.futures.Future`` of either is a late reply; it counts as outstanding, and is cancelled when the
        handler closes.
        """
        raise NotImplementedError(f"{type(self).__name__} has no process()")

    def on_open(self) -> None:
        """The channel is registered; called once, before any datagram."""

    # for the reactor

    @property
    def owes(self) -> bool:
        return bool(self._outbox or self._requests)

    @classmethod
    def check_class(cls) -> None:
        if cls.process is DatagramHandler.process:
            raise TypeError(f"{cls.__name__} has no process()")
        check_callbacks(cls, "process", "on_open", "on_error", "on_close")
        check_settings(cls, DatagramHandler)

    @classmethod
    def check_reactor(cls, reactor: Reactor) -> None:
        if reactor.hand_off is not None and isinstance(static(cls, "process"), FunctionType):
            reactor.hand_off.check_bound(cls.__name__)

    def handle_open(self, reactor: Reactor, key: SelectionKey) -> None:
        self.check_class()
        self.check_reactor(reactor)
        for setting in ("max_length", "max_outstanding"):
            check_count(f"{type(self).__name__}.{setting}", getattr(self, setting), 1)
        super().handle_open(reactor, key)
        self._buffer = ByteBuffer.allocate(self.max_length)
        self._requests: set[_Request] = set()  # with the workers
        self._arm()
        try:
            self.on_open()
        except BaseException:
            self._let_go()  # the channel is the caller's again
            raise

    def handle_read(self) -> None:
        """Datagrams have come, or an answer of the network to one that was sent."""
        self.reports_bytes = True
        try:
            for _ in range(self.datagrams_per_turn):
                if not (self._reading and not self._busy and self._receive()):
                    break
        finally:
            self._arm()

    def handle_drain(self) -> None:
        """Process what waits, one turn's share at most, send what is owed, then close."""
        try:
            if self._reading:
                self.handle_read()
        finally:
            self._reading, self._draining = False, True
            self._arm()

    # datagrams in

    def _receive(self) -> bool:
        """Take one datagram; False when there is none."""
        counts, tally = self._counts, self.reactor.tally
        try:
            peer = self.channel.receive(self._buffer.clear())
        except ClosedChannelError:
            return False  # somebody else closed it, and the end is on its way
        except OSError as error:
            self._failed(error)
            return True
        if peer is None:
            return False
        self.reports_bytes: bool = False
        data = bytes(self._buffer.flip())
        tally.bytes_in += len(data)
        if self.channel.is_truncated:
            counts["truncated"] += 1
            self.reactor.report(
                "truncated",
                logging.WARNING,
                "%s: a datagram of %r is dropped: it is longer than max_length, %d bytes",
                type(self).__name__,
                peer,
                self.max_length,
            )
            return True
        counts["received"] += 1
        tally.requests += 1
        if self.reactor.hand_off is None:
            self._process_here(data, peer)
            return True
        request = self._begin(peer)
        request.job = job = Job(self.reactor.hand_off, request, partial(_with_peer, self.process, peer))
        job.record = data
        job.hand_off.add(job)
        return True

    def _process_here(self, data: bytes, peer: Address) -> None:
        try:
            reply = self.process(data, peer)
        except LEAVING:
            raise
        except BaseException as error:
            self._raised(error)
        else:
            if not isinstance(reply, Future):
                self._answer(reply, peer)
            elif self._is_open:
                self._begin(peer).wait_for(reply)
            else:  # process() has closed this handler
                reply.cancel()
                self.reactor.tally.dropped += 1

    def _begin(self, peer: Address) -> _Request:
        request = _Request(self, peer)
        self._requests.add(request)
        self._busy = len(self._requests) >= self.max_outstanding
        return request

    def _answer(self, reply: Any, peer: Address) -> None:
        wrong = bad_reply(f"{type(self).__name__}.process() returned", reply)
        if wrong is not None:
            self._raised(wrong)
        elif reply is not None:
            self._send(bytes(reply), peer)

    def _raised(self, error: BaseException) -> None:
        self._counts["raised"] += 1
        name = type(self).__name__
        if isinstance(error, ProtocolError):
            self.reactor.report("datagram", logging.DEBUG, "%s: a peer broke the protocol: %.200r", name, str(error))
        else:
            self.reactor.report(
                "handler", logging.ERROR, "%s.process() raised; its datagram is dropped", name, error=error
            )

    def _rejected(self) -> None:
        self._counts["rejected"] += 1

    def _finished(self, request: _Request, then: Callable[..., None], *args: object) -> None:
        """A worker is done with it, or none will have it."""
        if self._is_open:
            self._requests.discard(request)
            self._busy = len(self._requests) >= self.max_outstanding
            then(*args)
            self._arm()
        else:
            self.reactor.tally.dropped += 1

    def _let_go(self) -> None:
        super()._let_go()
        for request in self._requests:
            request.abandon()
        self._requests.clear()


class _Request:
    """One datagram whose reply is to come: where it goes. Completions come on the reactor's thread."""

    __slots__ = ("_handler", "_late", "_peer", "job")

    def __init__(self, handler: DatagramHandler, peer: Address) -> None:
        self._handler = handler
        self._peer = peer
        self._late: Future[bytes | None] | None = None
        self.job: Job | None = None

    def handle_reply(self, reply: bytes | Future[bytes | None] | None) -> None:
        if isinstance(reply, Future):
            self.wait_for(reply)
            if not self._handler._is_open:
                reply.cancel()
        else:
            self._handler._finished(self, self._handler._answer, reply, self._peer)

    def wait_for(self, late: Future[bytes | None]) -> None:
        """``process`` returned a future."""
        self._late = late
        post = self._handler.reactor.post
        late.add_done_callback(lambda late: post(self._take, late))

    def _take(self, late: Future[bytes | None]) -> None:
        if late.cancelled():
            self.handle_rejection()
        elif (error := late.exception()) is not None:
            self.handle_failure(error)
        else:
            self._handler._finished(self, self._handler._answer, late.result(), self._peer)

    def abandon(self) -> None:
        """Nobody wants the reply any more."""
        if self.job is not None:
            self.job.abandon()
        if self._late is not None:
            self._late.cancel()

    def handle_failure(self, error: BaseException) -> None:
        self._handler._finished(self, self._handler._raised, error)

    def handle_loss(self, error: BaseException) -> None:
        self.handle_rejection()

    def handle_rejection(self) -> None:
        self._handler._finished(self, self._handler._rejected)


def _with_peer(process: Callable[[bytes, Address], Any], peer: Address, data: bytes) -> Any:
    """A worker's call, also in another process."""
    return process(data, peer)
