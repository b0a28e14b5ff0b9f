"""SelectableChannel: open or closed, blocking or not, registered with any number of selectors.

How blocking works, and what a close does to sleeping threads, stands in ``_interruptible_channel.py``.

**The last user closes the descriptor.** ``close()`` marks the channel closed, cancels its keys and wakes the threads
that sleep in it. The descriptor itself is closed when no operation is inside and no selector has the channel
registered. So the kernel cannot give its number to another file while a selector still watches it. A connected channel
that is closed while registered, in non-blocking mode, shuts its output down at once, so that the peer does not wait for
a selector. A descriptor that a selector closes, or that is closed in non-blocking mode, never makes anybody wait.
``release()`` does it all in one call where nobody can be in the way, and a selector's ``_dismiss`` in one piece: the
poller forgets the descriptor before it is closed, so a child that was forked meanwhile, and has a copy, keeps no entry
of it alive.

**In a forked child** a channel that a selector watched is registered no more. Its locks are new ones, because a thread
that only the parent has may hold the old ones; the same goes for a channel that a thread has slept in.

Locks, always taken in this order: read lock, write lock, state lock. One reader and one writer can be inside at once.
All are re-entrant, so that a signal handler may call ``close()`` or ``cancel()`` whatever it interrupted.

Nobody waits for a peer while he holds a state lock. So the connections that a listener accepts in non-blocking mode,
which may be many thousands, have one between them.

The read and the write lock are made when somebody first goes in, with the state lock held. So whoever holds the state
lock and finds none knows that nobody is inside. Once the channel is closed nobody comes in any more: then it is enough
to look. A reactor's connections, which are read and written past the channel, never make them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from nio.channels._hand_over import GONE, leave_selectors
from nio.channels._interruptible_channel import InterruptibleChannel
from nio.channels._selection_key import SelectionKey, check_ops
from nio.errors import IllegalBlockingModeError, IllegalSelectorError, IllegalStateError
from nio.spi import BROKEN, HUNG_UP, Lock, PipeEnd, SelectorProvider, Socket

if TYPE_CHECKING:
    from nio.channels._selector import Selector

T = TypeVar("T")
FAULT = BROKEN | HUNG_UP


class SelectableChannel(InterruptibleChannel):
    """A channel that a :class:`~nio.channels.Selector` can watch. New channels are open, blocking and unregistered.

    Concurrency: any method from any thread; one reader and one writer run at once, a second waits for its turn.
    """

    __slots__ = ("_blocking", "_end", "_mask_is_ready_set", "_reading", "_registered", "_writing")

    _registered: SelectionKey | tuple[SelectionKey, ...] | None  # several keys are rare, so one stands here itself

    _valid_ops: int = 0
    _is_dropped_late: bool = True  # interest in input that is given up is told to the kernel when input comes
    _is_strange: bool = True  # somebody else may have seen the descriptor and changed it
    _is_freed_early: bool = False  # if True, a close does not wait for the next selection to give an address back

    def __init__(self, provider: SelectorProvider, end: Socket | PipeEnd) -> None:
        super().__init__(provider, end.fileno())
        self._end = end
        self._blocking = True
        self._mask_is_ready_set = (
            False  # if True, a kernel's mask that equals the interest set is the ready set, unchanged
        )
        self._registered = None
        self._reading: Lock | None = None
        self._writing: Lock | None = None

    @property
    def _keys(self) -> tuple[SelectionKey, ...]:
        """One for each selector; changed as a whole, with the state lock held."""
        keys = self._registered
        return keys if isinstance(keys, tuple) else () if keys is None else (keys,)

    def _key_of(self, selector: object) -> SelectionKey | None:
        for key in self._keys:
            if key._selector is selector:
                return key
        return None

    def _lose(self, key: SelectionKey) -> None:
        left = tuple(other for other in self._keys if other is not key)
        self._registered = left if len(left) > 1 else left[0] if left else None

    @property
    def _read_lock(self) -> Lock:
        with self._state_lock:
            if self._reading is None:
                self._reading = self._provider.rlock()
            return self._reading

    @property
    def _write_lock(self) -> Lock:
        with self._state_lock:
            if self._writing is None:
                self._writing = self._provider.rlock()
            return self._writing

    @property
    def is_blocking(self) -> bool:
        """The mode; a closed channel still answers with its last one."""
        return self._blocking

    @property
    def is_registered(self) -> bool:
        """True while any selector has a key of this channel, even a cancelled one that no selection has flushed yet."""
        return self._registered is not None

    @property
    def valid_ops(self) -> int:
        """The operations that make sense for this kind of channel."""
        return self._valid_ops

    def key_for(self, selector: Selector) -> SelectionKey | None:
        """The key with ``selector``, even a cancelled one that no selection has flushed yet."""
        return self._key_of(selector)

    def configure_blocking(self, blocking: bool) -> Self:
        """Set the mode, after waiting for the threads inside the channel.

        Raises ClosedChannelError, and IllegalBlockingModeError for blocking mode while a valid key exists.
        """
        if not isinstance(blocking, bool):
            raise TypeError(f"blocking must be True or False, not {blocking!r}")
        if blocking is self._blocking and self._open:
            return self
        with self._state_lock:
            if self._reading is self._writing is None and self._open and self._registered is None:
                self._blocking = blocking
                return self
        with self._read_lock, self._write_lock, self._state_lock:
            self._ensure_open()
            if blocking and not self._blocking and any(key._valid for key in self._keys):
                raise IllegalBlockingModeError(f"{self!r} is registered; cancel its keys before blocking mode")
            self._blocking = blocking
        return self

    def register(self, selector: Selector, ops: int, attachment: object = None) -> SelectionKey:
        """Let ``selector`` watch this channel for ``ops`` and return the key; it shows in ``selector.keys`` at once.

        Registering again returns the same key with the interest set *and the attachment* replaced. Checks, in this
        order: IllegalArgumentError for operations outside ``valid_ops``, ClosedChannelError, IllegalBlockingModeError,
        CancelledKeyError while a cancelled key waits to be flushed, IllegalSelectorError for a selector of another
        provider, ClosedSelectorError. It does not wait for a thread that selects; the key counts from the next
        selection on.
        """
        if type(ops) is not int or ops & ~self._valid_ops:
            ops = check_ops(ops, self._valid_ops)
        with self._state_lock:
            if not self._open:
                self._ensure_open()
            if self._blocking:
                raise IllegalBlockingModeError(f"{self!r} is in blocking mode; call configure_blocking(False) first")
            if not hasattr(selector, "_register"):
                raise TypeError(f"a channel is registered with a Selector, not with {selector!r}")
            key = None if self._registered is None else self._key_of(selector)
            if key is not None:
                key._attachment = attachment
                key.interest_ops = ops
                return key
            if selector._provider is not self._provider:
                raise IllegalSelectorError(f"{self!r} is of {self._provider!r}, {selector!r} of {selector.provider!r}")
            return selector._register(self, ops, attachment)

    def release(self) -> None:
        """As ``close()``, at once, for a reactor and a peer that has ended: the key and the descriptor go in this call.

        The peer is told by the descriptor's close alone, without a shutdown before it. It is ``close()`` where the
        channel has not exactly one key, where another thread selects, and after a ``read()`` or ``write()`` of it.
        """
        try:
            with self._state_lock:
                key = self._registered
                used = not self._open or self._reading or self._writing or self._wakeup
                if used or not (isinstance(key, SelectionKey) and key._valid and key._selector._tell(key, 0)):
                    key = None
                else:
                    self._open = key._valid = False
                    self._close_end()
                    key._selector._drop(key)
                    self._registered = None  # last: an interruption finds the key here
            if key is None:
                self.close()
            elif key._selector.on_cancel is not None:
                key._selector.on_cancel(key)
        except BaseException:
            self._cut_short()
            raise

    def _cut_short(self) -> None:
        """A release was interrupted: what has not been done is the next selection's."""
        self.close()
        for key in self._keys:
            key._valid = False
            key._selector._cancelled.append(key)

    def _close_end(self) -> None:
        self._be_quick()
        try:
            self._end.close()
        except OSError:
            pass  # somebody has closed the descriptor before

    def _finish_close(self) -> None:
        super()._finish_close()
        self._let_go()

    def _let_go(self) -> None:
        keys = self._keys  # no more will come: whoever registers asks whether it is open
        for key in keys:
            key.cancel()
        if self._reading is self._writing is None:
            self._depart(keys)
        else:
            with self._read_lock, self._write_lock:
                self._depart(keys)

    def _depart(self, keys: tuple[SelectionKey, ...]) -> None:
        try:
            if self._registered is not None:  # unless the selectors have released the channel meanwhile
                self._announce_close()
                if self._is_freed_early and self._are_done(keys):
                    self._end.close()
        finally:
            self._give_back(may_wait=self._blocking)

    def _announce_close(self) -> None:
        """Tell the peer now, although the descriptor stays open until the selectors release it."""

    @staticmethod
    def _are_done(keys: tuple[SelectionKey, ...]) -> bool:
        """Whether no selection is using the descriptor now, nor will; the keys stay until the next, as in the JDK."""
        unwatched = [key._selector._tell(key, 0) for key in keys]
        return all(unwatched)

    def _give_back(self, *, may_wait: bool) -> None:
        with self._state_lock:
            if self._open or self._registered is not None or self._end is GONE:
                return
            self._wakeup = None
            if not may_wait:
                self._be_quick()
                self._end.close()
        if may_wait:  # for the peer, and nobody else for this: others may have the lock, too
            self._end.close()

    def _give_away(self) -> None:
        """Be closed, with the descriptor open and unknown to every selector; see ``_hand_over.py``."""
        self._ensure_open()
        leave_selectors(self)
        with self._state_lock:
            self._ensure_open()
            if any(key._valid for key in self._keys):
                raise IllegalStateError(f"{self!r} was registered while it was to be given away")
            self._open = False
            if self._wakeup is not None:
                self._wakeup.set()
        with self._read_lock, self._write_lock, self._state_lock:  # whoever sleeps in here has left
            self._end, self._wakeup = GONE, None

    def _be_quick(self) -> None:
        """See to it that the close of the descriptor, which comes next, does not wait for the peer."""

    def _deregistered(self, key: SelectionKey) -> None:
        with self._state_lock:
            if self._registered is key:  # as in _lose, without the call
                self._registered = None
            else:
                self._lose(key)
            if self._open:
                return
        if self._reading is self._writing is None:
            self._give_back(may_wait=False)
        else:
            with self._read_lock, self._write_lock:
                self._give_back(may_wait=False)

    def _forget(self) -> None:
        super()._forget()
        self._reading = self._writing = None

    def _to_ops(self, mask: int, interest: int) -> int:
        """The kernel's mask as a ready set: a fault makes the key ready for all it is interested in."""
        return interest if mask & FAULT else mask & interest

    def _attempt(self, mask: int, call: Callable[..., T], *args: object) -> T | None:
        """``call(*args)``; when the kernel says "not now": None in non-blocking mode, else sleep and try again."""
        try:
            return call(*args)
        except BlockingIOError:
            if not self._blocking:
                return None
        except OSError:
            self._ensure_not_closed_meanwhile()
            raise
        self._sleep(self._fd, mask)
        return self._insist(mask, call, *args)
