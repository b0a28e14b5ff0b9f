"""A TLS client made of Python's own ssl, driven by hand like the reactor it talks to."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from nio.reactor import CloseReason, Connection, Handler
from nio.tls import TlsContext
from tests.certificates import Authority, Pair
from tests.unit.reactor.support import Echo, Greeter, Keeper, Peer, World


class Pki:
    """An authority that is trusted here, one that is not, and a server's certificate of the first."""

    def __init__(self, trusted: Authority, stranger: Authority) -> None:
        self.trusted, self.stranger = trusted, stranger

    @property
    def pair(self) -> Pair:
        return self.trusted.issue("localhost", "127.0.0.1")

    def server(self, **options: Any) -> TlsContext:
        return TlsContext.server(*self.pair.both, **options)

    def client(self, version: str = "", **options: Any) -> ssl.SSLContext:
        """Python's own client, which trusts the first authority."""
        context = ssl.create_default_context(cafile=str(self.trusted.certificate))
        if version:
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        for name, value in options.items():
            setattr(context, name, value)
        return context


class Client:
    """One TLS connection to a World; whatever it waits for, it turns the reactor."""

    def __init__(self, world: World, context: ssl.SSLContext, name: str | None = "localhost", **options: Any) -> None:
        self.world = world
        self.peer: Peer = options.pop("peer", None) or world.connect(**options)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.got = b""

    def act(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Call ``fn`` again and again until it has what it wants of the server."""
        found: list[Any] = []

        def done() -> bool:
            try:
                found.append(fn(*args))
            except ssl.SSLWantReadError:
                pass
            finally:
                self.flush()
            if not found:
                self.pull()
            return bool(found)

        self.world.until(done)
        return found[0]

    def flush(self) -> None:
        data = self.outgoing.read()
        if data:
            self.peer.send(data)

    def pull(self) -> bool:
        """Take what has come; whether there is anything."""
        self.peer.pull()
        data, self.peer.got = self.peer.got, b""
        if data:
            self.incoming.write(data)
        if self.peer.ended:
            self.incoming.write_eof()
        return self.incoming.pending > 0

    def shake(self) -> Client:
        """To the end of the handshake, on both sides."""
        self.act(self.tls.do_handshake)
        return self

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self.flush()

    def read(self, count: int) -> bytes:
        while len(self.got) < count:
            data = self.act(self.tls.read, 65536)
            assert data, f"the stream ended after {self.got!r}"
            self.got += data
        data, self.got = self.got[:count], self.got[count:]
        return data

    def read_some(self) -> bytes:
        """Whatever is there; nothing is waited for."""
        self.pull()
        pieces = []
        try:
            while data := self.tls.read(65536):
                pieces.append(data)
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def read_to_end(self) -> bytes:
        """Up to the server's close_notify; SSLEOFError without one."""
        while data := self.act(self._read):
            self.got += data
        data, self.got = self.got, b""
        return data

    def _read(self) -> bytes:
        try:
            return self.tls.read(65536)
        except ssl.SSLZeroReturnError:  # both sides have said that they end
            return b""

    def ask(self, name: bytes) -> None:
        self.send(name + b"\n")
        expected = b"Hello " + name + b"\n"
        assert self.read(len(expected)) == expected

    def say_end(self) -> None:
        """close_notify, and the end of TCP's stream."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()
        self.peer.half_close()


def over(tls: Any, cls: type[Connection] = Greeter, **settings: Any) -> type[Connection]:
    """That class, over TLS."""
    return type(cls.__name__, (cls,), {"transport": tls, **settings})


class Secured:
    """Mixed into a handler: notes when the handshake is done."""

    secured = 0

    def on_secure(self) -> None:
        self.secured += 1


class Hello(Secured, Greeter):
    """The hello server."""


class Mirror(Secured, Echo):
    """Bytes in, the same bytes out."""


class Diary(Secured, Keeper):
    """Bytes in, nothing out."""


def ended(world: World, reason: CloseReason) -> bool:
    return world.closed() == {reason: 1}


__all__ = ["Client", "Diary", "Handler", "Hello", "Mirror", "Pki", "Secured", "World", "ended", "over"]


def crowd(world: World, pki: Pki, count: int) -> list[Client]:
    """So many clients whose hellos the reactor finds in one selection."""
    clients = [Client(world, pki.client()) for _ in range(count)]
    for each in clients:
        with pytest.raises(ssl.SSLWantReadError):
            each.tls.do_handshake()
        each.flush()
    return clients
