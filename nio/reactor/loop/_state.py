"""The states of a reactor."""

from __future__ import annotations

import enum


class ReactorState(enum.IntEnum):
    """Where a reactor is between its opening and its close; they are in the order in which they come.

    Only the thread that runs the reactor moves it on. A ``stop()`` from elsewhere is taken up there, as the next tick.
    """

    OPEN = 0
    """It serves, or will when ``run()`` is called; after a stop it is back here, and can run again."""

    DRAINING = 1
    """``stop(drain=...)`` was taken up: what is owed is finished."""

    STOPPING = 2
    """``run()`` is about to return, or returns at once when it is called next."""

    CLOSED = 3
    """For good."""
