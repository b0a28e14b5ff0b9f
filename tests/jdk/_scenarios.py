"""The operations of ``data/SelectorDriver.java``, spoken to ``nio``: a script names channels, selectors and keys, each
line is one call of the public API, and its answer is one line, word for word the JDK's.

**Differences.** Everything in which ``nio`` means to differ from the JDK stands in ``DIFFERENCES``; whatever is not
there has to agree. Most are a change of form, made in the method that the entry names. Those with ``words`` have no
Python form at all: a scenario that uses one of these operations is passed over, by name.

**Errors** print as the JDK's: those of ``nio.errors`` by their names, those of the system by what was being done, since
the JDK has another class for the same errno in every corner (``_system_error``).

**Time.** ``settle`` and the start of ``async`` sleep: they are part of the recorded script, which gives the kernel or a
thread time to get where the next line expects it.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import nio.channels
import nio.errors
from nio.buffers import ByteBuffer
from nio.channels import NetworkChannel, Pipe, SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.channels import StandardSocketOptions as Options
from nio.spi import ProtocolFamily


@dataclass(frozen=True)
class Difference:
    """One decision to differ: from which statements, why, and the operations that then have no counterpart."""

    reason: str
    statements: tuple[int, ...] = ()
    words: frozenset[str] = frozenset()
    until: str = ""  # only as long as nio.channels does not have this name


DIFFERENCES = {
    "interrupt": Difference(
        "threads of Python cannot be interrupted", (109, 155), frozenset({"interrupt", "selfinterrupt"})
    ),
    "datagrams": Difference(
        "DatagramChannel is not part of this release",
        tuple(range(158, 170)),
        frozenset({"dc", "disconnect", "send", "senderr", "receive"}),
        until="DatagramChannel",
    ),
    "files": Difference(
        "FileChannel is not part of this release", tuple(range(173, 186)), frozenset({"file", "fopen"}), until="FileChannel"
    ),
    "seconds": Difference("timeouts are seconds, None waits for ever and 0 polls (do_select)", (78,)),
    "names": Difference("errors carry Python names and a builtin as second base (java_name)"),
    "remove": Difference("set.remove raises KeyError where Java returns false (do_sremove)", (67,)),
    "iterator": Difference("iterators have no remove(); the set has (do_iterremove)", (67, 79)),
    "setter": Difference("a property is set, so there is no key to be returned (do_iops)", (99,)),
    "monitor": Difference("objects have no monitor; a selector has its lock (do_holdlock)", (113,)),
}

ASYNC_HEAD_START = 0.1  # as in the driver
THREAD_GRACE = 5.0  # seconds a thread may take to end once everything is closed

_LETTERS = ((1, "r"), (4, "w"), (8, "c"), (16, "a"))


class UnknownOperationError(Exception):
    """A script uses an operation that this adapter does not have."""


class JavaError(Exception):
    """What the driver itself throws; the message is the name of the class."""


def passed_over(ops: Sequence[str]) -> str | None:
    """Why a scenario has no counterpart, None when it is to be played."""
    words = {word for op in ops for word in op.split()}
    for difference in DIFFERENCES.values():
        if words & difference.words and not (difference.until and hasattr(nio.channels, difference.until)):
            return difference.reason
    return None


def play(ops: Iterable[str]) -> list[str]:
    """The answers of ``nio``, one line per operation."""
    with Scenario() as scenario:
        return [scenario.run(op.split()) for op in ops]


# the words of the driver


def _ops(text: str) -> int:
    return int(text[1:]) if text.startswith("#") else sum(bit for bit, letter in _LETTERS if letter in text)


def _letters(ops: int) -> str:
    return "".join(letter for bit, letter in _LETTERS if ops & bit) or "-"


def _tf(value: bool) -> str:
    return "T" if value else "F"


def _seconds(milliseconds: str) -> float | None:
    """Java: 0 is for ever."""
    return int(milliseconds) / 1000 or None


def _text(text: str) -> ByteBuffer:
    return ByteBuffer.wrap(b"" if text == "-" else text.encode("latin-1"))


def _shown(buffer: ByteBuffer) -> str:
    return bytes(buffer.duplicate().flip()).decode("latin-1").replace("\0", ".")


def _loopback() -> tuple[str, int]:
    return "127.0.0.1", 0


def java_name(error: Exception, subject: object, word: str) -> str:
    """How the driver prints what ``word`` raised on ``subject``."""
    name = type(error).__name__
    if isinstance(error, JavaError):
        return f"!{error}"
    if type(error).__module__ == nio.errors.__name__:
        return f"!{name.removesuffix('Error')}Exception"
    if isinstance(error, io.UnsupportedOperation):
        return "!UnsupportedOperationException"
    if isinstance(error, OSError) and error.errno is not None:
        return f"!{_system_error(error.errno, subject, word)}"
    if type(error) is RuntimeError and "during iteration" in str(error):
        return "!ConcurrentModificationException"
    plain = {"AttributeError": "ClassCastException", "StopIteration": "NoSuchElementException"}
    return f"!{plain.get(name, name)}"


_NET_ERRORS = {
    errno.ECONNREFUSED: "ConnectException",
    errno.ETIMEDOUT: "ConnectException",
    errno.ENOTCONN: "ConnectException",
    errno.EHOSTUNREACH: "NoRouteToHostException",
    errno.EADDRINUSE: "BindException",
    errno.EADDRNOTAVAIL: "BindException",
    errno.EACCES: "BindException",
}
_FILE_ERRORS = {errno.EEXIST: "FileAlreadyExistsException", errno.ENOENT: "NoSuchFileException"}
_READS = frozenset({"read", "readro", "scatter", "drain"})
_WRITES = frozenset({"write", "gather", "fill", "bigwrite", "biggather"})


def _system_error(number: int, subject: object, word: str) -> str:
    said = os.strerror(number)
    datagram = type(subject).__name__ == "DatagramChannel"
    if datagram and number == errno.ECONNREFUSED:
        return "PortUnreachableException"
    if word in _READS and isinstance(subject, SocketChannel) and number == errno.ECONNRESET:
        return "SocketException:Connection reset"
    if word in _READS | _WRITES or not isinstance(subject, NetworkChannel):
        return _FILE_ERRORS.get(number, f"IOException:{said}")
    return _NET_ERRORS.get(number, f"SocketException:{said}")


def _java_order(names: Iterable[str]) -> list[str]:
    """The order in which the driver's ConcurrentHashMap lists its keys."""
    names = list(names)
    size = 16
    while len(names) >= size * 3 // 4:
        size *= 2

    def bucket(name: str) -> int:
        code = 0
        for char in name:
            code = (31 * code + ord(char)) & 0xFFFFFFFF
        return (code ^ code >> 16) & (size - 1)

    return sorted(names, key=bucket)


class Scenario:
    """The state of the driver: what a script has named so far. A context manager that closes all of it."""

    def __init__(self) -> None:
        # Any: a script calls what it likes on what it named, and Java casts; here the attribute is missing.
        self._objects: dict[str, Any] = {}
        self._keys: dict[str, SelectionKey] = {}
        self._tasks: dict[str, Future[str]] = {}
        self._threads: list[threading.Thread] = []
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()
        for thread in self._threads:
            thread.join(THREAD_GRACE)
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if stuck:
            raise AssertionError(f"everything is closed, and still blocked: {', '.join(stuck)}")

    def run(self, words: list[str]) -> str:
        """The answer to one line."""
        word, *arguments = words
        method: Callable[..., str] | None = getattr(self, f"do_{word}", None)
        if method is None:
            raise UnknownOperationError(word)
        try:
            return method(*arguments)
        except UnknownOperationError:
            raise
        except Exception as error:
            return java_name(error, self._objects.get(arguments[0]) if arguments else None, word)

    def _put(self, name: str, thing: Any) -> str:
        self._opened.callback(thing.close)
        self._objects[name] = thing
        return "ok"

    def _get(self, name: str) -> Any:
        if name not in self._objects:
            raise JavaError("NullPointerException")
        return self._objects[name]

    def _key(self, name: str) -> SelectionKey:
        if name not in self._keys:
            raise JavaError("NullPointerException")
        return self._keys[name]

    def _name(self, thing: object) -> str:
        return next((name for name, other in list(self._objects.items()) if other is thing), "?")

    def _key_name(self, key: SelectionKey) -> str:
        known = (name for name, other in list(self._keys.items()) if other is key)
        return next(known, f"{self._name(key.channel)}@{self._name(key.selector)}")

    def _key_set(self, keys: Iterable[SelectionKey], attribute: str) -> str:
        shown = set()
        for key in keys:
            try:
                ops = _letters(getattr(key, attribute))
            except nio.errors.CancelledKeyError:
                ops = "cancelled"
            shown.add(f"{self._key_name(key)}:{ops}")
        return "{" + ",".join(sorted(shown)) + "}"

    def _address(self, name: str) -> Any:
        if name == "unresolved":
            return "no.such.host.invalid", 1
        if name != "refused":
            return self._get(name).local_address
        unused = self._opened.enter_context(socket.socket())  # bound but not listening: nobody else gets the port
        unused.bind(_loopback())
        return unused.getsockname()

    def _who(self, address: object) -> str:
        if address is None:
            return "null"
        for name in _java_order(self._objects):
            thing = self._objects[name]
            if isinstance(address, tuple) and isinstance(thing, NetworkChannel) and thing.is_open:
                local = thing.local_address
                if isinstance(local, tuple) and local[1] == address[1]:
                    return name
        return "other"

    # opening

    def do_sel(self, name: str) -> str:
        return self._put(name, Selector.open())

    def do_ss(self, name: str) -> str:
        return self._put(name, ServerSocketChannel.open())

    def do_sc(self, name: str) -> str:
        return self._put(name, SocketChannel.open())

    def do_dc(self, name: str) -> str:
        return self._put(name, _later("DatagramChannel").open())

    def do_pipe(self, name: str) -> str:
        source, sink = Pipe.open()
        self._put(f"{name}.src", source)
        return self._put(f"{name}.snk", sink)

    def do_listen(self, name: str) -> str:
        server = ServerSocketChannel.open()
        self._put(name, server)
        server.bind(_loopback()).configure_blocking(False)
        return "ok"

    def do_pair(self, name: str, other: str) -> str:
        with ServerSocketChannel.open() as server:
            near = SocketChannel.open(server.bind(_loopback()).local_address)
            self._put(name, near)
            far = server.accept()
            assert far is not None
            self._put(other, far)
        for channel in (near, far):
            channel.configure_blocking(False).set_option(Options.TCP_NODELAY, True)
        return "ok"

    def do_uds(self, name: str) -> str:
        folder = tempfile.mkdtemp(prefix="nio")
        self._opened.callback(shutil.rmtree, folder)
        server = ServerSocketChannel.open(ProtocolFamily.UNIX)
        self._put(name, server)
        self._objects[f"{name}.path"] = Path(folder, "s")
        server.bind(str(Path(folder, "s")))
        return "ok"

    def do_udsconnect(self, name: str, server: str) -> str:
        address = self._get(server).local_address
        channel = SocketChannel.open(address)
        self._put(name, channel)
        return f"ok remote={_tf(channel.remote_address == address)}"

    # addresses and connections

    def do_bind(self, name: str, address: str = "") -> str:
        channel = self._get(name)
        channel.bind(None if address == "null" else self._address(address) if address else _loopback())
        return "ok"

    def do_connect(self, name: str, address: str) -> str:
        connected = self._get(name).connect(self._address(address))
        return _tf(connected) if isinstance(connected, bool) else "ok"

    def do_connectnb(self, name: str, address: str) -> str:
        if self._get(name).connect(self._address(address)):
            return "connected"
        return "pending" if self._get(name).is_connection_pending else "?"

    def do_disconnect(self, name: str) -> str:
        self._get(name).disconnect()
        return "ok"

    def do_finish(self, name: str) -> str:
        return _tf(self._get(name).finish_connect())

    def do_accept(self, name: str, accepted: str) -> str:
        channel = self._get(name).accept()
        if channel is None:
            return "null"
        self._put(accepted, channel)
        return f"ok blocking={_tf(channel.is_blocking)}"

    def do_local(self, name: str) -> str:
        return self._who(self._get(name).local_address)

    def do_remote(self, name: str) -> str:
        return self._who(self._get(name).remote_address)

    def do_exists(self, name: str) -> str:
        return _tf(self._get(f"{name}.path").exists())

    # a channel's state

    def do_block(self, name: str, blocking: str) -> str:
        self._get(name).configure_blocking(blocking == "T")
        return "ok"

    def do_close(self, name: str) -> str:
        self._get(name).close()
        return "ok"

    def do_isopen(self, name: str) -> str:
        return _tf(self._get(name).is_open)

    def do_isblocking(self, name: str) -> str:
        return _tf(self._get(name).is_blocking)

    def do_isreg(self, name: str) -> str:
        return _tf(self._get(name).is_registered)

    def do_isconn(self, name: str) -> str:
        return _tf(self._get(name).is_connected)

    def do_ispend(self, name: str) -> str:
        return _tf(self._get(name).is_connection_pending)

    def do_validops(self, name: str) -> str:
        return _letters(self._get(name).valid_ops)

    def do_shutin(self, name: str) -> str:
        self._get(name).shutdown_input()
        return "ok"

    def do_shutout(self, name: str) -> str:
        self._get(name).shutdown_output()
        return "ok"

    def do_linger0(self, name: str) -> str:
        self._get(name).set_option(Options.SO_LINGER, 0)
        return "ok"

    def do_setopt(self, name: str, option: str, value: str) -> str:
        if option not in ("TCP_NODELAY", "SO_REUSEADDR", "SO_KEEPALIVE", "SO_LINGER", "SO_BROADCAST"):
            return "?opt"
        channel = self._get(name)
        channel.set_option(option, int(value) if option == "SO_LINGER" else value == "T")
        answer = channel.get_option(option)
        return f"ok {_tf(answer) if isinstance(answer, bool) else answer}"

    # bytes

    def do_read(self, name: str, room: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        return f"{self._get(name).read(buffer)}:{_shown(buffer)}"

    def do_write(self, name: str, text: str) -> str:
        buffer = _text(text)
        return f"{self._get(name).write(buffer)} left={buffer.remaining}"

    def do_readro(self, name: str) -> str:
        return str(self._get(name).read(ByteBuffer.allocate(8).as_read_only_buffer()))

    def do_fill(self, name: str) -> str:
        channel, buffer, total = self._get(name), ByteBuffer.allocate(65536), 0
        while count := channel.write(buffer.clear()):
            total += count
        return "full" if total else "nothing"

    def do_drain(self, name: str) -> str:
        channel, buffer, idle = self._get(name), ByteBuffer.allocate(65536), 0
        while idle <= 5:
            count = channel.read(buffer.clear())
            if count < 0:
                return "eof"
            idle = 0 if count else idle + 1
            if idle:
                time.sleep(0.02)
        return "empty"

    def do_scatter(self, name: str, rooms: str) -> str:
        buffers = [ByteBuffer.allocate(int(room)) for room in rooms.split(",")]
        count = self._get(name).read(buffers)
        return f"{count}:" + "".join(f"[{_shown(buffer)}]" for buffer in buffers)

    def do_gather(self, name: str, texts: str) -> str:
        buffers = [_text(text) for text in texts.split(",")]
        count = self._get(name).write(buffers)
        return f"{count}:" + " ".join(str(buffer.remaining) for buffer in buffers)

    def do_bigwrite(self, name: str, size: str) -> str:
        buffer = ByteBuffer.allocate(int(size))
        count = self._get(name).write(buffer)
        if 0 < count < buffer.capacity and buffer.position == count:
            return "partial"
        return "all" if count == buffer.capacity else str(count)

    def do_biggather(self, name: str, size: str) -> str:
        first, second, last = buffers = [ByteBuffer.allocate(length) for length in (int(size), int(size), 10)]
        count = self._get(name).write(buffers)
        total = "total-matches" if count == sum(buffer.position for buffer in buffers) else "differs"
        ordered = not (second.position and first.has_remaining or last.position and second.has_remaining)
        order = "in-order" if ordered else "out-of-order"
        return f"{total} {order} {'partial' if last.has_remaining else 'all'}"

    # datagrams

    def do_send(self, name: str, target: str, text: str) -> str:
        return str(self._get(name).send(_text(text), self._address(target)))

    def do_senderr(self, name: str, target: str, size: str) -> str:
        return str(self._get(name).send(ByteBuffer.allocate(int(size)), self._address(target)))

    def do_receive(self, name: str, room: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        sender = self._get(name).receive(buffer)
        return f"{self._who(sender)}:{_shown(buffer)}"

    # keys

    def do_reg(self, name: str, selector: str, ops: str, *attachment: str) -> str:
        key = self._get(name).register(self._get(selector), _ops(ops), *attachment)
        known = f"{name}@{selector}"
        old = self._keys.get(known)
        self._keys[known] = key
        if old is not None and old is not key:
            self._keys[f"{known}~old"] = old
        return "same" if old is key else "new"

    def do_keyfor(self, name: str, selector: str) -> str:
        key = self._get(name).key_for(self._get(selector))
        return "null" if key is None else self._key_name(key)

    def do_iops(self, name: str, ops: str = "") -> str:
        key = self._key(name)
        if not ops:
            return _letters(key.interest_ops)
        key.interest_ops = _ops(ops)
        return "T"

    def do_ior(self, name: str, ops: str) -> str:
        return _letters(self._key(name).interest_ops_or(_ops(ops)))

    def do_iand(self, name: str, ops: str) -> str:
        return _letters(self._key(name).interest_ops_and(_ops(ops)))

    def do_rops(self, name: str) -> str:
        return _letters(self._key(name).ready_ops)

    def do_isreadable(self, name: str) -> str:
        return _tf(self._key(name).is_readable)

    def do_cancel(self, name: str) -> str:
        self._key(name).cancel()
        return "ok"

    def do_valid(self, name: str) -> str:
        return _tf(self._key(name).is_valid)

    def do_attach(self, name: str, attachment: str) -> str:
        previous = self._key(name).attach(None if attachment == "null" else attachment)
        return "null" if previous is None else str(previous)

    def do_att(self, name: str) -> str:
        attachment = self._key(name).attachment
        return "null" if attachment is None else str(attachment)

    def do_keych(self, name: str) -> str:
        return f"{self._name(self._key(name).channel)} {self._name(self._key(name).selector)}"

    # selections

    def do_select(self, name: str, timeout: str = "0") -> str:
        return str(self._get(name).select(_seconds(timeout)))

    def do_now(self, name: str) -> str:
        return str(self._get(name).select_now())

    def do_selectc(self, name: str, *words: str) -> str:
        timeout = next((word for word in words[:1] if word.lstrip("-").isdigit()), "0")
        return self._select_with_action(name, partial(self._get(name).select, _seconds(timeout)), words)

    def do_nowc(self, name: str, *words: str) -> str:
        return self._select_with_action(name, self._get(name).select_now, words)

    def _select_with_action(self, name: str, select: Callable[..., int], words: Sequence[str]) -> str:
        selector, seen = self._get(name), []

        def throw(key: SelectionKey) -> None:
            raise nio.errors.IllegalStateError("from action")

        acts: dict[str, Callable[[SelectionKey], object]] = {
            "cancel": lambda key: key.cancel(),
            "closech": lambda key: key.channel.close(),
            "closesel": lambda key: selector.close(),
            "reenter": lambda key: selector.select_now(),
            "wake": lambda key: selector.wakeup(),
            "throw": throw,
        }
        act = acts.get(words[-1]) if words else None

        def action(key: SelectionKey) -> None:
            seen.append(f"{self._key_name(key)}:{_letters(key.ready_ops)}")
            if act is not None:
                act(key)

        try:
            answer = str(select(action=action))
        except (RuntimeError, ValueError) as error:
            answer = java_name(error, selector, "select")
        return f"{answer} [{','.join(sorted(seen))}]"

    def do_wakeup(self, name: str) -> str:
        return _tf(self._get(name).wakeup() is self._get(name))

    # the selector's sets

    def do_dump(self, name: str) -> str:
        keys = self._key_set(self._get(name).keys, "interest_ops")
        return f"keys={keys} selected={self._key_set(self._get(name).selected_keys, 'ready_ops')}"

    def do_sremove(self, name: str, key: str) -> str:
        try:
            self._get(name).selected_keys.remove(self._keys.get(key))
        except KeyError:
            return "F"
        return "T"

    def do_sclear(self, name: str) -> str:
        self._get(name).selected_keys.clear()
        return "ok"

    def do_sadd(self, name: str, key: str) -> str:
        return _tf(self._get(name).selected_keys.add(self._keys.get(key)))

    def do_kremove(self, name: str, key: str) -> str:
        return _tf(self._get(name).keys.remove(self._keys.get(key)))

    def do_kclear(self, name: str) -> str:
        self._get(name).keys.clear()
        return "ok"

    def do_sameset(self, name: str) -> str:
        selector = self._get(name)
        return _tf(selector.keys is selector.keys and selector.selected_keys is selector.selected_keys)

    def do_iterselect(self, name: str) -> str:
        keys = iter(self._get(name).selected_keys)
        count = self._get(name).select_now()
        next(keys)
        return f"next-ok after {count}"

    def do_iterremove(self, name: str) -> str:
        selected = self._get(name).selected_keys
        keys = list(selected)
        for key in keys:
            selected.remove(key)
        return str(len(keys))

    def do_iterkeys(self, name: str, channel: str) -> str:
        keys = iter(self._get(name).keys)
        self.run(["reg", channel, name, "r"])
        return "no-error" if sum(1 for _ in keys) else "none"

    def do_iterclose(self, name: str) -> str:
        count = 0
        for key in self._get(name).selected_keys:
            key.channel.close()
            count += 1
        return str(count)

    # time and threads

    def do_settle(self, milliseconds: str) -> str:
        time.sleep(int(milliseconds) / 1000)
        return "ok"

    def do_time(self, milliseconds: str, *words: str) -> str:
        begin = time.monotonic()
        answer = self.run(list(words))
        slow = time.monotonic() - begin >= int(milliseconds) / 1000
        return f"{answer} {'slow' if slow else 'fast'}"

    def do_async(self, name: str, *words: str) -> str:
        task: Future[str] = Future()
        begun = threading.Event()

        def work() -> None:
            begun.set()
            try:
                task.set_result(self.run(list(words)))
            except BaseException as error:
                task.set_exception(error)

        thread = threading.Thread(target=work, name=f"{name}: {' '.join(words)}", daemon=True)
        self._tasks[name] = task
        self._threads.append(thread)
        thread.start()
        begun.wait()
        time.sleep(ASYNC_HEAD_START)
        return "ok"

    def do_join(self, name: str, milliseconds: str) -> str:
        if name not in self._tasks:
            raise JavaError("NullPointerException")
        try:
            return self._tasks[name].result(int(milliseconds) / 1000)
        except TimeoutError:
            return "BLOCKED"

    def do_holdlock(self, name: str, task: str, *words: str) -> str:
        with self._get(name)._lock:
            self.do_async(task, *words)
            return self.do_join(task, "300")

    # files

    def do_file(self, name: str, text: str) -> str:
        descriptor, path = tempfile.mkstemp(prefix="nio")
        self._opened.callback(Path(path).unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"" if text == "-" else text.encode())
        self._objects[f"{name}.path"] = Path(path)
        return "ok"

    def do_fopen(self, name: str, path: str, options: str) -> str:
        option = _later("StandardOpenOption")
        chosen = [option[word] for word in options.split(",") if word != "-"]
        return self._put(name, _later("FileChannel").open(self._get(f"{path}.path"), *chosen))

    def do_fpos(self, name: str, position: str = "") -> str:
        if not position:
            return str(self._get(name).position)
        self._get(name).position = int(position)
        return "ok"

    def do_fsize(self, name: str) -> str:
        return str(self._get(name).size)

    def do_ftrunc(self, name: str, size: str) -> str:
        self._get(name).truncate(int(size))
        return "ok"

    def do_freadat(self, name: str, room: str, position: str) -> str:
        buffer = ByteBuffer.allocate(int(room))
        return f"{self._get(name).read_at(buffer, int(position))}:{_shown(buffer)}"

    def do_fwriteat(self, name: str, text: str, position: str) -> str:
        return str(self._get(name).write_at(_text(text), int(position)))

    def do_fto(self, name: str, position: str, count: str, target: str) -> str:
        return str(self._get(name).transfer_to(int(position), int(count), self._get(target)))

    def do_ffrom(self, name: str, source: str, position: str, count: str) -> str:
        return str(self._get(name).transfer_from(self._get(source), int(position), int(count)))

    def do_fcat(self, name: str) -> str:
        content: bytes = self._get(f"{name}.path").read_bytes()
        return content.decode("latin-1").replace("\0", ".")

    def do_flock(self, name: str, channel: str, *region: str) -> str:
        if len(region) < 2:
            lock = self._get(channel).try_lock()
        else:
            lock = self._get(channel).try_lock(int(region[0]), int(region[1]), len(region) > 2)
        if lock is None:
            return "null"
        self._objects[name] = lock
        return f"ok shared={_tf(lock.is_shared)}"

    def do_funlock(self, name: str) -> str:
        self._get(name).release()
        return "ok"

    def do_fvalid(self, name: str) -> str:
        return _tf(self._get(name).is_valid)

    def do_fmap(self, name: str, channel: str, mode: str, position: str, size: str) -> str:
        modes = {"ro": "READ_ONLY", "rw": "READ_WRITE"}
        chosen = getattr(_later("FileChannel").MapMode, modes.get(mode, "PRIVATE"))
        buffer = self._get(channel).map(chosen, int(position), int(size))
        self._objects[name] = buffer
        return f"cap={buffer.capacity} ro={_tf(buffer.is_read_only)} direct={_tf(buffer.is_direct)}"

    def do_mput(self, name: str, index: str, value: str) -> str:
        self._get(name).put_at(int(index), ord(value[0]))
        return "ok"

    def do_mget(self, name: str, index: str) -> str:
        return chr(self._get(name).get(int(index)))

    def do_mforce(self, name: str) -> str:
        self._get(name).force()
        return "ok"


def _later(name: str) -> Any:
    """A class of nio.channels that not every release has."""
    return getattr(nio.channels, name)
