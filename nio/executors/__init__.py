"""Who runs jobs: ``WorkerPool``, Doug Lea's PooledExecutor as a ``concurrent.futures.Executor``; batches for others."""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_batch_executor": "BatchExecutor",
        "_dask_executor": "DaskExecutor",
        "_saturation": "Saturation",
        "_statistics": "PoolStatistics",
        "_worker_pool": "WorkerPool",
    },
)
