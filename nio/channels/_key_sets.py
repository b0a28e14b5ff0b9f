"""The two sets that a selector shows: live views, in which only a selector may add.

They know nothing of keys and selectors: K is the class of what they hold.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Set
from typing import NoReturn, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class LiveSet(Set[K]):
    """What both sets do alike."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Collection[K]) -> None:
        self._keys = keys

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: K) -> NoReturn:
        """Refused (io.UnsupportedOperation): only a selector adds keys."""
        raise io.UnsupportedOperation("only a selector adds keys to its sets")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._keys)})"

    @classmethod
    def _from_iterable(cls, it: Iterable[T]) -> Set[T]:
        return frozenset(it)  # what & | - ^ give is no view of a selector


class KeySet(LiveSet[K]):
    """``selector.keys``: a live view; iterating it is safe while other threads register."""

    __slots__ = ()

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._keys))

    def remove(self, key: K) -> NoReturn:
        """Refused (io.UnsupportedOperation): cancel the key."""
        raise io.UnsupportedOperation("keys leave this set by cancel() and the next selection")

    def clear(self) -> NoReturn:
        """Refused (io.UnsupportedOperation): cancel the keys."""
        raise io.UnsupportedOperation("keys leave this set by cancel() and the next selection")


class SelectedKeySet(LiveSet[K]):
    """``selector.selected_keys``: a live view from which keys can be removed but none added.

    For the selecting thread. If a selection adds a key during an iteration, or anybody removes one, the iteration fails
    (RuntimeError): iterate over ``list(selector.selected_keys)`` to remove, or use ``selector.ready_keys()``.
    """

    __slots__ = ("_changes",)

    _keys: set[K]

    def __init__(self, keys: set[K]) -> None:
        super().__init__(keys)
        self._changes = 0  # by selections

    def _add(self, key: K) -> None:
        self._keys.add(key)
        self._changes += 1

    def _drop(self, key: K) -> None:
        if key in self._keys:
            self._changes += 1
            self._keys.discard(key)

    def __iter__(self) -> Iterator[K]:
        return self._guarded(iter(self._keys), self._changes)

    def _guarded(self, keys: Iterator[K], changes: int) -> Iterator[K]:
        """The set's own iterator sees a change of size, but not one key in another's place."""
        try:
            for key in keys:
                if self._changes != changes:
                    raise RuntimeError
                yield key
        except RuntimeError:
            advice = "to remove keys, iterate over list(selector.selected_keys) or use selector.ready_keys()"
            raise RuntimeError(f"the selected keys changed during iteration; {advice}") from None

    def remove(self, key: K) -> None:
        """Take a key out; KeyError when it is not selected."""
        self._keys.remove(key)

    def discard(self, key: K) -> None:
        """Take a key out if it is there."""
        self._keys.discard(key)

    def clear(self) -> None:
        """Take all keys out."""
        self._keys.clear()
