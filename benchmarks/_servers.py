"""Our servers and the bare loop, as child processes: ``python3 -m benchmarks._servers NAME KIND``.

Each prints its port when it listens and ends when its standard input does. ``KIND`` is what is done with a record:
``hello`` greets, ``sleep`` waits first, ``hash`` hashes 64 KiB first; ``echo`` sends back what comes, and has no
records. The bare loop keeps half a line and output that is owed, and no bounds: below it no server in Python gets.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable

from benchmarks._process import BACKLOG, HOST, IDLE, LOOPS, MAX_NAME, PROCESSES, WORKERS, announce, room
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Connection, Prefork, Reactor, ReactorGroup, StreamHandler


class Hello(StreamHandler):
    framing = Lines(max_length=MAX_NAME)
    idle_timeout = IDLE


class HelloHandler(Hello):
    def process(self, record: bytes) -> bytes:
        return b"Hello " + record


class Echo(Connection):
    idle_timeout = IDLE

    def handle_data(self, data: bytes) -> None:
        self.write(data)


def handler_class(kind: str) -> type[Connection]:
    if kind == "echo":
        return Echo
    if kind == "hello":
        return HelloHandler
    process = PROCESSES[kind]
    return type("WorkHandler", (Hello,), {"process": lambda self, record: process(record)})


def list_handler(kind: str) -> type[Connection]:
    def process_batch(self: StreamHandler, records: Iterable[bytes]) -> list[bytes]:
        return [b"Hello " + record for record in records]

    return type("ListHandler", (Hello,), {"process_batch": process_batch})


def block_handler(kind: str) -> type[Connection]:
    def process_block(self: StreamHandler, data: bytes) -> bytes:
        return b"Hello " + data.replace(b"\n", b"\nHello ")[:-6]

    return type("BlockHandler", (Hello,), {"process_block": process_block})


def serve(reactor: Reactor | Prefork, handler: type[Connection]) -> None:
    with reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0), BACKLOG)
        port = listener.port
        assert port is not None
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
        if isinstance(reactor, Prefork):  # which forks, and so has no thread
            reactor.on_start(announce_forked, port)
        else:
            announce(port, reactor.stop)
        reactor.run()


def announce_forked(port: int) -> None:
    pid = os.getpid()
    announce(port, lambda: os.kill(pid, signal.SIGTERM))


def bare(kind: str) -> None:
    """select.epoll, recv and send."""
    is_echo = kind == "echo"
    listener = socket.create_server((HOST, 0), backlog=BACKLOG)
    listener.setblocking(False)
    door = listener.fileno()
    connections: dict[int, socket.socket] = {}
    held: dict[int, bytes] = {}
    owed: dict[int, bytes] = {}
    poll = select.epoll()
    poll.register(door, select.EPOLLIN)
    announce(listener.getsockname()[1], lambda: os._exit(0))
    while True:
        for fd, mask in poll.poll():
            if fd == door:
                admit(listener, poll, connections)
                continue
            sock = connections[fd]
            try:
                if fd in owed:
                    data = owed.pop(fd)
                else:
                    data = sock.recv(65536)
                    if not data:
                        raise ConnectionResetError
                    if not is_echo:
                        data = replies(data, fd, held)
                took = sock.send(data)
            except BlockingIOError:
                took = 0
            except OSError:
                del connections[fd]
                held.pop(fd, None)
                sock.close()
                continue
            if took < len(data):
                owed[fd] = data[took:]
                poll.modify(fd, select.EPOLLOUT)
            elif mask & select.EPOLLOUT:
                poll.modify(fd, select.EPOLLIN)


def replies(data: bytes, fd: int, held: dict[int, bytes]) -> bytes:
    if fd in held:
        data = held.pop(fd) + data
    if data[-1] == 10 and b"\n" not in data[:-1]:
        return b"Hello " + data
    *names, rest = data.split(b"\n")
    if rest:
        held[fd] = rest
    return b"".join([b"Hello " + name + b"\n" for name in names])


def admit(listener: socket.socket, poll: select.epoll, connections: dict[int, socket.socket]) -> None:
    for _ in range(64):
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(sock, select.EPOLLIN)
        connections[sock.fileno()] = sock


def nio_server(workers: int) -> None:
    serve(Reactor.open(workers=workers, max_connections=room()), HelloHandler)


def open_reactor(name: str) -> Reactor | Prefork:
    places = room()
    if name == "nio-multi":
        return ReactorGroup.open(reactors=LOOPS, max_connections=places)
    if name == "nio-prefork":
        return Prefork.open(processes=LOOPS, max_connections=places)
    return Reactor.open(workers=WORKERS if name == "nio-pooled" else 0, max_connections=places)


HANDLERS: dict[str, Callable[[str], type[Connection]]] = {"nio-list": list_handler, "nio-block": block_handler}


def main(name: str, kind: str) -> None:
    if name == "raw":
        bare(kind)
    else:
        serve(open_reactor(name), HANDLERS.get(name, handler_class)(kind))


if __name__ == "__main__":
    main(*sys.argv[1:])
