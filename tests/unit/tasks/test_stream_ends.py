"""How a stream ends: what its task is told, what its peer and the log see."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from nio.errors import ClosedChannelError, ProtocolError
from nio.reactor import CloseReason, State
from nio.tasks import Cancelled, Stream, StreamClosedError, sleep, to_worker
from tests.unit.reactor.support import Manual, World, in_a_thread
from tests.unit.tasks.support import Diary, Greeting, Resting, gone


class Failing(Diary):
    """Raises what its class has, at the record ``now``; ``later`` after a sleep."""

    error: BaseException = ValueError("mine")

    async def serve(self) -> None:
        async for name in self:
            await self.send(name)
            if name == b"later":
                await sleep(1)
            if name in (b"now", b"later"):
                raise self.error


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# the peer ends


def test_the_peers_end_ends_the_loop_and_the_task_may_still_send() -> None:
    class Farewell(Greeting):
        async def serve(self) -> None:
            await super().serve()
            await self.send(b"bye")
            self.seen.append(await self.receive())

    with World(Farewell) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        peer.half_close()
        assert peer.read_to_end() == b"Hello ann\nbye\n"
        assert world.handler.seen == [b"ann", "end", None]
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.PEER_FIN]


def test_the_end_comes_when_the_task_comes_back() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        peer.half_close()
        world.turns()
        assert world.handler.seen == [b"ann"]
        world.advance(5)
        assert peer.read_to_end() == b"Hello ann\n"


def test_an_end_inside_a_record_is_the_peers_fault(caplog: pytest.LogCaptureFixture) -> None:
    with World(Greeting) as world:
        peer = world.connect()
        peer.send(b"ann\nbo")
        peer.half_close()
        assert peer.read_to_end() == b"Hello ann\n"
        world.until(lambda: world.handler.reasons)
        name, error = world.handler.seen
        assert (name, type(error), error.reason) == (b"ann", StreamClosedError, CloseReason.PROTOCOL_ERROR)
        assert "ended 2 bytes into a record" in str(error.__cause__)
        assert errors(caplog) == []


def test_a_reset_is_raised_where_a_record_is_awaited(caplog: pytest.LogCaptureFixture) -> None:
    with World(Greeting) as world:
        peer = world.connect()
        world.turns()
        peer.reset()
        world.until(lambda: world.handler.seen)
        (error,) = world.handler.seen
        assert (type(error), error.reason) == (StreamClosedError, CloseReason.PEER_RST)
        assert isinstance(error, ClosedChannelError)
        assert isinstance(error.__cause__, ConnectionResetError)
        assert str(error).startswith("the stream is closed, PEER_RST: the peer reset")
        assert errors(caplog) == []


def test_a_reset_while_the_task_is_elsewhere_cancels_it() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        peer.reset()
        world.until(lambda: len(world.handler.seen) == 2)
        assert isinstance(world.handler.seen[1], Cancelled)
        assert world.handler.reasons == [CloseReason.PEER_RST]


def test_a_reset_while_a_worker_has_its_work_cancels_the_work() -> None:
    class Working(Diary):
        async def serve(self) -> None:
            async for name in self:
                await self.send(await to_worker(bytes.upper, name))

    manual = Manual()
    with World(Working, workers=manual) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until(lambda: manual.submitted)
        manual.run_one()
        assert peer.read(4) == b"ANN\n"
        peer.send(b"bob\n")
        world.until(lambda: manual.submitted == 2)
        peer.reset()
        world.until(lambda: world.handler.reasons)
        world.turns()
        assert manual.waiting[0][0].cancelled()


@pytest.mark.parametrize(
    ("sends", "seconds", "reason"),
    [
        (b"ann\n" + b"x" * 257 + b"\n", 0, CloseReason.FRAME_TOO_LONG),
        (b"ann\n" + b"x" * 258, 0, CloseReason.FRAME_TOO_LONG),
        (b"ann\n", 60, CloseReason.IDLE_TIMEOUT),
        (b"ann\nbo", 10, CloseReason.TOO_SLOW),
    ],
)
def test_the_limits_are_a_handlers(
    sends: bytes, seconds: float, reason: CloseReason, caplog: pytest.LogCaptureFixture
) -> None:
    with World(Greeting) as world:
        peer = world.connect()
        peer.send(sends)
        assert peer.read(10) == b"Hello ann\n"
        world.advance(seconds)
        assert peer.read_to_end() == b""
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [reason]
        assert world.handler.seen[1].reason is reason
        assert errors(caplog) == []


def test_a_task_that_takes_too_long_with_a_record() -> None:
    class Quick(Resting):
        process_timeout = 2.0

    with World(Quick) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.advance(2)
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.PROCESS_TIMEOUT]
        assert isinstance(world.handler.seen[1], Cancelled)


# the task ends


@pytest.mark.parametrize("word", [b"now", b"later"])
@pytest.mark.parametrize("before", [b"", b"ann\n"])
def test_an_error_of_the_task_costs_its_connection_and_one_line(
    word: bytes, before: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with World(Failing) as world:
        other = world.connect()
        peer = world.connect()
        peer.send(before + word + b"\nnever\n")
        world.received(len(before + word))
        world.advance(1)
        assert peer.read_to_end() == before + word + b"\n"
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        assert errors(caplog) == ["Failing raised; its connection ends"]
        other.send(b"ann\n")
        assert other.read(4) == b"ann\n"


class Odd(BaseException):
    """No Exception."""


@pytest.mark.parametrize(
    ("error", "reason", "lines"),
    [
        (ProtocolError("rude"), CloseReason.PROTOCOL_ERROR, 0),
        (Odd(), CloseReason.HANDLER_ERROR, 1),
        (ExceptionGroup("", [StreamClosedError(CloseReason.DRAIN)]), CloseReason.LOCAL, 0),
        (ExceptionGroup("", [StreamClosedError(CloseReason.DRAIN), ValueError()]), CloseReason.HANDLER_ERROR, 1),
        (StreamClosedError(CloseReason.PEER_RST), CloseReason.LOCAL, 0),  # of another stream
        (Cancelled(), CloseReason.LOCAL, 0),
        (GeneratorExit(), CloseReason.LOCAL, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whose_error_it_is(
    error: BaseException, reason: CloseReason, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Raising(Failing):
        pass

    Raising.error = error
    with World(Raising) as world:
        peer = world.connect()
        peer.send(b"now\n")
        assert gone(world, peer) == [reason]
        assert len(errors(caplog)) == lines


@pytest.mark.parametrize("word", [b"now", b"later"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_leaves_leaves_and_costs_the_connection(kind: type[BaseException], word: bytes) -> None:
    class Leaving(Failing):
        error = kind()

    with World(Leaving) as world:
        peer = world.connect()
        peer.send(word + b"\n")
        with pytest.raises(kind):
            world.until(lambda: world.advance(1))
        assert world.handler.reasons == [CloseReason.HANDLER_ERROR]
        other = world.connect()
        other.send(b"ann\n")
        assert other.read(4) == b"ann\n"


def test_a_task_that_returns_ends_its_connection_after_what_is_owed() -> None:
    class Once(Diary):
        async def serve(self) -> None:
            await self.receive()
            await self.send(b"x" * 200_000)

    with World(Once) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert len(peer.read_to_end()) == 200_001
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_a_task_that_never_awaits_a_record_is_told_of_the_end_when_it_does() -> None:
    class Deaf(Diary):
        async def serve(self) -> None:
            await sleep(1)
            await self.send(b"hi")

    with World(Deaf) as world:
        peer = world.connect()
        world.turns()
        assert world.handler.state is State.PROCESSING
        world.advance(1)
        assert peer.read_to_end() == b"hi\n"


# use after the end


def after(stream: Stream, seen: list[Any]) -> Callable[[], Any]:
    async def use() -> None:
        for use in (stream.receive, lambda: stream.send(b"x"), lambda: anext(aiter(stream))):
            with pytest.raises(StreamClosedError) as raised:
                await use()
            seen.append(raised.value.reason)
        await stream.wait_closed()

    return use


def test_a_look_for_records_that_nobody_awaits_any_more() -> None:
    class Leaving(Diary):
        async def serve(self) -> None:
            self.seen.append(await self.receive())
            await sleep(0)
            self._look()
            self.on_peer_end()
            self.seen.append(await self.receive())

    with World(Leaving) as world:
        peer = world.connect()
        peer.send(b"a\nb\n")
        assert gone(world, peer) == [CloseReason.LOCAL]
        assert world.handler.seen == [b"a", b"b"]


def test_end_output_from_another_thread() -> None:
    with World(Greeting) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"
        in_a_thread(world.handler.end_output)
        assert peer.read_to_end() == b""
        assert world.handler.state is State.READING


def test_end_output_between_two_records() -> None:
    class Later(Diary):
        async def serve(self) -> None:
            await self.send(b"last")
            await sleep(0)
            self.end_output()
            self.seen.append(await self.receive())

    with World(Later) as world:
        peer = world.connect()
        assert peer.read_to_end() == b"last\n"
        peer.send(b"ann\n")
        world.until(lambda: world.handler.seen)
        assert world.handler.seen == [b"ann"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_detached_stream_has_sent_what_was_sent_before(at_once: bool) -> None:
    class Detaching(Diary):
        async def serve(self) -> None:
            await self.receive()
            if not at_once:
                await sleep(0)
            await self.send(b"bye")
            self.seen.append(self.detach())

    with World(Detaching) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        assert peer.read(4) == b"bye\n"
        world.until(lambda: world.handler.seen)
        with world.handler.seen[0] as sock:
            sock.sendall(b"raw")
        assert peer.read_to_end() == b"raw"
        assert world.handler.reasons == [CloseReason.DETACHED]


@pytest.mark.parametrize("how", ["close", "finish", "end_output"])
def test_use_after_the_end_names_the_reason(how: str) -> None:
    class Ending(Diary):
        async def serve(self) -> None:
            await self.receive()
            getattr(self, how)()
            with pytest.raises(StreamClosedError) as raised:
                await self.send(b"x")
            self.seen.append(raised.value.reason)
            if how != "end_output":
                await after(self, self.seen)()

    with World(Ending) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        gone(world, peer)
        world.turns()
        assert set(world.handler.seen) == {CloseReason.LOCAL}


def test_a_stream_that_others_have_closed() -> None:
    with World(Resting) as world:
        peer = world.connect()
        peer.send(b"ann\n")
        world.until_state(State.PROCESSING)
        world.handler.close()
        assert peer.read_to_end() == b""
        world.advance(5)  # this side has closed it: the task hears of it when it uses the stream
        error = world.handler.seen[1]
        assert (type(error), error.reason) == (StreamClosedError, CloseReason.LOCAL)


def test_a_stream_that_its_own_task_closes_while_a_record_is_in_its_hands() -> None:
    class Closing(Diary):
        async def serve(self) -> None:
            async for name in self:
                await self.send(name)
                self.close()

    with World(Closing) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read_to_end() == b""
        assert world.handler.reasons == [CloseReason.LOCAL]


def test_a_reply_before_finish_is_sent() -> None:
    class Finishing(Diary):
        async def serve(self) -> None:
            async for name in self:
                await self.send(name)
                self.finish()

    with World(Finishing) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read_to_end() == b"ann\n"


def test_end_output_lets_the_peer_go_on() -> None:
    class Mute(Diary):
        async def serve(self) -> None:
            async for name in self:
                self.seen.append(name)
                if name == b"ann":
                    await self.send(b"last")
                    self.end_output()

    with World(Mute) as world:
        peer = world.connect()
        peer.send(b"ann\nbob\n")
        assert peer.read_to_end() == b"last\n"
        peer.send(b"carl\n")
        peer.close()
        world.until(lambda: world.handler.reasons)
        assert world.handler.seen == [b"ann", b"bob", b"carl"]


def test_the_end_of_the_output_does_not_wait_until_the_task_awaits_a_record() -> None:
    class Ending(Diary):
        async def serve(self) -> None:
            await sleep(0)
            await self.send(b"all")
            self.end_output()
            await sleep(1e6)

    with World(Ending) as world:
        assert world.connect().read_to_end() == b"all\n"
