"""poll(2): every wait hands the kernel the whole list."""

from __future__ import annotations

import select

from nio.spi._base import READABLE


class PollPoller:
    """Readiness by poll."""

    __slots__ = ("_poll", "add", "modify", "remove")

    limit = None

    def __init__(self) -> None:
        self._poll = select.poll()
        self.add = self._poll.register
        self.modify = self._poll.modify
        self.remove = self._poll.unregister

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._poll.poll(None if timeout is None else timeout * 1000)

    def close(self) -> None:
        """Nothing to give back: poll keeps no kernel object."""


def wait_for(fd: int, mask: int, wakeup: int | None, timeout: float | None) -> bool:
    """Sleep until ``fd`` answers to ``mask`` (True), ``wakeup`` is set or ``timeout`` seconds are over (False)."""
    poll = select.poll()
    poll.register(fd, mask)
    if wakeup is not None:
        poll.register(wakeup, READABLE)
    return any(ready == fd for ready, _ in poll.poll(None if timeout is None else timeout * 1000))
