"""SSLSession: what a handshake has brought, by the names of ``javax.net.ssl.SSLSession``."""

from __future__ import annotations

import ssl
from typing import Any

from nio.reactor import Connection

PACKET_BUFFER_SIZE = 16709  # of one record: its header, 16 KiB and the most that OpenSSL adds
APPLICATION_BUFFER_SIZE = 16384


class SSLSession:
    """What is known of the peer and of the way to it; empty or None while the handshake is not done.

    ``packet_buffer_size`` and ``application_buffer_size`` are the bytes a buffer needs so that ``wrap`` and ``unwrap``
    of an :class:`SSLEngine` can always go on.
    """

    __slots__ = ("_object",)

    packet_buffer_size: int = PACKET_BUFFER_SIZE
    application_buffer_size: int = APPLICATION_BUFFER_SIZE

    def __init__(self, tls: ssl.SSLObject) -> None:
        self._object = tls

    @property
    def protocol(self) -> str | None:
        """``"TLSv1.3"``, say."""
        return self._object.version()

    @property
    def cipher_suite(self) -> str | None:
        """By OpenSSL's name: ``"TLS_AES_256_GCM_SHA384"``, say."""
        cipher = self._object.cipher()
        return None if cipher is None else cipher[0]

    @property
    def peer_certificates(self) -> list[bytes]:
        """The peer's certificate, DER-encoded; none if it has shown none.

        Python's ``ssl`` tells of the chain behind it from 3.13 on only, so it is left out.
        """
        certificate = self._peer_certificate(binary=True)
        return [certificate] if certificate else []

    @property
    def peer_names(self) -> list[str]:
        """The names that the peer's certificate stands for, if it was checked: of its hosts, else its common name."""
        decoded = self._peer_certificate(binary=False) or {}
        names = [str(entry[1]) for entry in decoded.get("subjectAltName", ())]
        subject = [pair for group in decoded.get("subject", ()) for pair in group]
        return names or [str(value) for key, value in subject if key == "commonName"]

    @property
    def application_protocol(self) -> str | None:
        """What ALPN has agreed on: ``"h2"``, say; None for nothing."""
        return self._object.selected_alpn_protocol()

    @property
    def server_name(self) -> str | None:
        """The name that the client asked for (SNI); None for none."""
        asked: str | None = getattr(self._object, "asked_for", None) or self._object.server_hostname
        return asked

    @property
    def is_resumed(self) -> bool:
        """The handshake was a short one, by what both sides remembered of an earlier connection."""
        return bool(self._object.session_reused)

    def __repr__(self) -> str:
        return f"SSLSession({self.protocol}, {self.cipher_suite}, server_name={self.server_name!r})"

    def _peer_certificate(self, binary: bool) -> Any:
        try:
            return self._object.getpeercert(binary)
        except ValueError:  # the handshake is not done
            return None


def session_of(connection: Connection) -> SSLSession | None:
    """What TLS says of this connection; None while it has none. Complete from ``on_secure`` on.

    For the reactor's thread: what ``process`` needs of it in a worker is to be kept in ``on_secure``.
    """
    session: SSLSession | None = getattr(connection.carrier, "session", None)
    return session
