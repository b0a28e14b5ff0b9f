"""Word to the service manager, systemd's way: ready, stopping, alive. Without a manager nothing is sent.

A service of ``Type=notify`` is started when it says so. One with ``WatchdogSec=`` has to say that it is alive: here the
loop itself does, by a timer, twice in that time. A loop that is stuck says nothing, and systemd restarts the service.
Of a group every sub reactor must turn, of a Prefork the parent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Protocol, Self

from nio.reactor.groups._reactor_group import ReactorGroup
from nio.reactor.loop._report import logger
from nio.spi import SelectorProvider


class Loop(Protocol):
    """What is asked of a Reactor, a ReactorGroup or a Prefork."""

    def on_start(self, fn: Callable[..., object], /) -> None: ...

    def on_stop(self, fn: Callable[..., object], /) -> None: ...

    def call_every(self, period: float, fn: Callable[..., object], /) -> object: ...


class ServiceManager:
    """The manager that has started this process, if any: ``ServiceManager.here().watch(reactor)`` is all one needs.

    ``socket`` is the path of its socket, None for no manager; ``watchdog`` how many seconds it waits for word.
    """

    def __init__(
        self, socket: str | None = None, watchdog: float | None = None, *, provider: SelectorProvider | None = None
    ) -> None:
        self.socket: str | None = socket
        self.watchdog: float | None = watchdog
        self._provider = SelectorProvider.default() if provider is None else provider

    @classmethod
    def here(cls, environment: Mapping[str, str] = os.environ, *, provider: SelectorProvider | None = None) -> Self:
        """The manager that the environment tells of: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC``, ``WATCHDOG_PID``."""
        manager = cls(environment.get("NOTIFY_SOCKET") or None, provider=provider)
        microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
        if manager.socket and microseconds.isdecimal() and pid in ("", str(manager._provider.process_id())):
            manager.watchdog = int(microseconds) / 1e6 or None
        return manager

    def watch(self, loop: Loop) -> None:
        """Say when ``loop`` starts and stops, and, while it turns, that it is alive; before it runs."""
        loop.on_start(self.ready)
        loop.on_stop(self.stopping)
        if self.watchdog is None:
            return
        if isinstance(loop, ReactorGroup):
            loop.call_every(self.watchdog / 2, loop.when_all_turn, self.alive)
        else:
            loop.call_every(self.watchdog / 2, self.alive)

    def ready(self) -> None:
        """The service has started, or has reloaded."""
        self.tell("READY=1")

    def stopping(self) -> None:
        """The service is about to end."""
        self.tell("STOPPING=1")

    def alive(self) -> None:
        """Do not restart me."""
        self.tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self.tell("STATUS=" + " ".join(text.split()))

    def tell(self, message: str) -> None:
        """Send any message of sd_notify(3); a manager that cannot be told costs a line in the log, nothing else."""
        if self.socket is None:
            return
        try:
            self._provider.notify(self.socket, message.encode())
        except OSError as error:
            logger.log(logging.WARNING, "the service manager was not told %.60r: %s", message, error)
