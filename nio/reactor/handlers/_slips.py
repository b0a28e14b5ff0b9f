"""The commonest slips of whoever writes a handler, told in words: what it was, and what to write instead."""

from __future__ import annotations

import inspect

from nio.errors import IllegalStateError


def no_channel(handler: object) -> IllegalStateError:
    """The error of whoever uses a handler before it is open."""
    return IllegalStateError(
        f"this {type(handler).__name__} has no channel yet: it gets one by reactor.register(channel, ops, handler), by "
        "an Acceptor or when a reactor.connect() stands, and hears of it in on_open()"
    )


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


def check_callbacks(cls: type, *names: str) -> None:
    """TypeError for one of the user's methods that is a coroutine function: nobody would await it."""
    for name in names:
        method = inspect.getattr_static(cls, name)
        if inspect.iscoroutinefunction(getattr(method, "__func__", method)):
            raise TypeError(f"{cls.__name__}.{name} is a coroutine function: write it with def, not async def")


def bad_reply(deed: str, reply: object) -> BadReplyError | None:
    """The error of what is no reply, in the words of whoever made it: ``deed`` says how; None for a good one."""
    if reply is None or isinstance(reply, (bytes, bytearray, memoryview)):
        return None
    if inspect.iscoroutine(reply):
        reply.close()
        return BadReplyError(f"{deed} a coroutine: write it with def, not async def")
    hint = "; use .encode()" if isinstance(reply, str) else ""
    return BadReplyError(f"{deed} {reply!r:.60}: a reply is bytes or None{hint}")


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()
