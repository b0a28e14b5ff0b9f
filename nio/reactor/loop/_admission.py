"""Admission: how many connections there may be, in all and of one peer, and who waits for room."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nio._numbers import check_count
from nio.reactor.loop._peers import Peers
from nio.spi import SelectorProvider

logger = logging.getLogger("nio.reactor")

_MOST = 10_000
_RESERVE = 32  # descriptors kept for everything that is not a connection
_ROOM = 0.95  # who waits for room is called when so much of the limit, or less, is taken


class Admission:
    """Places for connections: whoever accepts or connects one takes a place, whose end gives it back: see ``taken``.

    Who takes one asks ``is_full`` first; who gives one back calls ``tell``.

    ``limit`` is the number of places: what was ``wanted``, or 10 000, but never more than the process may have open and
    the back end can watch.
    """

    __slots__ = ("limit", "peers", "taken", "waiting")

    def __init__(self, wanted: int | None, provider: SelectorProvider) -> None:
        descriptors, watched = provider.descriptor_limit(), provider.watch_limit
        room = max(1, (descriptors if watched is None else min(descriptors, watched)) - _RESERVE)
        if wanted is not None and check_count("max_connections", wanted, 1) > room:
            logger.warning("max_connections is %d, not %d: the descriptor limit leaves no more", room, wanted)
        self.limit: int = min(_MOST if wanted is None else wanted, room)
        self.taken: int = 0
        self.waiting: list[Callable[[], object]] = []
        self.peers: Peers = Peers()

    @property
    def is_full(self) -> bool:
        """True when no place is left."""
        return self.taken >= self.limit

    def tell(self) -> None:
        """A place was given back: when a twentieth of all is free, call everybody who waits."""
        if self.waiting and self.taken <= self.limit * _ROOM:
            waiting, self.waiting = self.waiting, []
            for fn in waiting:
                fn()

    def when_room(self, fn: Callable[[], object]) -> None:
        """Call ``fn()`` once, when a twentieth of the places is free; it must not raise."""
        self.waiting.append(fn)
