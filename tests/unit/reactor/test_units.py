"""Many records at a time: ``process_block``, and what holds for both."""

from __future__ import annotations

import gc
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.errors import IllegalArgumentError
from nio.framing import Delimiter, Fixed, Lines, ProxyPrefix
from nio.reactor import Acceptor, CloseReason, Reactor, State, SwitchingHandler
from tests.unit.reactor.support import PATIENCE, World
from tests.unit.reactor.units import Blocks, Listing, Noting, told

HANDLER, PROTOCOL, LOCAL = CloseReason.HANDLER_ERROR, CloseReason.PROTOCOL_ERROR, CloseReason.LOCAL


@pytest.fixture(params=[0, 1], ids=["inline", "pooled"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


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


@pytest.mark.parametrize("hook", ["process_batch", "process_block"])
@pytest.mark.parametrize("whole", [True, False])
def test_ctrl_c_inside(hook: str, whole: bool) -> None:
    def interrupted(self: Any, records: object) -> None:
        raise KeyboardInterrupt

    with World(type("Interrupted", (Noting,), {hook: interrupted})) as world:
        peer = world.connect()
        peer.send(b"a\nb\n" if whole else b"a\nb")
        with pytest.raises(KeyboardInterrupt):
            world.until(lambda: False)
        assert world.handler.reasons == [HANDLER]


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
    for name in ("process", "process_batch", "process_block"):
        with pytest.raises(NotImplementedError, match=rf"Noting has no {name}\(\)"):
            getattr(handler, name)(b"")


def test_a_coroutine_function_is_refused() -> None:
    async def process_batch(self: Any, records: list[bytes]) -> list[bytes]:
        return records

    with pytest.raises(TypeError, match="process_batch is a coroutine function"):
        Acceptor(type("Async", (Noting,), {"process_batch": process_batch}))


@pytest.mark.parametrize("framing", [Fixed(2), ProxyPrefix(Lines(), ("::1",))])
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
        plain: Any = type("Plain", (Noting,), {"process_batch": staticmethod(sorted)})
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
                end = time.monotonic() + PATIENCE
                while gone() is not None:  # the worker has still to put down the job that it has answered
                    assert time.monotonic() < end
                    time.sleep(0)
            finally:
                gc.enable()
