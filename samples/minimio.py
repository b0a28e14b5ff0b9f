"""The Reactor-Executor by hand, as the Rust book's minimio has it, on nio.channels: python3 -m samples.minimio PORT

A reactor thread has the event queue and tells a notifier which tokens are ready; the executor has the suspended tasks
by token and resumes them. It asks ``python3 -m samples.delayed_http PORT``. Unlike the original, a task that did not
read all is suspended again, only the executor blocks, and the wake-up has no token that a stream could have.
"""

import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from nio import EOF, ByteBuffer, SelectionKey, Selector, SocketChannel
from nio.errors import ClosedSelectorError


class Poll:
    """The event queue. ``register`` and ``close_loop`` are for any thread: the registrator's part."""

    def __init__(self) -> None:
        self._selector = Selector.open()

    def register(self, stream: SocketChannel, token: int) -> None:
        """Report the token once, when the stream is readable."""
        stream.register(self._selector, SelectionKey.OP_READ, token)
        self._selector.wakeup()

    def close_loop(self) -> None:  # from any thread, as well
        self._selector.close()

    def poll(self) -> list[int]:
        """The tokens that are ready, none after a wake-up; ClosedSelectorError once the loop is closed."""
        for key in (ready := list(self._selector.ready_keys())):
            key.interest_ops = 0  # one shot
        return [token for key in ready if isinstance(token := key.attachment, int)]


class Executor:
    """The suspended tasks: a closure each, called when the notifier names its token."""

    def __init__(self) -> None:
        self.notifier: SimpleQueue[int] = SimpleQueue()
        self._tasks: dict[int, Callable[[], None]] = {}

    def suspend(self, token: int, task: Callable[[], None]) -> None:
        self._tasks[token] = task

    def resume(self, token: int) -> None:
        print(f"RESUMING TASK: {token}")
        self._tasks.pop(token)()

    def block_on_all(self) -> None:
        while self._tasks:
            self.resume(self.notifier.get())


def react(poll: Poll, notifier: SimpleQueue[int]) -> None:
    """The reactor's thread."""
    try:
        while True:
            for token in poll.poll():
                notifier.put(token)
    except ClosedSelectorError:
        print("INTERRUPTED: the loop is closed")


def suspend(poll: Poll, executor: Executor, stream: SocketChannel, token: int) -> None:
    """Suspend a task that reads the response."""

    def task() -> None:
        buffer = ByteBuffer.allocate(1024)
        while (count := stream.read(buffer.clear())) > 0:
            print(bytes(buffer.flip()).partition(b"\r\n")[0].decode())
        if count == EOF:
            stream.close()
        else:
            suspend(poll, executor, stream, token)

    executor.suspend(token, task)
    poll.register(stream, token)


def main(port: int) -> None:
    poll, executor = Poll(), Executor()
    reactor = Thread(target=react, args=(poll, executor.notifier))
    reactor.start()
    try:
        for token, milliseconds in ((10, 200), (11, 100)):
            stream = SocketChannel.open(("127.0.0.1", port))
            stream.write(b"GET /delay/%d/url/http://www.example.org HTTP/1.1\r\n\r\n" % milliseconds)
            suspend(poll, executor, stream.configure_blocking(False), token)
        executor.block_on_all()
    finally:
        poll.close_loop()
        reactor.join()
    print("EXITING")


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"{error}\n{__doc__}")  # no port, or nobody there
