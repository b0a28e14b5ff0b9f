"""Why a connection ended."""

from __future__ import annotations

import enum


class CloseReason(enum.Enum):
    """Why a connection ended; handed to ``on_close`` and counted in ``reactor.statistics().closed``."""

    PEER_FIN = "the peer ended the stream"
    PEER_RST = "the peer reset the connection, or the network did"
    LOCAL = "this side closed it"
    CONNECT_FAILED = "no connection came about"
    CONNECT_TIMEOUT = "no connection came about in time"
    DETACHED = "this side gave the channel to somebody else"
    IDLE_TIMEOUT = "the peer neither sent nor took anything for the idle time"
    READ_TIMEOUT = "the peer sent nothing for the read time"
    WRITE_TIMEOUT = "the peer took nothing for the write time"
    TOO_SLOW = "the peer was too slow with a record, or with taking what it asked for"
    FRAME_TOO_LONG = "a record was longer than its framing allows"
    PROTOCOL_ERROR = "the peer broke the protocol"
    HANDLER_ERROR = "the handler raised"
    PROCESS_TIMEOUT = "a worker had the request for longer than it may take"
    FILE_ERROR = "a file that was being sent got shorter or could not be read"
    WORKER_LOST = "the worker that had the request is gone"
    OVERLOAD = "there was no room for the request or for its reply"
    DRAIN = "the reactor is stopping"
    TLS_HANDSHAKE = "no TLS connection came about"
    TLS_TIMEOUT = "no TLS connection came about in time"
    TLS_TRUNCATED = "the peer ended the stream without the end that TLS has"


# An enum's own is a Python function, and every end of a connection is counted.
CloseReason.__hash__ = object.__hash__  # type: ignore[method-assign]
