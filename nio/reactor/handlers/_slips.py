"""The commonest slips of whoever writes a handler, told in words: what it was, and what to write instead.

Classes are checked when an Acceptor is made, so the modules that look into code are loaded by the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CoroutineType, FunctionType, MemberDescriptorType
from typing import Any

from nio.errors import IllegalStateError


def no_channel(handler: object) -> IllegalStateError:
    """The error of whoever uses a handler before it is open."""
    return IllegalStateError(
        f"this {type(handler).__name__} has no channel yet: it gets one by reactor.register(channel, ops, handler), by "
        "an Acceptor or when a reactor.connect() stands, and hears of it in on_open()"
    )


class BadReplyError(TypeError):
    """What ``process`` returned is no reply."""


def static(cls: type, name: str) -> object:
    """What the class holds under that name, as it stands there; it has one."""
    return next(vars(owner)[name] for owner in cls.__mro__ if name in vars(owner))


def check_settings(cls: type, base: type) -> None:
    """TypeError for a misspelt setting: a name that differs from one of ``base`` in underscores and case only."""
    known = {_squeezed(name): name for name in dir(base) if not name.startswith("_")}
    for owner in cls.__mro__[: cls.__mro__.index(base)]:
        for name in vars(owner):
            meant = known.get(_squeezed(name))
            if meant is not None and meant != name and not name.startswith("_"):
                raise TypeError(f"{owner.__name__}.{name} is no setting: it is spelled {meant}")


def check_names(cls: type) -> None:
    """TypeError for a class of a user's that takes a name of ours: an attribute ``channel`` or ``_state``, say."""
    classes = [owner for owner in cls.__mro__ if owner.__module__.partition(".")[0] == "nio"]
    ours = {name for owner in classes for name, value in vars(owner).items() if _is_ours(name, value)}
    for owner in cls.__mro__:
        if owner in classes:
            continue
        for name, value in vars(owner).items():
            if name in ours:
                raise TypeError(f"{owner.__name__}.{name} is a name that nio uses itself: choose another")
            for attribute in _assigned(value) if isinstance(value, FunctionType) else ():
                if attribute in ours:
                    where = f"{owner.__name__}.{name}()"
                    raise TypeError(f"{where} assigns self.{attribute}, which nio uses itself: choose another name")


def _is_ours(name: str, value: object) -> bool:
    return isinstance(value, MemberDescriptorType) or (name.startswith("_") and not name.endswith("__"))


def _assigned(function: Callable[..., Any]) -> Iterator[str]:
    """The attributes that a method assigns on its first parameter."""
    from dis import get_instructions

    code = function.__code__
    me, before = code.co_varnames[:1], None
    for instruction in get_instructions(code):
        if instruction.opname == "STORE_ATTR" and before is not None and before.opname.startswith("LOAD_"):
            loaded = before.argval if isinstance(before.argval, tuple) else (before.argval,)
            if loaded[-1:] == me:
                yield instruction.argval
        before = instruction


def check_callbacks(cls: type, *names: str) -> None:
    """TypeError for one of the user's methods that is a coroutine function: nobody would await it."""
    from inspect import iscoroutinefunction

    for name in names:
        method = static(cls, name)
        if iscoroutinefunction(getattr(method, "__func__", method)):
            raise TypeError(f"{cls.__name__}.{name} is a coroutine function: write it with def, not async def")


def bad_reply(deed: str, reply: object) -> BadReplyError | None:
    """The error of what is no reply, in the words of whoever made it: ``deed`` says how; None for a good one."""
    if reply is None or isinstance(reply, (bytes, bytearray, memoryview)):
        return None
    if isinstance(reply, CoroutineType):
        reply.close()
        return BadReplyError(f"{deed} a coroutine: write it with def, not async def")
    hint = "; use .encode()" if isinstance(reply, str) else ""
    return BadReplyError(f"{deed} {reply!r:.60}: a reply is bytes or None{hint}")


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()
