"""The reactor: one thread, one selector; the attachment of a key is what runs when its channel is ready.

Slides "Reactor 1: Setup" to "Reactor 5: Request handling": ``Reactor.run`` and ``dispatch``, ``Acceptor.run``,
``Handler`` with READING and SENDING. ``Handler`` serves one request per connection, as on the slides
(``--one-request``); ``KeepAliveHandler`` goes back to READING, as every later stage does. What differs from the
slides, and why:

- End of stream: the slides ignore what ``read()`` returns. At the end it is EOF at once and for ever, and the channel
  stays readable, so a handler that does not close spins and never goes away.
- An exception: the slides catch it and leave the key registered. A channel that was reset is ready for ever, too.
- The end of a connection: the slides cancel the key. That leaves the socket open; closing the channel does both.
- Framing: ``input_is_complete`` means a line is there, or too much for one. Whatever follows the line stays in the
  input, and no selection will announce it again: ``process`` of the keep-alive handler answers all lines there are.
- Short writes: a write takes what the kernel has room for, so ``send`` runs until ``output_is_complete``. It is tried
  at once, and OP_WRITE asked for only when something is left; a socket is nearly always writable, so with nothing to
  send the selector would never sleep.
- TCP_NODELAY is set: without it the second of two short replies waits until the client has acknowledged the first.
- The constructor ``Reactor(port)`` is in two, ``Reactor()`` and ``listen(port)``: a sub reactor has a selector and a
  loop, but listens to nothing.
- ``Thread.interrupted()`` is a flag: ``stop()`` sets it and wakes the selector up, which would sleep on otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self, cast

from nio.buffers import ByteBuffer
from nio.channels import EOF, SelectionKey, Selector, ServerSocketChannel, SocketChannel
from samples.lea_by_hand import _command

MAX_NAME = 256
MAX_INPUT = 1024
MAX_OUTPUT = 7 * MAX_INPUT  # at worst the input is all empty names: 1 byte each, 7 in the reply
READING, SENDING = 0, 1


class Runnable(Protocol):
    """What can be attached to a key."""

    def run(self) -> None: ...


NewHandler = Callable[[Selector, SocketChannel], Runnable]


class Reactor:
    def __init__(self) -> None:
        self.selector = Selector.open()
        self.stopped = False
        self.port = 0

    def listen(self, port: int, new_handler: NewHandler) -> Self:
        server_socket = ServerSocketChannel.open()
        key = server_socket.configure_blocking(False).register(self.selector, SelectionKey.OP_ACCEPT)
        server_socket.bind((_command.HOST, port))
        self.port = server_socket.socket.getsockname()[1]
        key.attach(self.acceptor(server_socket, new_handler))
        return self

    def acceptor(self, server_socket: ServerSocketChannel, new_handler: NewHandler) -> Runnable:
        return Acceptor(server_socket, self.selector, new_handler)

    def run(self) -> None:
        while not self.stopped:
            self.selector.select()
            selected = self.selector.selected_keys
            for key in selected:
                self.dispatch(key)
            selected.clear()

    def dispatch(self, key: SelectionKey) -> None:
        runnable = cast("Runnable | None", key.attachment)
        if runnable is not None:
            runnable.run()

    def stop(self) -> None:
        self.stopped = True
        self.selector.wakeup()

    def close(self) -> None:
        for key in self.selector.keys:
            key.channel.close()
        self.selector.close()


class Acceptor:
    def __init__(self, server_socket: ServerSocketChannel, selector: Selector, new_handler: NewHandler) -> None:
        self.server_socket = server_socket
        self.selector = selector
        self.new_handler = new_handler

    def run(self) -> None:
        try:
            client = self.server_socket.accept()
            if client is not None:
                self.new_handler(self.selector, client)
        except OSError:
            pass  # this connection is lost; the next one may do better


class Handler:
    """One request, one reply, and the connection ends."""

    def __init__(self, selector: Selector, socket: SocketChannel) -> None:
        self.socket = socket
        self.input = ByteBuffer.allocate(MAX_INPUT)
        self.output = ByteBuffer.allocate(MAX_OUTPUT)
        self.refused = False
        self.state = READING
        socket.set_option("TCP_NODELAY", True)
        self.key = socket.configure_blocking(False).register(selector, 0)
        self.key.attach(self)
        self.key.interest_ops = SelectionKey.OP_READ
        selector.wakeup()

    def run(self) -> None:
        try:
            if self.state == READING:
                self.read()
            elif self.state == SENDING:
                self.send()
        except OSError:
            self.socket.close()

    def read(self) -> None:
        if self.socket.read(self.input) == EOF:
            self.socket.close()
        elif self.input_is_complete():
            self.process()
            self.state = SENDING
            self.send()

    def send(self) -> None:
        self.socket.write(self.output)
        if self.output_is_complete():
            self.finish()
        else:
            self.key.interest_ops = SelectionKey.OP_WRITE

    def finish(self) -> None:
        self.socket.close()

    def input_is_complete(self) -> bool:
        received = bytes(self.input.duplicate().flip())
        return b"\n" in received or len(received.removesuffix(b"\r")) > MAX_NAME

    def output_is_complete(self) -> bool:
        return not self.output.has_remaining

    def process(self) -> None:
        self.output.clear()
        name = self.take_name()
        if name is not None:
            self.output.put(self.greeting(name))
        self.output.flip()

    def take_name(self) -> bytes | None:
        """The next line of the input; None if there is none, or if it is refused: then it stays where it is."""
        received = bytes(self.input.flip())
        line, ending, rest = received.partition(b"\n")
        name = line.removesuffix(b"\r")
        self.refused = len(name) > MAX_NAME
        found = ending and not self.refused
        self.input.clear().put(rest if found else received)
        return name if found else None

    def greeting(self, name: bytes) -> bytes:
        return b"Hello " + name + b"\n"


class KeepAliveHandler(Handler):
    """Requests and replies in turn, until the client ends the stream or a name is refused."""

    def process(self) -> None:
        self.output.clear()
        while (name := self.take_name()) is not None:
            self.output.put(self.greeting(name))
        self.output.flip()

    def finish(self) -> None:
        if self.refused:
            self.socket.close()
        else:
            self.state = READING
            self.key.interest_ops = SelectionKey.OP_READ


def main() -> None:
    arguments = _command.parser("basic_reactor", __doc__)
    arguments.add_argument("--one-request", action="store_true", help="end the connection after one reply")
    options = arguments.parse_args()
    new_handler = Handler if options.one_request else KeepAliveHandler
    _command.serve(lambda port: Reactor().listen(port, new_handler), options.port)


if __name__ == "__main__":
    main()
