"""Handlers, framings and transports that raise what is no ``Exception``, and what a server must still do then."""

from __future__ import annotations

from typing import Any

from nio.channels import SocketChannel
from nio.framing import Lines
from nio.reactor import CloseReason, Connection, Handler
from nio.reactor.streams._transport import PlainTransport
from tests.unit.reactor.support import Greeter, World


class Panic(BaseException):
    """Neither an Exception nor one that leaves ``run``."""


class Diary(Connection):
    """Bytes in, the same bytes out, with a diary."""

    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    def handle_data(self, data: bytes) -> None:
        self.write(data)

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class BadWire(PlainTransport):
    """Its ``recv`` or ``send`` raises, whichever is named, when it comes to b"bad"."""

    where = ""

    def __init__(self, channel: SocketChannel) -> None:
        super().__init__(channel)
        recv, send = self.recv, self.send

        def bad_recv(size: int) -> bytes:
            data = recv(size)
            if b"bad" in data:
                raise Panic("recv")
            return data

        def bad_send(data: bytes | memoryview, flags: int) -> int:
            if b"bad" in bytes(data):
                raise Panic("send")
            return send(data, flags)

        if self.where == "recv":
            self.recv = bad_recv
        else:
            self.send = bad_send


class BadRecv(BadWire):
    where = "recv"


class BadSend(BadWire):
    where = "send"


class BadLines:
    """Lines whose feed, encode or decoder raises, at "bad"."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._lines = Lines()

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        if self.where == "encode" and b"bad" in bytes(record):
            raise Panic("encode")
        return self._lines.encode(record)

    def decoder(self) -> Any:
        if self.where == "decoder":
            raise Panic("decoder")
        return BadDecoder(self._lines.decoder(), self.where)


class BadDecoder:
    def __init__(self, real: Any, where: str) -> None:
        self._real, self._where = real, where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def feed(self, data: bytes, most: int = 1 << 30) -> Any:
        if (self._where == "feed" and b"bad" in data) or (self._where == "feed nothing" and not data):
            raise Panic("feed")
        return self._real.feed(data, most)


class Bad(Greeter):
    def process(self, record: bytes) -> bytes | None:
        if record == b"bad":
            raise Panic("process")
        return super().process(record)


class BadWriting(Greeter):
    high_mark = 1

    def on_writable(self, writable: bool) -> None:
        if b"bad" in self.seen:
            raise Panic("on_writable")


class BadFraming(Greeter):
    where = ""

    def __init__(self) -> None:
        super().__init__()
        self.framing = BadLines(self.where)  # type: ignore[assignment]


def framed(at: str) -> type[BadFraming]:
    return type("BadFraming", (BadFraming,), {"where": at})


def carried(by: type[BadWire]) -> type[Greeter]:
    return type("Carried", (Greeter,), {"transport": by})


class BadTick(Greeter):
    """A method of the handler as a tick, off a worker's or the reactor's thread."""

    def process(self, record: bytes) -> bytes | None:
        if record == b"bad":
            self.reactor.execute(self.blow)
        return super().process(record)

    def blow(self) -> None:
        raise Panic("tick")


class Mixed:
    """The first connection is the bad one's; all others are good."""

    def __init__(self, bad: type[Any]) -> None:
        self.bad: type[Any] | None = bad

    def __call__(self) -> Handler:
        kind, self.bad = self.bad or Greeter, None
        handler: Handler = kind()
        return handler


def serves(world: World) -> None:
    """A client that is here and one that comes are answered, and the counts are right."""
    good = world.connect()
    good.send(b"ann\n")
    assert good.read(10) == b"Hello ann\n"
    good.close()
    world.until(lambda: world.reactor.statistics().open == 0)
    assert world.reactor.admission.taken == 0
