"""A child process with a hello server in it, and the conversations that each of them has to get right.

A conversation takes the server's address. Where it matters that bytes arrive one by one, a second client's request and
reply stand between them: when that reply is here, a reactor has read what was sent before.
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 10.0  # seconds that anything may take
Address = tuple[str, int]
RUNNING: set[subprocess.Popen[str]] = set()  # and those of which nobody has looked yet whether they have ended


# The kernel holds little for the server's connections, which inherit the listener's buffers: writes become short. The
# port is one that the kernel gives, whatever the server asks for, and the first line of the output tells it.
LAUNCHER = """
import nio, runpy, socket, sys
bind = nio.ServerSocketChannel.bind
def bind_anywhere(self, address, backlog=0):
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        self.socket.setsockopt(socket.SOL_SOCKET, option, 16384)
    bind(self, (address[0], 0), backlog)
    print(f"asked for {address[1]}, got :{self.local_address[1]}", flush=True)
    return self
nio.ServerSocketChannel.bind = bind_anywhere
"""


class Child:
    """A server in a process of its own; the first line of its output ends with its port."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        RUNNING.add(self.process)
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        self.first_line = self.process.stdout.readline() if ready else ""
        if not self.first_line:
            self.process.kill()
            _, errors = self.process.communicate()
            raise AssertionError(f"{arguments} did not start: {errors}")
        self.address = ("127.0.0.1", int(self.first_line.rpartition(":")[2]))

    @classmethod
    def launched(cls, code: str, *arguments: str) -> Child:
        """Runs the code, which starts a server, with the arguments as its command line."""
        return cls("-c", LAUNCHER + code, *arguments)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; the exit code and what was written to stderr."""
        self.process.send_signal(number)
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
            raise AssertionError(f"the server goes on after signal {number}: {errors}") from None
        return self.process.returncode, errors


def end_all_but(kept: set[subprocess.Popen[str]]) -> None:
    for process in RUNNING - kept:
        RUNNING.discard(process)
        with process:
            process.kill()


@contextmanager
def client(address: Address, buffers: int = 0) -> Iterator[socket.socket]:
    """A connected socket, for which the kernel holds about that many bytes each way if a number is given."""
    with socket.socket() as sock:
        sock.settimeout(PATIENCE)
        if buffers:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, buffers)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        yield sock


def nc_hears(address: Address, question: bytes) -> bytes:
    """The first datagram that comes back. By itself nc would not end before a second is over."""
    command = ["nc", "-u", address[0], str(address[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(question)
        answer = child.stdout.read(65536)
        child.kill()
    return answer or b""


def receive(sock: socket.socket, count: int) -> bytes:
    """That many bytes, fewer if the server ends the connection first."""
    received = b""
    while len(received) < count and (data := sock.recv(count - len(received))):
        received += data
    return received


def receive_all(sock: socket.socket) -> bytes:
    """Until the end of the stream, or until the server resets what it does not want to read."""
    received = bytearray()
    try:
        while data := sock.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return bytes(received)


def ask(sock: socket.socket, name: bytes) -> None:
    """One name, one reply."""
    sock.sendall(name + b"\n")
    expected = b"Hello " + name + b"\n"
    assert receive(sock, len(expected)) == expected


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def send_until_it_stops(sock: socket.socket, data: memoryview) -> memoryview:
    """What is left when nothing goes any more, because the server has stopped reading."""
    sock.setblocking(False)
    while data and select.select([], [sock], [], 0.02)[1]:
        data = data[sock.send(data[:65536]) :]
    return data


def two_names_in_one_segment(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"ann\nbob\n")
        assert receive(sock, 20) == b"Hello ann\nHello bob\n"


def a_name_byte_by_byte(address: Address) -> None:
    with client(address) as sock, client(address) as other:
        for byte in b"carl\r\ndora\n":
            sock.sendall(bytes([byte]))
            ask(other, b"still here")
        assert receive(sock, 22) == b"Hello carl\nHello dora\n"


def one_cr_before_the_lf_is_dropped(address: Address) -> None:
    with client(address) as sock:
        sock.sendall(b"ann\r\nb\rc\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert receive_all(sock) == b"Hello ann\nHello b\rc\nHello \n"


def one_request_after_the_other(address: Address) -> None:
    with client(address) as sock:
        for name in (b"ann", b"", b"x" * 256, "Zoë".encode()):
            ask(sock, name)


def replies_owed_at_the_end(address: Address) -> None:
    names = [b"name %d" % number for number in range(1500)]
    with client(address) as sock:
        sock.sendall(b"\n".join(names) + b"\nnot a line")
        sock.shutdown(socket.SHUT_WR)
        assert receive_all(sock) == b"".join(b"Hello " + name + b"\n" for name in names)


def a_client_that_does_not_read_at_first(address: Address) -> None:
    """It sends until the server has stopped reading, because its replies are not taken; then it reads."""
    names = [b"%0200d" % number for number in range(1_500)]
    left = memoryview(b"\n".join(names) + b"\n")
    received = bytearray()
    with client(address, buffers=16384) as sock:
        left = send_until_it_stops(sock, left)
        assert left, "the server takes requests without end"
        while True:
            readable, writable, _ = select.select([sock], [sock] if left else [], [], PATIENCE)
            assert readable or writable, "the server has stopped"
            if writable:
                left = left[sock.send(left[:65536]) :]
                if not left:
                    sock.shutdown(socket.SHUT_WR)
            if readable:
                data = sock.recv(65536)
                if not data:
                    break
                received += data
    assert received == b"".join(b"Hello " + name + b"\n" for name in names)


def a_name_that_is_too_long(address: Address) -> None:
    """256 bytes pass and 257 do not, with a line ending or without; what is owed is sent first."""
    with client(address) as sock:
        sock.sendall(b"x" * 256 + b"\r\n")
        assert receive(sock, 263) == b"Hello " + b"x" * 256 + b"\n"
    for owed, name in ((b"ann\n", b"x" * 257 + b"\nbob\n"), (b"ann\n", b"x" * 258), (b"", b"x" * 258)):
        with client(address) as sock:
            sock.sendall(owed + name)
            assert receive_all(sock) == (b"Hello ann\n" if owed else b"")


def a_reset_in_the_middle(address: Address) -> None:
    """Inside a name, with nothing said, and with replies that were not taken; the next client is served."""
    for said in (b"an", b"", b"ann\n" * 50_000):
        with client(address, buffers=16384) as sock:
            send_until_it_stops(sock, memoryview(said))
            reset(sock)
        with client(address) as sock:
            ask(sock, b"bob")


def fifty_clients_at_once(address: Address) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(client(address)) for _ in range(50)]
        for number, sock in enumerate(socks):
            sock.sendall(b"client %02d\n" % number)
        for number, sock in enumerate(socks):
            assert receive(sock, 16) == b"Hello client %02d\n" % number


def nothing_is_left_of_clients_that_are_gone(child: Child) -> None:
    """The server has as many descriptors as before, and two wake-ups more at most; what leaks leaks three times.

    Where threads block, the first sleep in a channel opens one: here in the listener and in the connection that stays.
    """
    descriptors = Path(f"/proc/{child.process.pid}/fd")
    if not descriptors.exists():
        return
    with client(child.address) as sock:
        ask(sock, b"ann")
        before = len(list(descriptors.iterdir()))
        for said in (b"bob\n", b"bo", b"x" * 258, b""):
            for leave in (reset, socket.socket.close):
                for _ in range(3):
                    with client(child.address) as other:
                        other.sendall(said)
                        leave(other)
        with client(child.address) as last:
            ask(last, b"carl")  # so all before it have been accepted
        deadline = time.monotonic() + PATIENCE
        while (now := len(list(descriptors.iterdir()))) > before + 2:
            assert time.monotonic() < deadline, f"{before} descriptors became {now}"
            ask(sock, b"ann")


CONVERSATIONS: list[Callable[[Address], None]] = [
    two_names_in_one_segment,
    a_name_byte_by_byte,
    one_cr_before_the_lf_is_dropped,
    one_request_after_the_other,
    replies_owed_at_the_end,
    a_client_that_does_not_read_at_first,
    a_name_that_is_too_long,
    a_reset_in_the_middle,
    fifty_clients_at_once,
]
