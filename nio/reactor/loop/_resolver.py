"""Resolver: host names to addresses, in threads of its own. The system's resolver waits, so the loop never asks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nio.executors import WorkerPool
from nio.spi import Address, ProtocolFamily, SelectorProvider

Found = Sequence[tuple[ProtocolFamily, Address]]
Then = Callable[[Found, "Exception | None"], object]

_THREADS = 4  # a name server that does not answer holds one for as long as it takes
_IDLE = 5.0  # seconds until a thread without work ends


class Post(Protocol):
    """How a call travels to the reactor's thread."""

    def __call__(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Resolver:
    """The names of one reactor; its threads are started when the first name comes."""

    __slots__ = ("_pool", "_post", "_provider")

    def __init__(self, provider: SelectorProvider, post: Post) -> None:
        self._provider = provider
        self._post = post
        self._pool: WorkerPool | None = None

    def resolve(self, host: str, port: int, then: Then) -> None:
        """Call ``then(addresses, None)`` or ``then((), error)`` on the reactor's thread.

        RejectedExecutionError when a thousand names wait already, WorkerStartError when the system starts no thread.
        """
        if self._pool is None:
            self._pool = WorkerPool(_THREADS, minimum=0, keep_alive=_IDLE, name="resolver", provider=self._provider)
        self._pool.execute(self._ask, host, port, then)

    def _ask(self, host: str, port: int, then: Then) -> None:
        """In a thread of the pool."""
        try:
            found = self._provider.resolve(host, port)
        except Exception as error:
            self._post(then, (), error)
        else:
            self._post(then, found, None)

    def close(self) -> None:
        """Ask nothing more, and wait for no answer."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
