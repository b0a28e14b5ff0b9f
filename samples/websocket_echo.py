"""A WebSocket server that sends back each message: python3 -m samples.websocket_echo [port], and in a second terminal

    python3 -m websockets ws://127.0.0.1:9908

or in the console of a browser: ``s = new WebSocket("ws://127.0.0.1:9908"); s.onmessage = e => console.log(e.data)``,
then ``s.send("hello")``. The protocol is wsproto's: pip install 'nio-reactor[samples]'. Its test is a browser, as the
client of Autobahn's test suite does not run on Python 3.

A message may come in any number of fragments, 1 MiB in all. Who says nothing for 20 s is pinged, and let go after 60.
"""

import sys
from contextlib import suppress

from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, CloseReason, Connection, Reactor, Timer

try:
    from wsproto import ConnectionType, WSConnection
    from wsproto.connection import ConnectionState
    from wsproto.events import (
        AcceptConnection,
        BytesMessage,
        CloseConnection,
        Event,
        Ping,
        RejectConnection,
        RejectData,
        Request,
        TextMessage,
    )
    from wsproto.utilities import RemoteProtocolError
except ImportError:
    sys.exit("samples.websocket_echo needs wsproto: pip install 'nio-reactor[samples]'")

LONGEST = 1024 * 1024  # bytes of a message
TOO_BIG = 1009


class Echo(Connection):
    idle_timeout, ping_after = 60.0, 20.0
    handshake_timeout = 10.0  # seconds
    max_output = LONGEST + 64 * 1024  # a message is one write

    def on_open(self) -> None:
        self.ws = WSConnection(ConnectionType.SERVER)
        self.held = bytearray()  # of the handshake, then of a message, whose end has not come
        self.hurry: Timer = self.reactor.call_later(self.handshake_timeout, self.close, CloseReason.TOO_SLOW)

    def on_close(self, reason: CloseReason) -> None:
        self.hurry.cancel()

    def on_idle(self) -> None:
        if self.ws.state is ConnectionState.OPEN:
            self.say(Ping())

    def handle_data(self, data: bytes) -> None:
        if self.ws.state is ConnectionState.CONNECTING:
            self.held += data
        try:
            self.ws.receive_data(data)
            self.take_all()
        except (RemoteProtocolError, UnicodeError) as error:  # the latter for a host that is no name
            self.reject(str(error), getattr(error, "event_hint", None) or RejectConnection())

    def take_all(self) -> None:
        for event in self.ws.events():
            self.take(event)
            if self.ws.state in (ConnectionState.CLOSED, ConnectionState.LOCAL_CLOSING):
                break  # nothing behind a close is of interest

    def take(self, event: Event) -> None:
        if isinstance(event, Request):
            self.hurry.cancel()
            rest, self.held = bytes(self.held).partition(b"\r\n\r\n")[2], bytearray()
            self.say(AcceptConnection())
            self.ws.receive_data(rest)  # of a client that does not wait for the answer: wsproto forgets it
            self.take_all()
        elif isinstance(event, Ping):
            self.say(event.response())
        elif isinstance(event, TextMessage | BytesMessage):
            self.held += event.data.encode() if isinstance(event, TextMessage) else event.data
            if len(self.held) > LONGEST:
                self.leave(CloseConnection(TOO_BIG, f"more than {LONGEST} bytes"), CloseReason.FRAME_TOO_LONG)
            elif event.message_finished:
                data, self.held = bytes(self.held), bytearray()
                self.say(TextMessage(data.decode()) if isinstance(event, TextMessage) else BytesMessage(data))
        elif isinstance(event, CloseConnection):
            if self.ws.state is ConnectionState.REMOTE_CLOSING:
                self.leave(event.response(), CloseReason.PEER_FIN)
            else:
                self.leave(event, CloseReason.PROTOCOL_ERROR)  # wsproto says so, of a frame that breaks the rules

    def say(self, event: Event) -> None:
        self.write(self.ws.send(event))

    def leave(self, event: CloseConnection, reason: CloseReason) -> None:
        self.say(event)
        self.finish(reason)

    def reject(self, why: str, hint: RejectConnection) -> None:
        """What asks for no WebSocket gets a page that says what there is."""
        text = f"This is a WebSocket server. {why}\n".encode("ascii", "backslashreplace")
        length = (b"Content-Length", b"%d" % len(text))
        headers = [*hint.headers, (b"Content-Type", b"text/plain"), length, (b"Connection", b"close")]
        self.say(RejectConnection(status_code=hint.status_code, headers=headers, has_body=True))
        self.say(RejectData(text))
        self.finish(CloseReason.PROTOCOL_ERROR)


def main(port: int = 9908) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Echo))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
