"""Processes: forking children and hearing of their end, signals by name, and word to the service manager.

A child must not leave through its parent's code: it would run the parent's ``finally`` blocks and ``atexit`` calls, and
write out what the parent has in its buffers once more. So ``fork`` empties the buffers first, and a child ends by
``exit_process``.

Nor must a signal run its parent's handlers in it: signals wait in a new child until it handles some itself.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from nio.spi import _epoll
from nio.spi._base import OwnSocket
from nio.spi._signals import NamedSignal


class ProcessDoor:
    """The part of a provider that makes processes and speaks to them."""

    _held: set[int] | None = None  # in a new child: the signal mask that it will have

    def process_id(self) -> int:
        return os.getpid()

    def thread_count(self) -> int:
        return threading.active_count()

    def fork(self) -> int:
        _flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            else:
                self._held = before
        return pid

    def exit_process(self, code: int) -> NoReturn:
        _flush()
        os._exit(code)

    def ended_child(self, pid: int) -> tuple[int, str] | None:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return -1, "somebody else has heard how"
        if not ended:
            return None
        code = os.waitstatus_to_exitcode(status)
        return code, signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def signal_process(self, pid: int, name: str) -> None:
        try:
            os.kill(pid, signal.Signals[name])
        except ProcessLookupError:
            pass

    @contextmanager
    def handling_signals(
        self, names: Iterable[str], handler: Callable[[str], object], *, overrule: bool = False
    ) -> Iterator[None]:
        ours = [named for named in (NamedSignal(name, handler) for name in names) if overrule or named.is_free]
        try:
            for named in ours:
                named.set()
            if self._held is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, self._held)
                self._held = None
            yield
        finally:
            for named in ours:
                named.put_back()

    def share_listener(self, listener: OwnSocket) -> None:
        _epoll.share(listener.fileno())

    def shared_memory(self, size: int) -> memoryview:
        return memoryview(mmap.mmap(-1, size))

    def notify(self, path: str, message: bytes) -> None:
        where = "\0" + path[1:] if path.startswith("@") else path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message, where)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # none, or nobody reads it, or closed
