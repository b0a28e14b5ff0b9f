"""Certificates and keys in files: what cannot be used is refused in a sentence that names the file.

OpenSSL says "No such file or directory" and "PEM lib", and does not say of which file. A server reads its files again
while it serves, so the line in the log must say which one to mend.

**A key with a password** would make OpenSSL ask for that at the terminal, and the reactor's thread would wait for an
answer. Such a key is refused: whoever has one gives a TlsContext the ``ssl.SSLContext`` that he has loaded it into.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import partial
from typing import NoReturn, TypeAlias, TypeVar

Path: TypeAlias = str | os.PathLike[str]
T = TypeVar("T")

_CERTIFICATE, _KEY = b"CERTIFICATE-----", b"PRIVATE KEY-----"


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Have the context show this certificate; OSError, of which ``ssl.SSLError`` is one."""
    key_file = certificate if key is None else key
    has_certificate, has_key = _holds(certificate, _CERTIFICATE), _holds(key_file, _KEY)
    try:
        context.load_cert_chain(certificate, key, password=partial(_refuse, key_file))
    except ssl.SSLError as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            words = f"the key in {_name(key_file)} is not that of the certificate in {_name(certificate)}"
        elif not has_certificate:
            words = f"{_name(certificate)} holds no certificate in PEM form"
        elif not has_key:
            words = f"{_name(key_file)} holds no private key in PEM form"
        elif not hasattr(error, "reason"):
            raise  # in words already
        else:
            words = f"the certificate in {_name(certificate)} or the key in {_name(key_file)} cannot be used"
        raise _told(words, error) from None


def load_authorities(load: Callable[[str], T], ca: Path) -> T:
    """What ``load`` makes of that file; OSError, of which ``ssl.SSLError`` is one."""
    holds = _holds(ca, _CERTIFICATE)
    try:
        return load(os.fspath(ca))
    except ssl.SSLError as error:
        words = "cannot be used" if holds else "holds no certificate in PEM form"
        raise _told(f"{_name(ca)} {words}", error) from None


def _holds(path: Path, words: bytes) -> bool:
    """OSError with the file's name for one that cannot be read."""
    with open(path, "rb") as file:
        return words in file.read()


def _name(path: Path) -> str:
    return repr(os.fspath(path))


def _told(words: str, error: ssl.SSLError) -> ssl.SSLError:
    told = ssl.SSLError(error.errno, f"{words} ({error})")
    vars(told).update(vars(error))  # which part of OpenSSL refused it, and why
    return told


def _refuse(path: Path) -> NoReturn:
    words = "has a password: load it into an ssl.SSLContext of your own, for TlsContext(context, server_side=True)"
    raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"the key in {_name(path)} {words}")
