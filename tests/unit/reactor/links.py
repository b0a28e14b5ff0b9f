"""A proxy turned by hand: a reactor whose clients are joined to a target that is a plain socket of the test."""

from __future__ import annotations

import socket
from typing import Any, Self

from nio.channels import SelectionKey, SocketChannel
from nio.reactor import CloseReason, Link
from tests.unit.reactor.support import Kernel, Peer, World


class End(Link):
    """With a diary."""

    def __init__(self, other: Link | None = None) -> None:
        super().__init__(other)
        self.reasons: list[CloseReason] = []
        self.most = 0  # bytes of output that ever waited

    def write(self, data: bytes | bytearray | memoryview) -> bool:
        taken = super().write(data)
        self.most = max(self.most, self.unsent)
        return taken

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Far(Peer):
    """The target's end of a connection that the proxy has made."""

    def __init__(self, world: World, sock: socket.socket) -> None:
        self.sock, self.world = sock, world
        self.sock.setblocking(False)
        self.got = b""
        self.ended = False


class Proxy(World):
    """``pair()`` gives a client and the target, with the proxy's two ends between."""

    def __init__(self, end: type[End] = End, *, buffers: int = 0) -> None:
        super().__init__(end, kernel=Kernel())
        self.end = end
        self.buffers = buffers
        self.target = socket.create_server(("127.0.0.1", 0))
        self.target_address = self.target.getsockname()
        if buffers:
            self.target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)

    def __exit__(self, *exc_info: Any) -> None:
        self.target.close()
        super().__exit__(*exc_info)

    @property
    def ends(self) -> tuple[Any, Any]:
        """The proxy's ends: to the client, to the target."""
        return self.handlers[-1], self.handlers[-1].other

    def back(self) -> tuple[SocketChannel, Far]:
        """A connection to the target, and the target's end of it."""
        channel = SocketChannel.open(self.target.getsockname(), provider=self.kernel)
        if self.buffers:
            channel.set_option("SO_SNDBUF", self.buffers)
        far = Far(self, self.target.accept()[0])
        self.peers.append(far)
        return channel, far

    def pair(self) -> tuple[Peer, Far]:
        client = self.connect(receive_buffer=self.buffers or None)
        channel, far = self.back()
        self.reactor.admit(channel, SelectionKey.OP_READ, self.end(self.handler))
        return client, far

    def __enter__(self) -> Self:
        return self
