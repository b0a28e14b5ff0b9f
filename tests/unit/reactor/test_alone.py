"""One record alone, in a framing that is no plain line: what leaves, what is not taken, what cannot be framed."""

from __future__ import annotations

from typing import Any

import pytest

from nio.framing import Delimiter
from nio.reactor import CloseReason
from tests.unit.reactor.support import Greeter, Keeper, World


class Semicolons(Greeter):
    framing: Any = Delimiter(b";")


class Leaving(Delimiter):
    """Its encode is interrupted."""

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        raise KeyboardInterrupt


def test_ctrl_c_in_process_costs_its_connection_only() -> None:
    class Interrupted(Semicolons):
        def process(self, record: bytes) -> bytes | None:
            if record == b"ctrl-c":
                raise KeyboardInterrupt
            return super().process(record)

    with World(Interrupted) as world:
        other, peer = world.connect(), world.connect()
        peer.send(b"ctrl-c;")
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        other.send(b"ann;")
        assert other.read(10) == b"Hello ann;"


@pytest.mark.parametrize("stream", [b"ann;", b"ann;bob;"])
def test_ctrl_c_in_the_framing_costs_its_connection_only(stream: bytes) -> None:
    class Interrupted(Semicolons):
        framing = Leaving(b";")

    with World(Interrupted) as world:
        peer = world.connect()
        peer.send(stream)
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: world.closed())
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        world.turns()


def test_what_the_kernel_does_not_take_is_kept() -> None:
    with World(Semicolons) as world:
        peer = world.connect()
        world.kernel.room = 3
        peer.send(b"ann;")
        world.until(lambda: world.handler.unsent == 7)
        world.kernel.room = None
        assert peer.read(10) == b"Hello ann;"


def test_a_reply_that_cannot_be_framed_is_dropped_also_where_process_writes_behind_it() -> None:
    """Three lines in a row: the second reply is none, and what the third writes never goes out."""

    class Splitting(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if record == b"two":
                return b"t\nwo"
            if record == b"three":
                self.wrote = self.write(b"written\n")
            return super().process(record)

    with World(Splitting) as world:
        peer = world.connect()
        peer.send(b"one\ntwo\nthree\nfour\n")
        assert peer.read_to_end() == b"Hello one\n"
        peer.close()
        world.until(lambda: world.closed() == {CloseReason.PROTOCOL_ERROR: 1})
        assert not getattr(world.handler, "wrote", False)


def test_in_bytes_there_are_no_replies_that_a_write_would_have_to_follow() -> None:
    assert Keeper()._put_replies()
