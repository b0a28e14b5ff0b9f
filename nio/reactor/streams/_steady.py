"""Steady: one loop over all that is ready, for connections where a request is read, answered and sent at once.

**Why it stands in one piece.** In CPython a call of a Python function costs as much as ten steps of its interpreter,
and a request needs 130 steps. So what a request needs in the usual case stands here, once, without a call but that of
``process``: recv, the look for one whole line, the check of the reply, send. The counters are locals, which are added
to the reactor's tally when the loop ends. All who were heard share one list, in which the turn writes when it ended; so
do those of the turns of four milliseconds (``Tally.wake``).

**Who is served so.** A connection is *steady* while it waits for input and owes nothing, holds nothing and is not
ending; it says so in ``_steady``, which is then the handler itself, so that whatever stands before a handler and
forwards its attributes is not steady. Whoever puts output into the outbox or changes the state sets it to None, or else
a later reply would overtake that output. A class that reads in its own way, or through a transport of its own, is never
steady; everything else goes to the handler's methods, as does what is steady and not usual: two lines in one read, half
a line, a reply that is no plain line, a reply that the kernel does not take.

**Pipelining.** Up to 64 short lines in one read are processed in a row, their replies joined, checked and sent once. A
call of ``process`` that writes, suspends or ends its connection ends the row: ``_steady`` tells. A handler that takes
many records at a time has a unit (``_units.py``), which makes the output of a whole read.

**Has the read an ending?** ``removesuffix`` gives back its very object where there is none, the end of the stream
included. To ask that and to cut the ending off in one step costs half of what two steps do.

**What is different from a call for each key**: the counters of ``statistics()`` and the time when a peer was last heard
are those of the turn's end, so a deadline counts from there; in a row of lines those behind a reply that cannot be
framed were processed already, and their replies are dropped.

**Errors** belong to the step in which they came. ``recv`` and ``send`` tell of the peer, ``process`` of the user's
code, and all else costs the handler as any error of its own does. A KeyboardInterrupt closes the connection that was
being served and leaves; between two connections it closes none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._progress import Tally
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._serving import Dispatch, Events, Failed, Watch
from nio.spi import NO_SIGNAL, READABLE

_LF, _CR = b"\n\r"
_PEER_FIN = CloseReason.PEER_FIN  # an enum's member is looked up in Python
_ENDING = b"\n"
_ACCEPT = 16  # SelectionKey.OP_ACCEPT, as a plain int
_MANY = 64  # lines in a row
_READING, _PROCESSING, _AFTER, _SENDING = range(4)  # steps: numbers in the loop, as a look at a name costs more


class Nobody:
    """The key of a descriptor that has none."""

    _attachment = None
    _interest = -1


# Read once into locals: a look at a global costs as much as three at a local.
_AS_LOCALS: Any = (READABLE, _LF, _CR, _ENDING, bytes, len, type, Nobody, b"", 0, 0, 0)


class Steady:
    """The loop, for one reactor."""

    __slots__ = ("_clock", "_dispatch", "_failed", "_tally")

    def __init__(self, dispatch: Dispatch, failed: Failed, tally: Tally, clock: Callable[[], int]) -> None:
        self._dispatch = dispatch  # for every key that is not steady
        self._failed = failed  # an attachment has raised
        self._tally = tally
        self._clock = clock

    def serve(self, events: Events, watch: Watch) -> int:
        """Serve all that is ready; how many keys that was."""
        tally, get, clock = self._tally, watch.get, self._clock
        heard, passed = tally.heard if tally.woke else tally.wake(clock()), 0
        readable, lf, cr, ending, plain, size, kind, nobody, data, received, requests, sent = _AS_LOCALS
        try:
            for fd, mask in watch.rotated(events) if len(events) > 1 else events:
                try:
                    handler = (key := get(fd, nobody))._attachment
                    steady = handler._steady is handler and key._valid if mask == readable == key._interest else False
                except BaseException as error:  # it is no connection
                    steady = _unless_leaving(error)
                if not steady:
                    passed += not self._serve_other(key, fd, mask, watch)
                    continue
                wire, step, key._ready = handler._wire, 0, mask
                try:
                    data = wire.recv(handler._read_size)
                    count, step, line = size(data), 2, data.removesuffix(ending)
                    received, handler._heard = received + count, heard
                    if count > handler._longest or line is data or lf in line or cr in line:  # no ending
                        self._unusual(handler, data)
                        continue
                    requests, step, process = requests + 1, 1, handler._process
                    reply, step = process(handler, line), 2
                    if kind(reply) is not plain or lf in reply or cr in reply or handler._steady is not handler:
                        reply is None or handler._answer(reply)
                        continue
                    data, step = reply + ending, 3
                    sent += (took := wire.send(data, NO_SIGNAL))
                    if took != size(data):
                        handler._keep(data, took)
                except BaseException as error:
                    try:
                        self._raised(key, handler, error, step, data)
                    except LEAVING as last:  # of the handler, or on top of its error before anybody was told
                        self._left(key, handler, last)
        finally:
            tally.requests += requests
            tally.bytes_in, tally.bytes_out = tally.bytes_in + received, tally.bytes_out + sent
        return len(events) - passed

    def _serve_other(self, key: Any, fd: int, mask: int, watch: Watch) -> bool:
        """A key that is not steady, a listener's in the usual case; whether there was anything for it."""
        if key._interest == _ACCEPT and mask == READABLE and key._valid:
            key._ready, attachment = _ACCEPT, key._attachment
            try:
                attachment.handle_ready(_ACCEPT)
            except BaseException as error:
                self._failed(key, attachment, error)
                if isinstance(error, LEAVING):
                    raise
            return True
        return watch.hand_over([(fd, mask)], self._dispatch) > 0

    def _raised(self, key: Any, handler: Any, error: BaseException, step: int, data: bytes) -> None:
        """Whose error is it?"""
        try:
            if step == _READING and isinstance(error, OSError):
                handler._unread(error)
            elif step == _PROCESSING and not isinstance(error, LEAVING):
                handler._raised(error)
            elif step == _SENDING and isinstance(error, OSError):
                handler._unsent(data, error)
            else:
                raise error
        except LEAVING:
            raise
        except BaseException as last:
            self._failed(key, handler, last)

    def _left(self, key: Any, handler: Any, error: BaseException) -> None:
        self._failed(key, handler, error)
        raise error

    # several lines in one read

    def _unusual(self, handler: Any, data: bytes) -> None:
        """The end of a quiet peer and a row of whole lines, the unit's too; all else is the handler's."""
        longest = handler._longest
        if not data and longest >= 0 and not (handler.half_open or handler._rare.drain_began or handler._secure):
            handler._eof = True
            handler.close(_PEER_FIN)  # nothing is held, and nobody is owed anything
            return
        if not longest and data and len(data) != handler._read_size:
            output = handler._unit.serve(handler, data)
            if output is None:
                handler._fed(data)
            elif output:
                self._send(handler, output)
            return
        if longest <= 0 or handler._job is not None or not data or data[-1] != _LF or _CR in data:
            handler._fed(data)
            return
        lines = data.split(_ENDING, _MANY)
        whole = not lines.pop() and len(data) != handler._read_size
        if not whole or (len(data) > longest and max(map(len, lines)) >= longest):
            handler._fed(data)
        else:
            self._in_a_row(handler, lines)

    def _in_a_row(self, handler: Any, lines: list[bytes]) -> None:
        """Process the lines; the first thing that is not usual ends the row, and the rest is the handler's."""
        process, short = handler._process, handler._mark // _MANY
        replies: list[bytes] = []
        rest, kind, plain, size = iter(lines), type, bytes, len
        handler._replies = replies
        try:
            for line in rest:
                reply = process(handler, line)
                if kind(reply) is plain and size(reply) < short:
                    replies.append(reply)
                    if handler._steady is handler:
                        continue
                    reply = None
                    break
                if reply is not None or handler._steady is not handler:
                    break
            else:
                reply = None
        except LEAVING:
            raise
        except BaseException as error:
            self._tally.requests += len(lines) - len(list(rest))
            handler._end_row(replies, error)
            return
        left = list(rest)
        self._tally.requests += len(lines) - len(left)
        if reply is not None or handler._steady is not handler:
            handler._go_on_with(replies, reply, left)
            return
        handler._replies = ()
        if replies:
            self._send_row(handler, replies)

    def _send_row(self, handler: Any, replies: list[bytes]) -> None:
        data = _ENDING.join(replies) + _ENDING
        if _CR in data or data.count(_ENDING) != len(replies):
            handler._go_on_with(replies, None, ())
        else:
            self._send(handler, data)

    def _send(self, handler: Any, data: bytes) -> None:
        try:
            took = handler._wire.send(data, NO_SIGNAL)
        except OSError as error:
            handler._unsent(data, error)
            return
        self._tally.bytes_out += took
        if took != len(data):
            handler._keep(data, took)


def _unless_leaving(error: BaseException) -> bool:
    """What an attachment raises when it is asked is told when it is called."""
    if isinstance(error, LEAVING):
        raise error
    return False
