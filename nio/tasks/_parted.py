"""Parted: a connection whose end can be waited for.

**Who waits for the end** of a connection whose output this side has ended would wait for ever if nobody received: what
the peer has sent would never be read, nor its end behind that. So when nobody is at work on a record either, what comes
from then on is read and dropped, and a ``receive`` raises. What is dropped is no sign of life, so the limits of silence
end a peer that never ends. Who is at work is the task that awaited a record last, until it has ended or waits as well.

Where output goes on, nothing is dropped: the stream may be one that only sends, and its limits are those of output.
"""

from __future__ import annotations

from typing import Any

from nio.framing import Raw
from nio.reactor import State, StreamHandler
from nio.tasks._task import Suspension, Task, Waiting

_PROCESSING = State.PROCESSING


class Parted(StreamHandler):
    """What :class:`Resumed` is made on."""

    __slots__ = ("_absence", "_held", "_parted", "_receiver", "_unheard", "_waiter")

    _waiter: Task[Any] | None  # who awaits a record
    _receiver: Task[Any] | None  # who has awaited one last
    _absence: Absence | None  # and what hears of that one's end
    _held: bytes | None  # a record that nobody has awaited
    _unheard: list[int] | None  # when the peer was heard last, once what comes is dropped
    _parted: list[Waiting]  # who waits for the end

    def _begin_slots(self) -> None:
        self._waiter = self._receiver = self._absence = self._held = self._unheard = None
        self._parted = []

    def _is_at_work(self, task: Task[Any] | None) -> bool:
        """That task may come back to this stream: it has not ended, and does not wait for the end."""
        return not (task is None or task.is_done or any(parted._task is task for parted in self._parted))

    def _look_for_receivers(self) -> None:
        if self._parted and self._unheard is None:
            self.reactor.post(self._give_records_up)  # not now: a task that was spawned before has its first step

    def _give_records_up(self) -> None:
        """Read on without anybody, if somebody waits for the end and nobody is there who could receive."""
        if not (self._parted and self._output_ends and self._waiter is None and self._unheard is None):
            return
        receiver = self._receiver
        if receiver is not None and self._is_at_work(receiver):
            if self._absence is None or self._absence not in receiver._joins:
                self._absence = Absence(self)
                receiver._joins.append(self._absence)
            return
        self._held, self._records, self._more = None, iter(()), False
        self._cut_by(Raw())
        self._unheard = self._heard = [self.reactor._clock()]
        if self._state is _PROCESSING:
            self._state = self._rest
        self._work()

    def _let_go_of_parted(self) -> None:
        for parted in self._parted:
            parted.resume()
        self._parted.clear()
        self._receiver = None
        if self._absence is not None:
            self._absence.stream = None  # its task may live on


class Parting(Waiting):
    """The await of the connection's end."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Parted) -> None:
        super().__init__(stream._parted)
        self._stream = stream

    def _begin(self, task: Task[Any]) -> None:
        super()._begin(task)
        self._stream._look_for_receivers()


class Absence(Suspension):
    """What the end of the task resumes that received last: nobody is there any more who would come back."""

    __slots__ = ("stream",)

    def __init__(self, stream: Parted) -> None:
        super().__init__()
        self.stream: Parted | None = stream

    def resume(self, value: object = None) -> None:
        if self.stream is not None:
            self.stream._look_for_receivers()
