"""The slips of whoever gives a connection its framing, told in words; those of any handler: ``_slips.py``."""

from __future__ import annotations

from nio.errors import DelimiterInRecordError
from nio.framing import Framing
from nio.reactor.handlers._slips import BadReplyError, bad_reply


def check_framing(owner: str, framing: object) -> None:
    """TypeError for what is no framing; a descriptor (a property, say) is judged when a connection reads it."""
    if isinstance(framing, type):
        raise TypeError(f"{owner}.framing is a class: give it an object, {framing.__name__}()")
    if not ((hasattr(framing, "encode") and hasattr(framing, "decoder")) or hasattr(framing, "__get__")):
        raise TypeError(f"{owner}.framing is a framing, Lines() for one, not {framing!r:.60}")


def explained(deed: str, framing: Framing, reply: object, error: BaseException) -> BaseException:
    """The error of an ``encode`` that refused a record, in the words of whoever made it: ``deed`` says how."""
    if isinstance(error, DelimiterInRecordError):
        ending = getattr(framing, "ending", None)
        if isinstance(reply, bytes) and isinstance(ending, bytes) and reply.endswith(ending):
            name = type(framing).__name__
            return BadReplyError(f"{deed} {reply!r:.60}: leave the ending out, {name} adds it")
        return error
    return bad_reply(deed, reply) or error
