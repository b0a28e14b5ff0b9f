"""One connection's way to the workers and back: its current record, and what becomes of it.

A worker sees a record and gives back a reply, and nothing else of the connection. It posts the reply to the reactor as
a completion; the reactor drops the reply when the connection is gone by then.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, Protocol

from nio.errors import WorkerLostError, WorkersLostError
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._strangers import Room

Reply = bytes | None | Future[Any]  # a future is a late one: the submitter waits for it
Process = Callable[[Any], Any]  # of a record, or of many; what is returned is a Reply, or that to many


class Submitter(Protocol):
    """Whoever hands records off: a connection. Called on the reactor's thread."""

    def handle_reply(self, reply: Reply) -> None: ...

    def handle_failure(self, error: BaseException) -> None: ...

    def handle_loss(self, error: BaseException) -> None: ...

    def handle_rejection(self) -> None: ...


class Loop(Protocol):
    """How a completion travels home."""

    def post(self, fn: Callable[..., object], /, *args: object) -> None: ...


class Sender(Protocol):
    """Who sends jobs off."""

    @property
    def loop(self) -> Loop: ...

    @property
    def add(self) -> Callable[[Job], None]: ...

    def has_lost(self, executor: Executor, error: BaseException) -> bool: ...


class Job:
    """One connection's current record, as a callable without arguments for a worker."""

    __slots__ = ("_post", "executor", "future", "hand_off", "has_begun", "process", "record", "room", "submitter")

    def __init__(self, hand_off: Sender, submitter: Submitter, process: Process) -> None:
        self._post = hand_off.loop.post
        self.hand_off: Sender = hand_off
        self.submitter: Submitter = submitter  # what is raised in a tick of this job is its error
        self.process: Process | None = process  # None: the connection is gone
        self.record: Any = b""
        self.executor: Executor | None = None
        self.room: Room | None = None  # has a place to be given back
        self.has_begun: bool = False
        self.future: Future[Reply] | None = None

    def __call__(self) -> None:
        """In a worker thread: process the record, post the completion."""
        process, post = self.process, self._post
        if process is None:
            return
        self.has_begun = True
        try:
            reply = process(self.record)
        except BaseException as error:
            post(self.submitter.handle_failure, error)
        else:
            post(self.submitter.handle_reply, reply)

    def run_here(self) -> None:
        """On the reactor's thread, where the pool's policy has the caller run the job: there Ctrl-C is no record's."""
        process = self.process
        try:
            reply = None if process is None else process(self.record)
        except BaseException as error:
            self._post(self.submitter.handle_failure, error)
            if isinstance(error, LEAVING):
                raise
        else:
            self._post(self.submitter.handle_reply, reply)

    def settle(self, future: Future[Reply]) -> None:
        """In whatever thread a future ends: post its result. A future that cannot tell it has failed."""
        post, room = self._post, self.room
        if room is not None:
            self.room = None
            room.append(None)
        try:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                post(self.fail, error)
            elif future.cancelled():
                self.cancel()
            else:
                post(self.submitter.handle_reply, future.result())
        except BaseException as error:
            post(self.submitter.handle_failure, error)

    def fail(self, error: BaseException) -> None:
        """On the reactor's thread: was it the record, or is the executor broken?"""
        executor = self.executor
        is_lost = isinstance(error, WorkerLostError)
        if isinstance(error, BrokenExecutor) and executor is not None:
            is_lost = self.hand_off.has_lost(executor, error)
        if is_lost:
            self.submitter.handle_loss(error)
        else:
            self.submitter.handle_failure(error)

    def leave(self) -> None:
        """Its executor has not taken it, or nobody knows: there is room for another one, as when a future ends."""
        room, self.room = self.room, None
        if room is not None:
            room.append(None)

    def cancel(self) -> None:
        """From any thread: nobody will process the record."""
        self._post(self.submitter.handle_rejection)

    def lose(self) -> None:
        """On the reactor's thread: nobody knows whether a worker has the record."""
        self._post(self.submitter.handle_loss, WorkersLostError("interrupted on the way to a worker"))

    def abandon(self) -> bool:
        """The connection is gone: a record that is not begun is not processed. True if a worker has it all the same."""
        self.process, future, self.future = None, self.future, None  # which knows this job by its callback
        if future is None:
            return self.has_begun
        try:
            return not (future.cancel() or future.done())
        except Exception:
            return True  # a future that cannot tell
