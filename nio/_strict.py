"""The way up to strict mode, for the layers that stand below it.

``nio.doctor`` sees all that it watches, so nobody of those may import it. It is loaded by its name, when it is asked
for, and then only.
"""

from __future__ import annotations

from typing import Any


def _doctor() -> Any:
    from importlib import import_module

    return import_module("nio.doctor._strict")


def strict_class(plain: Any) -> Any:
    """The class of a reactor of class ``plain`` that is opened with ``strict=True``."""
    return _doctor().strict_class(plain)


def switch_on() -> None:
    """Strict mode for the whole process, as the environment variable ``NIO_STRICT`` asks for."""
    _doctor().switch_on_for_good()
