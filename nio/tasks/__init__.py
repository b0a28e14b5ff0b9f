"""Coroutines on a reactor: the Reactor-Executor of the Rust books, with Lea's reactor below.

A task is a handler that is resumed instead of called, a stream is a Connection: see ``_task.py`` and ``_stream.py``.

======================  ==============================================================================
``run``                 one function on a reactor of its own
``spawn``               a task on a reactor that is there; ``block_on_all`` runs it until all have ended
``TaskGroup``           tasks that begin and end together
``listen``, ``connect``  streams
``Stream``              what they give: bytes, or records after ``framed``
``sleep``, ``timeout``  time
``to_worker``           what blocks
``suspend``             an event of your own
======================  ==============================================================================

**Every await can be cancelled**, and says so by ``Cancelled`` where it stands. Nothing here awaits a future, and no
await of another framework can be resumed here: a TypeError says what to write instead.
"""

from __future__ import annotations

from nio.tasks._connecting import connect as connect
from nio.tasks._errors import Cancelled as Cancelled
from nio.tasks._errors import StreamClosedError as StreamClosedError
from nio.tasks._group import TaskGroup as TaskGroup
from nio.tasks._listening import Listener as Listener
from nio.tasks._listening import listen as listen
from nio.tasks._stream import Stream as Stream
from nio.tasks._task import Suspension as Suspension
from nio.tasks._task import Task as Task
from nio.tasks._task import current_task as current_task
from nio.tasks._task import suspend as suspend
from nio.tasks._tasks import block_on_all as block_on_all
from nio.tasks._tasks import run as run
from nio.tasks._tasks import spawn as spawn
from nio.tasks._timing import Timeout as Timeout
from nio.tasks._timing import sleep as sleep
from nio.tasks._timing import timeout as timeout
from nio.tasks._working import to_worker as to_worker

__all__ = [
    "Cancelled",
    "Listener",
    "Stream",
    "StreamClosedError",
    "Suspension",
    "Task",
    "TaskGroup",
    "Timeout",
    "block_on_all",
    "connect",
    "current_task",
    "listen",
    "run",
    "sleep",
    "spawn",
    "suspend",
    "timeout",
    "to_worker",
]
