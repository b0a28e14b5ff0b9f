"""A group that runs in a thread, clients that are plain blocking sockets, and kernels that end a sub reactor."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Handler, ReactorGroup
from nio.spi import Poller
from tests.faults.helpers import Client
from tests.unit.reactor.support import PATIENCE, Greeter, Kernel


def dial(listener: ServerSocketChannel) -> Client:
    """A client of that listener."""
    address = listener.local_address
    assert isinstance(address, tuple)
    return Client(address[:2])


class DeadlyPoller:
    """Raises in the threads that are doomed."""

    def __init__(self, real: Poller, kernel: DeadlyKernel) -> None:
        self._real = real
        self._kernel = kernel
        self.limit = real.limit
        self.add, self.modify, self.remove, self.close = real.add, real.modify, real.remove, real.close

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        events = self._real.wait(timeout)
        if threading.current_thread().name in self._kernel.doomed:
            raise OSError(errno.EIO, "the poller broke")
        return events


class DeadlyKernel(Kernel):
    """The real kernel in real time, but that a thread named in ``doomed`` dies when it wakes up next."""

    def __init__(self) -> None:
        super().__init__(real_time=True)
        self.doomed: set[str] = set()

    def open_poller(self) -> Poller:
        return DeadlyPoller(super().open_poller(), self)


class Placed(Greeter):
    """Notes the thread of every call, and what it calls its reactor."""

    def __init__(self) -> None:
        super().__init__()
        self.threads = [threading.current_thread().name]

    def on_open(self) -> None:
        super().on_open()
        self.threads.append(threading.current_thread().name)

    def process(self, record: bytes) -> bytes | None:
        self.threads.append(threading.current_thread().name)
        return super().process(record)

    def on_close(self, reason: Any) -> None:
        super().on_close(reason)
        self.threads.append(threading.current_thread().name)


class GroupServer:
    """``with GroupServer(Handler, reactors=2) as server``: runs until the block ends."""

    def __init__(self, factory: Callable[[], Handler] = Placed, **options: Any) -> None:
        options.setdefault("reactors", 2)
        self.factory = factory
        self.handlers: list[Any] = []
        self.group = ReactorGroup.open(**options)
        provider = self.group.provider
        self.listener = ServerSocketChannel.open(provider=provider).bind(("127.0.0.1", 0))
        self.acceptor = Acceptor(self._make)
        self.group.register(self.listener, SelectionKey.OP_ACCEPT, self.acceptor)
        self.errors: list[BaseException] = []
        self.thread = threading.Thread(target=self._run, name="main")

    def _make(self) -> Handler:
        handler = self.factory()
        self.handlers.append(handler)
        return handler

    def _run(self) -> None:
        try:
            self.group.run()
        except BaseException as error:
            self.errors.append(error)

    def client(self) -> Client:
        return dial(self.listener)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain with {self.group!r}"
            time.sleep(0.001)

    def ended(self) -> None:
        """``run()`` has come back by itself."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), self.group

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.group.stop()
        self.thread.join(PATIENCE)
        stuck = self.thread.is_alive()
        self.group.close()
        self.listener.close()
        assert not stuck
