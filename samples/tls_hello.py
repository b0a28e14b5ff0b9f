"""A hello-name server over TLS: python3 -m samples.tls_hello 9911 cert.pem key.pem

A certificate to try it with, and a client:

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost
    openssl s_client -quiet -CAfile cert.pem -connect localhost:9911

SIGHUP reads both files again; connections that stand are left alone.
"""

import signal
import sys
from contextlib import suppress

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler
from nio.tls import TlsContext, session_of


class HelloHandler(StreamHandler):
    framing = Lines(max_length=256)

    def on_secure(self) -> None:
        session = session_of(self)
        if session is not None:
            self.send(f"You speak {session.protocol} with {session.cipher_suite}.".encode())

    def process(self, name: bytes) -> bytes:
        return b"Hello " + name


def main(port: int | str, certificate: str, key: str) -> None:
    tls = TlsContext.server(certificate, key)
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        tls.reload_on(reactor, signal.SIGHUP)
        server = ServerSocketChannel.open().bind(("127.0.0.1", int(port)))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(HelloHandler, transport=tls))
        print(f"hello over TLS on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
