"""Reactor: selects, dispatches each ready key to its handler, and runs what was queued for its thread.

What a turn is, and who may call what, stands in the docstring of the class; what is called on its thread besides the
handlers, in ``_agenda.py``; how it stops, in ``_stopping.py``.

**Whoever raises pays, nobody else**: see ``_registry.py``. **Spins** are told and ended: see ``_spins.py``.

**The loop knows no handler class**: what it calls on a key's attachment stands in ``_event_handler.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from typing import Self

from nio._numbers import check_count, check_seconds
from nio._strict import strict_class
from nio.channels import SelectableChannel, SelectionKey, Selector, SocketChannel
from nio.errors import ClosedSelectorError
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._background import Background
from nio.reactor.loop._checks import check_registration
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._defer import DeferredCalls
from nio.reactor.loop._departures import Departures
from nio.reactor.loop._drain import Drain
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hand_off import HandOff, Workers
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._progress import Progress, Tally
from nio.reactor.loop._registry import LEAVING, Guarded, Registry, each
from nio.reactor.loop._report import Report
from nio.reactor.loop._resolver import Resolver
from nio.reactor.loop._serving import Events, Serving, Take, Watch
from nio.reactor.loop._spins import SpinWatch
from nio.reactor.loop._state import ReactorState
from nio.reactor.loop._stopping import Stopping
from nio.reactor.loop._undertakings import Undertakings
from nio.spi import SelectorProvider

_READ = int(SelectionKey.OP_READ)
_DRAINING, _STOPPING, _CLOSED = ReactorState.DRAINING, ReactorState.STOPPING, ReactorState.CLOSED


class Reactor(Stopping):
    """Doug Lea's Reactor: one selector, one thread, handlers on keys, and optionally workers for ``process``.

    ``workers`` is a number of threads (0: ``process`` runs on the reactor's thread), a
    :class:`~nio.executors.WorkerPool`, any ``concurrent.futures.Executor``, or a function that makes one, or a future
    of one, and the next one when that is broken. What the reactor made is closed with it, any other executor is its
    owner's.

    ``max_connections`` is how many accepted connections there may be, 10 000 or what the descriptor limit leaves,
    whichever is less; above it accepting pauses.

    A turn takes these steps, always in this order:

    1. The functions of signals that have come are called.
    2. The timers that were due when the turn began are called, earliest first.
    3. The kernel is asked; it sleeps until a channel is ready, a wake-up, the next timer or the timeout. It does not
       sleep when step 1 or 2 called something, or ticks wait.
    4. The handlers of the ready keys are called, starting one key further each time. Then all that they decoded for the
       workers is handed over.
    5. The ticks (workers' completions, ``execute``, ``next_tick``) are called that are queued by now, 256 at most. Then
       what they decoded is handed over.

    So a tick that a tick queues and a timer that a timer sets run in the next turn. ``run`` is ``turn`` until ``stop``.

    Use it as a context manager: ``close()`` ends every connection and gives back all descriptors.

    Concurrency: ``execute``, ``wakeup``, ``stop``, ``drain`` and ``statistics`` from any thread or signal handler; they
    take no lock. Everything else on the thread that runs the reactor; while none does, any thread may do all.
    """

    def __init__(
        self,
        *,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
    ) -> None:
        self._selector = Selector.open(provider)
        try:
            self._set_up(workers, max_connections)
        except BaseException:
            self._selector.close()
            raise

    def _set_up(self, workers: int | Workers, max_connections: int | None) -> None:
        self.provider: SelectorProvider = self._selector.provider
        self.admission: Admission = self._places(max_connections)
        self.report: Report = Report(self.provider.clock)
        self.tally: Tally = Tally()
        self._state, self._is_closed = ReactorState.OPEN, False
        self._thread_id = self.provider.thread_id
        self.owner: Owner = Owner(self._thread_id)
        self._registry = Registry(self.admission, self.tally, self.report)
        self._clock = self.provider.clock
        self._take: Take = self._hand_over
        self.deals: bool = type(self).deal is not Reactor.deal  # accepted connections are not all its own
        self.serves: bool = False  # a handler has brought a loop of its own
        self._checked: type | None = None  # the class that came last: its objects are handlers
        self.guarded: Guarded = self._registry.guarded
        self._start_agenda()
        self._start_stopping(Drain(self._registry, self.tally, self._clock, partial(self.post, self._drained)))
        self._spins = SpinWatch(self._selector, self._registry.of, self.tally, self.report, self.call_later)
        self._departures = Departures(self._selector, self._registry, self.post, self.report)
        self.undertakings: Undertakings = Undertakings(self.guarded, Resolver(self.provider, self.post))
        self.hand_off: HandOff | None = None
        if callable(workers) or isinstance(workers, Executor) or check_count("workers", workers, 0):
            self.hand_off = HandOff(workers, self)
        self._deferred = DeferredCalls(self, self._registry)
        self.provider.loop_opened(self)

    @classmethod
    def open(
        cls,
        *,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        provider: SelectorProvider | None = None,
        strict: bool = False,
    ) -> Self:
        """A reactor that has not run yet; the other arguments are those of the class.

        ``strict`` switches strict mode on until the reactor is closed: see ``nio.doctor``.
        """
        kind: type[Self] = strict_class(cls) if strict else cls
        return kind(workers=workers, max_connections=max_connections, provider=provider)

    # for users: handlers

    def register(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """Watch ``channel`` for ``ops`` and call ``handler``, which is the key's attachment; sets non-blocking mode.

        ``handler`` is a :class:`~nio.reactor.Handler`, or anything else with its methods. One that had the channel
        before is told by ``handle_replaced`` that it has it no more. IllegalStateError from a thread that does not run
        the reactor while another does.
        """
        key = self._attach(channel, ops, handler)
        previous = self._registry.put(key, handler)
        try:
            if previous is not None:
                self.guarded(previous.handle_replaced)
            self._open(handler, key)
        except BaseException:
            self._not_opened(key)
            if previous is not None:
                channel.close()  # nobody has it any more
            raise
        return key

    # for users: the loop

    def turn(self, timeout: float | None = None) -> Progress:
        """One pass: waits at most ``timeout`` seconds for something to do (None for ever, 0 not at all).

        A timer that was due is something: it does not wait then. Raises ClosedSelectorError once closed.
        """
        if self._state is _CLOSED:
            raise ClosedSelectorError("the reactor is closed")
        owner, thread_id, tally = self.owner, self._thread_id, self.tally
        if owner.thread is not None:
            owner.enter("turn")
        owner.thread = owner.home = thread_id()  # as enter() does, without the call
        connections, were_open, bytes_in, bytes_out = tally.connections, tally.open, tally.bytes_in, tally.bytes_out
        ticks, timers = tally.ticks, tally.timers
        try:
            with self._selector.alone():
                tally.woke = tally.ended = tally.until = 0
                self._turn(0.0 if self._state is _STOPPING else timeout)
        finally:
            owner.thread = None
            if tally.woke:
                self._cut_off()
        new = tally.connections - connections
        closed = were_open + new - tally.open
        bytes_in, bytes_out = tally.bytes_in - bytes_in, tally.bytes_out - bytes_out
        return Progress(new, bytes_in, bytes_out, closed, tally.ticks - ticks, tally.timers - timers)

    def _turn(self, timeout: float | None) -> None:
        tally, hand_off, clock = self.tally, self.hand_off, self._clock
        tally.turns += 1
        bytes_in, moved, end = tally.bytes_in, False, None
        if self._ticks:
            timeout, end = 0.0, 0
        if self._arrived:
            timeout, end, moved = 0.0, 0, self._deliver_signals()
        due = 0 if self._due else self._timers.first or self._timers.next_due()
        if due is not None:
            left = (due - (tally.ended or clock())) / 1e9
            if left <= 0.0:
                timeout, end, moved = 0.0, 0, self._run_timers() > 0 or moved
            elif timeout is None or left < timeout:
                timeout, end = left, due
        try:
            handed = self._selector.serve(timeout, self._take, end)
        except ClosedSelectorError:
            if self._state is not _CLOSED:
                raise
            handed = 0  # a handler closed the reactor
        if hand_off is not None and hand_off.jobs:
            hand_off.flush()
        if self._ticks:
            moved = self._run_ticks() > 0
            if hand_off is not None and hand_off.jobs:
                hand_off.flush()  # a completion may have brought its connection's next record
        if moved or bytes_in != tally.bytes_in or not (handed or self._selector.stale_events):
            self._spins.idle = 0
        elif self._spins.connections != tally.connections:
            self._spins.connections, self._spins.idle = tally.connections, 0
        else:
            self._spins.idle_turn()
        if not tally.woke:
            tally.ended = 0
            return
        tally.ended = tally.heard[0] = now = clock()
        spent, tally.woke = now - tally.woke, 0
        tally.busy += spent
        tally.lag[spent.bit_length()] += 1

    def _cut_off(self) -> None:
        """A Ctrl-C has left the turn, whose work ends here: nobody is at work until the next one."""
        tally = self.tally
        tally.busy += self._clock() - tally.woke
        tally.woke = 0

    def run(self) -> None:
        """Turn until ``stop()``; in the main thread, signals are handled at once. Then it can be called again.

        IllegalStateError when another thread runs the reactor, and in one of its own handlers. After a
        KeyboardInterrupt or SystemExit, which leave it, it can be called again and serves on. WorkersLostError when the
        executor is broken and no factory makes another: the server cannot work and should leave with an exit code.
        """
        tally = self.tally
        if self._state is _CLOSED:
            return
        self.owner.enter("run")
        try:
            tally.woke = tally.ended = tally.until = 0  # nothing was just before
            self._hooks.start()
            self._take_stop()
            if self._state < _STOPPING and self._failure is None:
                with self._selector.alone(), self._selector.waking_on_signals():
                    while self._state < _STOPPING:
                        self._turn(None)
            self._hooks.reach("end")
            self._reopen()
        finally:
            self.owner.thread = None
            if tally.woke:
                self._cut_off()
        if self._failure is not None:
            raise self._failure

    @contextmanager
    def in_thread(self, *, drain: float | None = None) -> Iterator[Self]:
        """Inside the block, ``run()`` runs in a thread of its own; then it is stopped, as by ``stop(drain)``.

        The end of the block raises what ``run()`` raised, and IllegalStateError if the thread does not end. Stopping
        does not close: ``with Reactor.open() as reactor, reactor.in_thread():``.
        """
        if self._state is _CLOSED:
            raise ClosedSelectorError("the reactor is closed")
        background = Background(self, None if drain is None else check_seconds("drain", drain))
        try:
            yield self
        finally:
            try:
                background.end()
            except LEAVING:  # a Ctrl-C, before it was told to stop maybe
                background.end()
                raise
            finally:
                if self.owner.thread is None:
                    self._reopen()

    def wakeup(self) -> None:
        """End the sleep of the turn under way, or of the next."""
        self._selector.wakeup()

    def close(self) -> None:
        """Close every connection and the selector, and the pool if it is this reactor's; again is nothing."""
        if self._is_closed:
            return
        self._check_close()
        self.owner.settle()
        self._state, self._is_closed = _CLOSED, True
        try:
            self._close()
        except BaseException:
            self._is_closed = False  # it was cut short: closing again goes on
            raise

    def _check_close(self) -> None:
        if self._selector.is_forked:
            self.owner.thread = None  # whoever ran it is the parent's
        self.owner.check("close")

    def _close(self) -> None:
        steps: list[Callable[[], None]] = [
            partial(self._hooks.reach, "end"),
            self.undertakings.close,
            partial(self._registry.end_all, CloseReason.LOCAL),
        ]
        if self._selector.is_forked:  # the clients are the parent's: only the descriptors of this process are closed
            steps = [handler.key.channel.close for handler in self._registry.all()]
            self._deferred.unsettled.clear()
            self._ticks.clear()  # the parent calls them
        if self.hand_off is not None:
            steps.append(self.hand_off.close)
        steps.append(self._signals.close)
        steps += [self._deferred.close, self._drop_ticks, self._deferred.reject, self._selector.close]
        each(steps, lambda step: self.guarded(step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # for handlers; also tally, admission, hand_off and report

    def admit(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        """As ``register``, for a channel that was accepted or connected: a connection, which takes a place."""
        owner, thread_id = self.owner, self._thread_id
        if (
            (owner.thread is not None and owner.thread != thread_id())
            or type(handler) is not self._checked
            or type(channel) is not SocketChannel
            or channel._blocking
        ):
            key = self._attach(channel, ops, handler)
            self._checked = type(handler) if hasattr(type(handler), "handle_ready") and ops == _READ else None
        else:
            key = self._selector._enroll(channel, ops, handler)
        try:
            self._registry.admit(key, handler)
            self._open(handler, key)
        except BaseException:
            self._not_opened(key)
            raise
        if self._state is _DRAINING:
            self._drain.came(key, handler)
        return key

    def deal(self, admit: Callable[[Reactor, SocketChannel], object], channel: SocketChannel) -> None:
        """Call ``admit(reactor, channel)`` for the reactor that has an accepted connection from now on: this one."""
        admit(self, channel)

    def forget(self, key: SelectionKey, reason: CloseReason) -> None:
        """Dispatch the key no more. For ``Handler.close``, which every end of a connection goes through."""
        self._registry.forget(key, reason)

    def serve_by(self, make: Callable[..., Serving]) -> None:
        """Have the kernel's answer gone through by what ``make(dispatch, failed, tally, clock)`` makes."""
        self._take, self.serves = make(self._dispatch, self._registry.failed, self.tally, self._clock).serve, True

    # one turn's parts

    def _hand_over(self, events: Events, watch: Watch) -> int:
        if not self.tally.woke:
            self.tally.wake(self._clock())
        return watch.hand_over(events, self._dispatch)

    def _dispatch(self, key: SelectionKey, handler: EventHandler, ready: int) -> None:
        """Call the attachment, which may have replaced the handler registered: Lea's handlers change state that way."""
        try:
            if ready == _READ:
                handler.handle_read()
            else:
                handler.handle_ready(ready)
        except BaseException as error:
            self._registry.failed(key, handler, error)
            if isinstance(error, LEAVING):
                raise

    # the handlers

    def _places(self, wanted: int | None) -> Admission:
        return Admission(wanted, self.provider)

    def _attach(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> SelectionKey:
        self.owner.check("register")
        check_registration(channel, ops, handler)
        return channel.configure_blocking(False).register(self._selector, ops, handler)

    def _open(self, handler: EventHandler, key: SelectionKey) -> None:
        handler.handle_open(self, key)
        if self._state is _DRAINING:
            self.execute(self._drain.one, handler, key)

    def _not_opened(self, key: SelectionKey) -> None:
        self.forget(key, CloseReason.HANDLER_ERROR)
        key.cancel()
