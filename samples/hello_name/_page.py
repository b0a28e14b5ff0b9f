"""``server --inspect``: the server recorded, and the live page of it."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager

from nio.inspector import Inspector, inspect
from nio.reactor import Prefork, Reactor
from nio.spi import SelectorProvider
from nio.trace import TracingProvider
from samples.hello_name._console import Exit, Failure, reason_of


def recorded(options: argparse.Namespace) -> AbstractContextManager[SelectorProvider]:
    """Inside, all that is opened is recorded."""
    return SelectorProvider.use(TracingProvider(level=options.inspect_level))


def shown(reactor: Reactor | Prefork, options: argparse.Namespace) -> Inspector:
    """The page, whose address stderr tells."""
    try:
        return inspect(reactor, options.inspect, name=f"hello_name {options.reactor}")
    except OSError as error:
        raise Failure(Exit.CANNOT_BIND, f"cannot show a page on port {options.inspect}: {reason_of(error)}") from None
