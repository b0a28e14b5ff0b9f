"""libassa's Reactor and EventHandler, word for word, on this Reactor: for whoever reads its manual or ports a program.

One handler object may be registered for several channels, timers and signals. Only the reactor calls it. What its
methods return says what becomes of the registration: a negative number ends it, by ``handle_close``; a positive one
means that something is left in a buffer of the handler's, and the method is called again, 16 times in a row before the
others have their turn; 0 or None means that all is well. A method that raises ends its registration, too.

Two things differ. A channel stands where libassa has the number of a descriptor, which may be a stranger's by the time
it is used. A channel whose registration has ended is closed, after ``handle_close``, so that none is forgotten.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TypeAlias

from nio.channels import SelectableChannel, SelectionKey, SocketChannel
from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._signals import SignalWatch
from nio.reactor.loop._timers import Timer
from nio.reactor.loop._urgent import UrgentWatch

Verdict: TypeAlias = int | None

_AGAIN = 16  # calls of one method in a row


class AssaEvents(enum.IntFlag):
    """What an AssaHandler is registered for; libassa's EventType."""

    READ = 1
    WRITE = 2
    EXCEPT = 4
    RWE = 7
    TIMEOUT = 8
    SIGNAL = 16
    ALL = 31


class AssaHandler:
    """libassa's EventHandler: override the methods of the events it is registered for."""

    def handle_read(self, channel: SelectableChannel) -> Verdict:
        """There is something to read, or a connection to accept."""
        return self._lacks("handle_read")

    def handle_write(self, channel: SelectableChannel) -> Verdict:
        """There is room to write."""
        return self._lacks("handle_write")

    def handle_except(self, channel: SelectableChannel) -> Verdict:
        """Urgent data has come: take it with ``channel.socket.recv(1, socket.MSG_OOB)``."""
        return self._lacks("handle_except")

    def handle_timeout(self, timer: Timer) -> Verdict:
        """The timer has fired, once; who wants another registers it."""
        return self._lacks("handle_timeout")

    def handle_signal(self, signum: int) -> Verdict:
        """The signal has come."""
        return self._lacks("handle_signal")

    def handle_close(self, channel: SelectableChannel) -> Verdict:
        """The registration of this channel has ended; what it returns does not matter."""

    def _lacks(self, name: str) -> Verdict:
        raise NotImplementedError(f"{type(self).__name__} is registered for an event and has no {name}")


class AssaReactor:
    """libassa's Reactor: registers and removes handlers. ``reactor`` is what runs; for its thread."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor: Reactor = reactor
        self._bridges: dict[SelectableChannel, _Bridge] = {}
        self._timers: dict[Timer, AssaHandler] = {}
        self._signals: dict[SignalWatch, AssaHandler] = {}

    def register_io_handler(
        self, handler: AssaHandler, channel: SelectableChannel, events: AssaEvents = AssaEvents.RWE
    ) -> None:
        """Call the handler for these events of the channel, of READ, WRITE and EXCEPT; a second call changes them."""
        bridge = self._bridges.get(channel)
        if bridge is None or bridge.target is not handler:
            bridge = _Bridge(self, handler)
        self.reactor.register(channel, _ops(events, channel), bridge)
        self._bridges[channel] = bridge
        bridge.watch_urgent(bool(events & AssaEvents.EXCEPT) and isinstance(channel, SocketChannel))

    def register_timer_handler(self, handler: AssaHandler, seconds: float) -> Timer:
        """Call ``handle_timeout`` in so many seconds, once; the timer is what libassa calls its id."""
        timer = self.reactor.call_later(seconds, self._timeout, holder := list[Timer]())
        holder.append(timer)
        self._timers[timer] = handler
        return timer

    def register_signal_handler(self, handler: AssaHandler, signum: int) -> SignalWatch:
        """Call ``handle_signal`` whenever the signal comes; to be called in the main thread."""
        holder = list[SignalWatch]()
        watch = self.reactor.on_signal(signum, self._signal, handler, holder)
        holder.append(watch)
        self._signals[watch] = handler
        return watch

    def remove_io_handler(self, channel: SelectableChannel) -> bool:
        """End the channel's registration; False when there is none."""
        bridge = self._bridges.get(channel)
        if bridge is not None:
            bridge.close()
        return bridge is not None

    def remove_timer_handler(self, timer: Timer) -> bool:
        """Cancel it; False when it has fired or was removed."""
        timer.cancel()
        return self._timers.pop(timer, None) is not None

    def remove_handler(self, handler: AssaHandler, events: AssaEvents = AssaEvents.ALL) -> bool:
        """End all that the handler is registered for among these events; False when that is nothing."""
        bridges = [bridge for bridge in self._bridges.values() if bridge.target is handler and events & AssaEvents.RWE]
        timers = [timer for timer, owner in self._timers.items() if owner is handler and events & AssaEvents.TIMEOUT]
        signals = [watch for watch, owner in self._signals.items() if owner is handler and events & AssaEvents.SIGNAL]
        for bridge in bridges:
            bridge.reduce(events)
        for timer in timers:
            self.remove_timer_handler(timer)
        for watch in signals:
            self._forget_signal(watch)
        return bool(bridges or timers or signals)

    def _forget_signal(self, watch: SignalWatch) -> None:
        watch.cancel()
        self._signals.pop(watch, None)

    def _timeout(self, holder: list[Timer]) -> None:
        handler = self._timers.pop(holder[0])
        handler.handle_timeout(holder[0])

    def _signal(self, handler: AssaHandler, holder: list[SignalWatch]) -> None:
        verdict: Verdict = -1  # also of one that raises
        try:
            verdict = handler.handle_signal(holder[0].signum)
        finally:
            if (verdict or 0) < 0:
                self._forget_signal(holder[0])


class _Bridge(Handler):
    """What the loop sees of one channel of an AssaHandler."""

    __slots__ = ("_assa", "_urgent", "target")

    def __init__(self, assa: AssaReactor, target: AssaHandler) -> None:
        self._assa = assa
        self.target = target
        self._urgent: UrgentWatch | None = None

    def handle_read(self) -> None:
        self._call(self.target.handle_read, self.handle_read)

    def handle_accept(self) -> None:
        self.handle_read()

    def handle_write(self) -> None:
        self._call(self.target.handle_write, self.handle_write)

    def handle_except(self) -> None:
        self._call(self.target.handle_except, self.handle_except)

    def _call(self, method: Callable[[SelectableChannel], Verdict], again: Callable[[], None]) -> None:
        for _ in range(_AGAIN):
            if not self.key.is_valid:
                return
            verdict = method(self.channel) or 0
            if verdict < 0:
                self.close()
            if verdict <= 0:
                return
        self.reactor.next_tick(again)

    def watch_urgent(self, wanted: bool) -> None:
        """Have ``handle_except`` called from now on, or no more."""
        if wanted and self._urgent is None:
            self._urgent = self.reactor.watch_urgent(self.channel, self.handle_except)
        elif not wanted and self._urgent is not None:
            self._urgent.cancel()
            self._urgent = None

    def reduce(self, events: AssaEvents) -> None:
        """Take these events away; the registration ends with the last."""
        if events & AssaEvents.EXCEPT:
            self.watch_urgent(False)
        self.key.interest_ops &= ~_ops(events, self.channel)
        if not self.key.interest_ops and self._urgent is None:
            self.close()

    def handle_replaced(self) -> None:
        self.watch_urgent(False)

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self.close, reason)
        elif self._assa._bridges.get(self.channel) is self:
            del self._assa._bridges[self.channel]
            self.watch_urgent(False)
            self.reactor.forget(self.key, reason)
            self.key.cancel()
            try:
                self.reactor.guarded(self.target.handle_close, self.channel)
            finally:
                self.channel.close()


def _ops(events: AssaEvents, channel: SelectableChannel) -> int:
    """The operations of the channel that stand for READ and WRITE."""
    read = SelectionKey.OP_READ | SelectionKey.OP_ACCEPT if events & AssaEvents.READ else 0
    write = SelectionKey.OP_WRITE if events & AssaEvents.WRITE else 0
    return int((read | write) & channel.valid_ops)
