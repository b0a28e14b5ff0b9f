"""DaskExecutor: the workers of a dask.distributed cluster.

Nothing of dask is imported here: a Client is what has these few methods, and whoever has one has dask.

**A client's calls may wait for the scheduler**, and the reactor must not. So what asks it something (cancelling, the
end) goes to a thread of its own, and so does the making of a client, see ``factory``. Only the way there is taken at
once: it puts a message into a queue.

**Who is lost?** A worker that dies has its tasks done by another one; dask gives up after ``allowed-failures`` (3)
deaths, with KilledWorker: that costs the records of the task. A scheduler that is gone costs all that were under way,
and this executor with them. The client might find a new scheduler by itself, yet nobody can say when; a factory can.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any, Final, Protocol

from nio.errors import RejectedExecutionError, WorkerLostError
from nio.executors._batch_executor import BatchExecutor
from nio.executors._saturation import Saturation
from nio.executors._worker_pool import WorkerPool


class DaskClient(Protocol):
    """What is asked of a ``distributed.Client``."""

    @property
    def status(self) -> Any: ...

    def get_executor(self, **options: Any) -> Any: ...

    def close(self) -> Any: ...


class DaskExecutor(BatchExecutor):
    """A cluster's workers, by a ``distributed.Client``: one task for up to ``batch`` records of a selection.

    ``options`` go to each task: ``workers``, ``allow_other_workers``, ``resources``, ``retries``. A task whose worker
    dies is done again by another one, so a record may be processed more than once; a scheduler with
    ``allowed-failures`` of 0 never does that. ``shutdown()`` closes the client if ``owns_client`` is set, which a
    ``factory`` does.
    """

    def __init__(self, client: DaskClient, *, batch: int = 64, backlog: int = 1024, **options: Any) -> None:
        super().__init__(client.get_executor(**{"pure": False, **options}), batch=batch, backlog=backlog)
        self.client: Final = client
        self.owns_client: bool = False  # whether shutdown() closes it
        self._aside = WorkerPool(1, minimum=0, keep_alive=1.0, saturation=Saturation.DISCARD, name="dask-aside")

    @classmethod
    def factory(cls, connect: Callable[[], DaskClient], **settings: Any) -> Callable[[], Future[Executor]]:
        """For ``workers=``: each time one is needed, ``connect()`` is called in a thread of its own.

        ``settings`` are those of the constructor. Give ``connect`` a time limit, such as
        ``partial(Client, address, timeout=5)``.
        """
        pool = WorkerPool(1, minimum=0, keep_alive=1.0, name="dask-connect")
        return partial(pool.submit, _connected, cls, connect, settings)

    def check(self) -> None:
        status = self.client.status
        if status != "running":
            raise BrokenExecutor(f"the scheduler is lost, the client is {status}")

    def translate(self, error: BaseException | None) -> BaseException:
        if error is None:
            try:
                self.check()
            except BrokenExecutor as lost:
                return lost
        elif type(error).__name__ == "KilledWorker":
            return WorkerLostError(str(error))
        return super().translate(error)

    def cancel(self, batch: Future[Any]) -> None:
        try:
            self._aside.execute(batch.cancel)
        except RejectedExecutionError:  # shut down meanwhile, which cancels them all
            pass

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. Those under way are cancelled if nobody is to ``wait`` for them."""
        if not self._is_shut:
            self._is_shut = True
            self.flush()
            self._aside.execute(self._end, wait)
        self._aside.shutdown(wait=wait)

    def _end(self, wait: bool) -> None:
        try:
            if self.client.status == "running":
                self.executor.shutdown(wait=wait)
        finally:
            if self.owns_client:
                self.client.close()


def _connected(cls: type[DaskExecutor], connect: Callable[[], DaskClient], settings: dict[str, Any]) -> Executor:
    client = connect()
    try:
        executor = cls(client, **settings)
    except BaseException:
        client.close()
        raise
    executor.owns_client = True
    return executor
