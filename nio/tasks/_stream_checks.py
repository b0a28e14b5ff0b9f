"""The slips of whoever writes a Stream, told in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

_OURS = ("process", "process_batch", "process_block", "handle_data", "on_peer_end", "on_rejected")


def check_stream(cls: type[Any], base: type[Any]) -> None:
    """Refuse a subclass of ``base``, which is Stream, that cannot work, with the reason."""
    serve = inspect.unwrap(inspect.getattr_static(cls, "serve"))
    if not inspect.iscoroutinefunction(serve):
        raise TypeError(f"{cls.__name__}.serve is no coroutine function: write async def serve(self)")
    for name in _OURS:
        if inspect.getattr_static(cls, name) is not inspect.getattr_static(base, name):
            raise TypeError(f"{cls.__name__}.{name} is never called: a Stream's records are awaited in serve()")


def method_of(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method that calls ``fn(self)`` and is no frame of the coroutine that this makes."""
    if isinstance(fn, FunctionType):
        return fn

    def serve(stream: Any) -> Any:
        return fn(stream)

    serve.__wrapped__ = fn  # type: ignore[attr-defined]  # so it is known for a coroutine function
    return serve
