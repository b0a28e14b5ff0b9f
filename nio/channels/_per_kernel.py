"""What there is once for each kernel, and learns in a forked child that it is there.

A hook that runs after a fork can never be taken back. So there is one for each table of a kernel, not one for each
selector or file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from nio.spi import SelectorProvider


class Table(Protocol):
    """What there is once for each kernel."""

    def forget(self) -> None:
        """In a forked child, before anything else runs there."""


S = TypeVar("S", bound=Table)
E = TypeVar("E")


class PerKernel(Generic[S]):
    """The one ``S`` of each kernel, made when somebody first asks for it."""

    def __init__(self, make: Callable[[SelectorProvider], S]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[object, S] = WeakKeyDictionary()

    def of(self, provider: SelectorProvider) -> S:
        """The one of the provider's kernel."""
        found = self._made.get(provider.kernel)
        if found is None:
            made = self._make(provider)
            found = self._made.setdefault(provider.kernel, made)
            if found is made:
                provider.after_fork(made.forget)
        return found


class Shared(Protocol):
    """What a forked child has in common with its parent."""

    def _forget(self) -> None:
        """In the child: wait for no thread of the parent's, and leave alone what the parent uses."""


class SharedTable:
    """Tells each of its entries that it is in a child now. It keeps none of them alive."""

    def __init__(self, provider: SelectorProvider) -> None:
        self._entries: WeakSet[Shared] = WeakSet()

    def add(self, entry: Shared) -> None:
        """A second time changes nothing."""
        self._entries.add(entry)

    def entries(self, kind: type[E]) -> list[E]:
        """The entries of that kind that are open."""
        return [entry for entry in tuple(self._entries) if isinstance(entry, kind) and getattr(entry, "is_open", False)]

    def count(self, kind: type) -> int:
        """How many there are of them."""
        return len(self.entries(kind))

    def forget(self) -> None:
        for entry in tuple(self._entries):
            entry._forget()


_SHARED = PerKernel(SharedTable)


def shared_by_fork(provider: SelectorProvider) -> SharedTable:
    """The table for the selectors and channels of the provider's kernel."""
    return _SHARED.of(provider)
