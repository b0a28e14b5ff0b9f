"""Rare: what few connections ever have, in an object of their own: all the others share one, ``USUAL``.

Each of these would be eight bytes of every connection. Who writes one asks for ``_own_rare()`` first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Rare:
    """Of one connection, or of all that have nothing of it."""

    __slots__ = ("at_end", "detail", "drain_began", "drain_left", "error", "half_closed", "lingered", "next_transport")

    def __init__(self) -> None:
        self.detail: str = ""  # what the peer or the system did, for the log
        self.error: BaseException | None = None
        self.at_end: tuple[Callable[[Any], object], ...] = ()
        self.half_closed: bool = False
        self.drain_began: int = 0  # 0: not draining
        self.drain_left: int = 0
        self.lingered: int = 0
        self.next_transport: Any = None


USUAL = Rare()
