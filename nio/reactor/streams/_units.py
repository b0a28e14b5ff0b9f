"""Units: what a handler is given that has ``process_batch`` or ``process_block``: many records at a time.

**A unit stands where a record stands**: one at a time is processed, or is with a worker, and the reply to it is one. So
the order of replies, marks, deadlines, the drain and late replies are those of a record, and stand elsewhere. What
differs stands here: how a unit is cut from the stream, how many records it is, and how its reply is framed.

**A whole read on a steady connection** (``_steady.py``) is a list at once, whatever the framing: what its decoder makes
of the read, when it holds nothing back. All else that it makes goes the usual way.

A unit object knows its handler by ``process`` alone, and that is let go with the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from nio.channels import SocketChannel
from nio.errors import FramingError
from nio.framing import Decoder, Framing, Lines
from nio.reactor.handlers._slips import (
    BadReplyError,
    check_callbacks,
    check_names,
    check_settings,
    no_reply,
    static,
)
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._registry import LEAVING
from nio.reactor.streams._checks import check_framing, check_limits, decoder_for, explained

HOOKS = ("process", "process_batch", "process_block")
_LF, _CR = b"\n\r"
_BATCH = 64  # records of a list
_SHORT = 4096  # bytes of a block


class Unit(Protocol):
    """What a handler asks of its way to be given many records; one for each connection."""

    process: Any  # the user's, None once the connection is closed

    @property
    def good(self) -> bytes:
        """The framed replies before the one that ``frame`` has just refused."""

    def __call__(self, handler: Any, unit: Any, /) -> object:
        """Count and process, on the reactor's thread."""

    def decoder(self, channel: SocketChannel) -> Any:
        """A Decoder that makes units of the stream, one at a call of ``feed``."""

    def serve(self, handler: Any, data: bytes) -> bytes | None:
        """What goes out for a read on a steady connection; None: it is no unit as it came, and nothing was done."""

    def begin(self, unit: Any, /) -> int:
        """How many records it is; the next reply is the reply to it."""

    def frame(self, reply: Any, /) -> bytes:
        """The reply as it goes out; BadReplyError and the like for what is none."""

    def rejected(self, unit: Any, /, ask: Callable[[bytes], bytes | None]) -> object:
        """The reply to a unit that no worker takes: ``ask`` tells that to each of its records."""


class Batch:
    """A list of records; the reply is a list of as many replies."""

    __slots__ = ("_decoder", "_due", "_encode", "_framing", "_longest", "_name", "_tally", "good", "process")

    _decoder: Decoder

    def __init__(self, name: str, process: Any, framing: Framing, tally: Tally) -> None:
        self.process, self.good = process, b""
        self._name = f"{name}.process_batch() returned"
        self._framing, self._encode = framing, framing.encode
        self._longest = framing.max_length + 1 if type(framing) is Lines and framing.ending == b"\n" else 0
        self._tally = tally
        self._due = 0  # replies

    def __call__(self, handler: object, records: list[bytes]) -> object:
        self._due = due = len(records)
        self._tally.requests += due - 1
        return self.process(records)

    def decoder(self, channel: SocketChannel) -> Any:
        self._decoder = decoder_for(self._framing, channel)
        return BatchDecoder(self._decoder)

    def serve(self, handler: Any, data: bytes) -> bytes | None:
        longest = self._longest
        if not longest:
            records = self._decoder.feed(data, _BATCH)
            if not (records and self._decoder.clean):
                handler._take_up([records] if records else [], 1)
                return b""
        elif data[-1] != _LF or _CR in data:
            return None
        else:
            records = data.split(b"\n", _BATCH)
            if records.pop() or (len(data) > longest and max(map(len, records)) >= longest):
                return None
        self._due = due = len(records)
        self._tally.requests += due
        try:
            replies = self.process(records)
        except LEAVING:
            raise
        except BaseException as error:
            handler._raised(error)
            return b""
        if type(replies) is list and len(replies) == due and handler._steady is handler:
            try:
                if longest:
                    output = b"\n".join(replies) + b"\n"
                    if output.count(b"\n") == due and _CR not in output:
                        return output
                elif None not in replies:
                    return b"".join(map(self._encode, replies))
            except Exception:
                pass  # there is None among them, or what is no reply: whoever frames them one by one tells
        handler._answer(replies)
        return b""

    def begin(self, records: list[bytes]) -> int:
        self._due = len(records)
        return self._due

    def frame(self, replies: Any) -> bytes:
        self.good = b""
        if not isinstance(replies, list | tuple):
            raise no_reply(self._name, replies, "a list of replies is wanted")
        if len(replies) != self._due:
            raise BadReplyError(f"{self._name} {len(replies)} replies to {self._due} records: give one each, or None")
        return self._one_by_one(replies)

    def _one_by_one(self, replies: Iterable[Any]) -> bytes:
        framed: list[bytes] = []
        for reply in replies:
            if reply is not None:
                try:
                    framed.append(self._encode(reply))
                except Exception as error:
                    self.good = b"".join(framed)
                    raise explained(f"{self._name}, in its list,", self._framing, reply, error) from None
        return b"".join(framed)

    def rejected(self, records: list[bytes], ask: Callable[[bytes], bytes | None]) -> object:
        return [ask(record) for record in records]


class BatchDecoder:
    """What a connection asks of a decoder, with lists of another one's records for records."""

    __slots__ = ("_decoder", "end")

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.end = decoder.end

    @property
    def clean(self) -> bool:
        return self._decoder.clean

    @property
    def error(self) -> FramingError | None:
        return self._decoder.error

    @property
    def source(self) -> object:
        return getattr(self._decoder, "source", None)

    def feed(self, data: bytes, limit: int = 1) -> list[Any]:
        records = self._decoder.feed(data, _BATCH)
        return [records] if records else records


class Block:
    """Whole records as they came, with their endings; the reply goes out as it is."""

    __slots__ = ("_ending", "_framing", "_name", "_short", "_tally", "good", "process")

    def __init__(self, name: str, process: Any, framing: Framing, tally: Tally) -> None:
        self.process, self.good = process, b""
        self._name = f"{name}.process_block() returned"
        self._framing, self._tally = framing, tally
        self._ending = check_blocks(name, framing)
        self._short = min(framing.max_length + 1, _SHORT) if type(framing) is Lines and framing.ending == b"\n" else 0

    def __call__(self, handler: object, block: bytes) -> object:
        self._tally.requests += block.count(self._ending) - 1
        return self.process(block)

    def decoder(self, channel: SocketChannel) -> Any:
        return self._framing.block_decoder()  # type: ignore[attr-defined]  # check_blocks() has seen it

    def serve(self, handler: Any, data: bytes) -> bytes | None:
        if len(data) > self._short or data[-1] != _LF:
            return None
        self._tally.requests += data.count(self._ending)
        try:
            reply = self.process(data)
        except LEAVING:
            raise
        except BaseException as error:
            handler._raised(error)
            return b""
        if type(reply) is bytes and handler._steady is handler:
            return reply
        handler._answer(reply)
        return b""

    def begin(self, block: bytes) -> int:
        return block.count(self._ending)

    def frame(self, reply: Any) -> bytes:
        if type(reply) is bytes:
            return reply
        if isinstance(reply, bytearray | memoryview):
            return bytes(reply)
        raise no_reply(self._name, reply, "the reply to a block is bytes or None")

    def rejected(self, block: bytes, ask: Callable[[bytes], bytes | None]) -> object:
        framing = self._framing
        replies = [ask(record) for record in framing.decoder().feed(block, len(block))]
        return b"".join([framing.encode(reply) for reply in replies if reply is not None])


def check_blocks(name: str, framing: object) -> bytes:
    """The ending of each record in a block; TypeError for a framing that cannot tell where a block ends."""
    ending, decoder = getattr(framing, "ending", None), getattr(framing, "block_decoder", None)
    if decoder is None or not isinstance(ending, bytes):
        raise TypeError(
            f"{name}.process_block() needs records that end with an ending, Lines() or Delimiter(b';'): "
            f"{type(framing).__name__} cuts no blocks"
        )
    decoder()
    return ending


def hook_of(cls: type, base: type) -> str:
    """Which of the three methods the class has of its own; TypeError for none of them, and for two."""
    hooks = [name for name in HOOKS if getattr(cls, name) is not getattr(base, name)]
    if not hooks:
        raise TypeError(f"{cls.__name__} has no process()")
    if len(hooks) > 1:
        raise TypeError(f"{cls.__name__} has {hooks[0]}() and {hooks[1]}(): a handler has one of them")
    return hooks[0]


def check_handler(cls: type, base: type) -> None:
    """Refuse a class of record handlers that cannot work; a descriptor is judged when a connection opens."""
    hook, framing = hook_of(cls, base), static(cls, "framing")
    callbacks = ("on_open", "on_secure", "on_close", "on_writable", "on_idle", "on_peer_end", "on_rejected")
    check_callbacks(cls, hook, *callbacks)
    check_settings(cls, base)
    check_limits(cls)
    check_names(cls)
    check_framing(cls.__name__, framing)
    if hook == "process_block" and not hasattr(framing, "__get__"):
        check_blocks(cls.__name__, framing)


def unit_of(handler: Any, hook: str, framing: Framing, tally: Tally) -> Unit:
    """What makes and answers the units of a handler whose class has ``hook``, one of the two for many records."""
    kind: type[Batch | Block] = Batch if hook == "process_batch" else Block
    return kind(type(handler).__name__, getattr(handler, hook), framing, tally)
