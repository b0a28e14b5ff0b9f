"""connect: a task that waits for a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from nio.channels import SocketChannel
from nio.reactor import Connecting
from nio.spi import Address
from nio.tasks._stream import Asker, Stream
from nio.tasks._task import Task, pause

S = TypeVar("S", bound=Stream)


class Dial(Asker):
    """The await of a connect."""

    __slots__ = ("_address", "_connecting", "_made", "_options")

    def __init__(self, address: Any, made: Stream, options: dict[str, Any]) -> None:
        super().__init__()
        self._address = address
        self._made = made
        self._options = options
        self._connecting: Connecting | None = None

    def _begin(self, task: Task[Any]) -> None:
        self._made._asker = self
        self._connecting = task.reactor.connect(self._address, self._made, **self._options)

    def _give_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if getattr(self._made, "_state", None) is not None:
            self._made.close()  # it stands, and may be in its handshake


@overload
async def connect(
    address: Address,
    *,
    timeout: float | None = 30.0,
    local: Address | None = None,
    transport: Callable[[SocketChannel], object] | None = None,
) -> Stream: ...


@overload
async def connect(
    address: Address,
    stream: type[S],
    *,
    timeout: float | None = 30.0,
    local: Address | None = None,
    transport: Callable[[SocketChannel], object] | None = None,
) -> S: ...


async def connect(
    address: Address,
    stream: type[Stream] = Stream,
    *,
    timeout: float | None = 30.0,
    local: Address | None = None,
    transport: Callable[[SocketChannel], object] | None = None,
) -> Stream:
    """Connect to ``(host, port)`` or a path and return the stream; ``async with`` ends the connection with the block.

    ``stream`` is the class to make, Stream or one with settings of your own, whose ``serve`` is not called. The
    keywords are those of ``reactor.connect``. With ``transport``, a :class:`nio.tls.TlsContext` say, it returns when
    the handshake is done, for which the context has a time limit of its own.

    Raises what the last attempt failed with, an OSError; TimeoutError after ``timeout`` seconds without a connection;
    StreamClosedError when no TLS comes about, with TLS_HANDSHAKE or TLS_TIMEOUT as ``reason`` and the error of ``ssl``
    as ``__cause__``, and while the reactor is stopping.
    """
    options = {"timeout": timeout, "local": local, "transport": transport}
    connected: Stream = await pause(Dial(address, stream(), options))
    return connected
