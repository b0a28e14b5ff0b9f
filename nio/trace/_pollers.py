"""Pollers and wake-ups of another provider, which tell what they are told and how long they wait."""

from __future__ import annotations

from typing import Any

from nio.spi import Poller, Wakeup
from nio.trace._recording import Recording
from nio.trace._records import INTEREST, READY, TEACH, TURN, WAKEUP


class TracedPoller:
    """A poller; it has a ``fileno()`` if the inner one has."""

    def __init__(self, inner: Poller, recording: Recording) -> None:
        self._inner: Any = inner
        self._recording = recording
        self._masks: dict[int, int] = {}
        self.limit: int | None = inner.limit
        self.wait: Any = self._telling_all()
        if hasattr(inner, "fileno"):
            self.fileno: Any = inner.fileno

    def add(self, fd: int, mask: int) -> None:
        """As of the inner one."""
        self._inner.add(fd, mask)
        self._told(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        """As of the inner one."""
        self._inner.modify(fd, mask)
        self._told(fd, mask)

    def remove(self, fd: int) -> None:
        """As of the inner one."""
        try:
            self._inner.remove(fd)
        finally:
            self._told(fd, 0)

    def close(self) -> None:
        """As of the inner one."""
        self._inner.close()

    def _told(self, fd: int, mask: int) -> None:
        recording, masks = self._recording, self._masks
        old = masks.pop(fd, 0)
        if mask:
            masks[fd] = mask
        ch = recording.channels.get(fd, 0)
        recording.put((INTEREST, recording.clock(), ch, old, mask, recording.lines.get(fd, ""), 0))

    def tell_less(self) -> None:
        """Somebody else tells of each channel that is ready."""
        self.wait = self._waiting()

    def _telling_all(self) -> Any:
        wait, recording = self._waiting(), self._recording
        put, clock, channels = recording.put, recording.clock, recording.channels

        def wait_and_tell(timeout: float | None) -> list[tuple[int, int]]:
            events: list[tuple[int, int]] = wait(timeout)
            for fd, mask in events:
                ch = channels.get(fd, 0)
                if ch:
                    put((READY, clock(), ch, mask, recording.is_selected(fd)))
            return events

        return wait_and_tell

    def _waiting(self) -> Any:
        """``wait``, with what it needs at hand."""
        recording = self._recording
        call = self._holding() if recording.level >= TEACH else self._inner.wait
        here, clock, wakeups = recording.here, recording.clock, recording.wakeups

        def wait(timeout: float | None) -> list[tuple[int, int]]:
            began = clock()
            events: list[tuple[int, int]] = call(timeout)
            woken = 0
            for fd, _ in events:
                if fd in wakeups:
                    woken = 1
                    break
            asked = -1 if timeout is None else int(timeout * 1e6)
            here.put((TURN, began, clock(), asked, len(events), woken))
            return events

        return wait

    def _holding(self) -> Any:
        """``wait`` of the inner one, once whoever may hold the loop lets it on."""
        wait, recording = self._inner.wait, self._recording

        def hold_and_wait(timeout: float | None) -> Any:
            recording.between_turns()
            return wait(timeout)

        return hold_and_wait


class TracedWakeup:
    """A wake-up; it goes with its last reference, as the inner one does."""

    __slots__ = ("__weakref__", "_inner", "_is_set", "_recording")

    def __init__(self, inner: Wakeup, recording: Recording) -> None:
        self._inner: Any = inner
        self._recording = recording
        self._is_set = 0
        recording.wakeups.add(inner.fileno())

    def __getattr__(self, name: str) -> Any:
        """Whatever else the inner one has."""
        return getattr(object.__getattribute__(self, "_inner"), name)

    def fileno(self) -> int:
        """As of the inner one."""
        fd: int = self._inner.fileno()
        return fd

    def set(self) -> None:
        """As of the inner one."""
        coalesced, self._is_set = self._is_set, 1
        self._inner.set()
        here, clock = self._recording.here, self._recording.clock
        here.put((WAKEUP, clock(), here.number, coalesced))

    def clear(self) -> None:
        """As of the inner one."""
        self._is_set = 0
        self._inner.clear()

    def __del__(self) -> None:
        self._recording.wakeups.discard(self._inner.fileno())
