"""``process_batch``, on the reactor's thread and in a worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from nio.channels import SelectionKey
from nio.framing import Delimiter, Fixed, Lines, ProxyPrefix
from nio.reactor import CloseReason, State
from tests.unit.reactor.support import Manual, World
from tests.unit.reactor.units import Blocks, Listing, Noting, told

READ = SelectionKey.OP_READ
HANDLER, PROTOCOL, LOCAL = CloseReason.HANDLER_ERROR, CloseReason.PROTOCOL_ERROR, CloseReason.LOCAL


@pytest.fixture(params=[0, 1], ids=["inline", "pooled"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


def test_one_read_is_one_list(workers: int) -> None:
    with World(Listing, workers=workers) as world:
        peer = world.connect()
        for sent, seen in ((b"a\n", [b"a"]), (b"b\nc\n\n", [b"b", b"c", b""]), (b"d\r\ne\n", [b"d", b"e"])):
            peer.send(sent)
            expected = b"".join(record + b"\n" for record in seen)
            assert peer.read(len(expected)) == expected
            assert world.handler.seen[-1] == seen
            world.until_state(State.READING)
        assert world.reactor.statistics().requests == 6


def test_a_list_has_sixty_four_records_at_most(workers: int) -> None:
    records = [b"%d" % number for number in range(1000)]
    sent = b"".join(record + b"\n" for record in records)
    got, seen, reasons, requests = told(Listing, sent, workers)
    assert (got, reasons, requests) == (sent, [CloseReason.PEER_FIN], 1000)
    assert [record for batch in seen for record in batch] == records
    assert max(map(len, seen)) == 64


def test_a_record_cut_anywhere(workers: int) -> None:
    with World(Listing, workers=workers) as world:
        peer = world.connect()
        for piece in (b"a\nb", b"c", b"d\ne\nf", b"\n"):
            peer.send(piece)
            world.turns()
        assert peer.read(10) == b"a\nbcd\ne\nf\n"
        assert [record for batch in world.handler.seen for record in batch] == [b"a", b"bcd", b"e", b"f"]


@pytest.mark.parametrize("framing", [Lines(ending=b"\r\n"), Delimiter(b";"), Fixed(1), ProxyPrefix(Lines(), ("::1",))])
def test_any_framing_makes_lists(framing: Any, workers: int) -> None:
    kind = type("Framed", (Listing,), {"framing": framing})
    sent = b"".join(map(framing.encode, (b"a", b"b", b"c")))
    with World(kind, workers=workers) as world:
        peer = world.connect()
        peer.send(sent)
        assert peer.read(len(sent)) == sent
        assert world.handler.seen == [[b"a", b"b", b"c"]]
        assert world.handler.source is not None


@pytest.mark.parametrize(
    ("pieces", "got", "seen", "reasons"),
    [
        ((b"a;b", b"c;d;", b"e"), b"a;bc;d;", [[b"a"], [b"bc", b"d"]], []),
        ((b"a", b";"), b"a;", [[b"a"]], []),
        ((b"a;none;b;",), b"a;b;", [[b"a", b"none", b"b"]], []),
        ((b"a;text;b;",), b"a;", [[b"a", b"text", b"b"]], [HANDLER]),
        ((b"a;" + b"x" * 9 + b";b;",), b"a;", [[b"a"]], [CloseReason.FRAME_TOO_LONG]),
        ((b"a;" * 70,), b"a;" * 70, [[b"a"] * 64, [b"a"] * 6], []),
    ],
)
def test_lists_of_any_framing(
    pieces: tuple[bytes, ...], got: bytes, seen: list[list[bytes]], reasons: list[CloseReason], workers: int
) -> None:
    kind = type("Framed", (Listing,), {"framing": Delimiter(b";", max_length=8)})
    with World(kind, workers=workers) as world:
        peer = world.connect()
        for piece in pieces:
            peer.send(piece)
            world.turns()
        assert peer.read(len(got)) == got
        world.turns()
        assert (world.handler.seen, world.handler.reasons) == (seen, [])
        if reasons:
            peer.close()
            world.turns()
        assert world.handler.reasons == reasons


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (b"a\nnone\nb\n", b"a\nb\n"),
        (b"none\n", b""),
        (b"a\nsilent\n", b""),
        (b"a\ntuple\n", b"a\ntuple\n"),
        (b"array\nb\n", b"array\nb\n"),
        (b"a\nsend\nb\n", b"own\na\nsend\nb\n"),  # as process: what it sends itself comes before its reply
    ],
)
def test_replies(sent: bytes, got: bytes, workers: int) -> None:
    assert told(Listing, sent, workers)[0::2] == (got, [CloseReason.PEER_FIN])


@pytest.mark.parametrize(
    ("sent", "got", "reason", "words"),
    [
        (b"a\nshort\n", b"", HANDLER, "returned 1 replies to 2 records"),
        (b"a\nlong\n", b"", HANDLER, "returned 3 replies to 2 records"),
        (b"a\nbytes\n", b"", HANDLER, "returned b'bytes': a list of replies is wanted"),
        (b"a\nstr\n", b"", HANDLER, "a list of replies is wanted; use .encode()"),
        (b"a\nyield\n", b"", HANDLER, "a list of replies is wanted"),
        (b"a\ntext\nb\n", b"a\n", HANDLER, "returned, in its list, 'text': a reply is bytes or None"),
        (b"a\nlate\nb\n", b"a\n", HANDLER, "a reply is bytes or None"),
        (b"a\ntwo\nb\n", b"a\n", PROTOCOL, "cannot be framed"),
        (b"a\ncr\nb\n", b"a\n", PROTOCOL, "cannot be framed"),
        (b"a\nraise\nb\n", b"", HANDLER, "raised"),
        (b"a\nblame\nb\n", b"", PROTOCOL, ""),
    ],
)
def test_what_ends_the_connection(
    sent: bytes, got: bytes, reason: CloseReason, words: str, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    count = sent.count(b"\n")
    answer, seen, reasons, requests = told(Listing, sent, workers, ends=False)
    assert (answer, reasons, requests) == (got, [reason], count)
    assert [len(batch) for batch in seen] == [count]  # also those behind
    assert words in caplog.text


@pytest.mark.parametrize("text", [b"wrong\n", b"before\nx\n"])
def test_earlier_lists_are_answered_before_the_end(text: bytes, workers: int) -> None:
    before = b"".join(b"%d\n" % number for number in range(64))
    got, seen, reasons, _ = told(Listing, before + b"a\nraise\n" + text, workers, ends=False)
    assert (got, reasons, len(seen)) == (before, [HANDLER], 2)


@pytest.mark.parametrize(
    ("word", "got", "reason"),
    [
        (b"finish", b"a\nfinish\nb\n", LOCAL),  # all that was given to it is owed
        (b"close", b"", LOCAL),
        (b"last", b"a\nlast\nb\n", CloseReason.PEER_FIN),
    ],
)
def test_the_end_inside(word: bytes, got: bytes, reason: CloseReason, workers: int) -> None:
    more = b"x\n" * 64  # of another list
    answer, _, reasons, _ = told(Listing, b"a\n" + word + b"\nb\n", workers, ends=word == b"last")
    assert (answer, reasons) == (got, [reason])
    many = b"y\n" * 61 + b"a\n" + word + b"\nb\n"
    answer, _, reasons, _ = told(Listing, many + more, workers, ends=word == b"last")
    assert (answer, reasons) == (many if got else b"", [reason])


def test_whoever_is_replaced_inside_sends_nothing_more() -> None:
    class Leaving(Listing):
        def deed(self, record: bytes) -> None:
            if record == b"leave":
                world.reactor.register(self.channel, READ, Listing())

    with World(Leaving) as world:
        peer = world.connect()
        peer.send(b"a\n" * 63 + b"b\nleave\ntext\nc")  # which is no read of whole lines
        assert peer.read(128) == b"a\n" * 63 + b"b\n"
        world.turns()
        peer.send(b"d\ne\n")
        assert peer.read(4) == b"d\ne\n"


def test_suspended_inside(workers: int) -> None:
    with World(Listing, workers=workers) as world:
        peer = world.connect()
        peer.send(b"a\nsuspend\nb\n" + b"x\n" * 64)
        assert peer.read(12) == b"a\nsuspend\nb\n"
        world.until_state(State.SUSPENDED)
        world.handler.resume()
        assert peer.read(128) == b"x\n" * 64


def test_a_late_list(workers: int) -> None:
    class Late(Noting):
        def process_batch(self, records: list[bytes]) -> Future[Sequence[bytes | None]]:
            self.seen.append(records)
            self.reply: Future[Sequence[bytes | None]] = Future()
            return self.reply

    with World(Late, workers=workers) as world:
        peer = world.connect()
        peer.send(b"a\nb\n")
        world.until(lambda: getattr(world.handler, "_late", None))
        peer.send(b"c\n")
        world.turns()
        assert world.handler.seen == [[b"a", b"b"]]
        world.handler.reply.set_result([b"A", None])
        assert peer.read(2) == b"A\n"
        world.until(lambda: len(world.handler.seen) == 2 and world.handler._late)
        world.handler.reply.set_result([])
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons == [HANDLER])


def test_a_batch_travels_as_one_job() -> None:
    manual = Manual()
    with World(Listing, workers=manual) as world:
        peer = world.connect()
        peer.send(b"a\nb\nc\n")
        world.until_state(State.PROCESSING)
        peer.send(b"d\ne\n")
        world.turns()
        assert len(manual.waiting) == 1
        manual.run_one()
        assert peer.read(6) == b"a\nb\nc\n"
        world.until(lambda: manual.waiting)
        manual.run_one()
        assert peer.read(4) == b"d\ne\n"
        assert world.handler.seen == [[b"a", b"b", b"c"], [b"d", b"e"]]


@pytest.mark.parametrize("kind", [Listing, Blocks])
def test_process_timeout_is_for_all_of_them(kind: Any) -> None:
    hasty = type("Hasty", (kind,), {"process_timeout": 1.0})
    with World(hasty, workers=Manual()) as world:
        peer = world.connect()
        peer.send(b"a\nb\n")
        world.until_state(State.PROCESSING)
        world.advance(2)
        world.until(lambda: world.handler.reasons == [CloseReason.PROCESS_TIMEOUT])


def test_output_over_the_mark_stops_the_next_list(workers: int) -> None:
    class Wide(Noting):
        high_mark, low_mark = 1000, 100

        def process_batch(self, records: list[bytes]) -> list[bytes]:
            self.seen.append(records)
            return [b"x" * 99 for _ in records]

    with World(Wide, workers=workers) as world:
        world.kernel.room = 0
        peer = world.connect()
        peer.send(b"a\n" * 128)
        world.until_state(State.SENDING)
        assert len(world.handler.seen) == 1
        world.kernel.room = None
        assert peer.read(12800) == (b"x" * 99 + b"\n") * 128


def test_what_the_kernel_does_not_take(workers: int) -> None:
    for kind in (Listing, Blocks):
        with World(kind, workers=workers) as world:
            world.kernel.sends.extend([BlockingIOError(), 1, 2])
            peer = world.connect()
            peer.send(b"A\nB\n")
            assert peer.read(4) == b"A\nB\n"
            peer.send(b"C\n")
            assert peer.read(2) == b"C\n"


@pytest.mark.parametrize("kind", [Listing, Blocks])
def test_a_reset_at_the_send(kind: Any) -> None:
    with World(kind) as world:
        world.kernel.sends.append(ConnectionResetError())
        world.connect().send(b"A\nB\n")
        world.until(lambda: world.handler.reasons == [CloseReason.PEER_RST])
