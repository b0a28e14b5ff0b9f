"""A record has its time from its first byte to its last, in every framing: single bytes do not move it."""

from __future__ import annotations

import pytest

from nio.framing import Delimiter, Fixed, Framing, LengthPrefix, Lines, ProxyPrefix
from nio.reactor import CloseReason, StreamHandler, SwitchingHandler
from tests.unit.reactor.support import World

# A framing, a whole record of it, and the first twelve bytes of another.
FRAMINGS: dict[str, tuple[Framing, bytes, bytes]] = {
    "lines": (Lines(64), b"ann\n", b"b" * 12),
    "delimiter": (Delimiter(b"\r\n\r\n"), b"ann\r\n\r\n", b"b\r\n\r" * 3),
    "delimiters": (Delimiter(b";", b","), b"ann,", b"b" * 12),
    "fixed": (Fixed(40), b"a" * 40, b"b" * 12),
    "length": (LengthPrefix(4), b"\0\0\0\3ann", b"\0\0\0\x20" + b"b" * 8),
    "long length": (LengthPrefix(8), b"\0" * 7 + b"\3ann", b"\0" * 7 + b"\x20" + b"b" * 4),
    "proxy": (ProxyPrefix(Lines(64), ("127.0.0.1",)), b"PROXY UNKNOWN\r\nann\n", b"b" * 12),
    "proxy header": (ProxyPrefix(Lines(64), ("127.0.0.1",)), b"", b"PROXY TCP4 192.0.2.1"[:12]),
}


AFTER_A_SWITCH = [name for name in FRAMINGS if name != "proxy"]  # which begins with a header, there too


class Diary(StreamHandler):
    idle_timeout = None

    def __init__(self) -> None:
        self.records = 0
        self.reasons: list[CloseReason] = []

    def process(self, record: bytes) -> bytes | None:
        self.records += 1
        return None

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Switching(Diary, SwitchingHandler):
    pass


class Switched(Switching):
    """Begins with a line of its own; every framing comes after a switch."""

    then: Framing

    def process(self, record: bytes) -> bytes | None:
        if not self.records:
            self.switch(self.then)
        return super().process(record)


def drip(world: World, rest: bytes) -> None:
    """A byte a second: it lives on at the ninth, and is cut ten seconds after the first."""
    peer, before = world.peers[-1], world.reactor.statistics().bytes_in
    for count, byte in enumerate(rest[:10], 1):
        peer.send(bytes([byte]))
        world.received(before + count)
        assert world.handler.reasons == []
        world.advance(0.999 if count == 10 else 1)
    assert world.handler.reasons == []
    world.advance(0.001)
    assert world.handler.reasons == [CloseReason.TOO_SLOW]


@pytest.mark.parametrize("base", [Diary, Switching])
@pytest.mark.parametrize("name", FRAMINGS)
def test_N01_a_record_that_drips_is_cut(name: str, base: type[Diary]) -> None:
    framing, whole, rest = FRAMINGS[name]
    handler = type("Dripped", (base,), {"framing": framing})
    with World(handler) as world:
        peer = world.connect()
        world.advance(100)
        if whole:
            peer.send(whole[:-1])
            world.received(len(whole) - 1)
            world.advance(9)
            peer.send(whole[-1:])
            world.until(lambda: world.handler.records == 1)
            world.advance(100)  # between two records there is no limit
        drip(world, rest)


@pytest.mark.parametrize("name", AFTER_A_SWITCH)
def test_N01_also_after_a_switch_in_mid_stream(name: str) -> None:
    framing, _, rest = FRAMINGS[name]
    handler = type("Dripped", (Switched,), {"then": framing})
    with World(handler) as world:
        world.connect().send(b"switch\n")
        world.until(lambda: world.handler.records == 1)
        world.advance(100)
        drip(world, rest)


@pytest.mark.parametrize("name", AFTER_A_SWITCH)
def test_N01_what_came_with_the_line_that_switches_is_the_first_byte(name: str) -> None:
    framing, _, rest = FRAMINGS[name]
    handler = type("Dripped", (Switched,), {"then": framing})
    with World(handler) as world:
        peer = world.connect()
        peer.send(b"switch\n" + rest[:1])
        world.until(lambda: world.handler.records == 1)
        for byte in rest[1:10]:
            world.advance(1)
            peer.send(bytes([byte]))
        world.advance(0.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_N01_half_a_record_that_another_thread_switches_keeps_its_time() -> None:
    with World(Switching) as world:
        peer = world.connect()
        peer.send(b"ann")
        world.received(3)
        world.advance(5)
        world.handler.switch(Fixed(40))
        world.advance(4.999)
        assert world.handler.reasons == []
        world.advance(0.001)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_none_gives_a_record_any_time() -> None:
    handler = type("Patient", (Switching,), {"record_timeout": None})
    with World(handler) as world:
        peer = world.connect()
        peer.send(b"an")
        world.received(2)
        world.advance(1e6)
        peer.send(b"n\n")
        world.until(lambda: world.handler.records == 1)
