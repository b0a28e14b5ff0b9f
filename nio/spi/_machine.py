"""This machine: what ``SelectorProvider.default()``, ``named()`` and ``available()`` answer for.

The system's own part of the package is loaded when one of its providers is first asked for. A program that imports the
package to look at it, or that runs on a provider of its own, never loads it.
"""

from __future__ import annotations

import os

from nio.spi._provider import SelectorProvider

_KINDS = ("epoll", "kqueue", "poll", "select")


class ThisMachine:
    """One provider for each kind of readiness that this Python knows."""

    def __init__(self) -> None:
        self._named: dict[str, SelectorProvider] = {}

    def available(self) -> tuple[str, ...]:
        import select

        return tuple(name for name in _KINDS if hasattr(select, name))

    def named(self, name: str) -> SelectorProvider:
        from nio.spi._system import SystemProvider

        found = self._named.get(name)
        return found if found is not None else self._named.setdefault(name, SystemProvider(name))

    def default(self) -> SelectorProvider:
        return self.named(os.environ.get("NIO_PROVIDER") or self.available()[0])


MACHINE = ThisMachine()
SelectorProvider._machine = MACHINE
