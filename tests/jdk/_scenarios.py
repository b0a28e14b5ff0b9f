"""The operations of ``data/SelectorDriver.java``, spoken to ``nio``: a script names channels, selectors and keys, each
line is one call of the public API, and its answer is one line, word for word the JDK's (``_words``).

Everything in which ``nio`` means to differ from the JDK stands in ``_differences``; whatever is not there has to agree.

``settle`` and the start of ``async`` sleep, ``join`` waits for what is to stay blocked: they are part of the recorded
script, which gives the kernel or a thread time to get where the next line expects it. The recorded pauses are generous;
a ``pace`` below 1 shortens them, and a difference then means nothing before it has shown at the recorded pace as well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path

from nio.buffers import ByteBuffer
from nio.channels import (
    FileChannel,
    Pipe,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
)
from nio.channels import StandardSocketOptions as Options
from nio.errors import IllegalStateError
from nio.spi import ProtocolFamily
from tests.jdk._calls import ACTS, ANSWERS
from tests.jdk._differences import DIFFERENCES as DIFFERENCES
from tests.jdk._differences import Difference as Difference
from tests.jdk._differences import Script
from tests.jdk._state import LOOPBACK, State
from tests.jdk._words import JavaError, java_name, letters, printed, shown, to_buffer, to_ops, to_seconds

Action = Callable[[SelectionKey], object]

ASYNC_HEAD_START = 0.1  # as in the driver
PAUSE = 300  # milliseconds: who joins a thread for longer expects it to end

_PREFIXES = {"time": 2, "async": 2, "holdlock": 3, "selfinterrupt": 1}  # another operation follows after so many words


class UnknownOperationError(Exception):
    """A script uses an operation that this adapter does not have."""


def passed_over(script: Iterable[str]) -> str | None:
    """Why a scenario has no counterpart, None when it can be played; UnknownOperationError for no operation at all."""
    used = {word for line in script for word in _operations(line.split())}
    reason = None
    for difference in DIFFERENCES.values():
        if used & difference.words:
            reason = reason or difference.reason
            used -= difference.words
    for word in sorted(used):
        if not (word in ACTS or word in ANSWERS or hasattr(Scenario, f"do_{word}")):
            raise UnknownOperationError(word)
    return reason


def play(script: Iterable[str], pace: float = 1.0) -> list[str]:
    """The answers of ``nio``, one line per operation; the pauses take ``pace`` times as long as recorded."""
    with Scenario(pace) as scenario:
        return [scenario.run(*line.split()) for line in script]


def meant(op: str, expected: str, answer: str, script: Script = ()) -> str | None:
    """The reason why ``answer`` differs from the JDK's, None when there is none."""
    reasons = (other.reason for other in DIFFERENCES.values() if other.explains(op, expected, answer, script))
    return next(reasons, None)


def _operations(words: Sequence[str]) -> list[str]:
    if not words:
        return [""]
    skip = _PREFIXES.get(words[0])
    return [words[0], *(_operations(words[skip:]) if skip else ())]


class Scenario(State):
    """A script at work. A method or a row of the two tables of ``_calls`` for every operation of the driver."""

    def run(self, word: str, *arguments: str) -> str:
        """The answer to one line."""
        try:
            if word in ACTS:
                ACTS[word](self, *arguments)
                return "ok"
            answer = ANSWERS[word](self, *arguments) if word in ANSWERS else getattr(self, f"do_{word}")(*arguments)
            return printed(answer)
        except Exception as error:
            return java_name(error, self.things.get(arguments[0]) if arguments else None, word)

    # opening

    def do_pipe(self, name: str) -> str:
        source, sink = Pipe.open()
        self.put(f"{name}.src", source)
        self.put(f"{name}.snk", sink)
        return "ok"

    def do_listen(self, name: str) -> str:
        self.put(name, ServerSocketChannel.open())
        self.get(name).bind(LOOPBACK).configure_blocking(False)
        return "ok"

    def do_pair(self, name: str, other: str) -> str:
        with ServerSocketChannel.open().bind(LOOPBACK) as server:
            self.put(name, SocketChannel.open(server.local_address))
            self.put(other, server.accept())
        for channel in (self.get(name), self.get(other)):
            channel.configure_blocking(False).set_option(Options.TCP_NODELAY, True)
        return "ok"

    def do_uds(self, name: str) -> str:
        folder = tempfile.mkdtemp(prefix="nio")
        self.opened.callback(shutil.rmtree, folder)
        self.things[f"{name}.path"] = Path(folder, "s")
        self.put(name, ServerSocketChannel.open(ProtocolFamily.UNIX))
        self.get(name).bind(str(Path(folder, "s")))
        return "ok"

    def do_udsconnect(self, name: str, server: str) -> str:
        address = self.cast(server, ServerSocketChannel).local_address
        self.put(name, SocketChannel.open(address))
        return f"ok remote={printed(self.get(name).remote_address == address)}"

    # connections

    def do_bind(self, name: str, address: str = "") -> str:
        target = None if address == "null" else self.address(address) if address else LOOPBACK
        self.get(name).bind(target)
        return "ok"

    def do_connect(self, name: str, address: str) -> str:
        channel, peer = self.can(name, "connect"), self.peer(address)
        connected = channel.connect(peer)
        return printed(connected) if isinstance(connected, bool) else "ok"

    def do_connectnb(self, name: str, address: str) -> str:
        channel, peer = self.cast(name, SocketChannel), self.peer(address)
        if channel.connect(peer):
            return "connected"
        return "pending" if channel.is_connection_pending else "?"

    def do_accept(self, name: str, accepted: str) -> str | None:
        channel = self.get(name).accept()
        if channel is None:
            return None
        self.put(accepted, channel)
        return f"ok blocking={printed(channel.is_blocking)}"

    def do_setopt(self, name: str, option: str, value: str) -> str:
        channel = self.can(name, "set_option")
        if option not in ("TCP_NODELAY", "SO_REUSEADDR", "SO_KEEPALIVE", "SO_LINGER", "SO_BROADCAST"):
            return "?opt"
        channel.set_option(option, int(value) if option == "SO_LINGER" else value == "T")
        return f"ok {printed(channel.get_option(option))}"

    # bytes

    def do_read(self, name: str, room: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        return f"{self.get(name).read(buffer)}:{shown(buffer)}"

    def do_write(self, name: str, word: str) -> str:
        buffer = to_buffer(word)
        return f"{self.get(name).write(buffer)} left={buffer.remaining}"

    def do_fill(self, name: str) -> str:
        buffer, total = ByteBuffer.allocate(65536), 0
        while count := self.get(name).write(buffer.clear()):
            total += count
        return "full" if total else "nothing"

    def do_drain(self, name: str) -> str:
        buffer, idle = ByteBuffer.allocate(65536), 0
        while idle <= 5:
            count = self.get(name).read(buffer.clear())
            if count < 0:
                return "eof"
            idle = 0 if count else idle + 1
            if idle:
                time.sleep(0.02)
        return "empty"

    def do_scatter(self, name: str, rooms: str) -> str:
        buffers = [ByteBuffer.allocate(int(room)) for room in rooms.split(",")]
        count = self.get(name).read(buffers)
        return f"{count}:" + "".join(f"[{shown(buffer)}]" for buffer in buffers)

    def do_gather(self, name: str, words: str) -> str:
        buffers = [to_buffer(word) for word in words.split(",")]
        count = self.get(name).write(buffers)
        return f"{count}:" + " ".join(str(buffer.remaining) for buffer in buffers)

    def do_bigwrite(self, name: str, size: str) -> str:
        buffer = ByteBuffer.allocate(int(size))
        count = self.get(name).write(buffer)
        if 0 < count < buffer.capacity and buffer.position == count:
            return "partial"
        return "all" if count == buffer.capacity else str(count)

    def do_biggather(self, name: str, size: str) -> str:
        first, second, last = buffers = [ByteBuffer.allocate(room) for room in (int(size), int(size), 10)]
        count = self.get(name).write(buffers)
        total = "total-matches" if count == sum(buffer.position for buffer in buffers) else "differs"
        early = (second.position and first.has_remaining) or (last.position and second.has_remaining)
        return f"{total} {'out-of-order' if early else 'in-order'} {'partial' if last.has_remaining else 'all'}"

    def do_receive(self, name: str, room: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        sender = self.owner(self.get(name).receive(buffer))
        return f"{printed(sender)}:{shown(buffer)}"

    # keys and selections

    def do_reg(self, name: str, selector: str, ops: str, *attachment: str) -> str:
        target = self.cast(selector, Selector)
        key = self.get(name).register(target, to_ops(ops), *attachment)
        known = f"{name}@{selector}"
        old = self.keys.get(known)
        self.keys[known] = key
        if old is not None and old is not key:
            self.keys[f"{known}~old"] = old
        return "same" if old is key else "new"

    def do_keyfor(self, name: str, selector: str) -> str | None:
        target = self.cast(selector, Selector)
        key = self.get(name).key_for(target)
        return None if key is None else self.key_name(key)

    def do_iops(self, name: str, ops: str = "") -> str | bool:
        key = self.key(name)
        if not ops:
            return letters(key.interest_ops)
        key.interest_ops = to_ops(ops)
        return True

    def do_selectc(self, name: str, *words: str) -> str:
        timeout = words[0] if words and words[0].lstrip("-").isdigit() else "0"
        return self._with_action(name, lambda action: self.get(name).select(to_seconds(timeout), action), words)

    def do_nowc(self, name: str, *words: str) -> str:
        return self._with_action(name, lambda action: self.get(name).select_now(action), words)

    def _with_action(self, name: str, select: Callable[[Action], int], words: Sequence[str]) -> str:
        seen: list[str] = []
        self.cast(name, Selector)

        def throw(key: SelectionKey) -> None:
            raise IllegalStateError("from action")

        acts: dict[str, Action] = {
            "cancel": lambda key: key.cancel(),
            "closech": lambda key: key.channel.close(),
            "closesel": lambda key: self.get(name).close(),
            "reenter": lambda key: self.get(name).select_now(),
            "wake": lambda key: self.get(name).wakeup(),
            "throw": throw,
        }
        act = acts.get(words[-1]) if words else None

        def action(key: SelectionKey) -> None:
            seen.append(f"{self.key_name(key)}:{letters(key.ready_ops)}")
            if act is not None:
                act(key)

        try:
            answer = str(select(action))
        except (RuntimeError, ValueError, AttributeError) as error:  # Java's RuntimeExceptions
            answer = java_name(error, None, "select")
        return f"{answer} [{','.join(sorted(seen))}]"

    # the selector's sets

    def do_dump(self, name: str) -> str:
        keys = self.key_set(self.get(name).keys, "interest_ops")
        return f"keys={keys} selected={self.key_set(self.get(name).selected_keys, 'ready_ops')}"

    def do_sremove(self, name: str, key: str) -> bool:
        try:
            self.get(name).selected_keys.remove(self.key(key))
        except KeyError:
            return False
        return True

    def do_sameset(self, name: str) -> bool:
        selector = self.get(name)
        return selector.keys is selector.keys and selector.selected_keys is selector.selected_keys

    def do_iterselect(self, name: str) -> str:
        keys = iter(self.get(name).selected_keys)
        count = self.get(name).select_now()
        next(keys)
        return f"next-ok after {count}"

    def do_iterremove(self, name: str) -> int:
        selected = self.get(name).selected_keys
        keys = list(selected)
        for key in keys:
            selected.remove(key)
        return len(keys)

    def do_iterkeys(self, name: str, channel: str) -> str:
        keys = iter(self.get(name).keys)
        self.run("reg", channel, name, "r")
        return "no-error" if sum(1 for _ in keys) else "none"

    def do_iterclose(self, name: str) -> int:
        count = 0
        for key in self.get(name).selected_keys:
            key.channel.close()
            count += 1
        return count

    # time and threads

    def do_time(self, milliseconds: str, *words: str) -> str:
        begin = time.monotonic()
        answer = self.run(*words)
        slow = time.monotonic() - begin >= int(milliseconds) / 1000
        return f"{answer} {'slow' if slow else 'fast'}"

    def do_async(self, name: str, *words: str) -> str:
        task: Future[str] = Future()
        begun = threading.Event()

        def work() -> None:
            begun.set()
            task.set_result(self.run(*words))

        thread = threading.Thread(target=work, name=f"{name}: {' '.join(words)}", daemon=True)
        self.tasks[name] = task
        self.threads.append(thread)
        thread.start()
        begun.wait()
        time.sleep(ASYNC_HEAD_START * self.pace)
        return "ok"

    def do_join(self, name: str, milliseconds: str) -> str:
        if name not in self.tasks:
            raise JavaError("NullPointerException")
        try:
            return self.tasks[name].result(int(milliseconds) / 1000 * (self.pace if int(milliseconds) <= PAUSE else 1))
        except TimeoutError:
            return "BLOCKED"

    def do_holdlock(self, name: str, task: str, *words: str) -> str:
        with self.get(name)._lock:
            self.do_async(task, *words)
            return self.do_join(task, "300")

    # files

    def do_file(self, name: str, word: str) -> str:
        descriptor, path = tempfile.mkstemp(prefix="nio")
        self.opened.callback(Path(path).unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(to_buffer(word)))
        self.things[f"{name}.path"] = Path(path)
        return "ok"

    def do_fopen(self, name: str, path: str, options: str) -> str:
        words = [word for word in options.split(",") if word != "-"]
        if not StandardOpenOption.__members__.keys() >= set(words):
            raise JavaError("IllegalArgumentException")
        if f"{path}.path" not in self.things:
            raise JavaError("NullPointerException")
        self.put(name, FileChannel.open(self.get(f"{path}.path"), *(StandardOpenOption[word] for word in words)))
        return "ok"

    def do_fpos(self, name: str, position: str = "") -> str | int:
        file = self.cast(name, FileChannel)
        if not position:
            return int(file.position)
        file.position = int(position)
        return "ok"

    def do_freadat(self, name: str, room: str, position: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        return f"{self.get(name).read_at(buffer, int(position))}:{shown(buffer)}"

    def do_fto(self, name: str, position: str, count: str, target: str) -> int:
        to = self.can(target, "write")  # Java looks at the arguments first
        return int(self.get(name).transfer_to(int(position), int(count), to))

    def do_ffrom(self, name: str, source: str, position: str, count: str) -> int:
        origin = self.can(source, "read")
        return int(self.get(name).transfer_from(origin, int(position), int(count)))

    def do_fcat(self, name: str) -> str:
        content: bytes = self.get(f"{name}.path").read_bytes()
        return content.decode("latin-1").replace("\0", ".")

    def do_flock(self, name: str, channel: str, *region: str) -> str | None:
        where = (int(region[0]), int(region[1]), len(region) > 2) if len(region) > 1 else ()
        lock = self.get(channel).try_lock(*where)
        if lock is None:
            return None
        self.things[name] = lock
        return f"ok shared={printed(lock.is_shared)}"

    def do_fmap(self, name: str, channel: str, mode: str, position: str, size: str) -> str:
        modes = {"ro": "READ_ONLY", "rw": "READ_WRITE"}
        chosen = getattr(FileChannel.MapMode, modes.get(mode, "PRIVATE"))
        self.things[name] = buffer = self.get(channel).map(chosen, int(position), int(size))
        return f"cap={buffer.capacity} ro={printed(buffer.is_read_only)} direct={printed(buffer.is_direct)}"
