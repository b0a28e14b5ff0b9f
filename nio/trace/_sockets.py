"""Sockets, pipe ends and descriptors of another provider, which tell what is done with them.

At level ``events`` what is called with every request is the inner socket's own method, so that nothing is added to it.
From ``io`` on a function stands before it. It is made once for each socket, with what it needs at hand: a method would
have to look that up in every call.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Any

from nio.spi import Address
from nio.trace._recording import Recording
from nio.trace._records import CHANNEL, CLOSED, CONNECT, END, IO, READ, WOULD_BLOCK, WRITE

_AS_IT_IS = ("fileno", "getsockname", "recv", "recv_into", "recvmsg_into", "send", "sendmsg", "sendto")
_UNDER_WAY = {0: 0, errno.EINPROGRESS: WOULD_BLOCK, errno.EAGAIN: WOULD_BLOCK}


def spelled(address: object) -> str:
    """An address as a short text: ``127.0.0.1:80``, ``[::1]:80``, a path; empty for none."""
    if not address:
        return ""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    return address if isinstance(address, str) else repr(address)


def failure(error: OSError) -> int:
    """The count of a call that has failed."""
    return WOULD_BLOCK if isinstance(error, BlockingIOError) else -(error.errno or errno.EIO)


class TracedEnd:
    """A pipe end, or any other descriptor."""

    __slots__ = (*_AS_IT_IS, "__weakref__", "_recording", "inner", "number")

    def __init__(self, inner: Any, recording: Recording, what: str, local: str = "", peer: str = "") -> None:
        self.inner: Any = inner
        self._recording = recording
        fd = inner.fileno()
        self.number: int = recording.new_channel(fd)
        for name in _AS_IT_IS:
            own = getattr(inner, name, None)
            if own is not None:
                setattr(self, name, own)
        if recording.level >= IO:
            self._stand_before(inner, recording)
        recording.put((CHANNEL, recording.clock(), self.number, fd, what, local, peer))

    def __getattr__(self, name: str) -> Any:
        """Whatever else the inner one has."""
        return getattr(object.__getattribute__(self, "inner"), name)

    def close(self) -> None:
        """As of the inner one."""
        fd = self.inner.fileno()
        if fd >= 0:
            self.let_go(fd)
        self.inner.close()

    def detach(self) -> int:
        """As of the inner one."""
        self.let_go(self.inner.fileno())
        fd: int = self.inner.detach()
        return fd

    def let_go(self, fd: int) -> None:
        """This descriptor is somebody else's, or nobody's."""
        recording = self._recording
        recording.drop_channel(fd, self.number)
        recording.put((CLOSED, recording.clock(), self.number, ""))

    def _stand_before(self, inner: Any, recording: Recording) -> None:
        here, clock, ch = recording.here, recording.clock, self.number
        self.recv_into: Callable[..., Any] = _reading_into(inner.recv_into, here, clock, ch)
        self.recvmsg_into: Callable[..., Any] = _scattering(inner.recvmsg_into, here, clock, ch)
        self.send: Callable[..., Any] = _sending(inner.send, here, clock, ch)
        self.sendmsg: Callable[..., Any] = _gathering(inner.sendmsg, here, clock, ch)
        if hasattr(inner, "recv"):
            self.recv: Callable[..., Any] = _receiving(inner.recv, here, clock, ch)
        if hasattr(inner, "sendto"):
            self.sendto: Callable[..., Any] = _sending(inner.sendto, here, clock, ch)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"


class TracedSocket(TracedEnd):
    """A stream socket, a listener or a datagram socket."""

    __slots__ = ()

    def bind(self, address: Address) -> None:
        """As of the inner one."""
        self.inner.bind(address)
        self._tell("bound")

    def listen(self, backlog: int) -> None:
        """As of the inner one."""
        self.inner.listen(backlog)
        self._tell("listener")

    def connect_ex(self, address: Address) -> int:
        """As of the inner one."""
        code: int = self.inner.connect_ex(address)
        self._tell("connecting", spelled(address))
        if self._recording.level >= IO:
            recording = self._recording
            recording.put((CONNECT, recording.clock(), self.number, _UNDER_WAY.get(code, -code), 0))
        return code

    def _tell(self, what: str, peer: str = "") -> None:
        """What this channel is now."""
        recording = self._recording
        try:
            local = spelled(self.inner.getsockname())
        except OSError:
            local = ""
        recording.put((CHANNEL, recording.clock(), self.number, self.inner.fileno(), what, local, peer))


def _receiving(call: Any, here: Any, clock: Callable[[], int], ch: int) -> Callable[..., bytes]:
    def recv(size: int, flags: int = 0) -> bytes:
        try:
            data: bytes = call(size, flags) if flags else call(size)
        except OSError as error:
            here.put((READ, clock(), ch, failure(error), size))
            raise
        here.put((READ, clock(), ch, len(data) or (END if size else 0), size))
        return data

    return recv


def _reading_into(call: Any, here: Any, clock: Callable[[], int], ch: int) -> Any:
    def recv_into(target: Any, *more: int) -> int:
        asked = len(target)
        try:
            count: int = call(target, *more)
        except OSError as error:
            here.put((READ, clock(), ch, failure(error), asked))
            raise
        here.put((READ, clock(), ch, count or (END if asked else 0), asked))
        return count

    return recv_into


def _scattering(call: Any, here: Any, clock: Callable[[], int], ch: int) -> Any:
    def recvmsg_into(targets: Sequence[memoryview], *more: int) -> Any:
        asked = sum(map(len, targets))
        try:
            answer = call(targets, *more)
        except OSError as error:
            here.put((READ, clock(), ch, failure(error), asked))
            raise
        here.put((READ, clock(), ch, answer[0] or (END if asked else 0), asked))
        return answer

    return recvmsg_into


def _sending(call: Any, here: Any, clock: Callable[[], int], ch: int) -> Any:
    """``send(data, flags)``, and ``sendto(data, address)``, which has no other form here."""

    def send(source: Any, more: Any = 0) -> int:
        try:
            count: int = call(source, more)
        except OSError as error:
            here.put((WRITE, clock(), ch, failure(error), len(source)))
            raise
        here.put((WRITE, clock(), ch, count, len(source)))
        return count

    return send


def _gathering(call: Any, here: Any, clock: Callable[[], int], ch: int) -> Any:
    def sendmsg(sources: Sequence[Any], *more: Any) -> int:
        asked = sum(map(len, sources))
        try:
            count: int = call(sources, *more)
        except OSError as error:
            here.put((WRITE, clock(), ch, failure(error), asked))
            raise
        here.put((WRITE, clock(), ch, count, asked))
        return count

    return sendmsg
