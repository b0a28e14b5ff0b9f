"""What a pool does with a job when its queue is full and no thread may be added."""

from __future__ import annotations

import enum


class Saturation(enum.Enum):
    """Lea's policies for a saturated pool; every job is run, or its owner is told."""

    BLOCK = "block"
    """The submitter waits for room; a worker of this pool runs the job itself, since nobody else may make room."""

    CALLER_RUNS = "caller_runs"
    """The submitter runs the job, and meanwhile submits nothing; a KeyboardInterrupt or SystemExit is raised to it."""

    DISCARD = "discard"
    """The job is dropped: its future is cancelled."""

    DISCARD_OLDEST = "discard_oldest"
    """The job queued longest is dropped, its future cancelled, and the new one takes its room."""

    ABORT = "abort"
    """``RejectedExecutionError``."""
