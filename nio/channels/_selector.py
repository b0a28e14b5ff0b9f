"""Selector: the demultiplexer, with the JDK's rules about its three key sets.

**The order of a selection** is what makes it safe from every thread: interest sets changed since the last one are told
to the kernel, cancelled keys are flushed, the kernel is asked (this alone may sleep), cancelled keys are flushed again,
then the answer is sorted into keys. Other threads never touch the poller or the sets; they append to two queues. What
an action registers is told at once. See ``_watch.py`` for what the kernel is told and answers, ``_waking.py`` for what
ends a sleep. A wake-up is cleared before any key is handed over, so a wake-up from an action is the next selection's.

**An exception between any two steps loses nothing**, and a signal handler may raise anywhere: a key leaves a queue only
after all was done for it, and what is done twice does no harm.

**A close from inside a selection** (an action's, a signal handler's) marks the keys invalid and leaves the rest to the
selection. A listener or datagram channel closed between two of them, or in an action, leaves its port free at once.

**A fork** copies the poller's descriptor. Were the child to take a key out, the parent would hear of its channel no
more. So in the child a selector has no keys, and its copy is closed before anything else runs there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Self

from nio._numbers import check_seconds
from nio.channels._interruptible_channel import chosen
from nio.channels._key_sets import KeySet, SelectedKeySet
from nio.channels._per_kernel import shared_by_fork
from nio.channels._registrations import HANDING_OVER, IDLE, SELECTING, Action, Registrations
from nio.channels._selection_key import SelectionKey, check_action
from nio.channels._waking import Waking
from nio.channels._watch import Events, Watch
from nio.errors import IllegalStateError
from nio.spi import READABLE, Lock, SelectorProvider

Dispatch = Callable[[SelectionKey, Any, int], object]  # the attachment's type is known to the caller alone
# Goes through the kernel's answer, gives what it does not know to watch.hand_over(), and says how many keys it was.
Take = Callable[[Events, Watch[SelectionKey]], int]
OnLostKey = Callable[[SelectionKey, OSError], object]
_LONGEST_SLEEP = 86_400.0  # kernels count milliseconds in an int


class Selector(Registrations):
    """Tells which of many channels are ready.

    A selector keeps three sets:

    - ``keys``: every registration. Cancelled keys stay until the next selection.
    - ``selected_keys``: the keys a selection found ready. Selections only add to it; whoever handles a key removes it.
      A key that is not removed hides the next event of the same kind: it counts as old news.
    - the cancelled keys, which cannot be seen.

    A selection (``select``, ``select_now``) takes these steps:

    1. Interest sets that changed since the last selection take effect, cancelled keys leave all sets.
    2. The kernel is asked; ``select`` sleeps until a channel is ready, ``wakeup()`` or ``close()`` is called, or the
       timeout is over.
    3. Keys cancelled meanwhile leave all sets.
    4. Of each ready channel: a key not in ``selected_keys`` gets its ready set overwritten and is added; one that is
       in it gets the new bits OR-ed in. The result is the number of keys *whose ready set was updated*, so that an
       unchanged key that is still selected counts 0.

    With an ``action``, step 4 hands each ready key to the action, its ready set overwritten, and not to
    ``selected_keys``; the result is the number of keys handed over. A key that an earlier action cancelled is left out.

    A key whose descriptor the kernel refuses to watch, or that somebody closed other than by ``channel.close()``, is
    *lost*: step 1 cancels it, closes its channel, writes a line to the log ``nio.channels`` and calls ``on_lost_key``.

    In a forked child a selector of the parent's is dead, and the parent's goes on undisturbed: its keys are invalid,
    its channels are registered no more and can be used and registered anew; ``close()`` closes the child's descriptors
    only. ``close()`` on the selector does nothing; all else raises :class:`~nio.errors.ForkedSelectorError`.

    An exception that a signal handler raises may come out of any method; nothing that was done before it is lost.

    Concurrency: one thread selects at a time, a second waits. From any thread, at any time and without waiting for the
    selecting one: ``wakeup``, ``close``, ``channel.register``, ``channel.close`` and everything on a key. Such changes
    take effect at the next selection. ``selected_keys`` belongs to the selecting thread.
    """

    __slots__ = (
        "__weakref__",
        "_key_set",
        "_updates",
        "_waking",
    )

    def __init__(self, provider: SelectorProvider | None = None) -> None:
        self._provider = chosen(provider)
        self._key_class = self._provider.key_class(SelectionKey)
        self._lock = self._provider.rlock()
        self._open, self._forked, self._selecting = True, False, IDLE
        self.on_cancel: Action | None = None  # called with each key that is cancelled, in whatever thread
        self._keys: dict[SelectionKey, None] = {}  # a set, in half the memory
        self._selected: set[SelectionKey] = set()
        self._key_set, self._selected_key_set = KeySet(self._keys), SelectedKeySet(self._selected)
        self._cancelled: deque[SelectionKey] = deque()
        self._watch: Watch[SelectionKey] = Watch(self._provider)
        self._poller, self._updates = self._watch.poller, self._watch.updates
        self._waking = Waking(self._provider, self._poller)
        self._watch.on_unknown = self._waking.silence
        self._watch.check_limit(self._waking.fd)
        self._enrolls = self._key_class is SelectionKey and self._poller.limit is None
        self._poller.add(self._waking.fd, READABLE)
        shared_by_fork(self._provider).add(self)

    @classmethod
    def open(cls, provider: SelectorProvider | None = None) -> Self:
        """A new selector of the default provider or of the one given."""
        return cls(provider)

    @property
    def is_open(self) -> bool:
        """True until ``close()``; False in a forked child."""
        return self._open

    @property
    def is_forked(self) -> bool:
        """True in a forked child."""
        return self._forked

    @property
    def provider(self) -> SelectorProvider:
        """The provider that opened this selector."""
        return self._provider

    @property
    def keys(self) -> KeySet[SelectionKey]:
        """Every registration: the same live view each time; ClosedSelectorError once closed."""
        self._ensure_open()
        return self._key_set

    @property
    def selected_keys(self) -> SelectedKeySet[SelectionKey]:
        """The keys found ready: the same live view each time; ClosedSelectorError once closed."""
        self._ensure_open()
        return self._selected_key_set

    @property
    def on_lost_key(self) -> OnLostKey | None:
        """Called as ``on_lost_key(key, error)`` for each key that the kernel would not watch; None at first.

        The key is cancelled and its channel closed by then. It may do what an action may; what it raises is logged.
        """
        return self._watch.on_lost

    @on_lost_key.setter
    def on_lost_key(self, call: OnLostKey | None) -> None:
        self._watch.on_lost = None if call is None else check_action(call)

    @property
    def stale_events(self) -> int:
        """Events of the last selection for keys that want none of them: OP_CONNECT left on makes a loop spin so."""
        return self._watch.unasked

    @property
    def has_changes(self) -> bool:
        """True if the next selection has something to tell the kernel: until then ``fileno()`` does not know of it."""
        return bool(self._updates or self._cancelled)

    def fileno(self) -> int:
        """A descriptor that is readable while a selection would find something, a wake-up too, for another loop.

        io.UnsupportedOperation where the kernel keeps no object: ``poll`` and ``select``.
        """
        self._ensure_open()
        return self._watch.fileno()

    def select(self, timeout: float | None = None, action: Action | None = None) -> int:
        """Wait until something is ready, at most ``timeout`` seconds (None for ever, 0 polls); the count of step 4.

        Raises IllegalArgumentError for a negative timeout or NaN, ClosedSelectorError, IllegalStateError in an action.
        """
        if action is None:
            with self._lock:
                return self.serve(timeout, None)
        check_action(action)
        return self.dispatch(timeout, lambda key, attachment, ready: action(key))

    def dispatch(self, timeout: float | None, action: Dispatch) -> int:
        """As ``select(timeout, action)``, but call ``action(key, attachment, ready)``, with the ready set as an int."""
        check_action(action)
        with self._lock:
            return self.serve(timeout, lambda events, watch: watch.hand_over(events, action))

    def alone(self) -> Lock:
        """For a reactor: a lock. While it is held, in ``with``, no other thread selects, so a turn need not take it."""
        return self._lock

    def serve(self, timeout: float | None, take: Take | None, end: float | None = None) -> int:
        """As ``dispatch``, inside ``alone()``: see ``Take``. ``end`` is when the timeout is over, by the clock."""
        if end is None and timeout is not None:
            end = (pause := check_seconds("timeout", timeout)) and self._provider.clock() + pause * 1e9
        if self._selecting or not self._open:
            self._refuse_to_select()
        watch, waking, wait = self._watch, self._waking, self._poller.wait
        try:
            self._selecting, waking.was_set = SELECTING, False
            watch.unasked = watch.stale = count = 0
            if self._updates or self._cancelled:
                timeout = self._apply_changes(timeout)
            while True:
                sleep = timeout if timeout is None or timeout <= _LONGEST_SLEEP else _LONGEST_SLEEP
                events = wait(sleep)
                if self._cancelled:
                    self._flush_cancelled()
                if events:
                    if waking.is_set:
                        waking.clear()
                    self._selecting = SELECTING if take is None else HANDING_OVER
                    count = watch.sort(events, self._selected_key_set) if take is None else take(events, watch)
                    if not watch.stale or waking.was_set or watch.stale < len(events):
                        break
                    self._selecting, watch.stale = SELECTING, 0
                elif sleep == timeout:
                    break
                if timeout is not None and (timeout := ((end or 0) - self._provider.clock()) / 1e9) <= 0:
                    break
            self._selecting = IDLE
        except BaseException:
            self._selecting, waking.is_set = IDLE, False  # a descriptor that is set without the flag does no harm
            if not self._open:
                self._close()
            raise
        if not self._open:
            self._close()
            self._ensure_open(take is not None and count > 0)
        return count

    def select_now(self, action: Action | None = None) -> int:
        """As ``select(0, action)``; uses up a pending wake-up."""
        return self.select(0, action)

    def ready_keys(self, timeout: float | None = None) -> Iterator[SelectionKey]:
        """Select, then yield each selected key after taking it out of ``selected_keys``.

        A key that was cancelled meanwhile, by the handling of an earlier one say, is left out.
        """
        self.select(timeout)
        while self._selected:
            key = self._selected.pop()
            if key._valid:
                yield key

    def wakeup(self) -> Self:
        """End the selection under way at once, or else the next one; several calls count as one."""
        if not self._waking.is_set and not self._waking.set():
            self._ensure_not_forked()
        return self

    def waking_on_signals(self) -> AbstractContextManager[None]:
        """Inside, a signal ends the selection it falls into, so that its Python handler runs; for the selecting thread.

        Else one that arrives just before the kernel's wait is handled after it. Outside the main thread, where no
        handler runs, it changes nothing.
        """
        self._ensure_open()
        return self._waking.on_signals(self._provider, self._watch.check_limit)

    def close(self) -> None:
        """Cancel all keys and give the kernel's objects back; channels stay open. A selection under way ends first."""
        self._open = False
        for key in tuple(self._keys):
            key._valid = False
        self._waking.set()
        with self._lock:
            if not self._selecting:
                self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._forked or not self._open:
            return "Selector(of the parent process)" if self._forked else "Selector(closed)"
        return f"Selector(provider={self._provider.name}, keys={len(self._keys)}, selected={len(self._selected)})"

    def _close(self) -> None:
        if not self._waking.is_open:
            return
        for key in tuple(self._keys):
            key._valid = False
            key._kernel_mask = 0
        self._watch.close()
        for key in tuple(self._keys):
            self._deregister(key)
        self._cancelled.clear()
        self._waking.close()  # last: until then a second close() begins anew

    def _forget(self) -> None:
        """In a forked child: be dead, and close the child's copies only."""
        self._forked, self._open = True, False
        self._waking.close()
        self._selecting = IDLE
        self._lock = self._provider.rlock()
        for key in tuple(self._keys):
            key._valid = False
            key._channel._lose(key)
            key._channel._forget()
        self._keys.clear()
        self._selected.clear()
        try:
            self._poller.close()
        except OSError:
            pass  # a kqueue is not passed on to a child

    def _apply_changes(self, timeout: float | None) -> float | None:
        timeout = self._watch.apply(timeout)
        self._flush_cancelled()
        return timeout

    def _refuse_to_select(self) -> NoReturn:
        self._ensure_open()
        raise IllegalStateError("select() called from inside a selection of the same selector")

    def watch_faults(self, call: Action) -> None:
        """``call(key)`` when a peer has reset a connection whose interest set is empty; for a reactor."""
        self._watch.on_fault = check_action(call)
