"""The commonest slips of whoever writes a handler, told in words: what it was, and what to write instead."""

from __future__ import annotations

import inspect

from nio.channels import SocketChannel
from nio.errors import DelimiterInRecordError
from nio.framing import Decoder, Framing


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


def check_framing(owner: str, framing: object) -> None:
    """TypeError for what is no framing; a descriptor (a property, say) is judged when a connection reads it."""
    if isinstance(framing, type):
        raise TypeError(f"{owner}.framing is a class: give it an object, {framing.__name__}()")
    if not ((hasattr(framing, "encode") and hasattr(framing, "decoder")) or hasattr(framing, "__get__")):
        raise TypeError(f"{owner}.framing is a framing, Lines() for one, not {framing!r:.60}")


def decoder_for(framing: Framing, channel: SocketChannel) -> Decoder:
    """A connection's decoder: some framings ask who the peer is, and say so by a method ``decoder_for``."""
    ask = getattr(framing, "decoder_for", None)
    decoder: Decoder = framing.decoder() if ask is None else ask(peer_of(channel))
    return decoder


def peer_of(channel: SocketChannel) -> object:
    """The peer's address; None once the channel is closed."""
    return channel.remote_address if channel.is_open else None


def explained(deed: str, framing: Framing, reply: object, error: BaseException) -> BaseException:
    """The error of an ``encode`` that refused a record, in the words of whoever made it: ``deed`` says how."""
    if isinstance(error, DelimiterInRecordError):
        ending = getattr(framing, "ending", None)
        if isinstance(reply, bytes) and isinstance(ending, bytes) and reply.endswith(ending):
            name = type(framing).__name__
            return BadReplyError(f"{deed} {reply!r:.60}: leave the ending out, {name} adds it")
        return error
    if reply is None or isinstance(reply, (bytes, bytearray, memoryview)):
        return error
    if inspect.iscoroutine(reply):
        reply.close()
        return BadReplyError(f"{deed} a coroutine: write it with def, not async def")
    hint = "; use .encode()" if isinstance(reply, str) else ""
    return BadReplyError(f"{deed} {reply!r:.60}: a reply is bytes or None{hint}")


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()
