"""Certificates for tests, made by the openssl command when they are first asked for.

Two authorities that know nothing of each other, so that what one has signed is refused where the other is trusted. A
test that needs them carries ``@pytest.mark.needs("openssl")``, or stands in a file that says so for all of it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
LEAF = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature")


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and of its key."""

    certificate: Path
    key: Path

    @property
    def both(self) -> tuple[Path, Path]:
        return self.certificate, self.key


class Authority:
    """One that signs certificates; ``certificate`` is what others trust."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory / name
        self.directory.mkdir()
        self.name = name
        self.certificate = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        subject = ("-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # 3.13 asks for it
        openssl("req", "-x509", *KEY, "-days", "2", *subject, *files(self.certificate, self._key))

    def issue(self, *names: str, common_name: str = "", kind: str = "") -> Pair:
        """A certificate for these host names or addresses."""
        label = kind or names[0].replace("*", "star")
        pair = Pair(self.directory / f"{label}.pem", self.directory / f"{label}.key")
        if not pair.certificate.exists():
            hosts = ",".join(("IP:" if name[0].isdigit() else "DNS:") + name for name in names)
            subject = ("-subj", f"/CN={common_name or names[0]}", "-addext", f"subjectAltName={hosts}", *LEAF)
            signed = ("-CA", str(self.certificate), "-CAkey", str(self._key))
            openssl("req", "-x509", *KEY, "-days", "2", *subject, *signed, *files(pair.certificate, pair.key))
        return pair


def files(certificate: Path, key: Path) -> tuple[str, ...]:
    return "-out", str(certificate), "-keyout", str(key)


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr.decode()
