"""What runs in a child process of Prefork: a reactor, and an ear for the parent.

The parent's orders come through a pipe. Its end says that the parent is gone, or has no patience, and the child leaves
at once. A second pipe, the lifeline, has nothing but an end. A thread waits for that: a child whose loop is stuck in a
handler leaves its parent's port, too.

Of the signals, SIGTERM drains this child alone, and a second one ends it. A terminal sends SIGINT and SIGHUP to
everybody: they are the parent's affair.

Where all children have one listener, a child accepts one connection a turn, so that a burst of them goes round, and
leaves the next ones to others while it has more than they: see ``_accept_balance.py``.

A child that retires leaves the connections that wait at the listener to its successor. Those that it has just accepted
get a moment to send their first request before it drains.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nio._record import Record, record
from nio.buffers import ByteBuffer
from nio.channels import EOF, Pipe, SelectableChannel, SelectionKey, ServerSocketChannel, SocketChannel
from nio.reactor.groups._accept_balance import AcceptBalance, Seat
from nio.reactor.groups._reports import ORDERS_SIZE, Order, Word, orders, report
from nio.reactor.handlers._acceptor import Acceptor
from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hand_off import Workers
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._report import logger
from nio.reactor.loop._state import ReactorState
from nio.spi import READABLE, PipeEnd, SelectorProvider

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD")
_MOMENT = 0.5  # seconds for a loop to notice that the parent is gone
_FIRST_REQUEST = 0.3  # seconds for it, of whoever was accepted just before its process retires


@record
class Registration(Record):
    """What every child registers; where each has a listener of its own, one channel for each place."""

    channels: tuple[SelectableChannel, ...]
    ops: int
    handler: EventHandler

    def channel(self, place: int) -> SelectableChannel:
        return self.channels[place % len(self.channels)]


class Plan:
    """What all children are made of."""

    def __init__(
        self,
        provider: SelectorProvider,
        setup: Callable[[Reactor], object] | None,
        workers: int | Workers,
        max_connections: int | None,
        drain: float,
    ) -> None:
        self.provider: SelectorProvider = provider
        self.setup: Callable[[Reactor], object] | None = setup
        self.workers: int | Workers = workers
        self.max_connections: int | None = max_connections
        self.drain: float = drain
        self.registrations: list[Registration] = []


class ChildReactor(Reactor):
    """The reactor of a child: a handler that stops it stops the server, and so the parent is told."""

    def __init__(
        self, plan: Plan, tell: Callable[[Word, float | None], object], seat: Seat, acceptors: list[Acceptor]
    ) -> None:
        super().__init__(workers=plan.workers, max_connections=plan.max_connections, provider=plan.provider)
        self._tell = tell
        self._ear: Handler | None = None
        self.balance: AcceptBalance = AcceptBalance(self, seat, acceptors)

    def stop(self, drain: float | None = None) -> None:
        """End the server, all its processes."""
        self._tell(Word.STOP, drain)
        self.end(drain)

    def end(self, drain: float | None = None) -> None:
        """As ``stop``, for this process alone."""
        super().stop(drain)

    def listen_to(self, orders: Pipe.SourceChannel, ear: Handler) -> None:
        """Hear the parent, also while everything else drains."""
        self._ear = ear
        self.register(orders, SelectionKey.OP_READ, ear)

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        super().forget(key, reason)
        self.balance.has_lost()
        self._look()

    def deal(self, admit: Callable[[Reactor, SocketChannel], object], channel: SocketChannel) -> None:
        super().deal(admit, channel)
        self.balance.has_accepted()

    def _begin_drain(self, seconds: float, runs: int) -> None:
        self.balance.leave()
        super()._begin_drain(seconds, runs)
        self._look()

    def _look(self) -> None:
        """When nobody is left but the ear, there is nothing more to hear."""
        if self._state is ReactorState.DRAINING and self._ear is not None and self._registry.all() == (self._ear,):
            self._ear.close()


class Ear(Handler):
    """Hears the parent's orders."""

    def __init__(self, child: ChildMain) -> None:
        self._child = child

    @property
    def owes(self) -> bool:
        return False

    def handle_drain(self) -> None:
        """Go on: the parent may lose patience."""

    def handle_read(self) -> None:
        buffer = ByteBuffer.allocate(ORDERS_SIZE)
        assert isinstance(self.channel, Pipe.SourceChannel)
        if self.channel.read(buffer) == EOF:
            self.close()
            self._child.leave()
            return
        for word, seconds in orders(bytes(buffer.flip())):
            self._child.obey(word, seconds)


class ChildMain:
    """One child, from its first step to its exit code."""

    def __init__(
        self,
        plan: Plan,
        place: int,
        orders: Pipe.SourceChannel,
        reports: PipeEnd,
        lifeline: PipeEnd,
        seat: Seat,
    ) -> None:
        self._plan = plan
        self._seat = seat
        self._shared: list[Acceptor] = []
        self._lifeline = lifeline
        self._over = plan.provider.open_wakeup()
        self._has_ended = plan.provider.event()
        self._place = place
        self._orders = orders
        self._reports = reports
        self._reactor: ChildReactor | None = None
        self._terminations = 0

    def run(self) -> int:
        """Serve to the end; the exit code."""
        try:
            with self._plan.provider.handling_signals(_SIGNALS, self._signalled, overrule=True):
                self._serve_while_the_parent_lives()
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            logger.critical("process %d cannot serve", self._plan.provider.process_id(), exc_info=True)
            return 1
        return 0

    def obey(self, word: Order, seconds: float) -> None:
        """An order of the parent's."""
        reactor = self._reactor
        assert reactor is not None
        if word is Order.COUNT:
            self._tell(Word.COUNTS)
        elif word is Order.DRAIN:
            reactor.end(seconds)
        else:
            self._stop_listening()
            reactor.call_later(min(_FIRST_REQUEST, seconds), reactor.end, seconds)

    def leave(self) -> None:
        """The parent is gone, or has no patience."""
        assert self._reactor is not None
        self._reactor.end()

    def _serve_while_the_parent_lives(self) -> None:
        watch = self._plan.provider.start_thread(self._watch, name="lifeline")
        try:
            self._serve()
        finally:
            self._has_ended.set()
            self._over.set()
            watch.join()

    def _watch(self) -> None:
        """In a thread: when the parent is gone, the loop has a moment to notice."""
        provider = self._plan.provider
        is_orphan = provider.wait_for(self._lifeline.fileno(), READABLE, self._over.fileno(), None)
        if is_orphan and not self._has_ended.wait(_MOMENT):
            provider.exit_process(1)

    def _serve(self) -> None:
        plan = self._plan
        self._share()
        with ChildReactor(plan, self._tell, self._seat, self._shared) as reactor:
            self._reactor = reactor
            for item in plan.registrations:
                reactor.register(item.channel(self._place), item.ops, item.handler)
            if plan.setup is not None:
                plan.setup(reactor)
            reactor.listen_to(self._orders, Ear(self))
            self._tell(Word.READY)
            if self._terminations:
                reactor.end(plan.drain)
            try:
                reactor.run()
            finally:
                self._tell(Word.COUNTS)

    def _share(self) -> None:
        """Listeners of the other places are theirs; one that all have wakes one of them, who takes one connection."""
        for item in self._plan.registrations:
            mine = item.channel(self._place)
            for channel in item.channels:
                if channel is not mine:
                    channel.close()
            if isinstance(mine, ServerSocketChannel) and len(item.channels) == 1:
                self._plan.provider.share_listener(mine.socket)
                if isinstance(item.handler, Acceptor):
                    item.handler.accepts_per_turn = 1
                    self._shared.append(item.handler)

    def _stop_listening(self) -> None:
        assert self._reactor is not None
        self._reactor.balance.leave()
        for item in self._plan.registrations:
            if item.ops & SelectionKey.OP_ACCEPT:
                item.handler.close(CloseReason.DRAIN)

    def _signalled(self, name: str) -> None:
        if name == "SIGTERM":
            self._terminations += 1
            if self._reactor is not None:
                self._reactor.end(self._plan.drain if self._terminations == 1 else None)

    def _tell(self, word: Word, drain: float | None = None) -> None:
        assert self._reactor is not None
        record = report(word, self._plan.provider.process_id(), self._reactor.statistics(), drain)
        try:
            self._reports.send(memoryview(record))
        except OSError as error:
            self._reactor.report("told", logging.DEBUG, "the parent was not told: %s", error)
