"""listen: an Acceptor whose connections are served by tasks, and whose end can be awaited."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Coroutine
from typing import Any, Self

from nio.channels import SelectionKey, ServerSocketChannel, SocketChannel
from nio.reactor import Acceptor, CloseReason
from nio.spi import Address, ProtocolFamily
from nio.tasks._errors import no_coroutine_function
from nio.tasks._stream import Stream
from nio.tasks._task import Waiting, current_task, pause


class Listener(Acceptor):
    """What ``listen`` returns: an Acceptor that a task can wait for; ``async with`` closes it with the block."""

    __slots__ = ("_is_replaced", "_parted")

    def __init__(
        self,
        handler: Callable[[], Stream],
        *,
        accepts_per_turn: int = 16,
        per_peer: int | None = None,
        transport: Callable[[SocketChannel], object] | None = None,
    ) -> None:
        super().__init__(handler, accepts_per_turn=accepts_per_turn, per_peer=per_peer, transport=transport)
        self._parted: list[Waiting] = []
        self._is_replaced = False

    @property
    def port(self) -> int | None:
        """Where it listens; None for a path."""
        return self.channel.port

    async def wait_closed(self) -> None:
        """Wait until it listens no more; its connections may go on."""
        self.reactor.owner.check("wait_closed")
        if self.channel.is_open and not self._is_replaced:
            await pause(Waiting(self._parted))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def close(self, reason: CloseReason = CloseReason.LOCAL) -> None:
        super().close(reason)
        if not self.reactor.owner.is_elsewhere:
            self._let_go()

    def handle_replaced(self) -> None:
        self._is_replaced = True
        self._let_go()

    def _let_go(self) -> None:
        for parted in self._parted:
            parted.resume()
        self._parted.clear()


async def listen(
    address: Address | os.PathLike[str],
    serve: Callable[[Stream], Coroutine[Any, Any, object]] | type[Stream],
    *,
    backlog: int = 0,
    accepts_per_turn: int = 16,
    per_peer: int | None = None,
    transport: Callable[[SocketChannel], object] | None = None,
) -> Listener:
    """Listen at ``(host, port)`` or a path, and serve each connection by a task: ``serve(stream)``.

    For settings, ``serve`` is a subclass of :class:`Stream`, or ``Patient.serving(fn)`` for a function. The keywords
    are those of ``bind`` and :class:`~nio.reactor.Acceptor`. With ``transport``, a :class:`nio.tls.TlsContext` say, the
    task begins when the handshake is done, and there is none for a handshake that fails. A task that raises ends its
    own connection, HANDLER_ERROR, with one line in the log. OSError when the address is taken.
    """
    is_class = isinstance(serve, type) and issubclass(serve, Stream)
    if is_class and serve.serve is Stream.serve:  # type: ignore[union-attr]
        raise TypeError(
            f"{serve.__name__} has no serve(): write async def serve(self), or {serve.__name__}.serving(fn)"
        )
    if not (is_class or inspect.iscoroutinefunction(serve)):
        raise no_coroutine_function("listen", serve, "a class of Stream")
    handler: Any = serve if is_class else Stream.serving(serve)  # type: ignore[arg-type]  # which it checks
    reactor = (await current_task()).reactor
    listener = Listener(handler, accepts_per_turn=accepts_per_turn, per_peer=per_peer, transport=transport)
    channel = ServerSocketChannel.open(_family(address), provider=reactor.provider)
    try:
        channel.bind(address, backlog)
        reactor.register(channel, SelectionKey.OP_ACCEPT, listener)
    except BaseException:
        channel.close()
        raise
    return listener


def _family(address: object) -> ProtocolFamily:
    if not isinstance(address, tuple):
        return ProtocolFamily.UNIX
    return ProtocolFamily.INET6 if ":" in str(address[0]) else ProtocolFamily.INET
