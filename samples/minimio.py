"""The Reactor-Executor by hand, as the Rust book's minimio has it, on nio.channels: python3 -m samples.minimio PORT

A reactor thread has the event queue and tells a notifier which tokens are ready; the executor has the suspended tasks by
token and resumes them. Ask the slow server of ``samples/delayed_http.py``, which listens on that port.

What the original gets wrong is right here: a task that reads not all at once is suspended again, nothing blocks but the
executor, any number of tasks may wait, and the wake-up has no token that a stream could have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from nio import EOF, ByteBuffer, SelectionKey, Selector, SocketChannel

Closure = Callable[[], object]


class Registrator:
    """Registers streams with a Poll, from any thread."""

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self.is_closed = False

    def register(self, stream: SocketChannel, token: int) -> None:
        """Report the token once, when the stream is readable."""
        stream.register(self._selector, SelectionKey.OP_READ, token)
        self._selector.wakeup()

    def close_loop(self) -> None:
        self.is_closed = True
        self._selector.wakeup()


class Poll:
    """The event queue: what the kernel says is ready."""

    def __init__(self) -> None:
        self._selector = Selector.open()
        self.registrator = Registrator(self._selector)

    def poll(self) -> list[int]:
        """The tokens that are ready, at least one; InterruptedError once the loop is closed."""
        while not self.registrator.is_closed:
            tokens = []
            for key in self._selector.ready_keys():
                key.interest_ops = 0  # one shot
                tokens.append(key.attachment)
            if tokens:
                return tokens
        self._selector.close()
        raise InterruptedError("Poll closed")


class Reactor:
    """A thread that waits for events and tells the notifier."""

    def __init__(self, notifier: SimpleQueue[int]) -> None:
        self._poll, self._notifier = Poll(), notifier
        self.registrator = self._poll.registrator
        self.thread = Thread(target=self._loop)
        self.thread.start()

    def _loop(self) -> None:
        try:
            while True:
                for token in self._poll.poll():
                    self._notifier.put(token)
        except InterruptedError as error:
            print(f"INTERRUPTED: {error}")


class Executor:
    """The suspended tasks, each a closure that is called when its token is ready."""

    def __init__(self, notifier: SimpleQueue[int]) -> None:
        self._notifier = notifier
        self._tasks: dict[int, Closure] = {}

    def suspend(self, token: int, closure: Closure) -> None:
        self._tasks[token] = closure

    def resume(self, token: int) -> None:
        self._tasks.pop(token)()

    def block_on_all(self) -> None:
        while self._tasks:
            token = self._notifier.get()
            print(f"RESUMING TASK: {token}")
            self.resume(token)


class Fetch:
    """A task: ask, and be suspended until the response has come, all of it."""

    def __init__(self, reactor: Reactor, executor: Executor, token: int, port: int, milliseconds: int) -> None:
        self._reactor, self._executor, self._token = reactor, executor, token
        self._buffer, self.response = ByteBuffer.allocate(1024), b""
        self._stream = SocketChannel.open(("127.0.0.1", port))
        request = f"GET /delay/{milliseconds}/url/http://www.example.org HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self._stream.write(request.encode())
        self._stream.configure_blocking(False)
        self._suspend()

    def _suspend(self) -> None:
        self._executor.suspend(self._token, self._read)
        self._reactor.registrator.register(self._stream, self._token)

    def _read(self) -> None:
        while (count := self._stream.read(self._buffer.clear())) > 0:
            self.response += bytes(self._buffer.flip())
        if count != EOF:
            self._suspend()
        else:
            self._stream.close()
            print(self.response.split(b"\r\n", 1)[0].decode())


def main(port: int) -> None:
    notifier: SimpleQueue[int] = SimpleQueue()
    reactor, executor = Reactor(notifier), Executor(notifier)
    try:
        for token, milliseconds in ((10, 200), (11, 100)):
            Fetch(reactor, executor, token, port, milliseconds)
        executor.block_on_all()
    finally:
        reactor.registrator.close_loop()
        reactor.thread.join()
    print("EXITING")


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:2] or [8080]))
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")  # nobody listens there
