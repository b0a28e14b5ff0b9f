"""Healthy loads under strict mode, of which the doctor has nothing to say: python3 -m benchmarks.healthy [SCALE].

A scale of 1 is 20 000 requests to each server, a chat of 200, 10 000 idle connections, 64 MiB to a slow reader, as far
as the descriptor limit goes. The suite runs the same at a hundredth. Prints one line a load; the exit code is 7 when
anything was found.
"""

from __future__ import annotations

import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from nio.buffers import ByteBuffer
from nio.channels import SelectionKey, Selector, ServerSocketChannel, SocketChannel
from nio.doctor import Finding, strict
from nio.executors import WorkerPool
from nio.framing import Lines
from nio.reactor import Acceptor, Connection, Reactor, ReactorGroup, StreamHandler
from samples import chat, hello_java

LINES = b"ann\nbob\ncarol\n"


class Hello(StreamHandler):
    """One per client."""

    framing = Lines(max_length=256)

    def process(self, record: bytes) -> bytes:
        return b"Hello " + record


class Flood(Connection):
    """Sends much to whoever says something."""

    size = 0

    def handle_data(self, data: bytes) -> None:
        self.write(bytes(self.size))


def receive(client: socket.socket, count: int, pause: float = 0.0) -> None:
    """Read so many bytes, slowly if wanted."""
    while count > 0:
        data = client.recv(65536)
        if not data:
            raise ConnectionError("the server has ended too early")
        count -= len(data)
        if pause:
            time.sleep(pause)


def talk(port: int, rounds: int) -> None:
    """A client that asks and reads."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        for _ in range(max(1, rounds)):
            client.sendall(LINES)
            receive(client, len(LINES) + 18)


def in_threads(count: int, call: Callable[[int], None]) -> None:
    """``call(number)`` so many times at once, to the end."""
    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def served(open_reactor: Callable[[], Reactor], handler: type[Connection], load: Callable[[int], None]) -> None:
    """Run a reactor while the load is on."""
    with open_reactor() as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(handler))
        with reactor.in_thread():
            load(server.port or 0)


def hello(open_reactor: Callable[[], Reactor], scale: float) -> None:
    """Four clients ask a reactor."""
    served(open_reactor, Hello, lambda port: in_threads(4, lambda number: talk(port, int(1700 * scale))))


def plain(scale: float) -> None:
    """Three clients ask the sample on a selector."""
    done = threading.Event()
    with Selector.open() as selector, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        server.configure_blocking(False).register(selector, SelectionKey.OP_ACCEPT)
        port = server.port or 0

        def clients() -> None:
            in_threads(3, lambda number: talk(port, int(2200 * scale)))
            done.set()
            selector.wakeup()

        thread = threading.Thread(target=clients)
        thread.start()
        while not done.is_set() or len(selector.keys) > 1:
            for key in selector.ready_keys(0.05):
                handle: Callable[[SelectionKey], object] = (
                    hello_java.accept if key.is_acceptable else hello_java.advance
                )
                handle(key)
        thread.join()


def pooled_by_hand(scale: float) -> None:
    """Jobs of a pool, whose outcome is looked at, on a selector that is woken."""
    done: list[tuple[SelectionKey, bytes]] = []
    with Selector.open() as selector, WorkerPool(2) as pool:
        ours, theirs = socket.socketpair()
        with theirs:
            channel = SocketChannel.adopt(ours).configure_blocking(False)
            with channel:
                key = channel.register(selector, SelectionKey.OP_READ)
                for _ in range(max(3, int(2000 * scale))):
                    theirs.sendall(b"ann\n")
                    turn(selector, key, pool, done)
                    receive(theirs, 4)


def turn(selector: Selector, key: SelectionKey, pool: WorkerPool, done: list[tuple[SelectionKey, bytes]]) -> None:
    """Read a request, have it processed, send the reply."""

    def finished(reply: bytes) -> None:
        done.append((key, reply))
        selector.wakeup()

    replied = False
    while not replied:
        for ready in selector.ready_keys(5.0):
            inbox = ByteBuffer.allocate(64)
            ready.channel.read(inbox)  # type: ignore[attr-defined]
            ready.interest_ops = 0
            pool.submit(bytes.upper, bytes(inbox.flip())).add_done_callback(lambda job: finished(job.result()))
        while done:
            waiting, reply = done.pop()
            waiting.channel.write(ByteBuffer.wrap(reply))  # type: ignore[attr-defined]
            waiting.interest_ops = SelectionKey.OP_READ
            replied = True


def chatting(scale: float) -> None:
    """Many talk to many."""
    count = max(5, int(200 * scale))

    def members(port: int) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in range(count)]
            for number, client in enumerate(clients):
                client.sendall(b"name%d\n" % number)
            for number, client in enumerate(clients):
                client.sendall(b"hello from %d\n/quit\n" % number)
            for client in clients:
                while client.recv(65536):
                    pass

    served(Reactor.open, chat.Member, members)


def idle(scale: float) -> None:
    """Many are there and say nothing, one talks."""
    count = min(max(20, int(10_000 * scale)), (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)

    def crowd(port: int) -> None:
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            talk(port, int(2000 * scale))

    served(Reactor.open, Hello, crowd)


def slow_reader(scale: float) -> None:
    """A reactor sends much to somebody who reads slowly."""
    size = max(1 << 20, int(scale * (64 << 20)))
    kind = type("Sized", (Flood,), {"size": size, "max_output": 2 * size})

    def read(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.sendall(b"go\n")
            receive(client, size, 0.001)

    served(Reactor.open, kind, read)


def slow_reader_of_a_selector(scale: float) -> None:
    """A plain loop sends much to somebody who reads slowly: write, arm, go on."""
    size = max(1 << 20, int(scale * (64 << 20)))
    with Selector.open() as selector, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        client = socket.create_connection(("127.0.0.1", server.port or 0), 60)
        channel = server.accept(blocking=False)
        assert channel is not None
        with client, channel:
            outbox = ByteBuffer.allocate(size)
            channel.write(outbox)
            key = channel.register(selector, SelectionKey.OP_WRITE)
            thread = threading.Thread(target=receive, args=(client, size, 0.001))
            thread.start()
            while outbox.has_remaining:
                for _ in selector.ready_keys(5.0):
                    channel.write(outbox)
            key.interest_ops = SelectionKey.OP_READ
            thread.join()


LOADS_OF: dict[str, Callable[[float], None]] = {
    "hello, single": lambda scale: hello(Reactor.open, scale),
    "hello, pooled": lambda scale: hello(lambda: Reactor.open(workers=2), scale),
    "hello, multi": lambda scale: hello(lambda: ReactorGroup.open(reactors=2), scale),
    "hello on a selector": plain,
    "jobs on a selector": pooled_by_hand,
    "chat": chatting,
    "idle connections": idle,
    "a slow reader": slow_reader,
    "a slow reader of a selector": slow_reader_of_a_selector,
}


def examined(load: Callable[[float], None]) -> Callable[[float], list[Finding]]:
    """The load under strict mode; what was found."""

    def run(scale: float) -> list[Finding]:
        with strict(None) as watching:
            load(scale)
            watching.finish()
            return watching.findings

    return run


LOADS = {name: examined(load) for name, load in LOADS_OF.items()}


def main(scale: float = 1.0) -> int:
    """Run them all."""
    code = 0
    for name, run in LOADS.items():
        began = time.monotonic()
        findings = run(scale)
        print(
            f"{name}: {len(findings)} findings, {time.monotonic() - began:.1f} s", *findings, sep="\n    ", flush=True
        )
        code = 7 if findings else code
    return code


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
