"""Every await of nio.tasks, cancelled in turn: the task hears of it there, and nothing of the wait is left.

``POINTS`` lists them all. A public ``async def``, ``__anext__`` or ``__await__`` that is not listed fails a test here.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

import nio.tasks
from nio.channels import ServerSocketChannel
from nio.framing import Lines
from nio.reactor import CloseReason
from nio.tasks import (
    Cancelled,
    Stream,
    StreamClosedError,
    Task,
    TaskGroup,
    Timeout,
    connect,
    current_task,
    listen,
    sleep,
    spawn,
    suspend,
    timeout,
    to_worker,
)
from nio.tls import TlsContext
from tests.unit.reactor.support import Manual, Peer, World
from tests.unit.tasks.support import Diary


class Quiet(Diary):
    framing = Lines()

    async def serve(self) -> None:
        await sleep(1e6)


@dataclass
class Set:
    """What the waits need: a stream and its peer, a worker that works only when told."""

    world: World
    peer: Peer
    manual: Manual
    stack: ExitStack
    left: list[Callable[[], object]] = field(default_factory=list)  # each must be true afterwards

    @property
    def stream(self) -> Stream:
        stream: Stream = self.world.handler
        return stream


async def for_ever() -> None:
    await suspend(lambda suspension: None)


async def receive(scene: Set) -> None:
    scene.left.append(lambda: scene.stream._waiter is None)
    await scene.stream.receive()


async def next_record(scene: Set) -> None:
    scene.left.append(lambda: scene.stream._waiter is None)
    async for _ in scene.stream:
        pass


async def send(scene: Set) -> None:
    scene.world.kernel.room = 1000
    scene.left.append(lambda: not scene.stream._senders)
    await scene.stream.send(b"x" * 100_000)


async def send_much(scene: Set) -> None:
    """The record has to wait until it may be queued."""
    scene.world.kernel.room = 1000
    scene.left.append(lambda: not scene.stream._senders)
    scene.stream.write(b"x" * 50_000)
    await scene.stream.send(b"x" * 1024 * 1024)


async def end_of_a_stream(scene: Set) -> None:
    async with scene.stream as stream:
        scene.world.kernel.room = 0
        await stream.send(b"unsent")


async def wait_closed(scene: Set) -> None:
    await scene.stream.wait_closed()


async def wait_for_a_listener(scene: Set) -> None:
    listener = await listen(("127.0.0.1", 0), Stream.serving(lambda_serve))
    scene.left.append(lambda: not listener.channel.is_open)
    async with listener:
        await listener.wait_closed()


async def lambda_serve(stream: Stream) -> None:
    """Serves nobody."""


async def connecting(scene: Set) -> None:
    """A listener whose queue is full: the connection does not stand."""
    full = scene.stack.enter_context(ServerSocketChannel.open().bind(("127.0.0.1", 0), 1))
    port = full.port or 0
    for _ in range(3):
        other = scene.stack.enter_context(socket.socket())
        other.setblocking(False)
        other.connect_ex(("127.0.0.1", port))
    scene.left.append(lambda: scene.world.reactor.statistics().connections == 1)
    await connect(("127.0.0.1", port))


async def in_a_handshake(scene: Set) -> None:
    """The server says nothing."""
    before = scene.world.reactor.statistics().open
    scene.left.append(lambda: scene.world.reactor.statistics().open == before + 1)  # the server's own
    await connect(scene.world.address, transport=TlsContext.client("localhost"))


async def starting_tls(scene: Set) -> None:
    scene.left.append(lambda: scene.stream._asker is None)
    await scene.stream.start_tls(TlsContext.client("localhost"))


async def wait_after_the_output(scene: Set) -> None:
    scene.stream.end_output()
    scene.left.append(lambda: not scene.stream._parted)
    await scene.stream.wait_closed()


async def working(scene: Set) -> None:
    scene.left.append(lambda: scene.manual.waiting[0][0].cancelled())
    await to_worker(print, "never")


async def joining(scene: Set) -> None:
    child = spawn(scene.world.reactor, for_ever)
    scene.left.append(lambda: not child._joins)
    scene.stack.callback(child.cancel)
    await child


async def group_body(scene: Set) -> None:
    async with TaskGroup() as group:
        child = group.spawn(for_ever)
        scene.left.append(lambda: child.is_done)
        await for_ever()


async def group_end(scene: Set) -> None:
    async with TaskGroup() as group:
        child = group.spawn(for_ever)
        scene.left.append(lambda: child.is_done)


async def in_a_timeout(scene: Set) -> None:
    async with timeout(1e6):
        await for_ever()


async def sleeping(scene: Set) -> None:
    await sleep(1e6)


async def suspended(scene: Set) -> None:
    told: list[int] = []
    scene.left.append(lambda: told == [1])
    await suspend(lambda suspension: None, on_cancel=lambda: told.append(1))


async def cancelled_before(scene: Set, point: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """An await that waits for nothing: a task that is cancelled already goes through, up to the next one."""
    (await current_task()).cancel()
    await point()
    await for_ever()


def passing(point: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[Set], Coroutine[Any, Any, None]]:
    return lambda scene: cancelled_before(scene, point)


async def listening() -> None:
    await (await listen(("127.0.0.1", 0), lambda_serve)).__aexit__(None, None, None)


POINTS: dict[str, list[Callable[[Set], Coroutine[Any, Any, None]]]] = {
    "Listener.__aenter__": [wait_for_a_listener],
    "Listener.__aexit__": [passing(listening)],
    "Listener.wait_closed": [wait_for_a_listener],
    "Stream.__aenter__": [end_of_a_stream],
    "Stream.__aexit__": [end_of_a_stream],
    "Stream.__anext__": [next_record],
    "Stream.receive": [receive],
    "Stream.send": [send, send_much],
    "Stream.serve": [],  # the user's
    "Stream.start_tls": [starting_tls],
    "Stream.wait_closed": [wait_closed, wait_after_the_output],
    "Task.__await__": [joining],
    "TaskGroup.__aenter__": [passing(lambda: TaskGroup().__aenter__())],
    "TaskGroup.__aexit__": [group_body, group_end],
    "Timeout.__aenter__": [passing(lambda: Timeout(5).__aenter__())],
    "Timeout.__aexit__": [in_a_timeout],
    "connect": [connecting, in_a_handshake],
    "current_task": [passing(current_task)],
    "listen": [passing(listening)],
    "sleep": [sleeping],
    "suspend": [suspended],
    "to_worker": [working],
}


def awaits() -> set[str]:
    found = set()
    for name in nio.tasks.__all__:
        value = getattr(nio.tasks, name)
        if inspect.iscoroutinefunction(value):
            found.add(name)
        elif isinstance(value, type):
            for member, function in vars(value).items():
                special = member in ("__await__", "__anext__")
                if special or (inspect.iscoroutinefunction(function) and not member.startswith("_s")):
                    found.add(f"{name}.{member}")
    return found


def test_every_await_is_listed() -> None:
    assert set(POINTS) == awaits()


CASES = [(name, number) for name, functions in POINTS.items() for number in range(len(functions))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_it_is_cancelled_there_and_nothing_is_left(name: str, number: int) -> None:
    manual = Manual()
    with World(Quiet, workers=manual) as world, ExitStack() as stack:
        peer = world.connect()
        world.turns()
        scene = Set(world, peer, manual, stack)
        heard: list[BaseException] = []

        async def waiting() -> None:
            try:
                await POINTS[name][number](scene)
            except BaseException as error:
                heard.append(error)
                raise

        task = spawn(world.reactor, waiting)
        for _ in range(6):
            world.reactor.turn(0)
        if not heard:
            assert not task.is_done, "it did not wait"
            task.cancel()
            world.turns()
        assert [type(error) for error in heard] == [Cancelled]
        assert task.is_done
        assert [condition() for condition in scene.left] == [True] * len(scene.left)


@pytest.mark.parametrize("own", [False, True], ids=["spawned", "own"])
@pytest.mark.parametrize("how", ["close", "drain", "timeout"])
@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_end_of_the_reactor_and_of_its_time_end_it_too(name: str, number: int, how: str, own: bool) -> None:
    """Whoever waits: a task that was spawned, or the one that serves the connection."""
    tasks: list[Task[None]] = []

    class Serving(Quiet):
        async def serve(self) -> None:
            tasks.append(await current_task())
            if world.handlers[0] is self and own:
                await limited(Set(world, world.peers[0], manual, stack))
            else:
                await sleep(1e6)

    async def limited(scene: Set) -> None:
        async with timeout(1 if how == "timeout" else None):
            await POINTS[name][number](scene)

    manual = Manual()
    with World(Serving, workers=manual) as world, ExitStack() as stack:
        peer = world.connect()
        task = tasks[0] if own else spawn(world.reactor, limited, Set(world, peer, manual, stack))
        world.turns(6)
        if how == "close":
            world.reactor.close()
        elif how == "drain":
            world.reactor.stop(drain=5)
            world.turns()
            world.advance(5)
        else:
            world.advance(1)
        if how != "close":
            world.turns(6)
        assert task.is_done


OF_A_STREAM = [case for case in CASES if case[0].startswith("Stream.")]


@pytest.mark.parametrize("own", [False, True], ids=["spawned", "own"])
@pytest.mark.parametrize(("name", "number"), OF_A_STREAM)
def test_the_loss_of_the_connection_ends_what_awaits_it(name: str, number: int, own: bool) -> None:
    heard: list[BaseException | None] = []

    class Serving(Quiet):
        async def serve(self) -> None:
            if own:
                await waiting(Set(world, world.peers[0], manual, stack))
            else:
                await sleep(1e6)

    async def waiting(scene: Set) -> None:
        try:
            await POINTS[name][number](scene)
            heard.append(None)
        except (StreamClosedError, Cancelled) as error:
            heard.append(error)

    manual = Manual()
    with World(Serving, workers=manual) as world, ExitStack() as stack:
        peer = world.connect()
        if not own:
            spawn(world.reactor, waiting, Set(world, peer, manual, stack))
        world.turns(6)
        assert not heard
        peer.reset()
        world.kernel.room = None
        world.until(lambda: heard)
        error = heard[0]
        assert error is None or (isinstance(error, StreamClosedError) and error.reason is CloseReason.PEER_RST)
