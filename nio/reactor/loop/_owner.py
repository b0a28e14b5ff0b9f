"""Owner: which thread runs the reactor, and what is said to the others."""

from __future__ import annotations

from collections.abc import Callable

from nio.errors import IllegalStateError


class Owner:
    """``thread`` is inside ``run()`` or ``turn()``; None between them: then any thread may do all."""

    __slots__ = ("_thread_id", "thread")

    def __init__(self, thread_id: Callable[[], int]) -> None:
        self._thread_id = thread_id
        self.thread: int | None = None

    @property
    def is_elsewhere(self) -> bool:
        """True for a thread that does not run the reactor while another one does."""
        return self.thread is not None and self.thread != self._thread_id()

    def check(self, what: str) -> None:
        """IllegalStateError for a thread that does not run the reactor while another one does."""
        if self.is_elsewhere:
            raise IllegalStateError(
                f"{what}() belongs to the thread that runs the reactor (number {self.thread}) and was called from "
                f"number {self._thread_id()}: use execute(fn, *args), which calls fn there"
            )

    def refuse(self, what: str) -> None:
        """IllegalStateError for ``run`` or ``turn`` while the reactor runs: elsewhere, or around this very call."""
        self.check(what)
        raise IllegalStateError(f"{what}() was called from inside a handler, tick or timer of the same reactor")
