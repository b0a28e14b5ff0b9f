"""Admission: how many connections there may be, in all and of one peer, and who waits for room."""

from __future__ import annotations

import logging
from collections.abc import Callable

from nio._numbers import check_count
from nio.channels import SelectableChannel, SocketChannel
from nio.reactor.loop._networks import network_of
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

    __slots__ = ("_counts", "_networks", "_waiting", "limit", "taken")

    def __init__(self, wanted: int | None, provider: SelectorProvider) -> None:
        descriptors, watched = provider.descriptor_limit(), provider.watch_limit
        room = max(1, (descriptors if watched is None else min(descriptors, watched)) - _RESERVE)
        if wanted is not None and check_count("max_connections", wanted, 1) > room:
            logger.warning("max_connections is %d, not %d: the descriptor limit leaves no more", room, wanted)
        self.limit: int = min(_MOST if wanted is None else wanted, room)
        self.taken: int = 0
        self._waiting: list[Callable[[], object]] = []
        self._networks: dict[SelectableChannel, str | int] = {}  # of those that count for a limit per peer
        self._counts: dict[str | int, int] = {}  # how many there are of each network

    @property
    def is_full(self) -> bool:
        """True when no place is left."""
        return self.taken >= self.limit

    def tell(self) -> None:
        """A place was given back: when a twentieth of all is free, call everybody who waits."""
        if self._waiting and self.taken <= self.limit * _ROOM:
            waiting, self._waiting = self._waiting, []
            for fn in waiting:
                fn()

    def enter_from(self, channel: SocketChannel, most: int) -> bool:
        """Count the connection for its peer; False when that has ``most`` already. See ``_networks.py``."""
        network = network_of(channel.remote_address)
        if network is None:
            return True
        count = self._counts.get(network, 0)
        if count >= most:
            return False
        self._counts[network] = count + 1  # nothing is called between this and the next
        self._networks[channel] = network
        return True

    def leave_from(self, channel: SelectableChannel) -> None:
        """The connection is at its end, whether it was counted for its peer or not; again is nothing."""
        network = self._networks.get(channel)
        if network is not None:
            left = self._counts[network] - 1
            self._counts[network] = left
            del self._networks[channel]
            if not left:
                del self._counts[network]

    def when_room(self, fn: Callable[[], object]) -> None:
        """Call ``fn()`` once, when a twentieth of the places is free; it must not raise."""
        self._waiting.append(fn)
