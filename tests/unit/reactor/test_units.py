"""Many records at a time: ``process_batch`` and ``process_block``, on the reactor's thread and in a worker."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from nio.errors import IllegalArgumentError, ProtocolError
from nio.framing import Delimiter, Fixed, Lines, ProxyPrefix
from nio.reactor import Acceptor, CloseReason, Reactor, State, StreamHandler, SwitchingHandler
from tests.unit.reactor.support import Manual, World

HANDLER, PROTOCOL, LOCAL = CloseReason.HANDLER_ERROR, CloseReason.PROTOCOL_ERROR, CloseReason.LOCAL


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


@pytest.fixture(params=[0, 1], ids=["inline", "pooled"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


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


# lists


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


@pytest.mark.parametrize("framing", [Lines(ending=b"\r\n"), Delimiter(b";"), Fixed(1), ProxyPrefix(Lines(), ["::1"])])
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


# blocks


def test_one_read_is_one_block(workers: int) -> None:
    with World(Blocks, workers=workers) as world:
        peer = world.connect()
        for sent in (b"a\n", b"b\nc\r\n\n"):
            peer.send(sent)
            assert peer.read(len(sent)) == sent.upper()
            assert world.handler.seen[-1] == sent
            world.until_state(State.READING)
        assert world.reactor.statistics().requests == 4


def test_blocks_of_a_flood(workers: int) -> None:
    sent = b"".join(b"%07d\n" % number for number in range(3000))
    got, seen, reasons, requests = told(Blocks, sent, workers)
    assert (got, reasons, requests) == (sent, [CloseReason.PEER_FIN], 3000)
    assert b"".join(seen) == sent
    assert max(map(len, seen)) <= 4096
    assert all(block.endswith(b"\n") for block in seen)


def test_a_line_that_is_too_long_ends_the_block_before_it(workers: int) -> None:
    sent = b"a\nbb\n" + b"x" * 8 + b"\r\n" + b"y" * 9 + b"\nz\n"
    got, seen, reasons, requests = told(Blocks, sent, workers, ends=False)
    assert (got, reasons, requests) == (sent[:15].upper(), [CloseReason.FRAME_TOO_LONG], 3)
    assert seen == [sent[:15]]


@pytest.mark.parametrize(
    ("sent", "got", "reason", "words"),
    [
        (b"text\nb\n", b"", HANDLER, "process_block() returned 'text': the reply to a block is bytes or None"),
        (b"list\nb\n", b"", HANDLER, "the reply to a block is bytes or None"),
        (b"raise\nb\n", b"", HANDLER, "raised"),
        (b"finish\nb\n", b"FINISH\nB\n", LOCAL, ""),
        (b"close\nb\n", b"", LOCAL, ""),
    ],
)
def test_what_ends_it(
    sent: bytes, got: bytes, reason: CloseReason, words: str, workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer, seen, reasons, requests = told(Blocks, sent, workers, ends=False)
    assert (answer, seen, reasons, requests) == (got, [sent], [reason], 2)
    assert words in caplog.text


@pytest.mark.parametrize(
    ("sent", "got"), [(b"none\nb\n", b""), (b"view\nb\n", b"VIEW\n"), (b"send\n", b"own\nSEND\n"), (b"", b"")]
)
def test_replies_to_a_block(sent: bytes, got: bytes, workers: int) -> None:
    assert told(Blocks, sent, workers)[0::2] == (got, [CloseReason.PEER_FIN])


@pytest.mark.parametrize("framing", [Lines(8, b"\r\n"), Delimiter(b";", max_length=8), Delimiter(b"\n")])
def test_framings_that_cut_blocks(framing: Any, workers: int) -> None:
    kind = type("Framed", (Blocks,), {"framing": framing})
    sent = b"".join(map(framing.encode, (b"A", b"B", b"C")))
    assert told(kind, sent, workers) == (sent, [sent], [CloseReason.PEER_FIN], 3)


# no worker


class Polite:
    def on_rejected(self, record: bytes) -> bytes | None:
        return None if record == b"drop" else b"busy, " + record


def shut() -> ThreadPoolExecutor:
    """An executor that takes nothing."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    return executor


@pytest.mark.parametrize("kind", [Listing, Blocks])
def test_no_worker_takes_it(kind: Any) -> None:
    assert told(kind, b"a\nb\n", shut(), ends=False)[:3] == (b"", [], [CloseReason.OVERLOAD])
    polite = type("Polite", (Polite, kind), {})
    got, seen, _, _ = told(polite, b"a\ndrop\nb\n", shut())
    assert (got, seen) == (b"busy, a\nbusy, b\n", [])


# the class


def test_exactly_one_of_the_three() -> None:
    class Two(Listing):
        def process(self, record: bytes) -> bytes:
            return record

    with pytest.raises(TypeError, match=r"Two has process\(\) and process_batch\(\): a handler has one of them"):
        Acceptor(Two)
    with pytest.raises(TypeError, match=r"Noting has no process\(\)"):
        Acceptor(Noting)
    with World(lambda: Two()) as world:  # a factory is not looked at before it has made one
        assert world.connect().read_to_end() == b""
        assert world.handler.reasons == [HANDLER]


def test_none_of_the_three_is_there() -> None:
    handler = Noting()
    for call in (handler.process, handler.process_batch, handler.process_block):
        with pytest.raises(NotImplementedError, match="Noting has no process"):
            call(b"")  # type: ignore[operator]


def test_a_coroutine_function_is_refused() -> None:
    async def process_batch(self: Any, records: list[bytes]) -> list[bytes]:
        return records

    with pytest.raises(TypeError, match="process_batch is a coroutine function"):
        Acceptor(type("Async", (Noting,), {"process_batch": process_batch}))


@pytest.mark.parametrize("framing", [Fixed(2), ProxyPrefix(Lines(), ["::1"])])
def test_a_framing_that_cuts_no_blocks(framing: Any) -> None:
    kind = type("Framed", (Blocks,), {"framing": framing})
    with pytest.raises(TypeError, match=rf"{type(framing).__name__} cuts no blocks"):
        Acceptor(kind)
    with World(lambda: kind()) as world:
        assert world.connect().read_to_end() == b""


@pytest.mark.parametrize("framing", [Delimiter(b"\r\n"), Delimiter(b";", b",")])
def test_delimiters_that_cut_no_blocks(framing: Any) -> None:
    with pytest.raises(IllegalArgumentError, match="one delimiter of one byte"):
        Acceptor(type("Framed", (Blocks,), {"framing": framing}))


def test_a_framing_that_is_found_out_later() -> None:
    class Later(Blocks):
        @property
        def framing(self) -> Lines:  # type: ignore[override]
            return Lines(5)

    assert told(Later, b"a\n", 0)[0] == b"A\n"


@pytest.mark.parametrize("hook", ["process_batch", "process_block"])
def test_whoever_may_switch_gets_one_at_a_time(hook: str) -> None:
    kind = type("Switching", (SwitchingHandler,), {hook: lambda self, records: None})
    with pytest.raises(TypeError, match=r"Switching may switch behind each record.*write process\(\)"):
        Acceptor(kind)
    with World(lambda: kind()) as world:
        assert world.connect().read_to_end() == b""


def test_worker_processes_take_what_is_plain() -> None:
    class Away(ThreadPoolExecutor):
        pass

    with Reactor.open(workers=Away(1)) as reactor:
        assert reactor.hand_off is not None
        reactor.hand_off.leaves_process = True
        for kind, name in ((Listing, "Listing.process_batch"), (Blocks, "Blocks.process_block")):
            with pytest.raises(IllegalArgumentError, match=f"{name} is bound to its handler"):
                kind.check_reactor(reactor)
        plain = type("Plain", (Noting,), {"process_batch": staticmethod(sorted)})
        plain.check_reactor(reactor)


def test_one_that_is_closed_is_no_garbage(workers: int) -> None:
    for kind in (Listing, Blocks):
        with World(kind, workers=workers) as world:
            peer = world.connect()
            peer.send(b"A\n")
            assert peer.read(2) == b"A\n"
            gc.disable()
            try:
                gone = weakref.ref(world.handler)
                world.handler.close()
                world.handlers.clear()
                world.turns()
                assert gone() is None
            finally:
                gc.enable()
