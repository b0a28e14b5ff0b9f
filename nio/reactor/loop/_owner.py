"""Owner: which thread runs the reactor, and what is said to the others."""

from __future__ import annotations

from collections.abc import Callable

from nio.errors import IllegalStateError


class Owner:
    """``thread`` is inside ``run()`` or ``turn()``; None between them: then any thread may do all.

    ``home`` was there last. Workers go on between two turns: what they call of a handler travels then, too.
    """

    __slots__ = ("home", "thread", "thread_id")

    def __init__(self, thread_id: Callable[[], int]) -> None:
        self.thread_id: Callable[[], int] = thread_id
        self.thread: int | None = None
        self.home: int | None = None

    @property
    def is_elsewhere(self) -> bool:
        """True for every thread but the one that runs the reactor, or has run it last."""
        return self.home is not None and self.home != self.thread_id()

    def enter(self, what: str) -> None:
        """This thread runs the reactor from now on; IllegalStateError when one does already."""
        if self.thread is not None:
            self.check(what)
            raise IllegalStateError(f"{what}() was called from inside a handler, tick or timer of the same reactor")
        self.thread = self.home = self.thread_id()

    def settle(self) -> None:
        """This thread has the reactor, which nobody runs."""
        self.home = self.thread_id()

    def check(self, what: str) -> None:
        """IllegalStateError for a thread that does not run the reactor while another one does."""
        if self.thread is not None and self.thread != self.thread_id():
            raise IllegalStateError(
                f"{what}() belongs to the thread that runs the reactor (number {self.thread}) and was called from "
                f"number {self.thread_id()}: use execute(fn, *args), which calls fn there"
            )
