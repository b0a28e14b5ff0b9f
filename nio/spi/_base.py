"""The words every back end speaks; the contract stands at the head of the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

READABLE = 1
WRITABLE = 4
BROKEN = 8
HUNG_UP = 16


class Poller(Protocol):
    """Readiness of many descriptors, one back end each; see ``nio.spi`` for the contract."""

    @property
    def limit(self) -> int | None:
        """The first descriptor number that cannot be watched, None where there is no bound."""
        ...

    @property
    def add(self) -> Callable[[int, int], object]: ...

    @property
    def modify(self) -> Callable[[int, int], object]: ...

    @property
    def remove(self) -> Callable[[int], object]: ...

    @property
    def wait(self) -> Callable[[float | None], list[tuple[int, int]]]: ...

    def close(self) -> None: ...
