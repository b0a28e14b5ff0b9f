"""What a selector's poller is told about each key, what its answer means for the keys, and how a key is lost.

**Dropping OP_READ** is not passed to the kernel at once: a handler that waits for a worker nearly always asks for it
again before data arrives. That saves two system calls for each request. When data arrives first, the selection tells
the kernel then, and sleeps on.

That watching does not end quite, for a reactor: a reset is reported to ``on_fault`` all the same. From a key whose
change waits to be told it is taken in the next selection: it may be new, with the number of one closed just now.

Dropping OP_ACCEPT is passed on at once. Where several processes wait at a listener, the kernel wakes one of them for a
connection: it must not be one that does not want it.

**An exception between any two steps loses nothing.** A signal handler may raise anywhere (KeyboardInterrupt). So a key
leaves the queue of changes only after the poller was told. While the poller is being told, the key's mask is UNKNOWN,
and the next change tells it anew.

**An error of one descriptor costs one key.** The kernel may refuse to watch a descriptor (``ENOSPC``, ``ENOMEM``), or
somebody may have closed it behind our back. Then its key is cancelled and its channel closed; one line a second at most
says so in the log ``nio.channels``, and ``on_lost`` is called. To stop watching what is gone is no error. The other
changes, and the selection, go on.
"""

from __future__ import annotations

import errno
import io
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from nio.channels._key_sets import SelectedKeySet
from nio.errors import IllegalArgumentError
from nio.spi import BROKEN, HUNG_UP, INVALID, READABLE, WRITABLE, SelectorProvider

Events = list[tuple[int, int]]

UNKNOWN = -1
_LAZY = (READABLE, BROKEN)  # what the poller goes on watching for when the interest set becomes empty
FAULTS = BROKEN | HUNG_UP
_QUIET = 1_000_000_000  # nanoseconds after a line in the log
# Interest set to kernel mask: read and accept wait for input, write and connect for output.
MASKS = tuple((READABLE if ops & 0b10001 else 0) | (WRITABLE if ops & 0b01100 else 0) for ops in range(32))


class Channel(Protocol):
    """What is asked of the channel that a key stands for."""

    _is_dropped_late: bool
    _mask_is_ready_set: bool

    def _to_ops(self, mask: int, interest: int) -> int: ...

    def close(self) -> None: ...


class Key(Protocol):
    """What is asked of a key."""

    _attachment: object
    _fd: int
    _interest: int
    _kernel_mask: int
    _queued: bool
    _ready: int
    _valid: bool

    @property
    def _channel(self) -> Channel: ...

    def cancel(self) -> None: ...


K = TypeVar("K", bound=Key)


class Watch(Generic[K]):
    """The poller, the keys whose interest set has changed, and the keys it watches, by descriptor.

    Anybody may append to ``updates``. All else is for the thread that holds the selector's lock.
    """

    __slots__ = (
        "_logger",
        "_lost",
        "_provider",
        "_quiet_until",
        "_start",
        "_untold",
        "by_fd",
        "get",
        "on_fault",
        "on_lost",
        "on_unknown",
        "poller",
        "stale",
        "unasked",
        "updates",
    )

    def __init__(self, provider: SelectorProvider) -> None:
        self._logger = _logger()
        self._provider = provider
        self.poller = provider.open_poller()
        self.updates: deque[K] = deque()
        self.by_fd: dict[int, K] = {}
        self.get = self.by_fd.get  # to look a method of a dict up costs as much as the call
        self.on_lost: Callable[[K, OSError], object] | None = None
        self.on_fault: Callable[[K], object] | None = None  # a peer has reset, and nobody was interested
        self.on_unknown: Callable[[int], object] = id  # a descriptor without a key: the wake-up's, say
        self.stale = 0  # of the events at hand, those of an interest given up
        self.unasked = 0  # of this selection's events, those that nobody is interested in
        self._start = 0
        self._lost: deque[tuple[K, OSError]] = deque()
        self._quiet_until = 0
        self._untold = 0

    def fileno(self) -> int:
        """The descriptor of the poller itself; io.UnsupportedOperation when it has none."""
        fileno: Callable[[], int] | None = getattr(self.poller, "fileno", None)
        if fileno is None:
            name = self._provider.name
            raise io.UnsupportedOperation(f"{name} has no descriptor for another loop to watch: epoll and kqueue have")
        return fileno()

    # what the poller is told

    def check_limit(self, fd: int) -> None:
        """IllegalArgumentError for a number that the poller cannot watch."""
        limit = self.poller.limit
        if limit is not None and fd >= limit:
            raise IllegalArgumentError(
                f"descriptor {fd} is beyond the {limit} that {self._provider.name} can watch; "
                f"use another of: {', '.join(self._provider.available())} (NIO_PROVIDER)"
            )

    def apply(self, timeout: float | None) -> float | None:
        """Tell the poller what has changed; how long the selection may sleep: not at all after a key was lost."""
        updates = self.updates
        for _ in range(len(updates)):
            key = updates[0]
            key._queued = False  # before the interest set is read: a change after that queues the key again
            if key._valid and ((mask := MASKS[key._interest]) or not _waits(key)):
                try:
                    self.arm(key, mask or self._mask_of_nothing(key))
                except OSError as error:
                    self._lost.append((key, error))
            if self._lost:
                self._end_lost()
                timeout = 0
            updates.popleft()
        return timeout

    def _mask_of_nothing(self, key: K) -> int:
        """What is watched for when the interest set has become empty: a reset, if somebody wants to hear of it."""
        return BROKEN if key._kernel_mask > 0 and self.on_fault is not None else 0

    def arm(self, key: K, mask: int) -> None:
        """Have the poller watch for ``mask``, for nothing if that is 0; OSError when it refuses."""
        armed, fd = key._kernel_mask, key._fd
        if mask == armed:
            return
        key._kernel_mask = UNKNOWN
        if not mask:
            if self.by_fd.get(fd) is key:  # else somebody has closed it, and the number is another channel's now
                try:
                    self.poller.remove(fd)
                except (OSError, KeyError):
                    pass  # whoever closed the descriptor has removed it
                del self.by_fd[fd]
        elif armed > 0:
            if self.by_fd.get(fd) is not key:
                raise _closed(fd)
            self.poller.modify(fd, mask)
        else:
            self.by_fd[fd] = key  # first, so that whatever the poller reports has a key
            try:
                self.poller.add(fd, mask)
            except FileExistsError:
                self.poller.modify(fd, mask)
        key._kernel_mask = mask

    def close(self) -> None:
        """Close the poller, which forgets all descriptors with that. A second call does nothing."""
        self.poller.close()
        self.by_fd.clear()
        self.updates.clear()
        self._lost.clear()

    # what the poller answers

    def hand_over(self, events: Events, action: Callable[[K, Any, int], object]) -> int:
        """The reactor's path, so the common case (a connected stream without a fault) is decided here, in one line."""
        passed_over = 0
        by_fd = self.by_fd
        for fd, mask in self.rotated(events) if len(events) > 1 else events:
            key = by_fd.get(fd)
            if key is None or not key._valid:  # the wake-up, or cancelled by an earlier action
                passed_over += 1
                if key is None:
                    self.on_unknown(fd)
                continue
            interest, channel = key._interest, key._channel
            ready = mask if mask == interest and channel._mask_is_ready_set else channel._to_ops(mask, interest)
            if ready:
                key._ready = ready
                action(key, key._attachment, ready)
            else:
                passed_over += 1
                if mask & BROKEN and not interest and not key._queued and self.on_fault is not None:
                    self.on_fault(key)
                elif not self._is_stale(key, mask):
                    key._ready = ready
        return len(events) - passed_over

    def sort(self, events: Events, selected: SelectedKeySet[K]) -> int:
        """Into the selected keys, by the JDK's rules; how many ready sets were updated."""
        updated = 0
        for fd, mask in self.rotated(events) if len(events) > 1 else events:
            key = self.by_fd.get(fd)
            if key is None or not key._valid:  # the wake-up, or cancelled just now
                if key is None:
                    self.on_unknown(fd)
                continue
            ready = key._channel._to_ops(mask, key._interest)
            if not ready and self._is_stale(key, mask):
                continue
            if key in selected:
                updated += ready & ~key._ready != 0
                key._ready = ready if mask >= BROKEN else key._ready | ready  # a fault overwrites, as in the JDK
            else:
                key._ready = ready
                if ready:
                    selected._add(key)
                    updated += 1
        return updated

    def rotated(self, events: Events) -> Events:
        """Kernels report in a fixed order: nobody is always the last."""
        self._start = start = (self._start + 1) % len(events)
        return events[start:] + events[:start] if start else events

    def _is_stale(self, key: K, mask: int) -> bool:
        """Why a key is ready for nothing: True if its interest was cleared before this selection, not just now.

        It is then watched no more.
        """
        if mask & INVALID:
            self._lost.append((key, _closed(key._fd)))
            self.updates.append(key)  # so that the next selection ends it
        elif not key._queued:
            if not key._interest:
                self.arm(key, BROKEN if self.on_fault is not None and not mask & FAULTS else 0)
                self.stale += 1
                return True
            self.unasked += 1
        return False

    # keys that are lost

    def _end_lost(self) -> None:
        """A key leaves this queue last: after an exception out of here the next selection does it all again."""
        while self._lost:
            key, error = self._lost[0]
            key.cancel()
            if self.by_fd.get(key._fd, key) is key:  # else the close would hit the channel that has the number now
                key._channel.close()
            self._report(key, error)
            if self.on_lost is not None:
                try:
                    self.on_lost(key, error)
                except Exception as raised:
                    self._log("error", "on_lost_key raised", error=raised)
            self._lost.popleft()

    def _report(self, key: K, error: OSError) -> None:
        self._untold += 1
        now = self._provider.clock()
        if now >= self._quiet_until:
            message = "%d keys were lost, the last of a %s on descriptor %d: %s"
            self._log("warning", message, self._untold, type(key._channel).__name__, key._fd, error)
            self._untold, self._quiet_until = 0, now + _QUIET

    def _log(self, level: str, message: str, *args: object, error: Exception | None = None) -> None:
        """A log that cannot be written (its filter raises, say) must not end the selection."""
        try:
            getattr(self._logger, level)(message, *args, exc_info=error)
        except Exception:
            pass


def _logger() -> Any:
    """Loaded with the first selector: when a key is lost, there may be no descriptor left to load anything."""
    import logging

    return logging.getLogger("nio.channels")


def _waits(key: Key) -> bool:
    """The poller is told of an empty interest set when something arrives, not before."""
    return key._kernel_mask in _LAZY and key._channel._is_dropped_late


def _closed(fd: int) -> OSError:
    return OSError(errno.EBADF, f"{os.strerror(errno.EBADF)}: descriptor {fd} was closed behind the selector's back")
