"""Every exception of nio, in one tree.

A name is the Java name with ``Error`` for ``Exception``; the second base is the builtin a Python programmer would
catch. Errors of the operating system stay what Python makes of them (``ConnectionRefusedError``,
``ConnectionResetError``, ``BrokenPipeError``, ``OSError`` with ``EADDRINUSE`` ...).

::

    IllegalStateError (RuntimeError)            the call comes at the wrong time
    ├── InvalidMarkError                        reset() without a mark
    ├── ClosedSelectorError
    ├── ForkedSelectorError                     use, in a forked child, of a selector of the parent's
    ├── CancelledKeyError
    ├── IllegalBlockingModeError
    ├── NotYetBoundError
    ├── NotYetConnectedError
    ├── NoConnectionPendingError
    ├── AlreadyBoundError
    ├── AlreadyConnectedError
    ├── ConnectionPendingError
    ├── NonReadableChannelError                 a file that was not opened for reading
    ├── NonWritableChannelError                 ... for writing
    ├── OverlappingFileLockError                this process holds or awaits a lock on part of the region
    └── RejectedExecutionError                  a pool that is full or shut down
    WorkerStartError (RuntimeError)             a pool without a worker, and the system starts no thread
    WorkerLostError (RuntimeError)              a call whose worker is gone, while its executor works on
    WorkersLostError (RuntimeError)             raised by run(): the reactor's executor is broken, for good
    IllegalArgumentError (ValueError)           the value has the right type but is wrong
    ├── IllegalSelectorError                    a selector of another provider
    ├── UnresolvedAddressError
    ├── UnsupportedAddressTypeError
    ├── IllegalCharsetNameError (LookupError)   no charset could have such a name
    ├── UnsupportedCharsetError (LookupError)   a charset that Python does not have
    └── ProviderUnavailableError                NIO_PROVIDER names what this machine does not have
    BufferOverflowError (BufferError)           relative put without room
    BufferUnderflowError (BufferError)          relative get without data
    ReadOnlyBufferError (TypeError)             write to a read-only buffer
    ClosedChannelError (OSError)                use of a closed channel
    └── AsynchronousCloseError                  closed by another thread during a blocking call
    CharacterCodingError (OSError, UnicodeError)  input that a charset cannot code
    ├── MalformedInputError                     it is not of the charset's form
    └── UnmappableCharacterError                it is, and has no counterpart on the other side
    FramingError (ValueError)                   the byte stream breaks the rule of its framing
    ├── RecordTooLongError
    ├── TruncatedRecordError                    the stream ended inside a record
    └── DelimiterInRecordError                  a record to be sent holds its own delimiter
    ProtocolError (ValueError)                  raised by process(): the record is the peer's fault

An index outside a buffer is a plain ``IndexError``; an operation that a kind of channel or buffer does not have is
``io.UnsupportedOperation``.
"""

from __future__ import annotations


class IllegalStateError(RuntimeError):
    """The call comes at the wrong time."""


class InvalidMarkError(IllegalStateError):
    """``reset()`` on a buffer whose mark is not set."""


class ClosedSelectorError(IllegalStateError):
    """Use of a closed selector."""


class ForkedSelectorError(IllegalStateError):
    """Use, in a forked child, of a selector that its parent opened, or of a key of such a selector."""


class CancelledKeyError(IllegalStateError):
    """Use of a cancelled key, or registration before such a key has been flushed by a selection."""


class IllegalBlockingModeError(IllegalStateError):
    """A channel in blocking mode was registered, or blocking mode was asked for while registered."""


class NotYetBoundError(IllegalStateError):
    """``accept()`` before ``bind()``."""


class NotYetConnectedError(IllegalStateError):
    """Reading, writing or shutting down a channel that is not connected."""


class NoConnectionPendingError(IllegalStateError):
    """``finish_connect()`` without a ``connect()`` under way."""


class AlreadyBoundError(IllegalStateError):
    """A second ``bind()``."""


class AlreadyConnectedError(IllegalStateError):
    """``connect()`` on a connected channel."""


class ConnectionPendingError(IllegalStateError):
    """``connect()`` or ``bind()`` while a connection is under way."""


class NonReadableChannelError(IllegalStateError):
    """Reading from a channel that was not opened for reading."""


class NonWritableChannelError(IllegalStateError):
    """Writing to a channel that was not opened for writing."""


class OverlappingFileLockError(IllegalStateError):
    """This process already holds, or waits for, a lock on part of the region."""


class RejectedExecutionError(IllegalStateError):
    """The pool takes no more work: it is full (policy *abort*), shut down, or of the process that forked this one."""


class WorkerStartError(RuntimeError):
    """The pool has no worker and the system starts no thread; ``__cause__`` says why. A later job may be taken."""


class WorkerLostError(RuntimeError):
    """The worker that had this call is gone, or its batch was cancelled; the executor works on."""


class WorkersLostError(RuntimeError):
    """The executor of a reactor is broken, and there is no factory of another one; raised by ``run()``."""


class IllegalArgumentError(ValueError):
    """The value has the right type, but the method does not take it."""


class IllegalSelectorError(IllegalArgumentError):
    """The selector was opened by another provider than the channel."""


class UnresolvedAddressError(IllegalArgumentError):
    """The address names a host that is not resolved; nio never asks the resolver on its own."""


class UnsupportedAddressTypeError(IllegalArgumentError):
    """The address is not of the channel's family."""


class ProviderUnavailableError(IllegalArgumentError):
    """The forced back end is unknown or this machine does not have it; the message names those it has."""


class IllegalCharsetNameError(IllegalArgumentError, LookupError):
    """No charset could have this name: letters, digits and ``-+.:_``, a letter or digit first."""


class UnsupportedCharsetError(IllegalArgumentError, LookupError):
    """Python has no charset of this name."""


class BufferOverflowError(BufferError):
    """A relative put found fewer free elements than it needs."""


class BufferUnderflowError(BufferError):
    """A relative get found fewer remaining elements than it needs."""


class ReadOnlyBufferError(TypeError):
    """A write to a read-only buffer, or its array asked for."""


class ClosedChannelError(OSError):
    """Use of a closed channel, or of a direction that is shut down."""


class AsynchronousCloseError(ClosedChannelError):
    """The channel was closed by another thread while this one was blocked in it."""


class CharacterCodingError(OSError, UnicodeError):
    """Input that a charset coder was told to report; ``input_length`` units of it, from its position on."""

    def __init__(self, input_length: int) -> None:
        super().__init__(input_length)
        self.input_length = input_length

    def __str__(self) -> str:
        return f"Input length = {self.input_length}"


class MalformedInputError(CharacterCodingError):
    """The input is not of the charset's form."""


class UnmappableCharacterError(CharacterCodingError):
    """The input is well-formed and has no counterpart on the other side."""


class FramingError(ValueError):
    """The byte stream breaks the rule of its framing; nothing after the offence is decoded."""


class RecordTooLongError(FramingError):
    """A record is longer than the framing's maximum."""


class TruncatedRecordError(FramingError):
    """The stream ended inside a record."""


class DelimiterInRecordError(FramingError):
    """A record to be sent holds its own delimiter: the peer would read two."""


class ProtocolError(ValueError):
    """Raised by ``process()`` for a record that is the peer's fault: the connection ends with that reason."""
