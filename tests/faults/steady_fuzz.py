"""Random scripts of clients, handlers and a kernel, each played on the steady path and on the plain one.

A handler does what its records say. A script is made of a seed and played twice, by handlers that may be steady and by
handlers that read in their own way, which are never steady. What the clients read and how the connections end must be
the same. ``python -m tests.faults.steady_fuzz 1 1000`` plays those seeds.
"""

from __future__ import annotations

import logging
import random
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from nio.errors import ClosedChannelError, IllegalStateError, ProtocolError
from nio.framing import Delimiter, Lines
from nio.reactor import CloseReason, Connection, StreamHandler, SwitchingHandler
from nio.spi import Poller
from tests.unit.reactor.support import Kernel, Manual, Peer, World

TAME = ("echo", "echo", "echo", "echo", "none", "array", "view", "big")
MINE = (*TAME, "huge", "str", "bug", "fault")
BAD = (*TAME, "huge", "broken", "crlf")  # what follows these in a row is processed on the steady path: see _steady.py
DEEDS = (
    "leave",
    "late",
    "done",
    "failed",
    "gone",
    "send",
    "write",
    "flood",
    "suspend",
    "finish",
    "close",
    "end_output",
)
MORE = ("cancel", "replace", "timer", "tick", "drain", "resume", "file", "detach", "switch")
OTHERS = ("send", "flood", "suspend", "resume", "finish", "close", "end_output", "cancel", "replace", "detach")
PATIENCE = (0, 0.002, 0.01)  # seconds that a turn waits for what is under way in the kernel; of each play
QUIET = 6  # turns after which nothing moves any more


class Wilful(Connection):
    """Does what its records say: ``word number``, and to another connection if the word is ``word@index``."""

    play: Play
    framing: Any

    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []
        self.told: list[object] = []
        self.done: list[bytes] = []

    def obey(self, record: bytes) -> Any:
        self.done.append(record)
        word, _, name = record.decode("latin-1").partition(" ")
        deed, _, other = word.partition("@")
        if other:
            self.play.deed(deed, self.play.world.handlers[int(other) % len(self.play.world.handlers)])
            return record
        match deed:
            case "none":
                return None
            case "array":
                return bytearray(record)
            case "view":
                return memoryview(record)
            case "str":
                return word
            case "big":
                return b"b" * 700
            case "huge":
                return b"h" * 3000
            case "broken":
                return record + b"\n;" + record
            case "crlf":
                return record + b"\r"
            case "bug":
                raise KeyError(record)
            case "fault":
                raise ProtocolError("fault")
            case "leave":
                raise KeyboardInterrupt
            case "late" | "done" | "failed" | "gone":
                return self.play.future(deed, name, record)
        self.play.deed(deed, self)
        return record

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)

    def on_writable(self, writable: bool) -> None:
        self.told.append(writable)


class Records(Wilful, StreamHandler):
    """Of records."""

    def process(self, record: bytes) -> Any:
        return self.obey(record)

    def on_rejected(self, record: bytes) -> bytes | None:
        return b"rejected " + record if b"e" in record else super().on_rejected(record)


class Lists(Wilful, StreamHandler):
    """Of many records at a time."""

    def process_batch(self, records: list[bytes]) -> Any:
        return [self.obey(record) for record in records]


class Blocks(Wilful, StreamHandler):
    """Of blocks of records: the first one of each is obeyed."""

    def process_block(self, block: bytes) -> Any:
        reply = self.obey(block.partition(self.framing.ending)[0])
        return reply + self.framing.ending if type(reply) is bytes else reply


class Switching(Records, SwitchingHandler):
    """Of records, cut otherwise from time to time."""


class Bytes(Wilful):
    """Of bytes as they come: what a read brings is one record."""

    send = Connection.write

    def handle_data(self, data: bytes) -> None:
        reply = self.obey(data)
        if reply is not None:
            self.write(reply)


class Here(Manual):
    """Runs each job at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(fn, *args, **kwargs)
        self.run_one()
        return future


class InOrder:
    """A poller that answers in the order in which it was told of descriptors, on every back end."""

    def __init__(self, real: Poller) -> None:
        self._real = real
        self._ranks: dict[int, int] = {}
        self.limit, self.modify, self.remove, self.close = real.limit, real.modify, real.remove, real.close

    def add(self, fd: int, mask: int) -> None:
        self._ranks.pop(fd, None)
        self._ranks[fd] = max(self._ranks.values(), default=0) + 1
        self._real.add(fd, mask)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return sorted(self._real.wait(timeout), key=lambda event: self._ranks[event[0]])


class Ordered(Kernel):
    """The tests' kernel with such a poller."""

    def open_poller(self) -> Poller:
        return InOrder(super().open_poller())

    def unacknowledged(self, sock: socket.socket) -> int | None:
        """The peers' kernels acknowledge at once."""
        return 0


class Play:
    """One script, played by one kind of handler."""

    def __init__(self, seed: int, steady: bool, path: str, kind: type[Wilful] | None, patience: float) -> None:
        self.random = random.Random(seed)
        self.patience = patience
        choose = self.random.choice
        self.path = path
        self.log: list[str] = []
        self.late: dict[str, Future[bytes | None]] = {}
        self.count = 0
        small = choose([False, True])
        manual = choose([None, None, None, Manual, Manual, Here])
        base = choose([Records, Records, Records, Records, Switching, Bytes])
        base = kind or base

        class Kind(base):  # type: ignore[misc, valid-type]
            framing = choose([Lines(64), Lines(64), Lines(8000), Lines(64, b"\r\n"), Delimiter(b";", max_length=64)])
            low_mark, high_mark, max_output = (256, 1024, 8192) if small else (32768, 65536, 1 << 20)
            half_open = choose([False, False, True])
            process_timeout = choose([None, None, 5.0])
            idle_timeout = choose([60.0, 3.0])

        Kind.play = self

        class Plain(Kind):
            def handle_read(self) -> None:
                super().handle_read()

        self.kind: type[Wilful] = Kind if steady else Plain
        self.manual = manual() if manual else None
        self.ending = getattr(Kind.framing, "ending", b"\n")
        self.world = World(self.kind, kernel=Ordered(), workers=self.manual or 0)

    def run(self) -> dict[str, Any]:
        with self.world as world:
            peers = [world.connect() for _ in range(self.random.choice([1, 2, 3]))]
            self.streams = [self.stream() for _ in peers]
            for _ in range(self.random.randrange(4, 30)):
                self.step(peers)
                self.turns()
            self.log.append("to the end")
            world.kernel.room = None
            for _ in range(12):
                self.turns()
                for peer in peers:
                    self.pull(peer)
                while self.manual is not None and self.manual.waiting:
                    self.manual.run_one()
            found = self.found(peers)
            found["stuck"] = self.stuck(peers)
            return found

    def found(self, peers: list[Peer]) -> dict[str, Any]:
        """How things stand."""
        world = self.world
        return {
            "wire": [peer.got for peer in peers],
            "ends": [peer.ended for peer in peers],
            "reasons": [handler.reasons for handler in world.handlers],
            "states": [(handler.state.value, handler.unsent) for handler in world.handlers],
            "told": [handler.told[-1:] for handler in world.handlers],
            "late": {name: future.cancelled() for name, future in sorted(self.late.items())},
            "closed": {reason.name: n for reason, n in sorted(world.closed().items(), key=str)},
        }

    def stuck(self, peers: list[Peer]) -> list[str]:
        """What is left when all replies have come, the peers have ended and much time has passed: nothing."""
        self.patience = 0
        for _ in range(50):
            for future in self.late.values():
                if not future.done():
                    future.set_result(None)
            for handler in self.world.handlers:
                handler.resume()
            for peer in peers:
                try:
                    peer.half_close()
                except OSError:
                    pass
                self.pull(peer)
            self.turns()
            self.world.kernel.now += 70_000_000_000
            while self.manual is not None and self.manual.waiting:
                self.manual.run_one()
            self.turns()
        left = [f"{handler!r} {handler.reasons}" for handler in self.world.handlers if handler.state.value != "closed"]
        left += [f"{handler.reasons}" for handler in self.world.handlers if len(handler.reasons) > 1]
        counts = self.world.reactor.statistics()
        if counts.open or self.world.reactor.admission.taken:
            left.append(repr(counts))
        return left

    def stream(self) -> bytes:
        """What one client has to say."""
        lines = []
        bad = self.random.random() < 0.2
        for _ in range(self.random.randrange(1, 40)):
            kind = self.random.random()
            if bad or kind < 0.75:
                word = self.random.choice(BAD if bad else TAME if kind < 0.5 else MINE)
            elif kind < 0.9:
                word = self.random.choice(DEEDS + MORE)
            else:
                word = f"{self.random.choice(OTHERS)}@{self.random.randrange(3)}"
            lines.append(f"{word} {self.next()}".encode() + self.random.choice([self.ending] * 6 + [b"\r\n"]))
        if self.random.random() < 0.1:
            lines.insert(self.random.randrange(len(lines)), b"x" * self.random.choice([64, 65, 66, 600]) + self.ending)
        return b"".join(lines)

    def next(self) -> int:
        self.count += 1
        return self.count

    def turns(self) -> None:
        for _ in range(QUIET):
            try:
                self.world.reactor.turn(self.patience)
            except KeyboardInterrupt:
                self.log.append("left")

    def step(self, peers: list[Peer]) -> None:
        """One thing happens to one connection, or to all."""
        choose, number = self.random.choice, self.random.randrange(1 << 20)
        index = number % len(peers)
        kind = self.random.random()
        handler = self.world.handlers[index]
        if kind < 0.5:
            self.say(peers, index, choose([1, 5, 20, 60, 200, 511, 2000]))
        elif kind < 0.6:
            size = choose([1, 20, 200])
            for each in range(len(peers)):
                self.say(peers, each, size)
        elif kind < 0.68:
            self.log.append(f"peer {index} pulls")
            self.pull(peers[index])
        elif kind < 0.74:
            self.world.kernel.room = choose([None, None, 0, 1, 30, 500])
            self.log.append(f"room {self.world.kernel.room}")
        elif kind < 0.79:
            self.settle(number)
        elif kind < 0.84 and self.manual is not None:
            self.work(number)
        elif kind < 0.88:
            seconds = choose([0.5, 2, 11, 70])
            self.log.append(f"{seconds} s")
            self.world.kernel.now += int(seconds * 1e9)
        elif kind < 0.97:
            deed = choose(OTHERS + MORE + ("resume", "resume", "resume", "resume"))
            self.log.append(f"{deed} of {index}")
            self.deed(deed, handler)
        else:
            self.leave(peers[index], choose(["half_close", "half_close", "reset"]))

    def say(self, peers: list[Peer], index: int, size: int) -> None:
        data, self.streams[index] = self.streams[index][:size], self.streams[index][size:]
        self.log.append(f"peer {index}: {data!r}")
        try:
            peers[index].sock.send(data)
        except OSError:
            self.log.append("in vain")

    def leave(self, peer: Peer, way: str) -> None:
        self.log.append(f"peer {self.world.peers.index(peer)}: {way}")
        self.pull(peer)
        try:
            getattr(peer, way)()
        except OSError:
            self.log.append("in vain")

    def pull(self, peer: Peer) -> None:
        try:
            while not peer.ended and peer.pull():
                pass
        except OSError as error:
            peer.ended = True
            peer.got += repr(error).encode() if peer.sock.fileno() >= 0 else b""

    def work(self, number: int) -> None:
        assert self.manual is not None
        waiting = self.manual.waiting
        self.log.append(f"workers: {len(waiting)}")
        for _ in range(min(len(waiting), 1 + number % 3)):
            if number % 11 == 0:
                waiting.popleft()[0].cancel()
            else:
                self.manual.run_one()

    def settle(self, number: int) -> None:
        waiting = [name for name in sorted(self.late) if not self.late[name].done()]
        self.log.append(f"late: {waiting}")
        if waiting:
            name = waiting[number % len(waiting)]
            way = number % 7
            if way == 5:
                self.late[name].set_exception(ValueError("late"))
            elif way == 6:
                self.late[name].cancel()
            else:
                self.late[name].set_result([b"came late", None, b"", b"a\nb;c\r\nd", b"l" * 1500][way])

    def future(self, deed: str, name: str, record: bytes) -> Future[bytes | None]:
        future: Future[bytes | None] = Future()
        if deed == "late":
            self.late[name] = future
        elif deed == "done":
            future.set_result(record)
        elif deed == "failed":
            future.set_exception(ProtocolError("late"))
        else:
            future.cancel()
        return future

    def deed(self, deed: str, handler: Any) -> None:
        reactor = self.world.reactor
        match deed:
            case "send":
                handler.send(b"mine")
            case "write":
                handler.write(b"raw")
            case "flood":
                handler.send(b"f" * 2000)
            case "timer":
                reactor.call_later(0.3, handler.send, b"timer")
                reactor.call_later(0.0, handler.resume)
            case "tick":
                reactor.execute(handler.send, b"tick")
            case "suspend" | "finish" | "close" | "end_output" | "resume":
                getattr(handler, deed)()
            case "detach":
                try:
                    handler.detach().close()
                except (ClosedChannelError, IllegalStateError):
                    pass
            case "switch" if isinstance(handler, SwitchingHandler):
                handler.switch(Lines(64) if isinstance(handler.framing, Delimiter) else Delimiter(b";", b"\n"))
            case "cancel":
                handler.key.cancel()
            case "replace":
                self.replace(handler)
            case "drain":
                reactor.stop(drain=5)
            case "file":
                handler.send_file(self.path)

    def replace(self, handler: Any) -> None:
        try:
            successor = self.kind()
            self.world.reactor.register(handler.channel, 1, successor)
            self.world.handlers.append(successor)
        except (ClosedChannelError, IllegalStateError):
            pass


def differences(seed: int, path: str, kind: type[Wilful] | None = None) -> list[str]:
    """What is not the same on both paths, with the script; nothing, if all is well.

    A busy kernel may bring a peer's bytes some turns later, in one of two plays; a fault of ours is there every time.
    So what differs is played again, with more and more time for the kernel.
    """
    wrong: list[str] = []
    for patience in PATIENCE:
        wrong = _compared(seed, path, kind, patience)
        if not wrong:
            break
    return wrong


def _compared(seed: int, path: str, kind: type[Wilful] | None, patience: float) -> list[str]:
    steady, plain = Play(seed, True, path, kind, patience), Play(seed, False, path, kind, patience)
    found, expected = steady.run(), plain.run()
    wrong = [f"{key}: {found[key]}, not {expected[key]}" for key in expected if found[key] != expected[key]]
    wrong += [f"stuck: {line}" for line in expected["stuck"]]
    if wrong:
        wrong = [f"seed {seed}, {plain.kind.mro()[1:4]}, {plain.kind.framing}, {steady.manual}", *plain.log, *wrong]
        wrong += [f"done: {[h.done for h in steady.world.handlers]}", f"not {[h.done for h in plain.world.handlers]}"]
    return wrong


def main(first: int, count: int) -> None:
    logging.disable()
    bad = 0
    for seed in range(first, first + count):
        if wrong := differences(seed, __file__):
            print("\n".join(wrong), flush=True)
            bad += 1
    print(f"{bad} of {count}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
