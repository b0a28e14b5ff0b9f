"""TLS: under a connection by one setting, or as Java's SSLEngine, over Python's ``ssl``.

``_context.py`` says what connections share and how certificates are reloaded, ``_transport.py`` how bytes go through
TLS, ``_gate.py`` why handshakes do not starve anybody, ``_engine.py`` what the engine promises.
"""

from __future__ import annotations

from nio.tls._context import TlsContext as TlsContext
from nio.tls._engine import SSLEngine as SSLEngine
from nio.tls._result import HandshakeStatus as HandshakeStatus
from nio.tls._result import SSLEngineResult as SSLEngineResult
from nio.tls._result import Status as Status
from nio.tls._session import SSLSession as SSLSession
from nio.tls._session import session_of as session_of
from nio.tls._transport import TlsTransport as TlsTransport

__all__ = [
    "HandshakeStatus",
    "SSLEngine",
    "SSLEngineResult",
    "SSLSession",
    "Status",
    "TlsContext",
    "TlsTransport",
    "session_of",
]
