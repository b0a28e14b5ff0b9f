"""Owner: which thread runs the reactor, and what is said to the others."""

from __future__ import annotations

from collections.abc import Callable

from nio.errors import IllegalStateError


class Owner:
    """The thread that is inside ``run()`` or ``turn()``; between them nobody, and then any thread may do all."""

    __slots__ = ("_id", "_thread_id", "in_turn")

    def __init__(self, thread_id: Callable[[], int]) -> None:
        self._thread_id = thread_id
        self._id: int | None = None
        self.in_turn = False

    @property
    def is_elsewhere(self) -> bool:
        """True for a thread that does not run the reactor while another one does."""
        return self._id is not None and self._id != self._thread_id()

    def check(self, what: str) -> None:
        """IllegalStateError for a thread that does not run the reactor while another one does."""
        if self.is_elsewhere:
            raise IllegalStateError(
                f"{what}() belongs to the thread that runs the reactor (number {self._id}) and was called from "
                f"number {self._thread_id()}: use execute(fn, *args), which calls fn there"
            )

    def enter(self, what: str) -> bool:
        """The calling thread begins a ``run`` or a ``turn``; True if it did not own the reactor before.

        IllegalStateError for another thread than the owner, and for a call from inside a turn.
        """
        thread = self._thread_id()
        if self._id is None:
            self._id = thread
            return True
        if self._id != thread:
            self.check(what)
        if self.in_turn or what == "run":
            raise IllegalStateError(f"{what}() was called from inside a handler, tick or timer of the same reactor")
        return False

    def leave(self) -> None:
        """The reactor is nobody's again."""
        self._id = None
