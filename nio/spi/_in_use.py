"""Which provider is the default while somebody has chosen one: ``SelectorProvider.use``.

The choice is the process's, not a thread's: a program's threads open what belongs to one selector. The list is appended
to, copied and removed from, each in one step, so it needs no lock, and whoever ends out of order ends his own.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

P = TypeVar("P")
P_co = TypeVar("P_co", covariant=True)


class Machine(Protocol[P_co]):
    """What makes the providers that ``default()`` and ``named()`` return."""

    def available(self) -> tuple[str, ...]: ...

    def named(self, name: str) -> P_co: ...

    def default(self) -> P_co: ...


class InUse(Generic[P]):
    """A provider that is the default until ``end()``, made by ``SelectorProvider.use``."""

    __slots__ = ("_all", "provider")

    def __init__(self, provider: P, all_in_use: list[InUse[P]]) -> None:
        self._all = all_in_use
        self.provider: P = provider
        all_in_use.append(self)

    def end(self) -> None:
        """Be the default no more; a second call does nothing."""
        try:
            self._all.remove(self)
        except ValueError:
            pass

    def __enter__(self) -> P:
        return self.provider

    def __exit__(self, *exc_info: object) -> None:
        self.end()
