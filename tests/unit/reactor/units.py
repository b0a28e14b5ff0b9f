"""Handlers that are given many records at a time, and what their clients see."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from nio.errors import ProtocolError
from nio.framing import Lines
from nio.reactor import CloseReason, StreamHandler
from tests.unit.reactor.support import World


class Noting(StreamHandler):
    """Notes what it is given, and what became of it."""

    framing = Lines(max_length=8)

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.reasons: list[CloseReason] = []

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Listing(Noting):
    """The reply to each record is the record, or what stands for it; a word may do something before."""

    stands: ClassVar[dict[bytes, Any]] = {
        b"none": None,
        b"text": "text",
        b"two": b"a\nb",
        b"cr": b"a\r",
        b"array": bytearray(b"array"),
        b"late": Future(),
    }

    def process_batch(self, records: list[bytes]) -> Any:
        self.seen.append(list(records))
        for record in records:
            self.deed(record)
        replies = [self.stands.get(record, record) for record in records]
        match records[-1]:
            case b"short":
                replies.pop()
            case b"long":
                replies.append(b"more")
            case b"tuple":
                return tuple(replies)
            case b"bytes":
                return b"bytes"
            case b"str":
                return "text"
            case b"yield":
                return (reply for reply in replies)
            case b"silent":
                return None
        return replies

    def deed(self, record: bytes) -> None:
        match record:
            case b"send":
                self.send(b"own")
            case b"finish":
                self.finish()
            case b"close":
                self.close()
            case b"last":
                self.end_output()
            case b"suspend":
                self.suspend()
            case b"raise":
                raise KeyError(record)
            case b"blame":
                raise ProtocolError("rude")


class Blocks(Noting):
    """The reply is the block in capitals, or something else for some first lines."""

    def process_block(self, block: bytes) -> Any:
        self.seen.append(block)
        if block.startswith(b"raise"):
            raise KeyError(block)
        if block.startswith(b"send"):
            self.send(b"own")
        if block.startswith(b"finish"):
            self.finish()
        if block.startswith(b"close"):
            self.close()
        replies: dict[bytes, Any] = {b"none": None, b"text": "text", b"list": [b"x"], b"view": memoryview(b"VIEW\n")}
        return replies.get(block.partition(b"\n")[0], block.upper())


def told(
    kind: Callable[[], Any], sent: bytes, workers: Any, ends: bool = True
) -> tuple[bytes, list[Any], list[CloseReason], int]:
    """What a client reads that sends this and ends its output, what was processed, why it ended, requests."""
    with World(kind, workers=workers) as world:
        peer = world.connect()
        peer.send(sent)
        if ends:
            peer.half_close()
        got = peer.read_to_end()
        peer.close()
        world.until(lambda: world.handler.reasons)
        handler = world.handler
        return got, handler.seen, handler.reasons, world.reactor.statistics().requests
