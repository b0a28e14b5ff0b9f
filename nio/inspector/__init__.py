"""nio.inspector: the live page of a running reactor: its keys, its time-line, what the doctor finds, what was before.

    with Reactor.open(provider=TracingProvider()) as reactor, inspect(reactor):
        reactor.run()

``python3 -m nio.trace --inspect PROGRAM`` does it for any program; ``python3 -m nio.inspector ps URL`` is for a
terminal. See ``docs/how-to/inspector.md``.
"""

from __future__ import annotations

from nio.inspector._inspect import Inspector as Inspector
from nio.inspector._inspect import inspect as inspect

__all__ = ["Inspector", "inspect"]
