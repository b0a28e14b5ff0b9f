"""Several reactors: the main one deals the connections to sub reactors, each with its selector and thread.

Slides "Multiple Reactor Threads" and "Using Multiple Reactors": ``selectors[]``, ``next`` and an ``Acceptor`` that
deals round robin. The handlers are those of ``basic_reactor.py``: to them it is all the same whose selector they are
at. What differs from the slide, and why:

- ``next`` moves on only when there was a connection; on the slide also when ``accept()`` had none to give.
- ``run`` is not synchronized: the main reactor's thread is the only one that calls it.
- The slide leaves the threads out. Each runs the loop of a ``Reactor`` that listens to nothing; the handler's
  constructor registers with *its* selector from *this* thread. That is why it attaches first, sets the interest set
  after that and wakes the selector up at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from nio.channels import Selector, ServerSocketChannel
from samples.lea_by_hand import _command
from samples.lea_by_hand.basic_reactor import KeepAliveHandler, NewHandler, Reactor, Runnable


class MainReactor(Reactor):
    def __init__(self, sub_reactors: int) -> None:
        super().__init__()
        self.subs = [Reactor() for _ in range(sub_reactors)]
        self.threads = [threading.Thread(target=sub.run, daemon=True) for sub in self.subs]
        for thread in self.threads:
            thread.start()

    def acceptor(self, server_socket: ServerSocketChannel, new_handler: NewHandler) -> Runnable:
        return Acceptor(server_socket, [sub.selector for sub in self.subs], new_handler)

    def close(self) -> None:
        super().close()
        for sub, thread in zip(self.subs, self.threads, strict=True):
            sub.stop()
            thread.join()
            sub.close()


class Acceptor:
    def __init__(
        self, server_socket: ServerSocketChannel, selectors: Sequence[Selector], new_handler: NewHandler
    ) -> None:
        self.server_socket = server_socket
        self.selectors = selectors
        self.next = 0
        self.new_handler = new_handler

    def run(self) -> None:
        try:
            connection = self.server_socket.accept()
            if connection is not None:
                self.new_handler(self.selectors[self.next], connection)
                self.next = (self.next + 1) % len(self.selectors)
        except OSError:
            pass  # this connection is lost; the next one may do better


def main() -> None:
    arguments = _command.parser("main_and_sub_reactors", __doc__)
    arguments.add_argument("--reactors", type=_command.positive, default=2, help="sub reactors (default: %(default)s)")
    options = arguments.parse_args()
    _command.serve(lambda port: MainReactor(options.reactors).listen(port, KeepAliveHandler), options.port)


if __name__ == "__main__":
    main()
