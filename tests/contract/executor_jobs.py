"""What the workers of every executor do in the contract's tests; loaded by worker processes, so it imports little."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from nio.errors import ProtocolError
from nio.reactor import CloseReason, StreamHandler

LIMIT = 20.0  # seconds that a job waits for a file


def work(record: bytes) -> Any:
    """The record is a verb and a path: what is done, and where the test sees it."""
    verb, _, path = record.decode().partition(" ")
    if verb == "wait":
        wait_for(path)
    elif verb == "touch":
        touch(path)
    elif verb == "die":
        die(path)
    elif verb == "lock":
        return threading.Lock()
    elif verb == "error":
        raise Odd("a", "b")
    elif verb == "peer":
        raise ProtocolError("the peer's fault")
    return record.upper()


class Odd(Exception):
    """Can be pickled and not be read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__("odd")


class Worker(StreamHandler):
    """Its ``process`` may travel."""

    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    process = staticmethod(work)

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


class Bound(StreamHandler):
    """Its ``process`` may not."""

    def process(self, record: bytes) -> bytes:
        return record.upper()


def touch(path: str) -> None:
    with open(path, "a", encoding="utf-8"):
        pass


def wait_for(path: str) -> None:
    """A worker in another process can be told by a file only."""
    touch(f"{path}.{os.getpid()}.{threading.get_ident()}")
    end = time.monotonic() + LIMIT
    while not os.path.exists(path):
        assert time.monotonic() < end
        time.sleep(0.005)


def die(path: str) -> None:
    """The first time, as the path tells; a path of ``-`` is for ever."""
    if not os.path.exists(path):
        if path != "-":
            touch(path)
        os._exit(3)


def tasks_of(dask_scheduler: Any) -> int:
    """How many tasks of a cluster run or wait."""
    return sum(task.state in ("processing", "queued", "waiting", "no-worker") for task in dask_scheduler.tasks.values())
