"""What tests of datagram handlers share: one with a diary, a world of it, and plain sockets as its peers."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any, Self

from nio.channels import DatagramChannel, SelectionKey
from nio.errors import ProtocolError
from nio.reactor import CloseReason, DatagramHandler, Reactor
from nio.reactor.loop._hand_off import Workers
from nio.spi import Address
from tests.helpers import LOOPBACK, PATIENCE, until
from tests.unit.reactor.support import Kernel, Manual

READ, WRITE = int(SelectionKey.OP_READ), int(SelectionKey.OP_WRITE)


class Greeter(DatagramHandler):
    """Greets, with a diary."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.peers: list[Address] = []
        self.errors: list[OSError] = []
        self.reasons: list[CloseReason] = []

    def process(self, data: bytes, peer: Address) -> Any:
        self.seen.append(data)
        self.peers.append(peer)
        match data:
            case b"text":
                return "text"
            case b"raise":
                raise KeyError("raised on purpose")
            case b"panic":
                raise GeneratorExit
            case b"blame":
                raise ProtocolError("on purpose")
            case b"hush":
                return None
        return b"Hello " + data

    def on_error(self, error: OSError) -> None:
        self.errors.append(error)

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Narrow:
    """A channel's socket for a kernel that takes no datagram while ``room`` is 0."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.room = 0
        self.script: list[OSError] = []

    def sendto(self, data: Any, address: Any) -> int:
        if self.script:
            raise self.script.pop(0)
        if not self.room:
            raise BlockingIOError(errno.EAGAIN, "no room")
        self.room -= 1
        return self.sock.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


class Service:
    """A reactor that is turned by hand, its datagram handler on a free port, and clients."""

    def __init__(self, handler: DatagramHandler | None = None, *, workers: int | Workers = 0) -> None:
        self.handler: Any = Greeter() if handler is None else handler
        self.reactor = Reactor.open(workers=workers, provider=Kernel())
        self.channel = DatagramChannel.open(provider=self.reactor.provider).bind(LOOPBACK)
        self.key = self.reactor.register(self.channel, READ, self.handler)
        self.address = ("127.0.0.1", self.channel.port or 0)
        self.clients: list[socket.socket] = []
        self.patience = 0.0 if workers == 0 or isinstance(workers, Manual) else 0.005

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for client in self.clients:
            client.close()
        self.reactor.close()
        self.channel.close()

    def client(self) -> socket.socket:
        """One that sends to the service and hears from it alone."""
        client = socket.socket(type=socket.SOCK_DGRAM)
        self.clients.append(client)
        client.settimeout(PATIENCE)
        client.connect(self.address)
        return client

    def narrow(self) -> Narrow:
        """From now on the kernel takes what the test says."""
        sock: Any = self.channel._sock
        self.channel._end = narrow = Narrow(sock)
        return narrow

    def until(self, condition: Callable[[], object]) -> None:
        """Turn the reactor until the condition holds."""

        def turned() -> object:
            self.reactor.turn(self.patience)
            return condition()

        until(turned)

    def received(self, count: int) -> None:
        """Turn until so many datagrams were taken."""
        self.until(lambda: self.handler.statistics().received >= count)
