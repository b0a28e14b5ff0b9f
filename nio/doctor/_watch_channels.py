"""Watches channels: what is read and written, what is owed when one is closed, and which are never closed."""

from __future__ import annotations

import errno
import threading
import warnings
from collections.abc import Callable
from typing import Any
from weakref import finalize

from nio.buffers import ByteBuffer
from nio.channels import DatagramChannel, NetworkChannel, ServerSocketChannel, SocketChannel, StandardSocketOptions
from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._interruptible_channel import InterruptibleChannel
from nio.channels._pipe import PipeSinkChannel, PipeSourceChannel
from nio.channels._selectable_channel import SelectableChannel
from nio.doctor._checked_buffer import CheckedByteBuffer
from nio.doctor._departed import Departed
from nio.doctor._facts import ChannelFacts, Facts
from nio.doctor._patches import Patches
from nio.doctor._place import here
from nio.doctor._use import DRAINING, FILLING
from nio.doctor._ward import Ward
from nio.doctor._watch_selectors import SelectorWatch
from nio.trace._sockets import spelled

_MANY_REFUSALS = 64


class ChannelWatch:
    """Strict mode's eyes on channels."""

    def __init__(self, ward: Ward, selectors: SelectorWatch) -> None:
        self.ward, self.selectors = ward, selectors
        self.departed = Departed(ward)
        self.current = threading.local()  # .channel: the facts of what this thread has read last
        self.none_accepted: list[bool] = []  # the last accept() gave nobody: had the kernel not said that one waits?
        self._finalizers: dict[int, finalize[..., Any]] = {}
        self._cut: dict[int, ChannelFacts] = {}  # channels whose last datagram was cut, and nobody has asked

    def install(self, patches: Patches) -> None:
        """Put the watching functions in place."""
        patches.put(InterruptibleChannel, "__init__", self._init)
        patches.put(SocketChannel, "_of_connected", self._of_connected)
        patches.put(InterruptibleChannel, "close", self._close)
        patches.put(SelectableChannel, "release", self._close)
        patches.put(SelectableChannel, "_give_away", self._close)
        patches.put(SelectableChannel, "configure_blocking", self._configure_blocking)
        patches.put(ReadingChannel, "read", self._read)
        patches.put(WritingChannel, "write", self._write)
        patches.put(WritingChannel, "_send_file", self._send_file)
        patches.put(DatagramChannel, "read", self._read)
        patches.put(DatagramChannel, "write", self._write)
        patches.put(DatagramChannel, "receive", self._receive)
        patches.put(DatagramChannel, "_take", self._take)
        patches.put(DatagramChannel, "is_truncated", self._is_truncated)
        patches.put(ServerSocketChannel, "_accept", self._accept)
        patches.put(ServerSocketChannel, "bind", self._bind)
        patches.put(NetworkChannel, "socket", self._socket)
        patches.put(SocketChannel, "finish_connect", self._finish_connect)
        patches.put(SocketChannel, "_established", self._established)

    def finish(self) -> None:
        """What is dropped from now on is dropped by the end of the program."""
        for facts in tuple(self._cut.values()):
            self._tell_cut(facts)
        for finalizer in tuple(self._finalizers.values()):
            finalizer.detach()
        self._finalizers.clear()

    # from open to close

    def _opened(self, channel: Any) -> None:
        facts = self.ward.channel(channel)
        facts.opened = here()
        kinds: dict[type, str] = {ServerSocketChannel: "listener", DatagramChannel: "datagram"}
        kinds |= {PipeSourceChannel: "pipe", PipeSinkChannel: "pipe"}
        facts.kind = kinds.get(type(channel), facts.kind)
        facts.in_use = facts.kind == "pipe"
        ending = finalize(channel, self._dropped, facts)
        ending.atexit = False
        self._finalizers[facts.number] = ending

    def _dropped(self, facts: ChannelFacts) -> None:
        self._finalizers.pop(facts.number, None)
        if facts.in_use and not facts.closed and facts.opened.path:
            text = f"A {facts.kind} was dropped and not closed."
            self.ward.tell("P06", text, facts.opened)
            warnings.warn_explicit(text, ResourceWarning, facts.opened.path, facts.opened.line)

    def _init(self, plain: Callable[..., None]) -> Callable[..., None]:
        def init(channel: Any, provider: Any, fd: int) -> None:
            plain(channel, provider, fd)
            self._opened(channel)

        return init

    def _of_connected(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def of_connected(cls: Any, *args: Any, **named: Any) -> Any:
            channel = plain(cls, *args, **named)
            self._opened(channel)
            facts = self.ward.channel(channel)
            facts.in_use, facts.peer = True, spelled(channel._remote_address)
            return channel

        return of_connected

    def _close(self, plain: Callable[..., None]) -> Callable[..., None]:
        def close(channel: Any) -> None:
            facts = self.ward.channel(channel)
            keys = getattr(channel, "_keys", ())
            if not facts.closed:
                facts.closed, facts.closed_at = True, here()
                self._tell_cut(facts)
                if keys:
                    self.ward.closing(facts)
                for key in keys:
                    self.departed.add(key._attachment, facts)
            plain(channel)
            for key in keys:
                self.selectors.changed(key._selector, "close")

        return close

    def _configure_blocking(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def configure_blocking(channel: Any, blocking: bool) -> Any:
            self.selectors.used(channel)
            return plain(channel, blocking)

        return configure_blocking

    # bytes

    def _facts(self, channel: Any) -> tuple[Facts | None, ChannelFacts]:
        """The facts of the selector that watches the channel, if one does, and what is known of the channel."""
        self.selectors.used(channel)
        facts = self.ward.channel(channel)
        for key in channel._keys:
            if key._valid:
                facts.interest = key._interest
                return self.selectors.loop(key._selector).facts, facts
        return None, facts

    def _read(self, plain: Callable[..., int]) -> Callable[..., int]:
        def read(channel: Any, targets: Any, offset: int = 0, length: int | None = None) -> int:
            turn, facts = self._facts(channel)
            buffer = targets if isinstance(targets, CheckedByteBuffer) else None
            room = 1 if buffer is None else buffer.remaining
            state = None if buffer is None else (buffer.use.mode, buffer.use.filler, buffer._position)
            count = plain(channel, targets, offset, length)
            if turn is not None:
                turn.read(facts, count, room, here())
                self.current.channel = facts
                self._check_owner(channel, facts)
            if buffer is not None and state is not None and count > 0:
                self._filled(buffer, *state, facts)
            return count

        return read

    def _filled(self, buffer: CheckedByteBuffer, mode: int, filler: int, before: int, facts: ChannelFacts) -> None:
        if mode != FILLING:
            return
        if filler not in (0, facts.number) and before:
            text = f"{before} bytes of channel {filler} are still in the buffer that {facts.name} was read into."
            self.ward.tell("B08", text, here())
        buffer.use.begin(FILLING, buffer._position)
        buffer.use.filler = facts.number

    def _write(self, plain: Callable[..., int]) -> Callable[..., int]:
        def write(channel: Any, sources: Any, offset: int = 0, length: int | None = None) -> int:
            turn, facts = self._facts(channel)
            buffer = sources if isinstance(sources, CheckedByteBuffer) else None
            if buffer is not None:
                buffer.about_to_drain()
                if buffer.use.is_changed(buffer):
                    text = f"What waited to be sent to {facts.name}, {buffer.remaining} bytes, was changed meanwhile."
                    self.ward.tell("B09", text, here())
            offered, mode = _size(sources, offset, length), buffer and buffer.use.mode
            try:
                count = plain(channel, sources, offset, length)
            except OSError:
                facts.owed = 0
                raise
            if buffer is not None and mode is not None:
                buffer.use.begin(DRAINING if mode == DRAINING else 0)
                buffer.use.left(buffer)
            if turn is not None:
                turn.write(facts, count, offered, here())
            self._check_refusals(channel, facts, count, offered)
            return count

        return write

    def _check_refusals(self, channel: Any, facts: ChannelFacts, count: int, offered: int) -> None:
        if count or not offered or facts.refused_at != self.selectors.selections:
            facts.refused_at, facts.refused_in_a_row = self.selectors.selections, 0
        if not count and offered and not channel._blocking:
            facts.refused_in_a_row += 1
            if facts.refused_in_a_row == _MANY_REFUSALS:
                text = (
                    f"write() to {facts.name} took nothing {_MANY_REFUSALS} times in a row, and nobody "
                    "selected in between."
                )
                self.ward.tell("I06", text, here())

    def _send_file(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def send_file(channel: Any, file: Any, position: int, count: int) -> Any:
            turn, facts = self._facts(channel)
            sent = plain(channel, file, position, count)
            if turn is not None:
                turn.write(facts, sent or 0, sent or 1, here())
                turn.owing.pop(facts.number, None)
            facts.owed = 0  # the file has the rest
            return sent

        return send_file

    def _check_owner(self, channel: Any, facts: ChannelFacts) -> None:
        me = threading.get_ident()
        owners = {self.selectors.loop(key._selector).thread for key in channel._keys if key._valid}
        if len(facts.readers) < 8:
            facts.readers[me] = threading.current_thread().name
        both = (owners - {0}) & facts.readers.keys()
        if both and me not in owners:
            names = threading.current_thread().name, facts.readers[both.pop()]
            self.ward.tell("T05", f"{facts.name} is read by thread {names[0]} and by its loop, {names[1]}.", here())

    # datagrams, listeners, attempts

    def _receive(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def receive(channel: Any, target: Any) -> Any:
            turn, facts = self._facts(channel)
            mode = target.use.mode if isinstance(target, CheckedByteBuffer) else None
            sender = plain(channel, target)
            if turn is not None:
                turn.read(facts, 0, 1, here())
            if isinstance(target, CheckedByteBuffer) and mode == FILLING:
                target.use.begin(FILLING, target._position)
                target.use.by_datagram = True
            return sender

        return receive

    def _take(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def take(channel: Any, views: Any) -> Any:
            answer = plain(channel, views)
            facts = self.ward.channel(channel)
            self._tell_cut(facts)
            if channel._truncated and not facts.trusted:
                facts.cut, facts.cut_at = answer[0], here()
                self._cut[facts.number] = facts
            return answer

        return take

    def _is_truncated(self, plain: Any) -> property:
        """Who asks knows that a datagram may be cut."""

        def is_truncated(channel: Any) -> bool:
            self._cut.pop(self.ward.channel(channel).number, None)
            return bool(plain.fget(channel))

        return property(is_truncated, doc=plain.__doc__)

    def _tell_cut(self, facts: ChannelFacts) -> None:
        """Nobody has asked."""
        if self._cut.pop(facts.number, None) is not None:
            text = f"A datagram was larger than the {facts.cut} bytes of room: the rest of it is lost."
            self.ward.tell("I14", text, facts.cut_at)

    def _accept(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def accept(channel: Any, blocking: bool) -> Any:
            turn, facts = self._facts(channel)
            if turn is not None:
                turn.touch(facts)
            facts.accepts += 1
            try:
                client = plain(channel, blocking)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE) and not facts.trusted:
                    limit = channel.provider.descriptor_limit()
                    self.ward.tell("I11", f"accept() failed: the descriptor limit of {limit} is reached.", here())
                raise
            self.none_accepted[:] = [bool(channel._keys) and not facts.ready] if client is None else []
            return client

        return accept

    def _bind(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def bind(channel: Any, *args: Any, **named: Any) -> Any:
            try:
                bound = plain(channel, *args, **named)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and _is_exclusive(channel):
                    text = "The address is in use, by a connection that has ended maybe: SO_REUSEADDR is off."
                    self.ward.tell("P03", text, here())
                raise
            self.ward.channel(channel).in_use = True
            return bound

        return bind

    def _socket(self, plain: Any) -> property:
        """Who has the socket may read and write past the channel."""

        def sock(channel: Any) -> Any:
            self.ward.channel(channel).shown = True
            return plain.fget(channel)

        return property(sock, doc=plain.__doc__)

    def _finish_connect(self, plain: Callable[..., bool]) -> Callable[..., bool]:
        def finish_connect(channel: Any) -> bool:
            turn, facts = self._facts(channel)
            if turn is not None:
                turn.touch(facts)
            facts.finished += 1
            return plain(channel)

        return finish_connect

    def _established(self, plain: Callable[..., None]) -> Callable[..., None]:
        def established(channel: Any) -> None:
            plain(channel)
            facts = self.ward.channel(channel)
            facts.in_use, facts.peer = True, spelled(channel._remote_address)

        return established


def _is_exclusive(channel: Any) -> bool:
    """Somebody has switched SO_REUSEADDR off."""
    reuse = StandardSocketOptions.SO_REUSEADDR
    return reuse in channel.supported_options and not channel.get_option(reuse)


def _size(sources: Any, offset: int, length: int | None) -> int:
    """How many bytes are offered; 0 where that is not to be told, and the write says why."""
    try:
        parts = sources[offset:][:length] if isinstance(sources, (list, tuple)) else (sources,)
        return sum(part.remaining if isinstance(part, ByteBuffer) else memoryview(part).nbytes for part in parts)
    except TypeError:
        return 0
