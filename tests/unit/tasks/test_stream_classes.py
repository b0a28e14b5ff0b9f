"""A Stream as a class on every reactor, and what its tasks send."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from nio.errors import DelimiterInRecordError
from nio.framing import LengthPrefix, Lines, Raw
from nio.reactor import Acceptor, CloseReason, Group
from nio.tasks import Stream, StreamClosedError, current_task, sleep
from tests.unit.reactor.support import Manual, World
from tests.unit.tasks.support import Diary, Greeting

# the class


def test_a_handler_class_on_a_reactor_with_workers_runs_in_the_loop() -> None:
    manual = Manual()
    with World(Greeting, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        assert manual.submitted == 0


async def greet(client: Stream) -> None:
    async for name in client:
        await client.send(b"Hello " + name)


class Helper:
    async def greet(self, client: Stream) -> None:
        await greet(client)


async def with_argument(word: bytes, client: Stream) -> None:
    async for name in client:
        await client.send(word + name)


@pytest.mark.parametrize(
    "fn", [greet, Helper().greet, partial(with_argument, b"Hello ")], ids=["def", "method", "partial"]
)
def test_a_function_serves_as_well(fn: Any) -> None:
    handler = Diary.serving(fn)
    assert handler.__name__ == getattr(fn, "__name__", "partial")
    Acceptor(handler)
    with World(handler) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def plain(client: Stream) -> None:
    pass


class Plain(Stream):
    def serve(self) -> Any:
        return None


class Processing(Stream):
    async def serve(self) -> None:
        pass

    def process(self, record: bytes) -> bytes:
        return record


class Misspelt(Stream):
    idletimeout = 5

    async def serve(self) -> None:
        pass


class Stealing(Stream):
    async def serve(self) -> None:
        self._waiter = None


class Opening(Stream):
    async def serve(self) -> None:
        pass

    async def on_open(self) -> None:  # type: ignore[override]
        pass


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stream.serving(cast(Any, plain)), r"serving\(\) takes a coroutine function"),
        (lambda: Acceptor(Plain), r"Plain\.serve is no coroutine function: write async def serve\(self\)"),
        (lambda: Acceptor(Processing), r"Processing\.process is never called: a Stream's records are awaited in serve"),
        (lambda: Acceptor(Misspelt), "it is spelled idle_timeout"),
        (lambda: Acceptor(Stealing), "_waiter, which nio uses itself"),
        (lambda: Acceptor(Opening), "is a coroutine function: write it with def"),
    ],
)
def test_a_class_that_cannot_work_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


def test_a_bare_stream_has_nobody_to_serve_it(caplog: pytest.LogCaptureFixture) -> None:
    with World(Stream) as world:
        peer = world.connect()
        assert peer.read_to_end() == b""
        peer.close()
        world.until(world.closed)
        assert world.closed() == {CloseReason.HANDLER_ERROR: 1}
    assert "Stream has no serve()" in caplog.text


def test_on_open_comes_before_the_task_and_may_end_the_connection() -> None:
    class Refusing(Greeting):
        def on_open(self) -> None:
            self.seen.append("open")
            self.close()

    with World(Refusing) as world:
        world.connect()
        world.turns()
        assert world.handler.seen == ["open"]


# bytes and records out


@pytest.mark.parametrize("record", [b"a\nb", b"a\r"])
def test_a_record_with_its_own_ending_is_refused_where_it_is_sent(record: bytes) -> None:
    class Bad(Diary):
        async def serve(self) -> None:
            await self.receive()
            with pytest.raises(DelimiterInRecordError):
                await self.send(record)
            await self.send(b"good")

    with World(Bad) as world:
        peer = world.connect()
        peer.send(b"x\n")
        assert peer.read_to_end() == b"good\n"


@pytest.mark.parametrize("record", [bytearray(b"ann"), memoryview(b"ann")])
def test_other_bytes_are_sent_as_they_are_now(record: Any) -> None:
    class Other(Diary):
        async def serve(self) -> None:
            await self.receive()
            await self.send(record)

    with World(Other) as world:
        peer = world.connect()
        peer.send(b"x\n")
        assert peer.read_to_end() == b"ann\n"


def test_a_send_that_nobody_awaits_sends_nothing_and_python_says_so() -> None:
    class Forgetful(Diary):
        async def serve(self) -> None:
            await self.receive()
            with pytest.warns(RuntimeWarning, match=r"coroutine 'Stream\.send' was never awaited"):
                self.send(b"lost")  # type: ignore[unused-coroutine]  # as it is found at run time, too
            await self.send(b"sent")

    with World(Forgetful) as world:
        peer = world.connect()
        peer.send(b"x\n")
        assert peer.read_to_end() == b"sent\n"


def test_text_is_no_record() -> None:
    class Text(Diary):
        async def serve(self) -> None:
            await self.receive()
            with pytest.raises(TypeError):
                await self.send("ann")  # type: ignore[arg-type]
            await self.send(b"good")

    with World(Text) as world:
        peer = world.connect()
        peer.send(b"x\n")
        assert peer.read_to_end() == b"good\n"


@pytest.mark.parametrize("framing", [Lines(), Lines(ending=b"\r\n"), LengthPrefix(1), Raw()], ids=repr)
def test_several_sends_and_writes_keep_their_order(framing: Any) -> None:
    words = [b"1", b"2", b"raw", b"3", b"4"]

    class Many(Diary):
        async def serve(self) -> None:
            await self.receive()
            await self.send(b"1")
            await self.send(b"2")
            self.write(framing.encode(b"raw"))
            await self.send(b"3")
            await sleep(0)
            await self.send(b"4")

    Many.framing = framing
    with World(Many) as world:
        peer = world.connect()
        peer.send(framing.encode(b"x"))
        assert peer.read_to_end() == b"".join(map(framing.encode, words))


def test_one_send_then_a_write_in_a_row_of_lines() -> None:
    class Row(Diary):
        async def serve(self) -> None:
            async for name in self:
                await self.send(name)
                if name == b"2":
                    self.write(b"raw\n")

    with World(Row) as world:
        peer = world.connect()
        world.turns()
        peer.send(b"1\n2\n3\n4\n")
        assert peer.read(12) == b"1\n2\nraw\n3\n4\n"


def test_a_stream_may_be_in_a_group_of_receivers() -> None:
    group: Group[Any] = Group()

    class Member(Diary):
        def on_open(self) -> None:
            group.join(self)

        async def serve(self) -> None:
            async for name in self:
                await self.send(b"mine")
                group.broadcast(name)

    with World(Member) as world:
        first, second = world.connect(), world.connect()
        world.turns()
        first.send(b"ann\n")
        assert first.read(9) == b"mine\nann\n"
        assert second.read(4) == b"ann\n"


def test_the_streams_memory_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        with World(Greeting) as world:
            peer = world.connect()
            peer.send(b"ann\n")
            peer.read(10)
            gone = weakref.ref(world.handler)
            peer.close()
            world.until(lambda: world.closed())
            world.turns()
            world.handlers.clear()
            assert gone() is None
    finally:
        gc.enable()


def test_the_record_of_a_current_task_is_asked_for_in_the_loop() -> None:
    class Asking(Diary):
        async def serve(self) -> None:
            async for _ in self:
                self.seen.append((await current_task()).name)
                await self.send(b"ok")

    with World(Asking) as world:
        peer = world.connect()
        peer.send(b"x\ny\n")
        assert peer.read(6) == b"ok\nok\n"
        assert world.handler.seen == ["Asking", "Asking"]


def test_a_serve_that_makes_no_coroutine_loses_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    with World(Plain) as world:
        peer = world.connect()
        assert peer.read_to_end() == b""
    assert "takes a coroutine function" in caplog.text


def test_framed_when_the_connection_has_ended() -> None:
    class After(Diary):
        framing = Raw()

        async def serve(self) -> None:
            self.close()
            with pytest.raises(StreamClosedError):
                self.framed(Lines())

    with World(After) as world:
        world.connect()
        world.turns()
        assert world.handler.reasons == [CloseReason.LOCAL]
