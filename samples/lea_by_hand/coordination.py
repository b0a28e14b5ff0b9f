"""Four ways to coordinate tasks: hand-offs, callbacks, queues and futures, each as one small handler.

Slide "Coordinating Tasks". The work on a request is cut in two, ``compute`` (names to greetings) and ``encode``
(greetings to bytes); the handlers differ only in who starts the second task and who takes the result to the reactor:

- ``HandOffHandler``: each task calls the next. Fast, and brittle: every task knows who comes after it.
- ``CallbackHandler``: a task knows only that someone has to be told. The handler is told, and decides (a mediator).
- ``QueueHandler``: stages that never end take from one queue and put into the next; a request is what travels.
- ``FutureHandler``: a task returns its result. The next one joins it, and the reactor takes the last one; so an
  exception arrives at the handler, in the reactor's thread, where the other three have to carry it there.

The slide has a line for each and no code. What holds for all of them is in ``pooled_handler.py``: interest cleared
while the tasks are at work, re-armed and woken up after the last one.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

from nio.channels import SelectionKey, Selector, SocketChannel
from samples.lea_by_hand import _command
from samples.lea_by_hand.basic_reactor import Reactor
from samples.lea_by_hand.pooled_handler import PROCESSING, HandlerWithThreadPool, PooledReactor

A = TypeVar("A")
R = TypeVar("R")
Names: TypeAlias = list[bytes]
Greetings: TypeAlias = list[bytes]
Stage: TypeAlias = "SimpleQueue[tuple[TaskHandler, A] | None]"


def compute(names: Names) -> Greetings:
    return [b"Hello " + name for name in names]


def encode(greetings: Greetings) -> bytes:
    return b"".join(greeting + b"\n" for greeting in greetings)


class TaskHandler(HandlerWithThreadPool):
    """Names in, a reply out; the tasks between them are a subclass's."""

    def names(self) -> Names:
        return list(iter(self.take_name, None))

    def reply_with(self, reply: bytes) -> None:
        with self.lock:
            self.output.clear().put(reply).flip()
            self.start_sending()


class HandOffHandler(TaskHandler):
    def execute(self) -> None:
        self.pool.submit(self.compute, self.names())

    def compute(self, names: Names) -> None:
        self.pool.submit(self.encode, compute(names))

    def encode(self, greetings: Greetings) -> None:
        self.reply_with(encode(greetings))


class CallbackHandler(TaskHandler):
    def execute(self) -> None:
        self.pool.submit(call_back, self.computed, compute, self.names())

    def computed(self, greetings: Greetings) -> None:
        self.pool.submit(call_back, self.encoded, encode, greetings)

    def encoded(self, reply: bytes) -> None:
        self.reply_with(reply)


def call_back(done: Callable[[R], None], task: Callable[[A], R], argument: A) -> None:
    done(task(argument))


class QueueHandler(TaskHandler):
    def __init__(self, stage: Stage[Names], pool: Executor, selector: Selector, socket: SocketChannel) -> None:
        self.stage = stage
        super().__init__(pool, selector, socket)

    def execute(self) -> None:
        self.stage.put((self, self.names()))


class StagedReactor(PooledReactor):
    """The stages take one worker each."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.to_compute: Stage[Names] = SimpleQueue()
        self.to_encode: Stage[Greetings] = SimpleQueue()

    def run(self) -> None:
        self.pool.submit(self.compute)
        self.pool.submit(self.encode)
        super().run()

    def compute(self) -> None:
        for handler, names in iter(self.to_compute.get, None):
            self.to_encode.put((handler, compute(names)))
        self.to_encode.put(None)

    def encode(self) -> None:
        for handler, greetings in iter(self.to_encode.get, None):
            handler.reply_with(encode(greetings))

    def close(self) -> None:
        self.to_compute.put(None)
        super().close()


class FutureHandler(TaskHandler):
    reply: Future[bytes]

    def execute(self) -> None:
        greetings = self.pool.submit(compute, self.names())
        self.reply = self.pool.submit(lambda: encode(greetings.result()))
        self.reply.add_done_callback(self.notify)

    def notify(self, reply: Future[bytes]) -> None:
        self.key.interest_ops = SelectionKey.OP_WRITE
        self.key.selector.wakeup()

    def run(self) -> None:
        if self.state != PROCESSING:
            super().run()
        elif error := self.reply.exception():
            traceback.print_exception(error)
            self.socket.close()
        else:
            self.reply_with(self.reply.result())


def open_server(style: str, port: int) -> Reactor:
    if style == "queues":
        staged = StagedReactor()
        return staged.listen(port, partial(QueueHandler, staged.to_compute, staged.pool))
    reactor = PooledReactor(workers=2)
    return reactor.listen(port, partial(STYLES[style], reactor.pool))


STYLES: dict[str, Callable[[Executor, Selector, SocketChannel], TaskHandler]] = {
    "hand-offs": HandOffHandler,
    "callbacks": CallbackHandler,
    "futures": FutureHandler,
}


def main() -> None:
    arguments = _command.parser("coordination", __doc__)
    arguments.add_argument("--style", choices=[*STYLES, "queues"], default="hand-offs", help="(default: %(default)s)")
    options = arguments.parse_args()
    _command.serve(partial(open_server, options.style), options.port)


if __name__ == "__main__":
    main()
