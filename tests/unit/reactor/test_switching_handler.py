"""SwitchingHandler: a line announces a body of bytes, on every reactor, whatever the cut; and whose client it is."""

from __future__ import annotations

import gc
import itertools
import random
import threading
import weakref
from concurrent.futures import Future
from typing import Any

import pytest

from nio.framing import Delimiter, Fixed, Framing, LengthPrefix, Lines, ProxyPrefix, Raw
from nio.reactor import Acceptor, CloseReason, State, SwitchingHandler
from tests.unit.reactor.support import Manual, World, run


class Store(SwitchingHandler):
    """``PUT n`` announces n bytes, which are answered by their number; other lines are echoed."""

    framing = Lines(max_length=64)

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.reasons: list[CloseReason] = []

    def process(self, record: bytes) -> bytes | None:
        self.seen.append(record)
        if isinstance(self.framing, Fixed):
            self.switch(Store.framing)
            return b"stored %d" % len(record)
        if record.startswith(b"PUT "):
            self.switch(Fixed(int(record[4:])))
            return None
        return record

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


def test_an_acceptor_takes_the_class() -> None:
    Acceptor(Store)


BODY = b"\r\n\n\0PUT 3\nabc\r"
STREAM = b"a\r\nPUT %d\r\n" % len(BODY) + BODY + b"b\nPUT 1\n\nPUT 70000\n" + b"\n" * 70_000 + b"c\n"
SEEN = [b"a", b"PUT %d" % len(BODY), BODY, b"b", b"PUT 1", b"\n", b"PUT 70000", b"\n" * 70_000, b"c"]
REPLIES = b"a\nstored %d\nb\nstored 1\nstored 70000\nc\n" % len(BODY)


def test_M01_what_was_read_with_the_line_goes_over_untouched(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(STREAM)
        peer.half_close()
        assert peer.read_to_end() == REPLIES
        assert world.handler.seen == SEEN
        assert world.handler.reasons == [CloseReason.PEER_FIN]
        assert world.reactor.statistics().requests == len(SEEN)


@pytest.mark.parametrize("cut", range(1, 40))
def test_M01_every_cut(cut: int) -> None:
    with World(Store) as world:
        peer = world.connect()
        world.kernel.recvs.append(cut)
        peer.send(STREAM)
        assert peer.read(len(REPLIES)) == REPLIES
        assert world.handler.seen == SEEN


def test_M01_byte_by_byte_and_in_random_pieces(workers: int) -> None:
    chance = random.Random(7)
    stream, replies = STREAM[:40], REPLIES[:14]
    marks = sorted(chance.randrange(len(STREAM)) for _ in range(20))
    for whole, pieces, expected in (
        (stream, [stream[i : i + 1] for i in range(len(stream))], replies),
        (STREAM, [STREAM[i:j] for i, j in itertools.pairwise([0, *marks, len(STREAM)])], REPLIES),
    ):
        with World(Store, workers=workers) as world:
            peer = world.connect()
            for piece in pieces:
                peer.send(piece)
                world.turns(1)
            world.received(len(whole))
            assert peer.read(len(expected)) == expected


def test_bodies_are_pipelined_by_the_thousand(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 2\n\n\n" * 1000 + b"x\n" * 1000)
        expected = b"stored 2\n" * 1000 + b"x\n" * 1000
        assert peer.read(len(expected)) == expected


def test_what_is_sent_before_the_switch_is_framed_by_the_old_one_and_the_reply_by_the_new(workers: int) -> None:
    class Upgrading(Store):
        def process(self, record: bytes) -> bytes | None:
            if record == b"binary":
                self.send(b"binary from here")
                self.switch(LengthPrefix(2, max_length=100))
                self.send(b"sent")
            return record

    with World(Upgrading, workers=workers) as world:
        peer = world.connect()
        peer.send(b"one\nbinary\n\0\3a\nb\0\0")
        expected = b"one\nbinary from here\n\0\4sent\0\6binary\0\3a\nb\0\0"
        assert peer.read(len(expected)) == expected
        assert world.handler.framing == LengthPrefix(2, max_length=100)
        assert world.handler.send(bytearray(b"z")) is True
        assert peer.read(3) == b"\0\1z"


def test_a_late_reply_is_framed_by_what_counts_when_it_comes_and_the_body_waits_for_it(workers: int) -> None:
    class Late(Store):
        def process(self, record: bytes) -> Any:
            reply = super().process(record)
            if reply is not None:
                return reply
            self.late: Future[bytes] = Future()
            return self.late

    with World(Late, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 3\na\nbx\n")
        world.until(lambda: hasattr(world.handler, "late"))
        world.turns()
        assert world.handler.seen == [b"PUT 3"]
        world.handler.late.set_result(b"go!")
        assert peer.read(14) == b"go!stored 3\nx\n"


def test_the_last_of_several_switches_counts(workers: int) -> None:
    class Fickle(Store):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            if record == b"go":
                for framing in (Fixed(3), Raw(), Delimiter(b";")):
                    self.switch(framing)
            return None

    with World(Fickle, workers=workers) as world:
        peer = world.connect()
        peer.send(b"go\na\nb;c\n")
        world.until(lambda: len(world.handler.seen) == 2)
        peer.send(b";")
        world.until(lambda: len(world.handler.seen) == 3)
        assert world.handler.seen == [b"go", b"a\nb", b"c\n"]


def test_in_on_open_and_from_a_tick_and_from_another_thread() -> None:
    class Opening(Store):
        def on_open(self) -> None:
            self.switch(Delimiter(b";"))

        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            return None

    with World(Opening) as world:
        peer = world.connect()
        peer.send(b"a;bcd")
        world.until(lambda: world.handler.seen == [b"a"])
        world.received(5)
        world.reactor.execute(world.handler.switch, Fixed(3))
        world.until(lambda: world.handler.seen == [b"a", b"bcd"])
        peer.send(b"ef")
        world.received(7)
        thread = threading.Thread(target=world.handler.switch, args=(Fixed(2),))
        thread.start()
        thread.join()
        world.until(lambda: world.handler.seen == [b"a", b"bcd", b"ef"])


def test_the_end_of_the_stream_right_behind_a_switch_is_told_to_the_new_decoder() -> None:
    class Waiting(Store):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            return None

    for sent, seen, reason in (
        (b"bc", [b"b", b"c"], CloseReason.PEER_FIN),
        (b"", [], CloseReason.PEER_FIN),
    ):
        with World(Waiting) as world:
            peer = world.connect()
            peer.send(sent)
            world.received(len(sent))
            peer.half_close()
            world.handler.switch(Fixed(1))
            world.until(lambda: world.handler.reasons)
            assert (world.handler.seen, world.handler.reasons) == (seen, [reason])


def test_a_body_that_is_cut_off_is_the_peers_fault(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 5\nabc")
        peer.half_close()
        assert peer.read_to_end() == b""
        assert world.handler.reason is CloseReason.PROTOCOL_ERROR


def test_M10_a_switch_does_not_heal_a_broken_stream() -> None:
    with World(Store) as world:
        peer = world.connect()
        peer.send(b"one\n" + b"x" * 70 + b"\nmore\n")
        assert peer.read_to_end() == b"one\n"
        world.handler.switch(Raw())
        world.handler._switch_input(Raw())  # as a call that was on its way
        world.turns()
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.seen == [b"one"]
        assert world.handler.reasons == [CloseReason.FRAME_TOO_LONG]


def test_M10_nothing_is_processed_behind_finish(workers: int) -> None:
    class Quitting(Store):
        def process(self, record: bytes) -> bytes | None:
            self.seen.append(record)
            self.finish()
            self.switch(Fixed(1))
            return None

    with World(Quitting, workers=workers) as world:
        peer = world.connect()
        peer.send(b"quit\nabc\n")
        assert peer.read_to_end() == b""
        assert world.handler.seen == [b"quit"]
        world.handler.switch(Fixed(2))  # too late, and no error
        assert not world.handler.send(b"ab")


def test_a_switch_while_output_is_over_the_mark_takes_effect_when_it_goes_on() -> None:
    class Full(Store):
        high_mark, low_mark = 4, 0

    with World(Full) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"first\nPUT 3\nabc")
        world.until_state(State.SENDING)
        world.handler.switch(Delimiter(b"T"))
        world.kernel.room = None
        expected = b"firstT" if world.handler.unsent == 0 else b"first\n"
        assert peer.read(len(expected) + 3) == expected + b"PUT"
        assert world.handler.seen == [b"first", b"PU"]


@pytest.mark.parametrize(
    ("framing", "message"),
    [(Lines, r"framing is a class: give it an object, Lines\(\)"), (b"\n", "is a framing, Lines")],
)
def test_what_is_no_framing_is_refused_and_changes_nothing(framing: Any, message: str) -> None:
    with World(Store) as world:
        peer = world.connect()
        with pytest.raises(TypeError, match=message):
            world.handler.switch(framing)
        peer.send(b"a\n")
        assert peer.read(2) == b"a\n"


def test_a_record_that_the_new_framing_refuses_is_told_in_its_words(caplog: pytest.LogCaptureFixture) -> None:
    class Wrong(Store):
        def process(self, record: bytes) -> bytes | None:
            self.switch(Delimiter(b";"))
            return b"bye;"

    with World(Wrong) as world:
        peer = world.connect()
        peer.send(b"a\n")
        assert peer.read_to_end() == b""
        assert world.handler.reason is CloseReason.HANDLER_ERROR
    assert "leave the ending out, Delimiter adds it" in caplog.text


def test_K05_a_closed_connection_is_freed_without_the_collector(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 1\nab\n")
        assert peer.read(11) == b"stored 1\nb\n"
        gc.disable()
        try:
            gone = weakref.ref(world.handlers.pop())
            peer.close()
            world.until(lambda: gone() is None)
        finally:
            gc.enable()


def test_N01_the_time_for_a_record_begins_with_the_first_byte_of_the_body(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 5\nabc")
        world.received(9)
        world.until(lambda: world.handler.state is State.READING and world.handler.seen)
        world.turns(3)
        world.advance(9)
        assert world.handler.reasons == []
        world.advance(2)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_N01_the_time_for_a_record_is_its_own(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        total = 0
        for piece in (b"PUT 5\nabc", b"dePUT 5\nabc", b"deP"):
            peer.send(piece)
            total += len(piece)
            world.received(total)
            world.until(lambda: world.handler.state is State.READING)
            world.turns(3)
            world.advance(6)
        assert world.handler.reasons == []
        world.advance(5)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]


def test_J02_what_was_received_is_answered_by_a_drain(workers: int) -> None:
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 3\na\nbx\n")
        world.received(11)
        world.reactor.stop(drain=5)
        assert peer.read_to_end() == b"stored 3\nx\n"
        peer.close()
        run(world.reactor)
        assert world.handler.reasons == [CloseReason.DRAIN]


# PROXY headers


class Whose(Store):
    framing: Framing = ProxyPrefix(Lines(64), ("127.0.0.1",))  # type: ignore[assignment]  # any framing will do

    def process(self, record: bytes) -> bytes | None:
        if record == b"raw":
            self.switch(Lines())
            self.switch(Raw())
        return repr(self.source).encode()


def test_the_source_is_what_a_trusted_peer_says_before_and_behind_a_switch(workers: int) -> None:
    with World(Whose, workers=workers) as world:
        peer = world.connect()
        assert world.handler.source == peer.sock.getsockname()
        peer.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 80\r\nwho\nraw\n")
        expected = b"('192.0.2.7', 1234)\n('192.0.2.7', 1234)"
        assert peer.read(len(expected)) == expected
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.source == ("192.0.2.7", 1234)


def test_M12_from_any_other_peer_a_header_is_data_and_the_source_its_address() -> None:
    class Distrusting(Whose):
        framing = ProxyPrefix(Lines(64), ("10.0.0.0/8",))

    with World(Distrusting) as world:
        peer = world.connect()
        peer.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 80\r\n")
        expected = repr(peer.sock.getsockname()).encode() + b"\n"
        assert peer.read(len(expected)) == expected
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.source is None


def test_M12_a_trusted_peer_without_a_header_is_cut() -> None:
    with World(Whose) as world:
        peer = world.connect()
        peer.send(b"who\n")
        assert peer.read_to_end() == b""
        assert world.handler.reason is CloseReason.PROTOCOL_ERROR


def test_a_switching_handler_with_workers_decodes_nothing_while_a_worker_has_a_record() -> None:
    workers = Manual()
    with World(Store, workers=workers) as world:
        peer = world.connect()
        peer.send(b"PUT 2\na\nb\n")
        world.received(10)
        world.until(lambda: workers.waiting)
        assert workers.submitted == 1
        workers.run_one()
        world.until(lambda: workers.waiting)
        workers.run_one()
        world.until(lambda: workers.waiting)
        workers.run_one()
        assert peer.read(11) == b"stored 2\nb\n"
        assert world.handler.seen == [b"PUT 2", b"a\n", b"b"]
