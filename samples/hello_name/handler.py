"""The service: a name in, a greeting out.

``process`` is a function of this module and not a method, because a worker may be another process: what it gets and
gives is plain data, and the function itself travels by its name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

from nio.errors import ProtocolError
from nio.framing import Lines
from nio.reactor import CloseReason, StreamHandler
from nio.spi import Address

MAX_NAME = 256
IDLE_TIMEOUT = 60.0

Kind = Literal["sleep", "cpu"]

_USUAL = (CloseReason.PEER_FIN, CloseReason.DRAIN, CloseReason.LOCAL)


def greet(name: bytes) -> bytes:
    """The greeting for a name in UTF-8; anything else is the client's fault."""
    try:
        name.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"byte {error.start} of the name is not UTF-8") from None
    return b"Hello " + name


def sleep_and_greet(seconds: float, name: bytes) -> bytes:
    """A service that waits for something else: a database, a disk, another server."""
    time.sleep(seconds)
    return greet(name)


def work_and_greet(seconds: float, name: bytes) -> bytes:
    """A service that computes: ``seconds`` of this thread's processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return greet(name)


class HelloHandler(StreamHandler):
    """One per client: each line in is a name, each line out is a greeting."""

    __slots__ = ("_peer",)

    framing = Lines(max_length=MAX_NAME)
    process = staticmethod(greet)

    def on_open(self) -> None:
        self._peer: Address | None = self.channel.remote_address

    def on_close(self, reason: CloseReason) -> None:
        level = logging.DEBUG if reason in _USUAL else logging.INFO
        self.reactor.report("hello", level, "%s ended: %s (%s)", self._peer, reason.name, reason.value)


def configured(
    max_name: int = MAX_NAME, idle_timeout: float | None = IDLE_TIMEOUT, delay: float = 0, kind: Kind = "sleep"
) -> type[HelloHandler]:
    """A HelloHandler with other settings; ``delay`` makes each greeting take so many seconds of ``kind``."""
    service: Callable[[bytes], bytes] = greet
    if delay:
        service = partial(sleep_and_greet if kind == "sleep" else work_and_greet, delay)

    class Configured(HelloHandler):
        __slots__ = ()

        framing = Lines(max_length=max_name)
        process = staticmethod(service)

    Configured.idle_timeout = idle_timeout
    return Configured
