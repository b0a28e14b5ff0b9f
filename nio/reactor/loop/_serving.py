"""Serving: how the kernel's answer is gone through, where handlers bring a loop of their own for that.

The loop calls a handler for each key. When a handler does little, the call is most of the cost. Such handlers may go
through the whole answer themselves: the first of them gives its loop to the reactor by ``serve_by``. That loop passes
the keys it does not know to ``Watch.hand_over`` with ``dispatch``, one by one, in the kernel's order. It reports an
error with ``failed(key, handler, error)``.
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
    def get(self) -> Callable[[int, Any], Any]:
        """The key of a descriptor, or the second argument."""

    def rotated(self, events: Events) -> Events: ...

    def hand_over(self, events: Events, action: Dispatch) -> int: ...


class Serving(Protocol):
    """A loop over the kernel's answer that handlers bring."""

    @property
    def serve(self) -> Take: ...
