"""A closed loop of clients: each sends a name, checks the reply, sends the next.

The prime figure is the server's own processor time per request: it does not move when the loader is the bottleneck, and
less than a rate when the machine is busy with something else.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

REQUEST, REPLY = b"name-0123456789\n", b"Hello name-0123456789\n"
PATIENCE = 10.0  # seconds without any reply


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


def total(parts: Iterable[Measurement]) -> Measurement:
    """One measurement made of several of the same server."""
    requests, seconds, server_cpu = zip(
        *((part.requests, part.seconds, part.server_cpu) for part in parts), strict=True
    )
    return Measurement(sum(requests), sum(seconds), sum(server_cpu))


def cpu_seconds(pid: int) -> float:
    """The processor time of another process, all its threads (Linux: the clock of a process is named by its id)."""
    return time.clock_gettime((~pid << 3) | 2)


class Load:
    """So many connections to one server; ``wrap`` puts TLS over each, say."""

    def __init__(
        self,
        address: tuple[str, int],
        pid: int,
        connections: int,
        wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock,
    ) -> None:
        self._pid = pid
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            sock = socket.create_connection(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = wrap(sock)
            self._sockets[sock.fileno()] = sock
            self._poll.register(sock, select.EPOLLIN)

    def run(self, seconds: float) -> Measurement:
        """Load the server for so long, then until it owes nothing; AssertionError for a wrong reply or none."""
        began, cpu, requests = time.perf_counter(), cpu_seconds(self._pid), 0
        for sock in self._sockets.values():
            sock.send(REQUEST)
        owed = len(self._sockets)
        while owed:
            is_time = time.perf_counter() < began + seconds
            ready = self._poll.poll(PATIENCE)
            assert ready, f"no reply in {PATIENCE} s"
            for fd, _ in ready:
                sock = self._sockets[fd]
                answer = sock.recv(4096)
                assert answer == REPLY, answer
                requests += 1
                if is_time:
                    sock.send(REQUEST)
                else:
                    owed -= 1
        return Measurement(requests, time.perf_counter() - began, cpu_seconds(self._pid) - cpu)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._poll.close()
        for sock in self._sockets.values():
            sock.close()


def in_turn(loads: dict[str, Load], length: float, seconds: float) -> dict[str, Measurement]:
    """Load each server for a slice of that length, then each again, for so long in all; two more slices warm up."""
    slices = [{name: load.run(length) for name, load in loads.items()} for _ in range(2 + round(seconds / length))]
    return {name: total(each[name] for each in slices[2:]) for name in loads}
