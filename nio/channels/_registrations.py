"""How keys come into a selector and leave it again.

Any thread may register a channel and cancel a key: see ``_selector.py`` for what takes effect when.

**A reactor's connections come and go inside its actions**, most of them soon after one another. There the selector's
lock is the thread's own, the kernel is told at once, and of a connection that was accepted just now nobody else knows.
So ``_enroll`` and ``_dismiss`` do in one piece what ``channel.register`` and ``channel.release`` do in ten calls, and
leave to those whatever is not usual.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NoReturn

from nio.channels._key_sets import SelectedKeySet
from nio.channels._selectable_channel import SelectableChannel
from nio.channels._selection_key import SelectionKey
from nio.channels._watch import MASKS, UNKNOWN, Watch
from nio.errors import ClosedSelectorError, ForkedSelectorError
from nio.spi import Lock, Poller, SelectorProvider

Action = Callable[[SelectionKey], object]
IDLE, SELECTING, HANDING_OVER = range(3)
_new = object.__new__


class Registrations:
    """What a selector knows of its keys."""

    __slots__ = (
        "_cancelled",
        "_enrolls",
        "_forked",
        "_key_class",
        "_keys",
        "_lock",
        "_open",
        "_poller",
        "_provider",
        "_selected",
        "_selected_key_set",
        "_selecting",
        "_watch",
        "on_cancel",
    )

    _provider: SelectorProvider
    _key_class: type[SelectionKey]
    _lock: Lock
    _enrolls: bool  # a connection takes the short way
    _open: bool
    _forked: bool
    _selecting: int
    _keys: dict[SelectionKey, None]  # a set, in half the memory
    _selected: set[SelectionKey]
    _selected_key_set: SelectedKeySet[SelectionKey]
    _cancelled: deque[SelectionKey]
    _watch: Watch[SelectionKey]
    _poller: Poller
    on_cancel: Action | None  # called with each key that is cancelled, in whatever thread

    # for a reactor

    def _enroll(self, channel: SelectableChannel, ops: int, attachment: object) -> SelectionKey:
        """As ``channel.register``, for a connection that nobody else knows yet and for the thread that selects."""
        fresh = channel._registered is None and channel._provider is self._provider and channel._open
        if not fresh or self._selecting != HANDING_OVER or not self._enrolls:
            return channel.register(self, ops, attachment)  # type: ignore[arg-type]  # a Registrations is a Selector
        mask, add = MASKS[ops], self._poller.add
        key = _new(SelectionKey)
        key._channel, key._selector, key._attachment = channel, self, attachment  # type: ignore[assignment]
        key._fd = fd = channel._fd
        key._interest, key._ready, key._kernel_mask = ops, 0, UNKNOWN
        key._queued, key._valid = False, True
        try:
            channel._registered = key
            self._keys[key] = None
            self._watch.by_fd[fd] = key  # first, so that whatever the poller reports has a key
            add(fd, mask)
            key._kernel_mask = mask
        except OSError:
            key._changed()  # the next selection tells why
        except BaseException:
            key.cancel()
            raise
        if not self._open:
            self._undo(key)
        return key

    def _dismiss(self, channel: SelectableChannel) -> None:
        """As ``channel.release``, for the thread that selects and knows of this end: ``on_cancel`` is not called."""
        key = channel._registered
        used = channel._is_strange or channel._reading or channel._writing or channel._wakeup or self._selected
        if used or self._selecting != HANDING_OVER or type(key) is not SelectionKey or key._selector is not self:
            channel.release()
            return
        try:
            with channel._state_lock:
                alive = channel._open and key._valid
                if alive:
                    channel._open = key._valid = False
                    by_fd, remove, fd = self._watch.by_fd, self._poller.remove, key._fd
                    key._kernel_mask = UNKNOWN
                    if by_fd.get(fd) is key:
                        try:
                            remove(fd)
                        except (OSError, KeyError):
                            pass  # whoever closed the descriptor has removed it
                        del by_fd[fd]
                    key._kernel_mask = 0
                    try:
                        channel._end.close()
                    except OSError:
                        pass  # somebody has closed the descriptor before
                    self._keys.pop(key, None)
                    channel._registered = None  # last: an interruption finds the key here
            if not alive:
                channel.release()
        except BaseException:
            channel._cut_short()
            raise

    # for channels and selectors

    def _register(self, channel: SelectableChannel, ops: int, attachment: object) -> SelectionKey:
        if not self._open or self._poller.limit is not None:
            self._ensure_open()
            self._watch.check_limit(channel._fd)
        key: SelectionKey = self._key_class(channel, self, ops, attachment)  # type: ignore[arg-type]
        try:
            channel._registered = key if channel._registered is None else (*channel._keys, key)
            self._keys[key] = None
            if self._selecting != HANDING_OVER or not self._tell(key, MASKS[ops]):
                key._changed()
        except BaseException:
            key.cancel()
            raise
        if not self._open:
            self._undo(key)
        return key

    def _undo(self, key: SelectionKey) -> NoReturn:
        """Closed meanwhile: the one that closed may or may not have seen this key."""
        self._keys.pop(key, None)
        key._channel._lose(key)
        key._valid = False
        raise ClosedSelectorError("the selector was closed during the registration")

    def _tell(self, key: SelectionKey, mask: int) -> bool:
        """Have the kernel watch for ``mask`` now, unless somebody is in the middle of a selection; whether it does."""
        if not self._lock.acquire(False):
            return False
        try:
            if self._selecting != SELECTING:
                self._watch.arm(key, mask)
            return self._selecting != SELECTING
        except OSError:
            return False  # the next selection tells why
        finally:
            self._lock.release()

    def _flush_cancelled(self) -> None:
        cancelled = self._cancelled
        for _ in range(len(cancelled)):
            key = cancelled[0]
            self._watch.arm(key, 0)
            self._deregister(key)
            cancelled.popleft()

    def _deregister(self, key: SelectionKey) -> None:
        try:
            key._channel._deregistered(key)
        except OSError:
            pass  # the channel is closed, and somebody has closed its descriptor before
        self._drop(key)  # last: until then a second close() finds it

    def _drop(self, key: SelectionKey) -> None:
        if self._selected:
            self._selected_key_set._drop(key)
        self._keys.pop(key, None)

    def _ensure_open(self, wanted: bool = True) -> None:
        if wanted and not self._open:
            self._ensure_not_forked()
            raise ClosedSelectorError("the selector is closed")

    def _ensure_not_forked(self) -> None:
        if self._forked:
            raise ForkedSelectorError("the selector belongs to the process that this one was forked from")
