"""The operations of ``data/SelectorDriver.java``, spoken to ``nio``: a script names channels, selectors and keys, each
line is one call of the public API, and its answer is one line, word for word the JDK's (``_words``).

Everything in which ``nio`` means to differ from the JDK stands in ``DIFFERENCES``; whatever is not there has to agree.
Most are a change of form, made in the method that the entry names.

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
from dataclasses import dataclass
from pathlib import Path

from nio.buffers import ByteBuffer, MappedByteBuffer
from nio.channels import (
    DatagramChannel,
    FileChannel,
    FileLock,
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
from tests.jdk._state import LOOPBACK, State
from tests.jdk._words import (
    JavaError,
    java_name,
    letters,
    printed,
    shown,
    to_buffer,
    to_ops,
    to_seconds,
)

Script = Sequence[str]


@dataclass(frozen=True)
class Difference:
    """One decision to differ: why, and from which statements.

    ``words`` are the operations that have no counterpart then: a scenario that uses one is passed over, by name.
    ``answers`` are the pairs, the JDK's answer and ours, that count as agreement: to an operation that starts with
    ``op``, in scripts that ``where`` holds for; where that is all, any answer may differ. ``unseen``: the driver has
    no operation to show it.
    """

    reason: str
    statements: tuple[int, ...] = ()
    words: frozenset[str] = frozenset()
    answers: frozenset[tuple[str, str]] = frozenset()
    op: str | tuple[str, ...] = ""
    where: Callable[[Script], bool] | None = None
    unseen: bool = False

    def explains(self, op: str, expected: str, answer: str, script: Script) -> bool:
        """Whether ``answer`` may stand where the JDK has ``expected``."""
        return (
            bool(self.answers or self.where)
            and (not self.answers or (expected, answer) in self.answers)
            and op.startswith(self.op)
            and (self.where is None or self.where(script))
        )


def _wakes_or_throws_when_woken(script: Script) -> bool:
    acts = (op for op in script if op.startswith(("nowc ", "selectc ")) and op.endswith((" wake", " throw")))
    return any(f"wakeup {op.split()[1]}" in script for op in acts)


def _locks_to_the_end(script: Script) -> bool:
    return any(word == "flock" and rest[3:4] == ["0"] for word, *rest in map(str.split, script) if rest)


def _moves_many_buffers(script: Script) -> bool:
    return any(op.startswith("gather ") and op.count(",") >= MANY for op in script)


def _transfers_within_a_file(script: Script) -> bool:
    lines = [op.split() for op in script]
    paths = {line[1]: line[2] for line in lines if line[0] == "fopen" and len(line) > 2}
    ends = [(line[1], line[4] if line[0] == "fto" else line[2]) for line in lines if line[0] in ("fto", "ffrom")]
    return any(paths.get(one, one) == paths.get(other) for one, other in ends if one != other)


def _loses_its_family(script: Script) -> bool:
    """A datagram channel has got its address by itself, and then is disconnected or another is connected to it."""
    unbound, by_itself = set(), set()
    for word, name, *rest in (op.split() for op in script if " " in op):
        if word == "dc":
            unbound.add(name)
        elif word == "bind":
            unbound.discard(name)
        elif name in unbound and word in ("connect", "receive", "send"):
            unbound.discard(name)
            by_itself.add(name)
        if (word == "disconnect" and name in by_itself) or (word == "connect" and by_itself.intersection(rest)):
            return True
    return False


def _disconnects_before_it_hears_of_a_refusal(script: Script) -> bool:
    left = {op.split()[1]: at for at, op in enumerate(script) if op.startswith("disconnect ")}
    return any(
        f"connect {name} refused" in script[:at]
        and any(op.startswith((f"write {name} ", f"send {name} ", f"gather {name} ")) for op in script[:at])
        for name, at in left.items()
    )


_CUT = ("!AsynchronousCloseException", "!IOException:Broken pipe", "!IOException:Connection reset by peer")

_GRANTED = frozenset((f"ok shared={shared}", "!OverlappingFileLockException") for shared in "TF")
MANY = 1024  # buffers; no system call takes more

DIFFERENCES = {
    "interrupt": Difference(
        "threads of Python cannot be interrupted",
        (109, 155),
        words=frozenset({"interrupt", "selfinterrupt"}),
    ),
    "cut-short": Difference(
        "a blocking write that is cut short raises at once, its buffer tells how far it came; "
        "the JDK returns the count and throws from the next write",
        (131, 137, 154),
        answers=frozenset((jdk, cut) for jdk in ("partial", "total-matches in-order partial") for cut in _CUT),
        op="join",
    ),
    "woken": Difference(
        "a selection uses up the wake-up that ended it before it runs an action: a wake-up from the action is never "
        "lost with it, as it is in the JDK, and none is left when the action throws",
        (105, 119, 121),
        answers=frozenset({("0 slow", "0 fast"), ("0 fast", "0 slow")}),
        op="time",
        where=_wakes_or_throws_when_woken,
    ),
    "family": Difference(
        "channels are of IPv4, the JDK's of IPv6 with IPv4 mapped into it: a datagram channel that nobody bound is at "
        ":: or ::1 there when it has been disconnected or another is connected to it, and not reached from 127.0.0.1",
        where=_loses_its_family,
    ),
    "late-refusal": Difference(
        "disconnecting takes along a refusal that nobody has heard of; in the JDK it makes the channel ready once "
        "more, and the next receive() empty",
        where=_disconnects_before_it_hears_of_a_refusal,
    ),
    "lock-size-0": Difference(
        "a lock of size 0 reaches to the end of the file and overlaps with whatever lies there, as in later JDKs; "
        "JDK 17 asks the kernel for the same and takes it to overlap with nothing",
        (181,),
        answers=_GRANTED | frozenset((refused, granted) for granted, refused in _GRANTED),
        op="flock",
        where=_locks_to_the_end,
    ),
    "many-buffers": Difference(
        f"a write that is to be complete, to a file or in blocking mode, is so with more than {MANY} buffers too; the "
        f"JDK writes the first {MANY}",
        (131, 151),
        where=_moves_many_buffers,
    ),
    "same-file": Difference(
        "between two channels on one file bytes are moved through a buffer; where the ranges overlap the JDK may copy "
        "what it has just written, and answers this way or that",
        (179,),
        op=("fcat", "read", "freadat", "scatter", "mget"),
        where=_transfers_within_a_file,
    ),
    "lock-numbers": Difference("FileLock.overlaps counts beyond 2**63 - 1, where Java's numbers wrap", unseen=True),
    "text-modes": Difference(
        "a reader or writer of text refuses a channel in non-blocking mode, as Java's documentation has it and as "
        "streams do; in JDK 17 such a writer writes, and such a reader does not return",
        unseen=True,
    ),
    "seconds": Difference("timeouts are seconds, None waits for ever and 0 polls (_words.to_seconds)", (78,)),
    "names": Difference("errors carry Python names and a builtin as second base (_words.java_name)"),
    "remove": Difference("set.remove raises KeyError where Java returns false (do_sremove)", (67,)),
    "iterator": Difference("iterators have no remove(); the set has (do_iterremove)", (67, 79)),
    "setter": Difference("a property is set, so there is no key to be returned (do_iops)", (99,)),
    "monitor": Difference("objects have no monitor; a selector has its lock (do_holdlock)", (113,)),
}

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
    """A script at work. A method or a row of the two tables at the end for every operation of the driver."""

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


# What is one call of the public API. These answer "ok" ...
ACTS: dict[str, Callable[..., object]] = {
    "sel": lambda s, name: s.put(name, Selector.open()),
    "ss": lambda s, name: s.put(name, ServerSocketChannel.open()),
    "sc": lambda s, name: s.put(name, SocketChannel.open()),
    "dc": lambda s, name: s.put(name, DatagramChannel.open()),
    "block": lambda s, name, blocking: s.get(name).configure_blocking(blocking == "T"),
    "close": lambda s, name: s.no(name, FileLock).close(),
    "disconnect": lambda s, name: s.get(name).disconnect(),
    "shutin": lambda s, name: s.get(name).shutdown_input(),
    "shutout": lambda s, name: s.get(name).shutdown_output(),
    "linger0": lambda s, name: s.cast(name, SocketChannel).set_option(Options.SO_LINGER, 0),
    "cancel": lambda s, key: s.key(key).cancel(),
    "sclear": lambda s, name: s.get(name).selected_keys.clear(),
    "kclear": lambda s, name: s.get(name).keys.clear(),
    "settle": lambda s, milliseconds: time.sleep(int(milliseconds) / 1000 * s.pace),
    "ftrunc": lambda s, name, size: s.get(name).truncate(int(size)),
    "funlock": lambda s, name: s.get(name).release(),
    "mput": lambda s, name, index, value: s.get(name).put_at(int(index), ord(value[0])),
    "mforce": lambda s, name: s.cast(name, MappedByteBuffer).force(),
}

# ... and these what they return.
ANSWERS: dict[str, Callable[..., object]] = {
    "finish": lambda s, name: s.get(name).finish_connect(),
    "local": lambda s, name: s.owner(s.get(name).local_address),
    "remote": lambda s, name: s.owner(s.get(name).remote_address),
    "exists": lambda s, name: s.get(f"{name}.path").exists(),
    "isopen": lambda s, name: s.get(name).is_open,
    "isblocking": lambda s, name: s.get(name).is_blocking,
    "isreg": lambda s, name: s.get(name).is_registered,
    "isconn": lambda s, name: s.get(name).is_connected,
    "ispend": lambda s, name: s.get(name).is_connection_pending,
    "validops": lambda s, name: letters(s.get(name).valid_ops),
    "readro": lambda s, name: s.get(name).read(ByteBuffer.allocate(8).as_read_only_buffer()),
    "send": lambda s, name, target, word: s.get(name).send(to_buffer(word), s.peer(target)),
    "senderr": lambda s, name, target, size: s.get(name).send(ByteBuffer.allocate(int(size)), s.peer(target)),
    "ior": lambda s, key, ops: letters(s.key(key).interest_ops_or(to_ops(ops))),
    "iand": lambda s, key, ops: letters(s.key(key).interest_ops_and(to_ops(ops))),
    "rops": lambda s, key: letters(s.key(key).ready_ops),
    "isreadable": lambda s, key: s.key(key).is_readable,
    "valid": lambda s, key: s.key(key).is_valid,
    "attach": lambda s, key, word: s.key(key).attach(None if word == "null" else word),
    "att": lambda s, key: s.key(key).attachment,
    "keych": lambda s, key: f"{s.name(s.key(key).channel)} {s.name(s.key(key).selector)}",
    "select": lambda s, name, timeout="0": s.get(name).select(to_seconds(timeout)),
    "now": lambda s, name: s.get(name).select_now(),
    "wakeup": lambda s, name: s.get(name).wakeup() is s.get(name),
    "sadd": lambda s, name, key: s.get(name).selected_keys.add(s.key(key)),
    "kremove": lambda s, name, key: s.get(name).keys.remove(s.key(key)),
    "fsize": lambda s, name: s.cast(name, FileChannel).size,
    "fwriteat": lambda s, name, word, position: s.get(name).write_at(to_buffer(word), int(position)),
    "fvalid": lambda s, name: s.get(name).is_valid,
    "mget": lambda s, name, index: chr(s.get(name).get(int(index))),
}
