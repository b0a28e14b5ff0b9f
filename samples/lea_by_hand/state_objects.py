"""The state is the attachment: a handler reads, and while it sends a ``Sender`` stands in its place.

Slide "Per-State Handlers", the State pattern of the Gang of Four. Nobody asks for a state any more: what has to be
done next is what the reactor finds at the key. What differs from the slide, and why:

- The slide ends with the reply. Here the sender puts the handler back when its output is complete.
- The slide calls ``wakeup()`` after changing the interest set. ``run`` is called by the very thread that selects, so
  the next selection sees the change by itself; ``pooled_handler.py`` is where a wake-up is needed.
- A first write is tried at once, and a sender attached only for what is left.
"""

from __future__ import annotations

from nio.channels import EOF, SelectionKey
from samples.lea_by_hand import _command
from samples.lea_by_hand.basic_reactor import KeepAliveHandler, Reactor


class Handler(KeepAliveHandler):
    """The reader."""

    def run(self) -> None:
        try:
            if self.socket.read(self.input) == EOF:
                self.socket.close()
            elif self.input_is_complete():
                self.process()
                self.send()
        except OSError:
            self.socket.close()

    def send(self) -> None:
        self.socket.write(self.output)
        if self.output_is_complete():
            self.finish()
        else:
            self.key.attach(Sender(self))
            self.key.interest_ops = SelectionKey.OP_WRITE


class Sender:
    """What is attached until the client has taken the reply."""

    def __init__(self, reader: Handler) -> None:
        self.reader = reader

    def run(self) -> None:
        reader = self.reader
        try:
            reader.socket.write(reader.output)
            if reader.output_is_complete():
                reader.key.attach(reader)
                reader.finish()
        except OSError:
            reader.socket.close()


if __name__ == "__main__":
    options = _command.parser("state_objects", __doc__).parse_args()
    _command.serve(lambda port: Reactor().listen(port, Handler), options.port)
