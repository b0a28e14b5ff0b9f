"""The hello server on trio, Twisted and gevent: ``python3 -m benchmarks.peers.on_others NAME KIND``.

Each in the way its own documentation shows. Twisted's ``LineReceiver`` refuses lines of more than 4 KiB; the two others
keep no bounds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks._process import BACKLOG, HOST, MAX_NAME, announce


class Greeter:
    """Bytes in, the replies to the lines that are whole out."""

    def __init__(self) -> None:
        self.held = b""

    def feed(self, data: bytes) -> bytes:
        *names, self.held = (self.held + data).split(b"\n")
        return b"".join([b"Hello " + name + b"\n" for name in names])


def replies(kind: str) -> Callable[[bytes], bytes]:
    return (lambda data: data) if kind == "echo" else Greeter().feed


def on_trio(kind: str) -> None:
    import trio

    async def talk(stream: Any) -> None:
        feed = replies(kind)
        async for data in stream:
            if out := feed(data):
                await stream.send_all(out)

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(
                lambda task_status: trio.serve_tcp(talk, 0, host=HOST, backlog=BACKLOG, task_status=task_status)
            )
            announce(listeners[0].socket.getsockname()[1], lambda: os._exit(0))

    trio.run(serve)


def on_twisted(kind: str) -> None:
    from twisted.internet import epollreactor

    epollreactor.install()
    from twisted.internet import protocol, reactor
    from twisted.protocols.basic import LineReceiver

    class Hello(LineReceiver):  # type: ignore[misc]  # its types are known only where it is installed
        delimiter = b"\n"
        MAX_LENGTH = MAX_NAME

        def connectionMade(self) -> None:  # noqa: N802  # Twisted's name
            self.transport.setTcpNoDelay(True)

        def lineReceived(self, line: bytes) -> None:  # noqa: N802  # Twisted's name
            self.sendLine(b"Hello " + line)

    class Echo(protocol.Protocol):  # type: ignore[misc]  # as above
        def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
            self.transport.write(data)

    loop: Any = reactor
    factory = protocol.Factory.forProtocol(Echo if kind == "echo" else Hello)
    port = loop.listenTCP(0, factory, backlog=BACKLOG, interface=HOST)
    announce(port.getHost().port, lambda: os._exit(0))
    loop.run()


def on_gevent(kind: str) -> None:
    from gevent.server import StreamServer

    def talk(sock: Any, address: object) -> None:
        feed = replies(kind)
        for data in received(sock):
            if out := feed(data):
                sock.sendall(out)

    server = StreamServer((HOST, 0), talk, backlog=BACKLOG)
    server.start()
    announce(server.server_port, lambda: os._exit(0))
    server.serve_forever()


def received(sock: Any) -> Iterator[bytes]:
    try:
        while data := sock.recv(65536):
            yield data
    except OSError:
        pass  # the client is gone


SERVERS: dict[str, Callable[[str], None]] = {"trio": on_trio, "twisted": on_twisted, "gevent": on_gevent}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](sys.argv[2])
