"""TlsContext: the settings of TLS for many connections, and what they share: certificates, sessions, the gate.

**It is what makes a transport**: ``transport = TlsContext.server("cert.pem", "key.pem")`` in a handler's class, or the
argument of that name of an Acceptor and of ``reactor.connect``.

**Certificates change under it.** ``reload`` reads the files again into a new ``ssl.SSLContext``, which handshakes from
then on use; connections that stand keep the one they began with. What cannot be read changes nothing: half a pair of
certificate and key never comes into use. Clients have to make one full handshake after that, as the keys of session
tickets are new, too.

**Names** (SNI): the context of the name that the client asks for takes over in the middle of the handshake; ``*.`` in
front of a name stands for one label. A name that is not there gets the first certificate.

**Sessions.** A server's tickets are kept by the clients; OpenSSL makes them by itself, and the contexts of a
:class:`~nio.reactor.Prefork` that were made before the fork know each other's. A client's context keeps the last
session of each of 256 servers, and offers it the next time.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from nio._numbers import check_count, check_seconds
from nio.channels import SocketChannel
from nio.reactor import Reactor, SignalWatch
from nio.tls._engine import SSLEngine
from nio.tls._files import Path, load_authorities, load_pair
from nio.tls._gate import Gate
from nio.tls._transport import TlsTransport

Pair: TypeAlias = tuple[Path, Path]
_SESSIONS = 256
_LONGEST_PROTOCOL = 255
_NO_SUCH_NAME = ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


class _Object(ssl.SSLObject):
    """One side of one connection, with the name that the client asked for."""

    asked_for: str | None = None


class TlsContext:
    """How TLS is spoken: made by ``server`` or ``client``, or around an ``ssl.SSLContext`` of yours.

    ``handshake_timeout``: seconds until a handshake must be done, TLS_TIMEOUT. ``handshakes_per_turn``: steps of
    handshakes that a reactor takes in one turn. Any thread may use it.
    """

    def __init__(
        self,
        context: ssl.SSLContext | Callable[[], ssl.SSLContext],
        *,
        server_side: bool,
        server_name: str | None = None,
        handshake_timeout: float = 10.0,
        handshakes_per_turn: int = 4,
    ) -> None:
        self._make: Callable[[], Any] = context if callable(context) else lambda: context
        self._server_side = server_side
        self._server_name = server_name
        self.handshake_timeout: float = check_seconds("handshake_timeout", handshake_timeout)
        self.handshakes_per_turn: int = check_count("handshakes_per_turn", handshakes_per_turn, 1)
        self._gates: WeakKeyDictionary[Reactor, Gate] = WeakKeyDictionary()
        self._sessions: dict[str | None, ssl.SSLSession] = {}
        self._context = self._made()

    @classmethod
    def server(
        cls,
        certificate: Path,
        key: Path | None = None,
        *,
        names: Mapping[str, Pair] | None = None,
        strict_names: bool = False,
        client_ca: Path | None = None,
        client_certificate: str | None = None,
        protocols: Sequence[str] = (),
        handshake_timeout: float = 10.0,
        handshakes_per_turn: int = 4,
    ) -> TlsContext:
        """A server's, from PEM files: the certificate with its chain, and its key, unless that is in the same file.

        ``names`` has further pairs by server name; with ``strict_names`` a client that asks for any other name is
        refused. With ``client_ca`` the client must show a certificate that is signed by one of these, or may, with
        ``client_certificate="optional"``. ``protocols`` are those of ALPN, the best first. TLS 1.2 and up.

        Raises OSError for a file that cannot be read, ``ssl.SSLError`` for what is no certificate, or no key of it,
        ValueError for a ``client_certificate`` without ``client_ca``.
        """
        if client_certificate not in (None, "required", "optional"):
            raise ValueError(f'client_certificate is "required" or "optional", not {client_certificate!r:.60}')
        if client_certificate is not None and client_ca is None:
            raise ValueError(f"client_certificate={client_certificate!r} needs client_ca: who has signed it?")
        optional = client_certificate == "optional"
        for name, pair in (names or {}).items():
            if isinstance(pair, str) or len(pair) != 2:
                raise TypeError(f"names[{name!r}] is a pair (certificate, key), not {pair!r:.100}")
        pairs: dict[str, tuple[Path, Path | None]] = {name.lower(): pair for name, pair in (names or {}).items()}
        pairs[""] = certificate, key

        def make() -> ssl.SSLContext:
            contexts = {name: _server_context(pair, client_ca, optional, protocols) for name, pair in pairs.items()}
            first = contexts.pop("")
            first.sni_callback = partial(_choose, contexts, strict_names)
            return first

        return cls(make, server_side=True, handshake_timeout=handshake_timeout, handshakes_per_turn=handshakes_per_turn)

    @classmethod
    def client(
        cls,
        server_name: str | None = None,
        *,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        protocols: Sequence[str] = (),
        handshake_timeout: float = 10.0,
    ) -> TlsContext:
        """A client's: the server's certificate must be for its name, and signed by one of ``ca``, the system's without.

        The name is ``server_name``, or the host that ``reactor.connect`` was given. ``certificate`` and ``key`` are the
        client's own. ``protocols`` are those of ALPN, the best first. TLS 1.2 and up.
        """

        def make() -> ssl.SSLContext:
            make = ssl.create_default_context
            context = make() if ca is None else load_authorities(lambda file: make(cafile=file), ca)
            if certificate is not None:
                load_pair(context, certificate, key)
            return _with_protocols(context, protocols)

        return cls(make, server_side=False, server_name=server_name, handshake_timeout=handshake_timeout)

    @property
    def context(self) -> ssl.SSLContext:
        """What handshakes use that begin now."""
        return self._context

    def __repr__(self) -> str:
        return f"TlsContext(server_side={self._server_side}, server_name={self._server_name!r})"

    def __call__(self, channel: SocketChannel) -> TlsTransport:
        """The transport of a connection."""
        return self._carry(self._server_name, channel)

    def for_server(self, name: str) -> Callable[[SocketChannel], TlsTransport]:
        """What makes the transport of a connection to the server of that name, unless this context has a name."""
        if self._server_side:
            raise ValueError("a server's TlsContext makes no transport of a client: TlsContext.client()")
        return partial(self._carry, self._server_name or name)

    def create_ssl_engine(self, peer_host: str | None = None, *, delegated_tasks: bool = False) -> SSLEngine:
        """An engine for one connection, whatever carries its bytes; with ``delegated_tasks`` it says NEED_TASK."""
        wrap = partial(self._wrap, self._server_name or peer_host)
        return SSLEngine(wrap, not self._server_side, delegated_tasks)

    def reload(self) -> None:
        """Read the files again, for handshakes from now on; from any thread.

        What raises (OSError, ``ssl.SSLError``) changes nothing: the old ones stay in use.
        """
        self._context = self._made()
        self._sessions.clear()

    def reload_on(self, reactor: Reactor, signum: int) -> SignalWatch:
        """Reload when this signal comes, SIGHUP for one; the log says INFO, or ERROR when the old files stay in use."""

        def reload(*_: object) -> None:
            try:
                self.reload()
            except OSError as error:
                reactor.report("reload", logging.ERROR, "certificates are not reloaded, the old ones stay: %s", error)
            else:
                reactor.report("reload", logging.INFO, "certificates are reloaded")

        return reactor.on_signal(signum, reload)

    # for its transports

    def _made(self) -> ssl.SSLContext:
        context = self._make()
        if not isinstance(context, ssl.SSLContext):
            raise TypeError(f"a TlsContext is made of an ssl.SSLContext or of what makes one, not of {context!r:.60}")
        wrong = ssl.PROTOCOL_TLS_CLIENT if self._server_side else ssl.PROTOCOL_TLS_SERVER
        if context.protocol == wrong:
            raise ValueError(
                f"a context of {wrong.name} is of no use to a {'server' if self._server_side else 'client'}"
            )
        context.sslobject_class = _Object
        return context

    def _carry(self, name: str | None, channel: SocketChannel) -> TlsTransport:
        keep = None if self._server_side else partial(self._keep_session, self._context, name)
        return TlsTransport(channel, partial(self._wrap, name), self._gate_of, keep, self.handshake_timeout)

    def _wrap(self, name: str | None, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        context = self._context
        if self._server_side:
            return context.wrap_bio(incoming, outgoing, server_side=True)
        if name is None and context.check_hostname:
            raise ValueError("a client's TlsContext checks the server's name: give it one, TlsContext.client(name)")
        tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
        session = self._sessions.get(name)
        if session is not None:
            try:
                tls.session = session
            except ValueError:
                pass  # of a context from before a reload
        return tls

    def _keep_session(self, context: ssl.SSLContext, name: str | None, tls: ssl.SSLObject) -> None:
        session = tls.session
        if session is not None and session.has_ticket and context is self._context:
            sessions = self._sessions  # other threads change it, too: no step relies on the one before
            sessions.pop(name, None)
            sessions[name] = session
            for oldest in list(sessions)[:-_SESSIONS]:
                sessions.pop(oldest, None)

    def _gate_of(self, reactor: Any) -> Gate:
        gate = self._gates.get(reactor)
        if gate is None:
            gate = self._gates[reactor] = Gate(reactor, self.handshakes_per_turn)
        return gate


def _server_context(
    pair: tuple[Path, Path | None], client_ca: Path | None, optional: bool, protocols: Sequence[str]
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    load_pair(context, *pair)
    if client_ca is not None:
        load_authorities(context.load_verify_locations, client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    return _with_protocols(context, protocols)


def _with_protocols(context: ssl.SSLContext, protocols: Sequence[str]) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if isinstance(protocols, str):
        raise ValueError(f"protocols is a list of names, not {protocols!r:.60}")
    for name in protocols:
        if not (isinstance(name, str) and name.isascii() and 1 <= len(name) <= _LONGEST_PROTOCOL):
            raise ValueError(f"{name!r} in protocols is no name of 1 to 255 bytes of ASCII")
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _choose(
    contexts: Mapping[str, ssl.SSLContext], strict: bool, tls: Any, name: str | None, first: ssl.SSLContext
) -> int | None:
    """The answer to the name that a client asks for: None for going on, or an alert."""
    if name is None:
        return None
    tls.asked_for = name
    found = contexts.get(name.lower()) or contexts.get("*." + name.lower().partition(".")[2])
    if found is not None:
        tls.context = found
        return None
    return _NO_SUCH_NAME if strict else None
