"""The commonest slips of whoever writes a handler, told in words: what it was, and what to write instead."""

from __future__ import annotations

import inspect

from nio.errors import DelimiterInRecordError
from nio.framing import Framing


class BadReplyError(TypeError):
    """What ``process`` returned is no reply."""


def check_settings(cls: type, base: type) -> None:
    """TypeError for a misspelt setting: a name that differs from one of ``base`` in underscores and case only."""
    known = {_squeezed(name): name for name in dir(base) if not name.startswith("_")}
    for owner in cls.__mro__[: cls.__mro__.index(base)]:
        for name in vars(owner):
            meant = known.get(_squeezed(name))
            if meant is not None and meant != name and not name.startswith("_"):
                raise TypeError(f"{owner.__name__}.{name} is no setting: it is spelled {meant}")


def check_process(cls: type, process: object, missing: object) -> None:
    """TypeError for a class whose ``process`` is missing or a coroutine function."""
    if process is missing:
        raise TypeError(f"{cls.__name__} has no process()")
    if inspect.iscoroutinefunction(getattr(process, "__func__", process)):
        raise TypeError(f"{cls.__name__}.process is a coroutine function: write it with def, not async def")


def explained(owner: str, framing: Framing, reply: object, error: BaseException) -> BaseException:
    """The error of an ``encode`` that refused a reply, in the words of whoever wrote ``process``."""
    if isinstance(error, DelimiterInRecordError):
        ending = getattr(framing, "ending", None)
        if isinstance(reply, bytes) and isinstance(ending, bytes) and reply.endswith(ending):
            name = type(framing).__name__
            return BadReplyError(f"{owner}.process() returned {reply!r:.60}: leave the ending out, {name} adds it")
        return error
    if reply is None or isinstance(reply, (bytes, bytearray, memoryview)):
        return error
    if inspect.iscoroutine(reply):
        reply.close()
        return BadReplyError(f"{owner}.process() returned a coroutine: write it with def, not async def")
    hint = "; use .encode()" if isinstance(reply, str) else ""
    return BadReplyError(f"{owner}.process() returned {reply!r:.60}: a reply is bytes or None{hint}")


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()
