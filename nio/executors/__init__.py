"""Threads that run jobs: ``WorkerPool``, Doug Lea's PooledExecutor as a ``concurrent.futures.Executor``."""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_saturation": "Saturation",
        "_statistics": "PoolStatistics",
        "_worker_pool": "WorkerPool",
    },
)
