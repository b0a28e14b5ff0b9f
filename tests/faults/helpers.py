"""A server that runs in a thread of its own, on real time, and clients that are plain blocking sockets."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Self

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Handler, Reactor
from tests.unit.reactor.support import PATIENCE, Caller, Greeter, Kernel

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Client(Caller):
    """One whose socket blocks, with patience."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            data = self.sock.recv(count - len(got))
            assert data, f"the stream ended after {bytes(got)!r}"
            got += data
        return bytes(got)

    def read_to(self, count: int) -> bytes:
        """``count`` bytes, or fewer at the end of the stream, or none after a reset."""
        got = bytearray()
        try:
            while len(got) < count and (data := self.sock.recv(count - len(got))):
                got += data
        except ConnectionResetError:
            pass
        return bytes(got)

    def read_to_end(self) -> bytes:
        got = bytearray()
        while data := self.sock.recv(65536):
            got += data
        return bytes(got)

    def ask(self, name: bytes) -> None:
        """One request of the hello server, and its reply."""
        self.send(name + b"\n")
        expected = b"Hello " + name + b"\n"
        assert self.read(len(expected)) == expected


class Server:
    """``with Server(Handler) as server``: runs until the block ends, which must find the thread well."""

    def __init__(
        self,
        factory: Callable[[], Handler] = Greeter,
        *,
        workers: int | Executor = 0,
        max_connections: int | None = None,
        kernel: Kernel | None = None,
        port: int = 0,
    ) -> None:
        self.kernel = kernel if kernel is not None else Kernel(real_time=True)
        self.factory = factory
        self.handlers: list[Any] = []
        self.reactor = Reactor.open(workers=workers, max_connections=max_connections, provider=self.kernel)
        self.listener = ServerSocketChannel.open(provider=self.kernel).bind(("127.0.0.1", port))
        address = self.listener.local_address
        assert isinstance(address, tuple)
        self.address = address[:2]
        self.reactor.register(self.listener, SelectionKey.OP_ACCEPT, Acceptor(self._make))
        self.errors: list[BaseException] = []
        self.thread = threading.Thread(target=self._run, name="reactor")

    def _make(self) -> Handler:
        handler = self.factory()
        self.handlers.append(handler)
        return handler

    def _run(self) -> None:
        try:
            self.reactor.run()
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.reactor.stop()
        self.thread.join(PATIENCE)
        stuck = self.thread.is_alive()
        self.reactor.close()
        self.listener.close()
        assert not stuck
        assert not self.errors, self.errors

    def client(self, *, receive_buffer: int | None = None) -> Client:
        return Client(self.address, receive_buffer=receive_buffer)

    def call(self, fn: Callable[[], Any]) -> Any:
        """The result of ``fn`` on the reactor's thread."""
        result: list[Any] = []
        done = threading.Event()

        def tick() -> None:
            result.append(fn())
            done.set()

        self.reactor.execute(tick)
        assert done.wait(PATIENCE)
        return result[0]

    def until(self, condition: Callable[[], object]) -> None:
        """Ask on the reactor's thread, once a turn, until the condition holds."""
        done = threading.Event()

        def look() -> None:
            if condition():
                done.set()
            elif not gone.is_set():
                self.reactor.call_later(0.002, look)

        gone = threading.Event()
        self.reactor.execute(look)
        try:
            assert done.wait(PATIENCE), f"waited {PATIENCE} s in vain with {self.reactor!r}"
        finally:
            gone.set()

    def reasons(self) -> list[Any]:
        return [reason for handler in self.handlers for reason in handler.reasons]


def own_descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd")}


def child(code: str, *options: str) -> subprocess.Popen[bytes]:
    """A Python of its own, with pipes, that can import what the tests import."""
    return subprocess.Popen(
        [sys.executable, *options, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
