"""``client``: the dialogue of the article's client, or names from the command line over any number of connections.

**Many connections, one thread.** Each is a :class:`_Member`, the attachment of its key, and one selector tells which of
them can go on. A member checks its replies as they come and then only counts them: what they were is known from the
names, so a million of them cost nothing, and those of the second connection can be printed after those of the first.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Self

from nio import EOF, ByteBuffer, ProtocolFamily, SelectionKey, Selector, SocketChannel
from nio.framing import Lines
from nio.spi import Address
from samples.hello_name._console import Exit, Failure, reason_of, resolve, say, spell
from samples.hello_name._conversation import LONGEST_REPLY, Conversation, connect

_NAMES_AT_ONCE = 512  # so many names of a pipeline are joined for one write, so many replies for one print

Addresses = list[tuple[ProtocolFamily, Address]]


def main(options: argparse.Namespace) -> Exit:
    """Send the names, or hold the dialogue; the options are those of the parser in ``_options.py``."""
    try:
        unix: Addresses = [(ProtocolFamily.UNIX, options.unix)]
        addresses = resolve(options.host, options.port) if options.unix is None else unix
    except OSError as error:
        where = spell((options.host, options.port))
        raise Failure(Exit.CANNOT_CONNECT, f"cannot connect to {where}: {reason_of(error)}") from None
    if options.names:
        with _Crowd(addresses, options) as crowd:
            crowd.run()
    else:
        _dialogue(addresses, options)
    return Exit.DONE


def _dialogue(addresses: Addresses, options: argparse.Namespace) -> None:
    with Conversation(addresses, options.timeout) as server:
        where = f"host : {options.host} port: {options.port}" if options.unix is None else f"path : {options.unix}"
        say(f"Client connected to {where}")
        say('Type ("Bye" to quit)')
        say("Tell what your name is to the Server.....")
        for line in sys.stdin.buffer if sys.stdin is not None else ():
            name = line.rstrip(b"\r\n")
            try:
                server.send(name + b"\n")
                if name.lower() == b"bye":
                    return
                reply = server.receive()
            except OSError as error:
                raise Failure(Exit.WRONG_REPLY, f"the connection is lost: {reason_of(error)}") from None
            if reply is None:
                raise Failure(Exit.WRONG_REPLY, "the server has ended the connection")
            say(b"Server says: " + reply)


class _Crowd:
    """All connections of one run, and what all of them send."""

    def __init__(self, addresses: Addresses, options: argparse.Namespace) -> None:
        names = [os.fsencode(name) for name in options.names]
        self.requests = [name + b"\n" for name in names]
        self.replies = [b"Hello " + name for name in names]
        self.total = len(names) * options.repeat
        self.options = options
        self.buffer = ByteBuffer.allocate(65_536)
        self._addresses = addresses
        self._selector = Selector.open()
        self._members: list[_Member] = []
        self._printing = 0  # the member whose replies are printed now
        self._printed = 0  # how many of them

    def run(self) -> None:
        """Connect all, then let whoever is ready go on until all are done."""
        timeout = self.options.timeout
        for number in range(self.options.connections):
            self._members.append(_Member(self, number + 1, connect(self._addresses, timeout)))
        for member in self._members:
            member.start(self._selector)
        try:
            while self._printing < len(self._members):
                if not self._selector.select(timeout, _advance):
                    raise Failure(Exit.TIME_LIMIT, f"no answer for {timeout:g} s {self._members[self._printing]}")
                self._print()
        except Failure:
            self._print()
            raise

    def _print(self) -> None:
        """The replies that have come, up to the first connection that still waits for some."""
        while self._printing < len(self._members):
            member = self._members[self._printing]
            while self._printed < member.verified:
                end = min(member.verified, self._printed + _NAMES_AT_ONCE)
                say(b"\n".join(self.replies[index % len(self.replies)] for index in range(self._printed, end)))
                self._printed = end
            if not member.done:
                return
            self._printing += 1
            self._printed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for member in self._members:
            member.channel.close()
        self._selector.close()


def _advance(key: SelectionKey) -> None:
    member = key.attachment
    assert isinstance(member, _Member)
    if key.is_readable:
        member.read()
    if key.is_valid and key.is_writable:
        member.write()


class _Member:
    """One connection: how many names it has sent, how many replies it has verified."""

    def __init__(self, crowd: _Crowd, number: int, channel: SocketChannel) -> None:
        self.channel = channel
        self.sent = 0
        self.verified = 0
        self.done = False
        self._crowd = crowd
        self._number = number
        self._decoder = Lines(max_length=LONGEST_REPLY).decoder()
        self._pieces: Iterator[bytes] = iter(())
        self._piece = ByteBuffer.allocate(0)
        self._refused = False  # the server takes no more

    def __str__(self) -> str:
        return f"after {self.verified} of {self._crowd.total} replies on connection {self._number}"

    def start(self, selector: Selector) -> None:
        """Take part in the selections of ``selector``."""
        self._key = self.channel.register(selector, SelectionKey.OP_READ | SelectionKey.OP_WRITE, self)

    def write(self) -> None:
        """Send what may be sent now, as far as the kernel takes it."""
        while self._piece.has_remaining or self._next_piece():
            try:
                if self.channel.write(self._piece) == 0:
                    return
            except OSError:
                self._refused = True  # but there may still be replies to read, or a reason for it
                break
        self._key.interest_ops = SelectionKey.OP_READ
        if self.sent == self._crowd.total and self._crowd.options.half_close:
            self.channel.shutdown_output()

    def read(self) -> None:
        """Check what has come."""
        buffer = self._crowd.buffer.clear()
        try:
            count = self.channel.read(buffer)
        except OSError as error:
            raise Failure(Exit.WRONG_REPLY, f"the connection is lost {self}: {reason_of(error)}") from None
        if count == EOF:
            if self.verified < self._crowd.total:
                raise Failure(Exit.WRONG_REPLY, f"the server ended the connection {self}")
            self._end()
            return
        lines = self._decoder.feed(bytes(buffer.flip()))
        while lines:
            for line in lines:
                self._verify(line)
            lines = self._decoder.feed(b"")
        if self._decoder.error is not None:
            raise Failure(Exit.WRONG_REPLY, f"an endless reply {self}")
        if self.verified == self._crowd.total and not self._crowd.options.half_close:
            self._end()
        elif self._may_send():
            self._key.interest_ops = SelectionKey.OP_READ | SelectionKey.OP_WRITE

    def _verify(self, line: bytes) -> None:
        expected = self._crowd.replies[self.verified % len(self._crowd.replies)]
        if self.verified == self._crowd.total:
            raise Failure(Exit.WRONG_REPLY, f"a reply too many {self}: {_text(line)}")
        if line != expected:
            raise Failure(Exit.WRONG_REPLY, f"wrong reply {self}: {_text(line)}, not {_text(expected)}")
        self.verified += 1

    def _may_send(self) -> bool:
        """True when there is something to send that need not wait for a reply."""
        if self._refused:
            return False
        if self._piece.has_remaining:
            return True
        return self.sent < self._crowd.total and (self._crowd.options.pipeline or self.sent == self.verified)

    def _next_piece(self) -> bool:
        """Make the next piece to be written; False when there is none now."""
        piece = next(self._pieces, None)
        if piece is None:
            if not self._may_send():
                return False
            self._pieces = self._cut(self._next_names())
            piece = next(self._pieces)
        self._piece = ByteBuffer.wrap(piece)
        return True

    def _next_names(self) -> bytes:
        requests, total = self._crowd.requests, self._crowd.total
        start = self.sent
        self.sent = min(total, start + _NAMES_AT_ONCE) if self._crowd.options.pipeline else start + 1
        return b"".join(requests[index % len(requests)] for index in range(start, self.sent))

    def _cut(self, data: bytes) -> Iterator[bytes]:
        size = self._crowd.options.split or len(data)
        return (data[index : index + size] for index in range(0, len(data), size))

    def _end(self) -> None:
        self.done = True
        self.channel.close()


def _text(line: bytes) -> str:
    """A reply as a person can read it, whatever is in it."""
    return repr(line[:100].decode(errors="backslashreplace"))
