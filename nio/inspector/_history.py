"""History: the ticks of the last minute, for whoever comes later, rewinds or was cut off."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator

KEPT = 600  # ticks


class History:
    """Ticks as text, packed: unpacked, a minute of a busy server would take 38 MB."""

    def __init__(self) -> None:
        self._ticks: deque[bytes] = deque(maxlen=KEPT)
        self.newest = 0  # the number of the last tick; they count from 1

    def add(self, tick: str) -> None:
        """Keep the next tick."""
        self._ticks.append(zlib.compress(tick.encode(), 1))
        self.newest += 1

    @property
    def oldest(self) -> int:
        """The number of the first tick that is kept."""
        return self.newest - len(self._ticks) + 1

    def after(self, number: int) -> Iterator[tuple[int, str]]:
        """The ticks behind that number, as long as there are, those that come meanwhile with them."""
        while number < self.newest:
            number = max(number + 1, self.oldest)
            yield number, zlib.decompress(self._ticks[number - self.oldest]).decode()
