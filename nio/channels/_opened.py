"""Classes whose objects come from ``open()``, and what they say to those who call them by their name instead.

Their constructors have a default for everything, NOT_CALLED, and refuse it: that costs an ``accept()`` nothing.
"""

from __future__ import annotations

from typing import Any

NOT_CALLED: Any = None


def not_called(kind: type, ways: str) -> TypeError:
    """The error for ``kind(...)``; ``ways`` for a class that has no ``open()`` of its own."""
    if hasattr(kind, "open"):
        ways = f"{kind.__name__}.open()"
    return TypeError(f"{kind.__name__} is not called: use {ways}")
