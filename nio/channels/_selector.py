"""Selector: the demultiplexer, with the JDK's rules about its three key sets.

**The order of a selection** is what makes it safe from every thread: interest sets changed since the last one are told
to the kernel, cancelled keys are flushed, the kernel is asked (this alone may sleep), cancelled keys are flushed again,
then the answer is sorted into keys. Other threads never touch the poller or the sets; they append to two queues.

**Dropping OP_READ** is not passed to the kernel at once: a handler that waits for a worker nearly always asks for it
again before data arrives. That saves two system calls for each request. When data arrives first, the selection tells
the kernel then, and sleeps on.

**Wake-up** is a flag and a descriptor, without a lock, so that a signal handler may call it. ``wakeup()`` sets the flag
and then the descriptor; the selecting thread clears the descriptor and then the flag. A caller that finds the flag set
can leave: the selection that will clear it has not returned yet, and whatever the caller queued before calling is seen
after that selection. In the other order, a caller between the two steps would set a flag that nobody clears, and every
later wake-up would be lost. Both are cleared before any key is handed over, so a wake-up from an action is the next
selection's.

**A close from inside a selection** (an action's, a signal handler's) marks the keys invalid and leaves the rest to the
selection, which is in the middle of using what the close gives back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from nio._numbers import LONGEST, check_seconds
from nio.channels._interruptible_channel import chosen
from nio.channels._key_sets import KeySet, SelectedKeySet
from nio.channels._selectable_channel import SelectableChannel
from nio.channels._selection_key import SelectionKey
from nio.errors import ClosedSelectorError, IllegalArgumentError, IllegalStateError
from nio.spi import READABLE, WRITABLE, SelectorProvider, Wakeup

Action = Callable[[SelectionKey], object]
Dispatch = Callable[[SelectionKey, Any, int], object]  # the attachment's type is known to the caller alone

_LONGEST_SLEEP = 86_400.0  # kernels count milliseconds in an int
# Interest set to kernel mask: read and accept wait for input, write and connect for output.
_MASKS = tuple((READABLE if ops & 0b10001 else 0) | (WRITABLE if ops & 0b01100 else 0) for ops in range(32))


class Selector:
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

    With an ``action``, step 4 instead hands each ready key to the action, its ready set overwritten, and never touches
    ``selected_keys``; the result is the number of keys handed over. A key that an earlier action cancelled is passed
    over.

    Concurrency: one thread selects at a time, a second waits. From any thread, at any time and without waiting for the
    selecting one: ``wakeup``, ``close``, ``channel.register``, ``channel.close`` and everything on a key. Such changes
    take effect at the next selection. ``selected_keys`` belongs to the selecting thread.
    """

    __slots__ = (
        "__weakref__",
        "_by_fd",
        "_cancelled",
        "_key_set",
        "_keys",
        "_lock",
        "_open",
        "_poller",
        "_provider",
        "_selected",
        "_selected_key_set",
        "_selecting",
        "_signals",
        "_stale",
        "_start",
        "_updates",
        "_wakeup",
        "_wakeup_fd",
        "_woken",
    )

    def __init__(self, provider: SelectorProvider | None = None) -> None:
        self._provider = chosen(provider)
        self._lock = self._provider.rlock()
        self._open = True
        self._selecting = False
        self._keys: set[SelectionKey] = set()
        self._selected: set[SelectionKey] = set()
        self._key_set = KeySet(self._keys)
        self._selected_key_set = SelectedKeySet(self._selected)
        self._updates: deque[SelectionKey] = deque()
        self._cancelled: deque[SelectionKey] = deque()
        self._by_fd: dict[int, SelectionKey] = {}
        self._poller = self._provider.open_poller()
        self._wakeup: Wakeup | None = self._provider.open_wakeup()
        self._wakeup_fd = self._wakeup.fileno()
        self._woken = False
        self._signals: Wakeup | None = None
        self._start = 0
        self._stale = 0  # of the events at hand, those of an interest given up
        self._check_limit(self._wakeup_fd)
        self._poller.add(self._wakeup_fd, READABLE)

    @classmethod
    def open(cls, provider: SelectorProvider | None = None) -> Self:
        """A new selector of the default provider or of the one given."""
        return cls(provider)

    @property
    def is_open(self) -> bool:
        """True until ``close()``."""
        return self._open

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

    def select(self, timeout: float | None = None, action: Action | None = None) -> int:
        """Wait until something is ready, at most ``timeout`` seconds (None for ever, 0 polls); the count of step 4.

        Raises IllegalArgumentError for a negative timeout or NaN, ClosedSelectorError, IllegalStateError when called
        from an ``action`` of this selector.
        """
        if timeout is not None and not (type(timeout) is float and timeout >= 0):
            check_seconds("timeout", timeout)
        if action is None:
            return self._select(timeout, None)
        _check_action(action)
        return self._select(timeout, lambda key, attachment, ready: action(key))

    def dispatch(self, timeout: float | None, action: Dispatch) -> int:
        """As ``select(timeout, action)``, but call ``action(key, attachment, ready)``, with the ready set as an int."""
        if timeout is not None and not (type(timeout) is float and timeout >= 0):
            check_seconds("timeout", timeout)
        _check_action(action)
        return self._select(timeout, action)

    def select_now(self, action: Action | None = None) -> int:
        """As ``select(0, action)``; uses up a pending wake-up."""
        return self.select(0, action)

    def ready_keys(self, timeout: float | None = None) -> Iterator[SelectionKey]:
        """Select, then yield each selected key after taking it out of ``selected_keys``.

        A key that was cancelled meanwhile, by the handling of an earlier one say, is passed over.
        """
        self.select(timeout)
        while self._selected:
            key = self._selected.pop()
            if key._valid:
                yield key

    def wakeup(self) -> Self:
        """End the selection under way at once, or else the next one; several calls count as one."""
        if not self._woken:
            self._woken = True
            wakeup = self._wakeup
            if wakeup is not None:
                wakeup.set()
        return self

    @contextmanager
    def waking_on_signals(self) -> Iterator[None]:
        """Inside, a signal ends the selection it falls into, so that its Python handler runs; for the selecting thread.

        Without it a signal that arrives between Python's last look for one and the kernel's wait is handled when that
        wait is over, which may be never. Outside the main thread, where no handler runs, it changes nothing.
        """
        self._ensure_open()
        with self._provider.signal_wakeup() as signals:
            if signals is None:
                yield
                return
            self._check_limit(signals.fileno())
            self._poller.add(signals.fileno(), READABLE)
            self._signals = signals
            try:
                yield
            finally:
                self._signals = None
                if self._wakeup is not None:  # not closed meanwhile
                    self._poller.remove(signals.fileno())

    def close(self) -> None:
        """Cancel all keys and give the kernel's objects back; channels stay open. A selection under way ends first."""
        self._open = False
        for key in tuple(self._keys):
            key._valid = False
        self.wakeup()
        with self._lock:
            if not self._selecting:
                self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._open:
            return "Selector(closed)"
        return f"Selector(provider={self._provider.name}, keys={len(self._keys)}, selected={len(self._selected)})"

    def _close(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is None:
            return
        for key in tuple(self._keys):
            key._valid = False
            self._deregister(key)
        self._updates.clear()
        self._cancelled.clear()
        self._poller.close()

    def _check_limit(self, fd: int) -> None:
        limit = self._poller.limit
        if limit is not None and fd >= limit:
            raise IllegalArgumentError(
                f"descriptor {fd} is beyond the {limit} that {self._provider.name} can watch; "
                f"use another of: {', '.join(self._provider.available())}"
            )

    def _register(self, channel: SelectableChannel, ops: int, attachment: object) -> SelectionKey:
        self._ensure_open()
        self._check_limit(channel._fd)
        key = SelectionKey(channel, self, ops, attachment)
        self._keys.add(key)
        key._changed()
        if not self._open:  # closed meanwhile: the one that closed may or may not have seen this key
            self._keys.discard(key)
            key._valid = False
            raise ClosedSelectorError("the selector was closed during the registration")
        return key

    def _select(self, timeout: float | None, action: Dispatch | None) -> int:
        with self._lock:
            self._ensure_open()
            if self._selecting:
                raise IllegalStateError("select() called from inside a selection of the same selector")
            self._selecting = True
            try:
                if self._updates:
                    self._apply_updates()
                if self._cancelled:
                    self._flush_cancelled()
                end = self._provider.clock() + min(timeout, LONGEST) * 1e9 if timeout else 0
                while True:
                    sleep = timeout if timeout is None or timeout <= _LONGEST_SLEEP else _LONGEST_SLEEP
                    events = self._poller.wait(sleep)
                    if self._cancelled:
                        self._flush_cancelled()
                    if events:
                        self._stale = 0
                        count = self._answer(events, action)
                        if self._stale < len(events):
                            return count
                    elif sleep == timeout:
                        return 0
                    if timeout is not None:
                        timeout = (end - self._provider.clock()) / 1e9
                        if timeout <= 0:
                            return 0
            finally:
                self._selecting = False
                if not self._open:
                    self._close()

    def _answer(self, events: list[tuple[int, int]], action: Dispatch | None) -> int:
        if self._wakeup is not None and (self._wakeup_fd, READABLE) in events:
            self._wakeup.clear()
            self._woken = False
        if self._signals is not None and (self._signals.fileno(), READABLE) in events:
            self._signals.clear()
        if len(events) > 1:  # kernels report in a fixed order: nobody is always the last
            self._start = start = (self._start + 1) % len(events)
            events = events[start:] + events[:start]
        return self._sort(events) if action is None else self._hand_over(events, action)

    def _apply_updates(self) -> None:
        for _ in range(len(self._updates)):
            key = self._updates.popleft()
            key._queued = False  # before the interest set is read: a change after that queues the key again
            if key._valid and ((mask := _MASKS[key._interest]) or key._kernel_mask != READABLE):
                self._arm(key, mask)

    def _arm(self, key: SelectionKey, mask: int) -> None:
        armed, fd = key._kernel_mask, key._fd
        if mask == armed:
            return
        if not armed:
            self._poller.add(fd, mask)
            self._by_fd[fd] = key
        elif mask:
            self._poller.modify(fd, mask)
        else:
            del self._by_fd[fd]
            self._poller.remove(fd)
        key._kernel_mask = mask

    def _flush_cancelled(self) -> None:
        for _ in range(len(self._cancelled)):
            self._deregister(self._cancelled.popleft())

    def _deregister(self, key: SelectionKey) -> None:
        self._arm(key, 0)
        if key in self._selected:
            self._selected.remove(key)
            self._selected_key_set._changes += 1
        self._keys.discard(key)
        key._channel._deregistered(self)

    def _is_stale(self, key: SelectionKey) -> bool:
        """True if the key's interest was cleared before this selection, not just now; it is then watched no more."""
        if key._interest or key._queued:
            return False
        self._arm(key, 0)
        self._stale += 1
        return True

    def _sort(self, events: list[tuple[int, int]]) -> int:
        updated = 0
        for fd, mask in events:
            key = self._by_fd.get(fd)
            if key is None or not key._valid:  # the wake-up, or cancelled just now
                continue
            ready = key._channel._to_ops(mask, key._interest)
            if not ready and self._is_stale(key):
                continue
            if key in self._selected:
                updated += ready & ~key._ready != 0
                key._ready = ready if mask >= 8 else key._ready | ready  # a fault overwrites, as in the JDK
            else:
                key._ready = ready
                if ready:
                    self._selected.add(key)
                    self._selected_key_set._changes += 1
                    updated += 1
        return updated

    def _hand_over(self, events: list[tuple[int, int]], action: Dispatch) -> int:
        """The reactor's path, so the common case (a connected stream without a fault) is decided here, in one line."""
        passed_over = 0
        by_fd = self._by_fd
        for fd, mask in events:
            key = by_fd.get(fd)
            if key is None or not key._valid:  # the wake-up, or cancelled by an earlier action
                passed_over += 1
                continue
            interest, channel = key._interest, key._channel
            ready = mask if mask == interest and channel._mask_is_ready_set else channel._to_ops(mask, interest)
            if ready:
                key._ready = ready
                action(key, key._attachment, ready)
            else:
                passed_over += 1
                if not self._is_stale(key):
                    key._ready = ready
        handed = len(events) - passed_over
        if handed:
            self._ensure_open()
        return handed

    def _ensure_open(self) -> None:
        if not self._open:
            raise ClosedSelectorError("the selector is closed")


def _check_action(action: object) -> None:
    if not callable(action):
        raise TypeError(f"an action is called with each ready key; {action!r} cannot be")
