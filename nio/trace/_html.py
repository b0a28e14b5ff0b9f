"""A trace as one HTML file that needs nothing else: the live page, with the records inside.

That page stands above this package, and is asked for by its name.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from typing import Any

from nio.trace._records import Record


def as_html(records: Iterable[Record], header: dict[str, Any]) -> str:
    """The whole page as text."""
    make: Callable[[Iterable[Record], dict[str, Any]], str] = pkgutil.resolve_name("nio.inspector._replay:as_html")
    return make(records, header)
