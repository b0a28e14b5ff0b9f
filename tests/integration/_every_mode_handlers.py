"""A server with a port for each handler below, on the reactor that the command line names.

The handlers know nothing of the reactor that they are on. Each connection's end is a line of the server's output: the
client's port and the reason.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from concurrent.futures import Future
from typing import Any, ClassVar

from nio.channels import SelectionKey, ServerSocketChannel, StandardSocketOptions
from nio.errors import ProtocolError
from nio.framing import Fixed, Lines
from nio.reactor import Acceptor, CloseReason, Group, Reactor, StreamHandler, SwitchingHandler, open_reactor
from nio.tasks import Stream, sleep, to_worker
from tests.integration.conversation import PATIENCE

MODES: dict[str, dict[str, int]] = {
    "single": {},
    "pooled": {"workers": 4},
    "multi": {"reactors": 2},
    "prefork": {"processes": 2},
}
HANDLERS: list[type[Telling]] = []
SHORT = 0.1  # seconds


class Telling:
    """Part of every handler here: tells why the connection ended."""

    channel: Any
    port = 0

    def __init_subclass__(cls) -> None:
        HANDLERS.append(cls)

    def on_open(self) -> None:
        self.port = self.channel.remote_address[1]

    def on_close(self, reason: CloseReason) -> None:
        os.write(1, f"{self.port} {reason.name}\n".encode())


class Mirror(Telling, StreamHandler):
    framing = Lines(max_length=64)

    def process(self, record: bytes) -> bytes | None:
        return record[::-1]


class Odd(BaseException):
    """No Exception."""


class Faulty(Telling, StreamHandler):
    def process(self, record: bytes) -> Any:
        faults = {b"value": ValueError(), b"peer": ProtocolError("rude"), b"odd": Odd(), b"stop": StopIteration()}
        replies: dict[bytes, Any] = {b"none": None, b"text": "text", b"number": 5, b"two": b"one\nand one more"}
        if record in faults:
            raise faults[record]
        return replies.get(record, record)


class Batches(Telling, StreamHandler):
    framing = Lines(max_length=64)

    def process_batch(self, records: list[bytes]) -> Any:
        if b"value" in records:
            raise ValueError(records)
        if b"finish" in records:
            self.finish()
        if b"close" in records:
            self.close()
        if b"send" in records:
            self.send(b"own")
        replies: dict[bytes, Any] = {b"none": None, b"text": "text", b"two": b"one\nand one more"}
        return [replies.get(record, record[::-1]) for record in records if record != b"lost"]


class Blocks(Telling, StreamHandler):
    framing = Lines(max_length=64)

    def process_block(self, block: bytes) -> Any:
        if block.startswith(b"value"):
            raise ValueError(block)
        if block.startswith(b"finish"):
            self.finish()
        return "text" if block.startswith(b"text") else b"> " + block.replace(b"\n", b"\n> ")[:-2]


class Late(Telling, StreamHandler):
    process_timeout = 1.0

    def process(self, record: bytes) -> Future[bytes | None]:
        reply: Future[bytes | None] = Future()
        self.reactor.execute(self.promise, reply, record)
        return reply

    def promise(self, reply: Future[bytes | None], record: bytes) -> None:
        pause = 0.02 if record.startswith(b"slow") else 0.0
        if record == b"fail":
            self.reactor.call_later(pause, reply.set_exception, ValueError("late"))
        elif record == b"cancel":
            self.reactor.call_later(pause, reply.cancel)
        else:
            self.reactor.call_later(pause, reply.set_result, None if record == b"none" else record)


class Never(Telling, StreamHandler):
    process_timeout = SHORT

    def process(self, record: bytes) -> Future[bytes | None]:
        return Future()


class Ending(Telling, StreamHandler):
    def process(self, record: bytes) -> bytes | None:
        if record == b"finish":
            self.finish()
        elif record == b"close":
            self.close()
        elif record == b"cut":
            self.channel.set_option(StandardSocketOptions.SO_LINGER, 0)
            self.close()
        elif record in (b"last", b"mum"):
            self.end_output()
        return None if record == b"mum" else record


class Ticking(Telling, StreamHandler):
    """Raises, but not in ``process``."""

    def process(self, record: bytes) -> None:
        if record == b"tick":
            self.reactor.execute(self.fail)
        else:
            self.reactor.execute(self.reactor.call_later, 0.0, self.fail)

    def fail(self) -> None:
        raise ValueError("later")


class Greeting(Telling, StreamHandler):
    """Three records for one, and one before all of them."""

    def on_open(self) -> None:
        super().on_open()
        self.send(b"welcome")

    def process(self, record: bytes) -> bytes:
        self.send(b"1 " + record)
        self.send(b"2 " + record)
        return b"3 " + record


class Goodbye(Telling, StreamHandler):
    def on_open(self) -> None:
        super().on_open()
        self.send(b"bye")
        self.finish()

    def process(self, record: bytes) -> bytes:
        return record


class Refusing(Telling, StreamHandler):
    def on_open(self) -> None:
        super().on_open()
        raise ValueError("not you")

    def process(self, record: bytes) -> bytes:
        return record


class Parting(Telling, StreamHandler):
    """Raises when all is over."""

    def process(self, record: bytes) -> bytes:
        return record

    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        raise ValueError("do not go")


class Halting(Telling, StreamHandler):
    def process(self, record: bytes) -> bytes:
        if record == b"halt":
            self.suspend()
            self.reactor.execute(self.reactor.call_later, 0.02, self.wake)
        return record

    def wake(self) -> None:
        self.send(b"awake")
        self.resume()


class Switching(Telling, SwitchingHandler):
    """``body`` announces five bytes, whatever they are."""

    def process(self, record: bytes) -> bytes | None:
        if record == b"body":
            self.switch(Fixed(5))
            return None
        if self.framing == Fixed(5):
            self.switch(Lines())
            return record.hex().encode()
        return record


class Large(Telling, StreamHandler):
    high_mark, low_mark, max_output = 65536, 32768, 131072

    def process(self, record: bytes) -> bytes:
        return record * 600_000


class Flooding(Telling, StreamHandler):
    high_mark, low_mark, max_output = 65536, 32768, 131072

    def process(self, record: bytes) -> None:
        while self.send(record * 50_000):
            pass


class Impatient(Telling, StreamHandler):
    record_timeout = SHORT

    def process(self, record: bytes) -> bytes:
        return record


class Idle(Telling, StreamHandler):
    idle_timeout = SHORT

    def process(self, record: bytes) -> bytes:
        return record


class HalfOpen(Telling, StreamHandler):
    half_open = True

    def process(self, record: bytes) -> bytes:
        return record

    def on_peer_end(self) -> None:
        self.send(b"farewell")
        self.finish()


class Asking(Telling, StreamHandler):
    """A ``process`` that takes until its client has sent the end."""

    def process(self, record: bytes) -> bytes:
        end = time.monotonic() + PATIENCE
        while not self.peer_has_ended and time.monotonic() < end:
            pass
        return b"it has ended" if self.peer_has_ended else b"it has not"


class Sociable(Telling, StreamHandler):
    """Says which process it is in, and does what it is told to the one at another port."""

    known: ClassVar[dict[bytes, Sociable]] = {}
    group: ClassVar[Group[Sociable]] = Group()
    owed: Future[bytes | None] | None = None

    def on_open(self) -> None:
        super().on_open()
        self.known[b"%d" % self.port] = self
        self.group.join(self)
        self.send(b"%d" % os.getpid())

    def process(self, record: bytes) -> bytes | Future[bytes | None] | None:
        word, port, text = record.split(b" ", 2)
        other = self.known.get(port, self)
        if word == b"send":
            return b"sent" if other.send(text) else b"not sent"
        if word == b"all":
            self.group.broadcast(text)
            return None
        if word == b"others":
            self.group.broadcast(text, but=self)
            return b"told"
        if word == b"everybody":
            for member in tuple(self.known.values()):
                member.send(text)
            return None
        if word == b"finish":
            other.finish()
        if word == b"close":
            other.close()
        if word == b"wait":
            self.owed = Future()
            self.send(b"waits")
            return self.owed
        if word == b"answer" and other.owed is not None:
            other.owed.set_result(text)
        return b"done"

    def on_close(self, reason: CloseReason) -> None:
        self.known.pop(b"%d" % self.port, None)
        super().on_close(reason)


class Stopping(Telling, StreamHandler):
    def process(self, record: bytes) -> bytes:
        if record == b"stop":
            self.reactor.stop(drain=PATIENCE)
        return record


# the same as tasks


class TaskMirror(Telling, Stream):
    framing = Lines(max_length=64)

    async def serve(self) -> None:
        async for record in self:
            await self.send(record[::-1])


class TaskFaulty(Telling, Stream):
    framing = Lines()

    async def serve(self) -> None:
        async for record in self:
            reply = Faulty.process(self, record)  # type: ignore[arg-type]  # it uses nothing of its handler
            if reply is not None:
                await self.send(reply)


class TaskLate(Telling, Stream):
    framing = Lines()

    async def serve(self) -> None:
        async for record in self:
            await sleep(0.02 if record.startswith(b"slow") else 0.0)
            if record == b"fail":
                raise ValueError("late")
            if record != b"none":
                await self.send(record)


class TaskWorking(Telling, Stream):
    framing = Lines(max_length=64)

    async def serve(self) -> None:
        async for record in self:
            await self.send(await to_worker(_reversed, record))


def _reversed(record: bytes) -> bytes:
    return record[::-1]


class TaskEnding(Telling, Stream):
    framing = Lines()

    async def serve(self) -> None:
        is_mute = False
        async for record in self:
            if record not in (b"close", b"cut", b"mum") and not is_mute:
                await self.send(record)
            if record in (b"last", b"mum"):
                is_mute = True
            Ending.process(self, record)  # type: ignore[arg-type]


class TaskImpatient(Telling, Stream):
    framing = Lines()
    record_timeout = SHORT
    serve = TaskMirror.serve


class TaskIdle(Telling, Stream):
    framing = Lines()
    idle_timeout = SHORT
    serve = TaskMirror.serve


class TaskHalfOpen(Telling, Stream):
    framing = Lines()

    async def serve(self) -> None:
        async for record in self:
            await self.send(record)
        await self.send(b"farewell")


class TaskNever(Telling, Stream):
    framing = Lines()
    process_timeout = SHORT

    async def serve(self) -> None:
        await self.receive()
        await sleep(PATIENCE)


class TaskLarge(Telling, Stream):
    framing = Lines()
    high_mark, low_mark, max_output = 65536, 32768, 131072

    async def serve(self) -> None:
        async for record in self:
            await self.send(record * 600_000)


TASKS: dict[type[Telling], type[Telling]] = {
    Mirror: TaskMirror,
    Faulty: TaskFaulty,
    Late: TaskLate,
    Ending: TaskEnding,
    Impatient: TaskImpatient,
    Idle: TaskIdle,
    HalfOpen: TaskHalfOpen,
    Never: TaskNever,
}


def main(mode: str, options: dict[str, int]) -> None:
    with open_reactor(mode, **options) as reactor:  # type: ignore[arg-type]
        ports = {}
        for handler in HANDLERS:
            listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
            reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))  # type: ignore[arg-type]
            ports[handler.__name__] = listener.port
        if isinstance(reactor, Reactor):
            reactor.on_signal(signal.SIGTERM, reactor.stop, PATIENCE)
        print(json.dumps(ports), flush=True)
        reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
