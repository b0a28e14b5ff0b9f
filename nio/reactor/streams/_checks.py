"""The slips of whoever gives a connection its framing, told in words; those of any handler: ``_slips.py``."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from nio.channels import SocketChannel
from nio.errors import DelimiterInRecordError, IllegalArgumentError
from nio.framing import Decoder, Framing, Lines
from nio.reactor.handlers._slips import BadReplyError, bad_reply

_SAME: dict[int, int] = {}


def check_framing(owner: str, framing: object) -> None:
    """TypeError for what is no framing; a descriptor (a property, say) is judged when a connection reads it."""
    if isinstance(framing, type):
        raise TypeError(f"{owner}.framing is a class: give it an object, {framing.__name__}()")
    if not ((hasattr(framing, "encode") and hasattr(framing, "decoder")) or hasattr(framing, "__get__")):
        raise TypeError(f"{owner}.framing is a framing, Lines() for one, not {framing!r:.60}")


def check_limits(cls: type) -> None:
    """IllegalArgumentError for limits that cannot be meant; a descriptor (a property, say) is taken as it is."""
    rate = getattr(cls, "slowest_rate", None)
    if not (rate is None or hasattr(rate, "__get__") or _is_rate(rate)):
        raise IllegalArgumentError(
            f"{cls.__name__}.slowest_rate is bytes and seconds, (1024, 10.0) say, or None, not {rate!r:.60}"
        )
    ping, idle = getattr(cls, "ping_after", None), getattr(cls, "idle_timeout", None)
    if isinstance(ping, int | float) and isinstance(idle, int | float) and ping >= idle:
        raise IllegalArgumentError(
            f"{cls.__name__}.ping_after is {ping} s and idle_timeout {idle} s: a ping needs time for its answer"
        )


def _is_rate(rate: object) -> bool:
    return isinstance(rate, tuple) and len(rate) == 2 and all(isinstance(n, int | float) and n > 0 for n in rate)


def decoder_for(framing: Framing, channel: SocketChannel) -> Decoder:
    """A connection's decoder: some framings ask who the peer is, and say so by a method ``decoder_for``."""
    ask = getattr(framing, "decoder_for", None)
    decoder: Decoder = framing.decoder() if ask is None else ask(peer_of(channel))
    return decoder


def encode_of(framing: Framing) -> Callable[[bytes], bytes]:
    """``framing.encode``, one object for all the connections that open in a row with one framing."""
    latest = Latest.encoding
    if latest is None or latest[0] is not framing:
        latest = Latest.encoding = framing, framing.encode
    return latest[1]


def longest_of(framing: Lines, read_size: int) -> int:
    """Bytes of the longest line, with its LF, that one read may bring alone; one object for all connections."""
    longest = min(framing.max_length + 1, read_size - 1)
    return _SAME.setdefault(longest, longest)


def unbound(handler: object, process: Any) -> Callable[[Any, Any], Any]:
    """``process`` as what is called with the handler, too: a bound method is an object more for each connection."""
    if type(process) is MethodType and process.__self__ is handler:
        return process.__func__
    return lambda _, record: process(record)  # whatever was put in its place


class Latest:
    """What the connections that opened last have got, for the next of the same kind; changed as a whole."""

    encoding: tuple[Framing, Callable[[bytes], bytes]] | None = None
    lines: tuple[Any, Any, Any, int, int] = (None, None, None, 0, 0)  # class, framing, encode, the two lengths


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
    return bad_reply(deed, reply) or error


def copied(data: object) -> bytes:
    """What a connection is written, as bytes of its own; TypeError for what is no bytes."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        hint = "; use .encode()" if isinstance(data, str) else ""
        raise TypeError(f"a connection is written bytes, not {data!r:.60}{hint}")
    return memoryview(data).tobytes()
