"""Ctrl-C wherever Python looks for signals while streams shake hands, change to TLS and wait for their end.

Whatever it strikes, the task that waits has ended when all limits are over: nothing waits for ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nio
from nio.framing import Lines
from nio.tasks import Stream, Task, connect, spawn
from nio.tls import TlsContext
from tests.faults import interrupts
from tests.faults.interrupts import Interrupt, every_moment, struck
from tests.faults.test_interrupt_tasks import nobody_is_lost
from tests.unit.reactor.support import World
from tests.unit.tls.conftest import pki
from tests.unit.tls.support import Pki

__all__ = ["pki"]

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.usefixtures("no_collector"),
]


@pytest.fixture(autouse=True)
def in_the_code_of_tasks_and_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(nio.__file__).parent
    monkeypatch.setattr(interrupts, "CODE", (str(package / "tasks"), str(package / "tls")))


class Mail(Stream):
    framing = Lines(max_length=256)
    context: Any = None

    async def serve(self) -> None:
        async for line in self:
            await self.send(b"220 " + line)
            if line == b"STARTTLS":
                await self.start_tls(self.context)
            if line == b"bye":
                self.end_output()
                await self.wait_closed()


async def ask(stream: Stream, line: bytes) -> bytes | None:
    await stream.send(line)
    return await stream.receive()


async def over_tls(address: Any, client: TlsContext) -> None:
    async with await connect(address, Mail, transport=client) as stream:
        assert await ask(stream, b"ann") == b"220 ann"


async def in_mid_stream(address: Any, client: TlsContext) -> None:
    async with await connect(address, Mail) as stream:
        assert await ask(stream, b"STARTTLS") == b"220 STARTTLS"
        await stream.start_tls(client)
        assert await ask(stream, b"ann") == b"220 ann"


async def to_the_end(address: Any, client: TlsContext) -> None:
    async with await connect(address, Mail, transport=client) as stream:
        assert await ask(stream, b"bye") == b"220 bye"
        await stream.send(b"one\ntwo")
        stream.end_output()
        await stream.wait_closed()


def ended(world: World, task: Task[Any]) -> bool:
    for _ in range(4):
        world.turns(20)
        world.advance(61)  # a handshake has 10 s, a silent peer 60
    return task.is_done


@pytest.mark.parametrize("talk", [over_tls, in_mid_stream, to_the_end], ids=lambda fn: fn.__name__)
def test_whatever_it_strikes_nobody_waits_for_ever(pki: Pki, talk: Any) -> None:
    client = TlsContext.client("localhost", ca=pki.trusted.certificate)
    settings = {"context": pki.server()}
    if talk is not in_mid_stream:
        settings["transport"] = settings["context"]
    kind = type("Mail", (Mail,), settings)

    def scene(interrupt: Interrupt) -> None:
        with World(kind) as world:
            task = spawn(world.reactor, talk, world.address, client)
            struck(interrupt, world.turns, 40)
            assert ended(world, task)
            peer = world.connect()
            peer.close()
            nobody_is_lost(world)

    every_moment(scene)
