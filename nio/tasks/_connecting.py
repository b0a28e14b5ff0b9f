"""connect: a task that waits for a connection."""

from __future__ import annotations

from typing import Any, TypeVar, overload

from nio.reactor import Connecting
from nio.spi import Address
from nio.tasks._stream import Asker, Stream
from nio.tasks._task import Task, pause

S = TypeVar("S", bound=Stream)


class Dial(Asker):
    """The await of a connect."""

    __slots__ = ("_address", "_connecting", "_local", "_made", "_timeout")

    def __init__(self, address: Any, made: Stream, timeout: float | None, local: Any) -> None:
        super().__init__()
        self._address = address
        self._made = made
        self._timeout = timeout
        self._local = local
        self._connecting: Connecting | None = None

    def _begin(self, task: Task[Any]) -> None:
        self._made._asker = self
        reactor = task.reactor
        self._connecting = reactor.connect(self._address, self._made, timeout=self._timeout, local=self._local)

    def _give_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()


@overload
async def connect(address: Address, *, timeout: float | None = 30.0, local: Address | None = None) -> Stream: ...


@overload
async def connect(
    address: Address, stream: type[S], *, timeout: float | None = 30.0, local: Address | None = None
) -> S: ...


async def connect(
    address: Address, stream: type[Stream] = Stream, *, timeout: float | None = 30.0, local: Address | None = None
) -> Stream:
    """Connect to ``(host, port)`` or a path and return the stream; ``async with`` ends the connection with the block.

    ``stream`` is the class to make, Stream or one with settings of your own, whose ``serve`` is not called. The
    keywords are those of ``reactor.connect``. Raises what the last attempt failed with, an OSError; TimeoutError after
    ``timeout`` seconds; StreamClosedError while the reactor is stopping.
    """
    connected: Stream = await pause(Dial(address, stream(), timeout, local))
    return connected
