"""Giving a channel's descriptor to somebody else, so that nothing of it is left in a selector.

**The kernel is told before the descriptor goes.** Each key is cancelled, and the poller forgets the descriptor: at once
in the thread that selects or while nobody selects. Else the selecting thread is woken to do it, and waited for.
Whoever gets the descriptor then may close it, or register it anew: no event of the old key comes.
"""

from __future__ import annotations

from typing import Any, Protocol

from nio.errors import IllegalStateError
from nio.spi import Lock

_SELECTING = 1  # as in _selector.py
_LOOK_AGAIN = 0.001  # seconds


class Gone:
    """What a channel has in the place of the socket that it gave away."""

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """The descriptor is somebody else's."""


GONE: Any = Gone()


class Watching(Protocol):
    """A selector."""

    _lock: Lock
    _selecting: int

    def _tell(self, key: Any, mask: int) -> bool: ...

    def wakeup(self) -> object: ...


class Leaving(Protocol):
    """A channel that leaves its selectors."""

    @property
    def _keys(self) -> tuple[Any, ...]: ...

    def _pause(self, seconds: float) -> None: ...


def leave_selectors(channel: Leaving) -> None:
    """Cancel every key, and have every kernel forget the descriptor.

    IllegalStateError in a signal handler that has interrupted one of the selections.
    """
    keys = channel._keys
    for key in keys:
        _refuse_inside(key.selector)
    for key in keys:
        selector = key.selector
        key.cancel()
        while key in channel._keys and not selector._tell(key, 0):
            selector.wakeup()
            channel._pause(_LOOK_AGAIN)


def _refuse_inside(selector: Watching) -> None:
    if selector._lock.acquire(False):
        try:
            if selector._selecting == _SELECTING:
                raise IllegalStateError("detach() in the middle of a selection, in a signal handler: call it later")
        finally:
            selector._lock.release()
