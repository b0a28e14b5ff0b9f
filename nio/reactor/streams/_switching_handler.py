"""SwitchingHandler: a StreamHandler whose framing may change in mid-stream.

**Nothing is decoded ahead.** What a line announces may follow it in the same read, and only the handler knows that it
is no line. So the bytes of a read wait as they came, and each record is decoded when the one before it has been
processed: ``_decode`` is a generator, and asks the decoder of that moment for one record. A switch takes what the old
decoder holds, untouched, to the new one.

**Out it changes at once**, also for a reply that is still to come: a handler that has switched speaks the new framing.
What is to go out in the old one is sent before the switch. ``_frame`` is what this connection encodes with for all its
life, so that nobody who has it at hand goes on with the old framing.
"""

from __future__ import annotations

from collections.abc import Iterator

from nio.framing import Framing
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.loop._reactor import Reactor
from nio.reactor.streams._checks import check_framing
from nio.reactor.streams._state import ENDED, PROCESSING, READING
from nio.reactor.streams._stream_handler import StreamHandler
from nio.reactor.streams._units import hook_of

_BATCH = 64  # records that count as one batch of a turn


class SwitchingHandler(StreamHandler):
    """A :class:`StreamHandler` that may change its framing: subclass it, and call ``switch``.

    ``framing`` is the one that a connection begins with, and from then on the current one. Records are decoded one at a
    time, which costs a little more than with a StreamHandler.
    """

    _framing: Framing
    _told: object
    _carried: bytes

    # for the user

    def switch(self, framing: Framing) -> None:
        """From the next record on bytes are cut by ``framing``; what is sent from now on is framed by it, too.

        The reply to the record in hand is sent from now on, too: send what belongs to the old framing before. In
        ``process``, with workers as well, the bytes behind this record go over as they came. From any other place, or
        another thread, those go over that no record was made of yet. A connection that is ending stays as it is.
        """
        check_framing(type(self).__name__, framing)
        if self._state in ENDED:
            return
        self._framing = vars(self)["framing"] = framing  # whatever the class has under that name
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self._switch_input, framing)
        else:
            self._switch_input(framing)

    @property
    def source(self) -> object:
        return self._told or super().source

    # for the reactor

    @classmethod
    def check_class(cls) -> None:
        super().check_class()
        if hook_of(cls, StreamHandler) != "process":
            raise TypeError(f"{cls.__name__} may switch behind each record, so it gets one at a time: write process()")

    def _prepare(self, reactor: Reactor) -> None:
        super()._prepare(reactor)
        if self._unit is not None:
            self.check_class()
        self._longest = -1  # every byte goes through _receive
        self._framing, self._carried, self._told = self.framing, b"", None
        self._encode = self._frame

    def _frame(self, record: bytes | bytearray | memoryview) -> bytes:
        return self._framing.encode(record)

    def _let_go(self, reason: CloseReason) -> None:
        super()._let_go(reason)
        self._encode = self._framing.encode  # a method of this one would be a cycle

    def _switch_input(self, framing: Framing) -> None:
        self._told = self._told or getattr(self._decoder, "source", None)
        self._carried = self._decoder.rest() + self._carried
        self._decoding = framing.decoder()
        if self._state is not PROCESSING:  # else somebody will look, unless finish() was called
            self._more = True
        if self._carried:
            self.reactor.post(self._look_again)

    def _holds_input(self) -> bool:
        return bool(self._carried) or super()._holds_input()

    def _look_again(self) -> None:
        """Is there a record in what went over? In the middle of ``process`` somebody will look anyway."""
        if self._state is READING:
            self._work()

    def _receive(self, data: bytes) -> None:
        self._carried += data
        self._more = True
        self._work()

    def _receive_end(self) -> None:
        self._more = True
        self._work()

    def _decode_more(self) -> bool:
        self._records = self._decode()
        return True

    def _decode(self) -> Iterator[bytes]:
        for _ in range(_BATCH):
            carried, self._carried = self._carried, b""
            records = self._decoder.feed(carried, 1)
            if not records:
                if self._eof:
                    self._decoder.end()
                self._more = False
                return
            self._deadlines.record_due = 0
            yield records[0]
