"""What went wrong in a handshake, in words: OpenSSL's names are known to few."""

from __future__ import annotations

import ssl

_WORDS = {
    "HTTP_REQUEST": "the peer speaks plain HTTP to a TLS port",
    "HTTPS_PROXY_REQUEST": "the peer takes this TLS port for a plain HTTP proxy",
    "WRONG_VERSION_NUMBER": "what the peer sent is no TLS",
    "UNKNOWN_PROTOCOL": "what the peer sent is no TLS",
    "UNEXPECTED_MESSAGE": "what the peer sent is no handshake",
    "PACKET_LENGTH_TOO_LONG": "what the peer sent is no TLS",
    "RECORD_LAYER_FAILURE": "what the peer sent is no TLS",
    "NO_SHARED_CIPHER": "the two sides share no cipher",
    "UNSUPPORTED_PROTOCOL": "the peer speaks no version of TLS that is allowed here",
    "NO_PROTOCOLS_AVAILABLE": "no version of TLS is allowed here",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "the two sides share no signature algorithm",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer has shown no certificate",
    "CERTIFICATE_VERIFY_FAILED": "the peer's certificate is not trusted here",
    "TLSV1_ALERT_UNKNOWN_CA": "the peer does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the peer refuses our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the peer refuses our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the peer takes our certificate for expired",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer wants a certificate of ours",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer found nothing that both sides can do",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer allows no version of TLS that is spoken here",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not know the name that was asked for",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "the peer speaks none of our application protocols",
}
_OF_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")


def words_of(error: Exception) -> str:
    """One sentence, with OpenSSL's own words behind it."""
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLEOFError):
        return str(error.strerror)
    words = _WORDS.get(reason) if isinstance(reason, str) else None
    return f"{words} ({error})" if words else str(error)


def refuses_us(error: ssl.SSLError) -> bool:
    """The peer's answer to our handshake, which TLS 1.3 brings after this side's is done."""
    reason = getattr(error, "reason", None) or ""
    return "ALERT" in reason and any(word in reason for word in _OF_CERTIFICATES)
