from nio.executors._batch_executor import BatchExecutor as BatchExecutor
from nio.executors._dask_executor import DaskExecutor as DaskExecutor
from nio.executors._saturation import Saturation as Saturation
from nio.executors._statistics import PoolStatistics as PoolStatistics
from nio.executors._worker_pool import WorkerPool as WorkerPool

__all__ = ["BatchExecutor", "DaskExecutor", "PoolStatistics", "Saturation", "WorkerPool"]
