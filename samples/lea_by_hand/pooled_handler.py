"""The handler with a thread pool: the reactor reads and sends, a worker processes, nobody else has to wait.

Slides "Worker Threads" and "Handler with Thread Pool": PROCESSING, the synchronized ``read``, ``Processer`` and
``process_and_hand_off``. The listing made of them in "Reactor Pattern Explained, part 3" has two faults, which are
not here:

- **It spins.** OP_WRITE is asked for when the work is handed over. The socket is writable, so ``select()`` returns at
  once, again and again, until the worker is done: hundreds of thousands of times a second. Here the interest set is
  cleared at the hand-off, and nothing is heard of this channel before the reply is there.
- **Nobody is woken up.** A new interest set counts from the next selection; the one under way sleeps on until
  something else happens. Here the worker sets OP_WRITE *and* wakes the selector up. The slide leaves that out, too.

What else differs, and why:

- The pool is handed in, so that whoever made it can end it; on the slide it is static.
- An exception in a worker would be lost in a future at which nobody looks, and the client would wait for ever:
  ``Processer`` reports it and closes the connection.
- The buffers are shared and not copied. Between hand-off and wake-up they are the worker's alone: with an empty
  interest set the reactor never calls this handler.
"""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from nio.channels import EOF, SelectionKey, Selector, SocketChannel
from samples.lea_by_hand import _command
from samples.lea_by_hand.basic_reactor import SENDING, KeepAliveHandler, Reactor

PROCESSING = 3


class HandlerWithThreadPool(KeepAliveHandler):
    def __init__(self, pool: Executor, selector: Selector, socket: SocketChannel) -> None:
        self.pool = pool
        self.lock = threading.RLock()  # synchronized
        super().__init__(selector, socket)

    def read(self) -> None:
        with self.lock:
            if self.socket.read(self.input) == EOF:
                self.socket.close()
            elif self.input_is_complete():
                self.state = PROCESSING
                self.key.interest_ops = 0
                self.execute()

    def execute(self) -> None:
        self.pool.submit(Processer(self).run)

    def process_and_hand_off(self) -> None:
        with self.lock:
            self.process()
            self.start_sending()

    def start_sending(self) -> None:
        with self.lock:
            self.state = SENDING
            self.key.interest_ops = SelectionKey.OP_WRITE
            self.key.selector.wakeup()


class Processer:
    def __init__(self, handler: HandlerWithThreadPool) -> None:
        self.handler = handler

    def run(self) -> None:
        try:
            self.handler.process_and_hand_off()
        except Exception:
            traceback.print_exc()
            self.handler.socket.close()
            self.handler.key.selector.wakeup()


class PooledReactor(Reactor):
    """A reactor with a pool that ends with it."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self.pool = ThreadPoolExecutor(workers)

    def close(self) -> None:
        self.pool.shutdown(cancel_futures=True)
        super().close()


class SlowHandler(HandlerWithThreadPool):
    """Each name takes its time."""

    delay = 0.0

    def greeting(self, name: bytes) -> bytes:
        time.sleep(self.delay)
        return super().greeting(name)


def main() -> None:
    arguments = _command.parser("pooled_handler", __doc__)
    arguments.add_argument("--workers", type=_command.positive, default=2, help="threads (default: %(default)s)")
    arguments.add_argument(
        "--delay", type=_command.seconds, default=0.0, help="seconds that each name takes (default: 0)"
    )
    options = arguments.parse_args()
    SlowHandler.delay = options.delay

    def open_server(port: int) -> Reactor:
        reactor = PooledReactor(options.workers)
        return reactor.listen(port, partial(SlowHandler, reactor.pool))

    _command.serve(open_server, options.port)


if __name__ == "__main__":
    main()
