from nio.executors._saturation import Saturation as Saturation
from nio.executors._statistics import PoolStatistics as PoolStatistics
from nio.executors._worker_pool import WorkerPool as WorkerPool

__all__ = ["PoolStatistics", "Saturation", "WorkerPool"]
