"""Files by HTTPS: python3 -m samples.https_file 9912 FOLDER cert.pem key.pem

    curl --cacert cert.pem https://localhost:9912/NAME

HTTP is h11's affair: pip install 'nio-reactor[samples]'. The docstring of tls_hello makes a certificate. The next
request of a connection is looked at when the answer to the one before is nearly out, so a client that asks for
everything and takes nothing costs one open file.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Connection, Reactor
from nio.tls import TlsContext
from samples.file_server import FileHandler

try:
    import h11
except ModuleNotFoundError:
    raise SystemExit("https_file needs h11: pip install 'nio-reactor[samples]'") from None


class HttpHandler(Connection):
    def __init__(self, folder: Path) -> None:
        self.files = FileHandler(folder)
        self.http = h11.Connection(h11.SERVER)
        self.request: h11.Request | None = None

    def handle_data(self, data: bytes) -> None:
        self.http.receive_data(data)
        self.advance()

    def on_writable(self, writable: bool) -> None:
        if writable:
            self.advance()

    def advance(self) -> None:
        """Up to one answer, unless much of the last one is unsent: then on_writable calls again."""
        try:
            while self.unsent < self.high_mark and self.http.our_state is not h11.ERROR:
                event = self.http.next_event()
                if isinstance(event, h11.Request):
                    self.request = event
                elif isinstance(event, h11.EndOfMessage):
                    self.answer()
                    self.reactor.next_tick(self.advance)
                    return
                elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                    return
        except h11.RemoteProtocolError as error:
            self.refuse(error)

    def answer(self) -> None:
        request = self.request
        assert request is not None
        path = self.files.find(os.fsencode(unquote(request.target.decode("ascii").partition("?")[0]).lstrip("/")))
        if request.method not in (b"GET", b"HEAD"):
            self.respond(405, b"only GET and HEAD\n")
        elif path is None:
            self.respond(404, b"no such file\n")
        else:
            size = path.stat().st_size
            self.write(self.http.send(h11.Response(status_code=200, headers=[("Content-Length", str(size))])) or b"")
            if request.method == b"GET":
                self.http.send_with_data_passthrough(h11.Data(data=range(size)))  # type: ignore[arg-type]  # it only counts
                self.send_file(path, 0, size)
            self.write(self.http.send(h11.EndOfMessage()) or b"")
        if self.http.our_state is h11.MUST_CLOSE:
            self.finish()
        elif self.http.our_state is h11.DONE:
            self.http.start_next_cycle()

    def respond(self, status: int, text: bytes) -> None:
        headers = [("Content-Length", str(len(text))), ("Content-Type", "text/plain")]
        for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=text), h11.EndOfMessage()):
            self.write(self.http.send(event) or b"")

    def refuse(self, error: h11.RemoteProtocolError) -> None:
        if self.http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.respond(error.error_status_hint, b"no HTTP\n")
        self.finish()


def main(port: int | str, folder: str, certificate: str, key: str) -> None:
    top, tls = Path(folder).resolve(strict=True), TlsContext.server(certificate, key, protocols=["http/1.1"])
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", int(port)))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(lambda: HttpHandler(top), transport=tls))
        print(f"the files of {top} by HTTPS on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
