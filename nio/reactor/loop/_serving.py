"""Serving: how the kernel's answer is gone through, where handlers bring a loop of their own for that.

The loop calls a handler for each key. A call costs as much as much of what it does, so handlers whose usual case is
short may go through the whole answer themselves: the first that comes with such a loop gives it to the reactor by
``serve_by``. What that loop does not know, it gives back to ``Watch.hand_over``, key by key, in the kernel's order,
with ``dispatch``; and it tells ``failed(key, handler, error)`` whom an error belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Events = list[tuple[int, int]]
Take = Callable[[Events, Any], int]
Dispatch = Callable[[Any, Any, int], object]
Failed = Callable[[Any, object, BaseException], None]


class Watch(Protocol):
    """What the selector hands over with the kernel's answer."""

    @property
    def by_fd(self) -> dict[int, Any]: ...

    def rotated(self, events: Events) -> Events: ...

    def hand_over(self, events: Events, action: Dispatch) -> int: ...


class Serving(Protocol):
    """A loop over the kernel's answer that handlers bring."""

    @property
    def serve(self) -> Take: ...
