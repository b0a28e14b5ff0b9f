"""kqueue(2) for machines that have none, faithful enough to hold ``KqueuePoller`` to that kernel's rules.

:class:`FakeKernel` is what ``select`` has more on a BSD: ``kqueue``, ``kevent`` and the ``KQ_`` names. It asks the real
kernel by poll(2), so real sockets and pipes can be used. What it keeps of the manual, and a poller may trip over:

- one filter per direction and descriptor: adding what is there is nothing, deleting what is not there is ``ENOENT``;
- a change to a closed descriptor is ``EBADF``, and closing a descriptor takes its filters away without a word;
- level-triggered, and a filter that was reported goes to the end of the queue;
- ``EV_EOF`` on the read filter when no more can come, on the write filter when no more can go, *also after the own
  shutdown*; the socket's error comes in ``fflags`` (Linux tells its number only by clearing it: here it is always one);
- a stream socket that was never connected is not reported at all, where poll(2) says hang-up.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass

from nio.spi import SystemProvider
from nio.spi._kqueue import Kevent, KqueuePoller

_READ, _WRITE, _ADD, _DELETE, _EOF = -1, -2, 1, 2, 0x8000
_END = select.POLLHUP | select.POLLERR
_ALL = select.POLLIN | select.POLLOUT | select.POLLRDHUP
_PATIENCE = 0.01  # seconds until the next look at sockets that poll(2) reports and kqueue(2) does not


@dataclass(slots=True)
class FakeKevent:
    ident: int
    filter: int = _READ
    flags: int = _ADD
    fflags: int = 0


class FakeKqueue:
    """The queue: filters in the order in which they are looked at."""

    def __init__(self) -> None:
        self._filters: dict[tuple[int, int], None] = {}
        self._closed = False

    def fileno(self) -> int:
        raise io.UnsupportedOperation("a fake has no descriptor")

    def close(self) -> None:
        self._closed = True

    def control(
        self, changes: Sequence[Kevent] | None, max_events: int, timeout: float | None = None, /
    ) -> list[Kevent]:
        if self._closed:
            raise ValueError("I/O operation on closed kqueue object")
        if max_events < 0 or (timeout is not None and timeout < 0):
            raise ValueError("neither the number of events nor the timeout can be negative")
        for change in changes or ():
            self._change(change)
        return self._wait(max_events, timeout) if max_events else []

    def _change(self, change: Kevent) -> None:
        if change.filter not in (_READ, _WRITE) or change.flags not in (_ADD, _DELETE):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        os.fstat(change.ident)  # a closed one: EBADF
        key = change.ident, change.filter
        if change.flags == _ADD:
            self._filters.setdefault(key)
        elif key in self._filters:
            del self._filters[key]
        else:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _wait(self, max_events: int, timeout: float | None) -> list[Kevent]:
        deadline = None if timeout is None else time.monotonic() + timeout
        quiet: set[int] = set()
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = self._ready(quiet, left)
            if events := self._events(ready, max_events):
                return events
            if left == 0:
                return []
            quiet = ready

    def _ready(self, quiet: set[int], left: float | None) -> set[int]:
        """Those poll(2) reports; the ``quiet`` ones, with which it would never sleep, have their turn in a moment."""
        poll = select.poll()
        for ident in {ident for ident, _ in self._filters} - quiet:
            wanted = [name for fd, name in self._filters if fd == ident]
            poll.register(ident, (_READ in wanted and _ALL ^ select.POLLOUT) | (_WRITE in wanted and select.POLLOUT))
        if quiet:
            left = _PATIENCE if left is None else min(left, _PATIENCE)
        answers = poll.poll(None if left is None else left * 1000)
        gone = {ident for ident, mask in answers if mask & select.POLLNVAL}
        self._filters = {key: None for key in self._filters if key[0] not in gone}
        return {ident for ident, _ in answers} - gone

    def _events(self, ready: set[int], max_events: int) -> list[Kevent]:
        found: list[Kevent] = []
        for ident, name in tuple(self._filters):
            event = _look(ident, name) if ident in ready and len(found) < max_events else None
            if event is not None:
                found.append(event)
                del self._filters[ident, name]
                self._filters[ident, name] = None
        return found


def _look(ident: int, name: int) -> FakeKevent | None:
    poll = select.poll()
    poll.register(ident, _ALL)
    mask = dict(poll.poll(0)).get(ident, 0)
    is_socket = stat.S_ISSOCK(os.fstat(ident).st_mode)
    if is_socket and mask & select.POLLHUP and not mask & select.POLLRDHUP:
        return None  # never connected
    if name == _READ:
        ended = mask & (select.POLLRDHUP | _END)
        ready = ended | mask & select.POLLIN
    else:
        ended = mask & _END or (is_socket and mask & select.POLLOUT and _cannot_send(ident))
        ready = ended | mask & select.POLLOUT
    error = errno.ECONNRESET if is_socket and mask & select.POLLERR else 0
    return FakeKevent(ident, name, _ADD | (_EOF if ended else 0), error) if ready else None


def _cannot_send(ident: int) -> bool:
    """No byte is sent to find out."""
    with socket.socket(fileno=os.dup(ident)) as sock:
        try:
            sock.send(b"")
        except BrokenPipeError:
            return True
        return False


class FakeKernel:
    KQ_FILTER_READ = _READ
    KQ_FILTER_WRITE = _WRITE
    KQ_EV_ADD = _ADD
    KQ_EV_DELETE = _DELETE
    KQ_EV_EOF = _EOF

    def kqueue(self) -> FakeKqueue:
        return FakeKqueue()

    def kevent(self, ident: int, filter: int, flags: int, /) -> FakeKevent:
        return FakeKevent(ident, filter, flags)


class FakeKqueueProvider(SystemProvider):
    """The provider of a BSD, as far as this machine can play it: only the poller is another."""

    def __init__(self) -> None:
        super().__init__("poll")
        self.name = "kqueue"

    def open_poller(self) -> KqueuePoller:
        return KqueuePoller(FakeKernel())
