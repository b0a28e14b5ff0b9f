"""epoll(7), level-triggered: the methods are the kernel object's own, so that a wait costs no Python call."""

from __future__ import annotations

import select


class EpollPoller:
    """Readiness by epoll."""

    __slots__ = ("_epoll", "add", "close", "fileno", "modify", "remove", "wait")

    limit = None

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.add = self._epoll.register
        self.modify = self._epoll.modify
        self.remove = self._epoll.unregister
        self.wait = self._epoll.poll
        self.close = self._epoll.close
        self.fileno = self._epoll.fileno
