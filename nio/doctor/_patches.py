"""Patches: strict mode puts its own functions in the place of the plain ones, and puts those back.

So nothing at all is there while it is off: no flag is asked, no attribute is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

_ABSENT = object()
Wrap = Callable[[Callable[..., Any]], Any]


class Patches:
    """Replaced attributes of classes."""

    def __init__(self) -> None:
        self._plain: list[tuple[type, str, Any]] = []

    def put(self, owner: type, name: str, wrap: Wrap) -> None:
        """Replace ``owner.name`` by ``wrap(plain function)``; what was inherited is inherited again afterwards."""
        plain = owner.__dict__.get(name, _ABSENT)
        if plain is _ABSENT:
            plain = next(base.__dict__[name] for base in owner.__mro__ if name in base.__dict__)
            self._plain.append((owner, name, _ABSENT))
        else:
            self._plain.append((owner, name, plain))
        is_classmethod = isinstance(plain, classmethod)
        function = plain.__func__ if is_classmethod else plain
        new = wrap(function)
        if callable(function):
            new = wraps(function)(new)
        setattr(owner, name, classmethod(new) if is_classmethod else new)

    def undo(self) -> None:
        """Put all back, the latest first."""
        while self._plain:
            owner, name, plain = self._plain.pop()
            if plain is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, plain)
