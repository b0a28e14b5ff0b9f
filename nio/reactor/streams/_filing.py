"""Filing: files in a connection's output; see ``_file_piece.py`` for what the kernel does with them."""

from __future__ import annotations

import logging

from nio.channels import StandardSocketOptions
from nio.reactor.loop._close_reason import CloseReason
from nio.reactor.streams._carried import Carried
from nio.reactor.streams._file_piece import FilePiece, FileSource, SourceError, file_piece
from nio.reactor.streams._state import ENDED
from nio.reactor.streams._transport import Plain


class Filing(Carried):
    """What :class:`Connection` is made on: its output may hold parts of files."""

    __slots__ = ()

    def send_file(self, file: FileSource, position: int = 0, count: int | None = None) -> bool:
        """Queue ``count`` bytes of a file from ``position`` on, to its end without ``count``; from any thread.

        The kernel sends them without a copy where it can. A path is opened, and closed when they are sent; a channel is
        yours, and stays open until then. What is unsent of files counts for the marks, not for ``max_output``. False
        when the connection is ending, and nothing is sent. A file that gets shorter meanwhile, or cannot be read, ends
        the connection with FILE_ERROR.

        Raises OSError for what cannot be opened, IllegalArgumentError for bytes that the file does not have,
        NonReadableChannelError.
        """
        target = self.channel if isinstance(self._transport, Plain) else None
        piece = file_piece(file, position, count, target, self.reactor.provider)
        if self.reactor.owner.is_elsewhere:
            self.reactor.post(self._queue_file, piece)
            return True
        return self._queue_file(piece)

    # for the reactor

    def _queue_file(self, piece: FilePiece) -> bool:
        if not (self.write(b"") and piece.left):
            piece.release()
            return self._state not in ENDED and not self._output_ends
        outbox = self._own_outbox()
        if outbox.release not in self._rare.at_end:
            self.call_at_end(outbox.release)
        outbox.append_long(piece)
        self.reactor.post(self.send_queued)
        return True

    def _lost(self, error: OSError) -> None:
        if isinstance(error, SourceError):
            self._own_rare().detail = str(error)
            self.reactor.report("file", logging.WARNING, "%s: a file cannot be sent: %s", type(self).__name__, error)
            self._reset(CloseReason.FILE_ERROR)
        else:
            super()._lost(error)

    def _reset(self, reason: CloseReason) -> None:
        """Close at once, so that the peer does not take what it has got for the whole."""
        if self._secure is not None:
            self._secure.end(False)
        try:
            self.channel.set_option(StandardSocketOptions.SO_LINGER, 0)
        except OSError:
            pass  # it is gone already
        self.close(reason)
