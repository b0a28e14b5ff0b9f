"""The server of ``_every_mode_handlers`` in a process of its own, and its clients."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tests.integration import _every_mode_handlers
from tests.integration._every_mode_handlers import MODES, Telling
from tests.integration.conversation import PATIENCE, ROOT


class EveryHandler:
    """The server in a process of its own, and what it tells."""

    def __init__(self, mode: str, **options: int) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed in end()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                "-m",
                _every_mode_handlers.__name__,
                mode,
                json.dumps({**MODES[mode], **options}),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._told: dict[int, str] = {}
        self._left = b""
        self.ports: dict[str, int] = json.loads(self._line() or "{}")

    def _line(self) -> str:
        """The next line that it writes."""
        assert self.process.stdout is not None
        while b"\n" not in self._left:
            assert select.select([self.process.stdout], [], [], PATIENCE)[0], "the server says nothing"
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return ""
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def reason(self, port: int) -> str:
        """Why the connection of the client with that port has ended, once it has."""
        while port not in self._told:
            line = self._line()
            assert line, f"{port} is not heard of"
            number, reason = line.split()
            self._told[int(number)] = reason
        return self._told.pop(port)

    @contextmanager
    def dial(self, handler: type[Telling], buffer: int = 0) -> Iterator[Caller]:
        with Caller(buffer) as caller:
            caller.sock.connect(("127.0.0.1", self.ports[handler.__name__]))
            yield caller

    def end(self, number: int | None = signal.SIGTERM) -> int:
        """Its exit code, after the signal if there is one."""
        try:
            if number is not None:
                self.process.send_signal(number)
            return self.process.wait(PATIENCE)
        finally:
            with self.process, self._log:
                self.process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.process.returncode is None:
            self.end(signal.SIGKILL)


class Caller:
    """A client, whose calls fail after a while."""

    def __init__(self, buffer: int = 0) -> None:
        self._left = b""
        self.sock = socket.socket()
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def read(self, count: int) -> bytes:
        """So many bytes, fewer at the end of the stream."""
        while len(self._left) < count and (data := self.sock.recv(65536)):
            self._left += data
        data, self._left = self._left[:count], self._left[count:]
        return data

    def line(self) -> bytes:
        """The next one, without its end."""
        return self.lines(1)[0]

    def lines(self, count: int) -> list[bytes]:
        """So many, fewer at the end of the stream."""
        *found, left = self._left.split(b"\n")
        while len(found) < count and (data := self.sock.recv(65536)):
            *more, left = (left + data).split(b"\n")
            found += more
        self._left = b"".join(line + b"\n" for line in found[count:]) + left
        return found[:count]

    def rest(self) -> tuple[bytes, str]:
        """All that comes, and how the stream ends."""
        data, self._left = bytearray(self._left), b""
        try:
            while more := self.sock.recv(65536):
                data += more
        except ConnectionResetError:
            return bytes(data), "reset"
        return bytes(data), "fin"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()
