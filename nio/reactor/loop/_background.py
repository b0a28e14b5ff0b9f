"""A reactor that runs in a thread of its own for the length of a block, for tests and small programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nio.errors import IllegalStateError
from nio.spi import SelectorProvider

_PATIENCE = 10.0  # seconds for a thread to end, beyond the time to drain


class Loop(Protocol):
    """What is asked of a reactor."""

    @property
    def provider(self) -> SelectorProvider: ...

    def post(self, fn: Callable[..., object], /, *args: object) -> None: ...

    def run(self) -> None: ...

    def stop(self, drain: float | None = None) -> None: ...


class Background:
    """One run of a reactor in another thread."""

    __slots__ = ("_drain", "_error", "_is_running", "_loop", "_thread")

    def __init__(self, loop: Loop, drain: float | None) -> None:
        """Return when the reactor runs; raises what ``run()`` raises before that."""
        self._loop = loop
        self._drain = drain
        self._error: BaseException | None = None
        self._is_running = loop.provider.event()
        loop.post(self._is_running.set)
        self._thread = loop.provider.start_thread(self._run, name="reactor")
        try:
            self._is_running.wait()
        except BaseException:  # a Ctrl-C, say
            self.end()
            raise
        if self._error is not None:
            self._thread.join()
            raise self._error

    def _run(self) -> None:
        try:
            self._loop.run()
        except BaseException as error:
            self._error = error
        finally:
            self._is_running.set()

    def end(self) -> None:
        """Stop, wait for the end, and raise what ``run()`` has raised."""
        self._loop.stop(self._drain)
        self._thread.join(_PATIENCE + (self._drain or 0))
        if self._thread.is_alive():
            raise IllegalStateError(
                f"the reactor's thread {self._thread.name!r} did not stop in {_PATIENCE} s: a handler, tick or timer "
                "blocks it"
            )
        if self._error is not None:
            raise self._error
