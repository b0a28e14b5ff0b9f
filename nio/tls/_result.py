"""SSLEngineResult: what a ``wrap`` or ``unwrap`` has done, by the names of ``javax.net.ssl``."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Status(enum.Enum):
    """What became of the call: ``SSLEngineResult.Status``."""

    OK = "it is done"
    BUFFER_OVERFLOW = "the destination has no room for it: nothing was done"
    BUFFER_UNDERFLOW = "the source does not hold a whole record: nothing was done"
    CLOSED = "this direction is closed, or was by this call"


class HandshakeStatus(enum.Enum):
    """What the engine waits for: ``SSLEngineResult.HandshakeStatus``."""

    NOT_HANDSHAKING = "nothing"
    NEED_WRAP = "that the caller wraps, and sends what comes of it"
    NEED_UNWRAP = "that the caller receives, and unwraps it"
    NEED_TASK = "that a delegated task is done; told by an engine with delegated_tasks"
    FINISHED = "this call has finished the handshake; in a result only"


@dataclass(frozen=True)
class SSLEngineResult:
    """``status``, ``handshake_status``, and how many bytes of the source were read and written to the destination."""

    status: Status
    handshake_status: HandshakeStatus
    bytes_consumed: int
    bytes_produced: int
