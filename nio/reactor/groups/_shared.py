"""What the reactors of a group have in common: places for connections, and one sum of their counters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from types import MappingProxyType

from nio.channels import SelectableChannel, SocketChannel
from nio.reactor.loop._admission import _ROOM, Admission
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._peers import Peers
from nio.reactor.loop._progress import LAGS, ReactorStatistics
from nio.spi import SelectorProvider


class GroupAdmission(Admission):
    """The places of a whole group; each reactor counts its own, in its own thread, and the sum is taken here.

    A thread may see that all places are taken just before the last of them is given back. So whoever waits for room
    looks once more.
    """

    __slots__ = ("_counts", "_queue")

    def __init__(self, wanted: int | None, provider: SelectorProvider, counts: Callable[[], int]) -> None:
        self._counts = counts
        self._queue: deque[Callable[[], object]] = deque()
        super().__init__(wanted, provider)
        self.peers: Peers = SharedPeers(provider)

    @property
    def taken(self) -> int:
        """Places taken in all reactors, and by connections that are on their way to one."""
        return self._counts()

    @taken.setter
    def taken(self, value: int) -> None:
        """Nobody counts here."""

    def tell(self) -> None:
        while self._queue and self.taken <= self.limit * _ROOM:
            try:
                self._queue.popleft()()
            except IndexError:
                return  # another thread was faster

    def when_room(self, fn: Callable[[], object]) -> None:
        self._queue.append(fn)
        self.tell()


class SharedPeers(Peers):
    """The connections of a whole group; they end in several threads."""

    __slots__ = ("_lock",)

    def __init__(self, provider: SelectorProvider) -> None:
        super().__init__()
        self._lock = provider.lock()

    def enter(self, channel: SocketChannel, most: int) -> bool:
        with self._lock:
            return super().enter(channel, most)

    def leave(self, channel: SelectableChannel) -> None:
        if channel in self.networks:
            with self._lock:
                super().leave(channel)


class OwnPlaces(Admission):
    """The places that one reactor of a group has taken."""

    __slots__ = ("_group",)

    def __init__(self, group: GroupAdmission) -> None:
        self.limit: int = group.limit
        self.taken = 0
        self.peers: Peers = group.peers
        self._group = group
        self.waiting: list[Callable[[], object]] = [group.tell]  # the group knows whether somebody does

    def tell(self) -> None:
        self._group.tell()


def total(parts: Iterable[ReactorStatistics]) -> ReactorStatistics:
    """The sum of all counters."""
    parts = tuple(parts)
    numbers = set(ReactorStatistics.__match_args__) - {"closed", "lag"}
    closed: Counter[CloseReason] = Counter()
    for part in parts:
        closed.update(part.closed)
    sums = {name: sum(getattr(part, name) for part in parts) for name in numbers}
    lag = tuple(map(sum, zip(*(part.lag for part in parts), strict=True))) or (0,) * LAGS
    return ReactorStatistics(**sums, lag=lag, closed=MappingProxyType(dict(closed)))
