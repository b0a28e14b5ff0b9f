"""The commonest slips of whoever uses a reactor, told in words: what it was, and what to write instead."""

from __future__ import annotations

from nio._numbers import check_seconds
from nio.channels import SelectableChannel, SelectionKey
from nio.errors import IllegalArgumentError

COROUTINE = 0x80 | 0x200  # of a code's flags: async def, with or without a yield
_ACCEPT = int(SelectionKey.OP_ACCEPT)


def check_callable(what: str, fn: object) -> None:
    """TypeError for what cannot be called, with the slip that is nearly always behind it."""
    if not callable(fn):
        raise TypeError(
            f"{what}() takes a function and its arguments, {what}(fn, x) and not {what}(fn(x)); got {fn!r:.200}"
        )
    if getattr(getattr(fn, "__code__", None), "co_flags", 0) & COROUTINE:  # faster than inspect
        raise TypeError(f"{what}() was given a coroutine function, {fn!r:.200}: write it with def, not async def")


def check_period(period: float) -> int:
    """The nanoseconds of a timer's period in seconds, at least one."""
    nanoseconds = int(check_seconds("period", period) * 1e9)
    if nanoseconds <= 0:
        raise IllegalArgumentError(f"period must be a nanosecond or more, not {period!r} seconds")
    return nanoseconds


def is_handler(candidate: object) -> bool:
    """An object with a handler's methods."""
    return hasattr(candidate, "handle_ready") and not isinstance(candidate, type)


def check_registration(channel: object, ops: object, handler: object) -> None:
    """TypeError for what cannot be registered together."""
    if not isinstance(channel, SelectableChannel):
        raise TypeError(f"a reactor watches a channel, ServerSocketChannel.open() for one, not {channel!r:.100}")
    if not is_handler(handler):
        hint = f": give it an object, {handler.__name__}()" if isinstance(handler, type) else ""
        raise TypeError(f"a key is handled by a Handler, not {handler!r:.100}{hint}")
    if isinstance(ops, int) and ops & _ACCEPT and not getattr(type(handler), "accepts", True):
        name = type(handler).__name__
        raise TypeError(
            f"{name} has no handle_accept(): an Acceptor makes one {name} for each client, Acceptor({name})"
        )
