"""A closed loop of clients: each sends a name, checks the reply, sends the next.

The prime figure is the server's own processor time per request: it does not move when the loader is the bottleneck or
the machine is busy with something else.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass

_WARM_UP = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Measurement:
    """Requests in ``seconds``, and ``server_cpu`` seconds of the server process meanwhile."""

    requests: int
    seconds: float
    server_cpu: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def cpu_per_request(self) -> float:
        """Microseconds of the server's processor time."""
        return self.server_cpu / self.requests * 1e6


def cpu_seconds(pid: int) -> float:
    """The processor time of another process, all its threads (Linux: the clock of a process is named by its id)."""
    return time.clock_gettime((~pid << 3) | 2)


def measure(address: tuple[str, int], pid: int, connections: int, seconds: float) -> Measurement:
    """Load the server for ``seconds`` and count; AssertionError for a wrong reply."""
    request, reply = b"name-0123456789\n", b"Hello name-0123456789\n"
    sockets = [socket.create_connection(address) for _ in range(connections)]
    try:
        poll = select.epoll()
        by_fd = {sock.fileno(): sock for sock in sockets}
        for fd, sock in by_fd.items():
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(fd, select.EPOLLIN)
            sock.send(request)
        started = cpu = 0.0
        requests = 0
        warm = time.perf_counter() + _WARM_UP
        while True:
            now = time.perf_counter()
            if not started and now >= warm:
                started, cpu, requests = now, cpu_seconds(pid), 0
            if started and now >= started + seconds:
                return Measurement(requests, now - started, cpu_seconds(pid) - cpu)
            for fd, _ in poll.poll(1):
                sock = by_fd[fd]
                answer = sock.recv(4096)
                assert answer == reply, answer
                requests += 1
                sock.send(request)
    finally:
        poll.close()
        for sock in sockets:
            sock.close()
