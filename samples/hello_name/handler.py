"""The service: a name in, a greeting out.

``process`` is a static method, and its slow forms are functions of this module, because a worker may be another
process: what goes there and comes back is plain data, and the function itself travels by its name.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Literal

from nio.errors import ProtocolError
from nio.framing import Lines
from nio.reactor import CloseReason, StreamHandler
from nio.spi import Address
from samples.hello_name._console import spell

MAX_NAME = 256
IDLE_TIMEOUT = 60.0

_USUAL = (CloseReason.PEER_FIN, CloseReason.PEER_RST, CloseReason.DRAIN, CloseReason.LOCAL)


class HelloHandler(StreamHandler):
    """One per client: each line in is a name, each line out is a greeting."""

    __slots__ = ("_peer",)

    framing = Lines(max_length=MAX_NAME)

    @staticmethod
    def process(name: bytes) -> bytes:
        """The greeting for a name in UTF-8; anything else is the client's fault."""
        try:
            name.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"byte {error.start} of the name is not UTF-8") from None
        return b"Hello " + name

    def on_open(self) -> None:
        self._peer: Address | None = self.channel.remote_address

    def on_close(self, reason: CloseReason) -> None:
        level = logging.DEBUG if reason in _USUAL else logging.INFO
        self.reactor.report("ended", level, "%s ended: %s", spell(self._peer), reason.name)


def sleep_and_greet(seconds: float, name: bytes) -> bytes:
    """A service that waits for something else: a database, a disk, another server."""
    time.sleep(seconds)
    return HelloHandler.process(name)


def work_and_greet(seconds: float, name: bytes) -> bytes:
    """A service that computes: ``seconds`` of its thread's processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return HelloHandler.process(name)


def configured(
    max_name: int, idle_timeout: float | None, delay: float, kind: Literal["sleep", "cpu"]
) -> type[HelloHandler]:
    """A HelloHandler with these settings; each greeting takes ``delay`` seconds of ``kind``."""
    settings: dict[str, object] = {
        "__slots__": (),
        "framing": Lines(max_length=max_name),
        "idle_timeout": idle_timeout,
    }
    if delay:
        settings["process"] = staticmethod(partial(sleep_and_greet if kind == "sleep" else work_and_greet, delay))
    return type("ConfiguredHandler", (HelloHandler,), settings)
