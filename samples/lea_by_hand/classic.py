"""The classic design: a thread for each connection, each blocked in ``read()`` until its client says something.

Slide "Classic ServerSocket Loop": ``Server.run`` accepts and starts a thread per ``Handler``; a handler reads,
processes and writes. Two of its lines are only true on a slide, and differ here:

- The slide takes what one ``read()`` returns for the request. A stream has no such borders: two names may come in one
  read and one name in several. So ``requests()`` reads until it has whole lines, and ``run`` answers every one.
- The slide ends by being interrupted. Here ``stop()`` closes the server channel, which releases the thread blocked in
  ``accept()`` (AsynchronousCloseError), and ``close()`` does the same to the handlers.

There are no short writes here: a write in blocking mode returns when all bytes are taken, however long that is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from nio.buffers import ByteBuffer
from nio.channels import EOF, ServerSocketChannel, SocketChannel
from samples.lea_by_hand import _command

MAX_INPUT = 1024
MAX_NAME = 256


class Server:
    def __init__(self, port: int) -> None:
        self.server_socket = ServerSocketChannel.open().bind((_command.HOST, port))
        self.port = self.server_socket.socket.getsockname()[1]
        self.running: dict[threading.Thread, SocketChannel] = {}

    def run(self) -> None:
        while self.server_socket.is_open:
            try:
                client = self.server_socket.accept()
                if client is not None:
                    self.start(client)
            except OSError:
                pass  # this connection failed, or stop() was called

    def start(self, client: SocketChannel) -> None:
        thread = threading.Thread(target=self.handle, args=(client,), daemon=True)
        self.running[thread] = client
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            del self.running[thread]
            client.close()

    def handle(self, client: SocketChannel) -> None:
        Handler(client).run()
        del self.running[threading.current_thread()]

    def stop(self) -> None:
        self.server_socket.close()

    def close(self) -> None:
        self.stop()
        for thread, client in tuple(self.running.items()):
            client.close()
            thread.join()


class Handler:
    def __init__(self, socket: SocketChannel) -> None:
        self.socket = socket

    def run(self) -> None:
        with self.socket:
            try:
                self.socket.set_option("TCP_NODELAY", True)
                for name in self.requests():
                    self.socket.write(self.process(name))
            except OSError:
                pass  # the client has reset the connection, or close() was called

    def requests(self) -> Iterator[bytes]:
        """Every line until the client ends the stream or sends a line that is too long."""
        buffer = ByteBuffer.allocate(MAX_INPUT)
        while self.socket.read(buffer) != EOF:
            *lines, rest = bytes(buffer.flip()).split(b"\n")
            buffer.clear().put(rest)
            for line in lines:
                name = line.removesuffix(b"\r")
                if len(name) > MAX_NAME:
                    return
                yield name
            if len(rest.removesuffix(b"\r")) > MAX_NAME:
                return

    def process(self, name: bytes) -> bytes:
        return b"Hello " + name + b"\n"


if __name__ == "__main__":
    _command.serve(Server, _command.parser("classic", __doc__).parse_args().port)
