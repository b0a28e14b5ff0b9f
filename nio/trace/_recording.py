"""Recording: where records go while a program runs, and how they are taken out.

**One ring per thread**, a ``deque`` with a limit: a thread appends to its own, and nobody waits for anybody. A reader
takes records out one at a time, by ``popleft``, which is atomic with the interpreter's lock and without it; to iterate
over a deque that grows is not. A ring that is full drops its oldest record. How many it has ever held is counted beside
it, so that the reader can tell how many it has not seen.

**The ring of a thread that has ended** stays until it is read. When there are more than 256 rings, the oldest of those
is dropped, and its records are counted as skipped.

**A forked child** begins with nothing: what its parent has recorded is the parent's to tell.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from weakref import WeakSet, ref

from nio.channels import SelectionKey
from nio.trace._records import LEVELS, SKIPPED, THREAD, Record, check_level

ROOM = 65536  # records of one thread
_MOST_RINGS = 256


def _nothing() -> None:
    """Nobody holds the loop."""


class Ring:
    """The records of one thread, which alone appends and counts; ``taken`` and ``told`` are the reader's."""

    __slots__ = ("name", "number", "records", "taken", "thread", "written")

    def __init__(self, number: int, thread: threading.Thread) -> None:
        self.number: int = number
        self.name: str = thread.name
        self.thread = ref(thread)
        self.records: deque[Record] = deque(maxlen=ROOM)
        self.written = 0
        self.taken = 0  # with what is known to be lost

    @property
    def is_over(self) -> bool:
        """Nobody appends any more."""
        thread = self.thread()
        return thread is None or not thread.is_alive()


class _Here(threading.local):
    """What a thread of one recording has: made when it first records something."""

    def __init__(self, recording: Recording) -> None:
        self.begin(recording)

    def begin(self, recording: Recording) -> None:
        """Let the calling thread have a ring of its own, a new one."""
        ring = recording._new_ring()
        append = ring.records.append

        def put(record: Record) -> None:
            append(record)
            ring.written += 1  # behind it: a reader in between believes that less was written

        self.put: Callable[[Record], None] = put
        self.number: int = ring.number


class Recording:
    """The records of one or more providers, at one level, until somebody takes them out.

    ``level`` is ``events``, ``io`` or ``teach``; ``clock`` is the provider's. Any thread may take records out, one at a
    time.

    Concurrency: records come from any thread and from signal handlers; nothing here takes a lock.
    """

    def __init__(self, level: str, clock: Callable[[], int]) -> None:
        self.level: int = check_level(level)
        self.clock: Callable[[], int] = clock
        self.began: int = clock()
        self.channels: dict[int, int] = {}  # descriptors that are open now, to the numbers of their channels
        self.wakeups: set[int] = set()  # descriptors of wake-ups
        self.arrivals: dict[int, int] = {}  # signals that have come, and when
        self.lines: dict[int, str] = {}  # descriptors, to the line that changed the interest set last
        self.keys: dict[int, ref[SelectionKey]] = {}  # by descriptor
        self.loops: WeakSet[object] = WeakSet()  # reactors that tell of themselves
        self.between_turns: Callable[[], object] = _nothing  # called before each selection at level teach
        self.skipped: int = 0  # records that no reader has seen
        self._rings: dict[int, Ring] = {}  # by their numbers, the oldest first; any thread takes one out
        self._ring_numbers = itertools.count()
        self._channel_numbers = itertools.count(1)
        self.here: _Here = _Here(self)

    def forget(self) -> None:
        """In a forked child, which has one thread: its parent tells what was recorded until now."""
        self._rings = {}
        self._ring_numbers = itertools.count()
        self.skipped = 0
        self.here.begin(self)

    @property
    def level_name(self) -> str:
        """``events``, ``io`` or ``teach``."""
        return LEVELS[self.level]

    def put(self, record: Record) -> None:
        """Keep a record, as one of the calling thread."""
        self.here.put(record)

    def new_channel(self, fd: int) -> int:
        """The number of a channel that has just come about."""
        number = next(self._channel_numbers)
        self.channels[fd] = number
        return number

    def drop_channel(self, fd: int, number: int) -> None:
        """The descriptor is about to be closed."""
        if self.channels.get(fd) == number:
            del self.channels[fd]
            self.lines.pop(fd, None)
            self.keys.pop(fd, None)

    def is_selected(self, fd: int) -> int:
        """1 if the descriptor's key is among the selected keys of its selector, from an earlier selection."""
        known = self.keys.get(fd)
        key = None if known is None else known()
        return int(key is not None and key in key.selector._selected)

    def take(self) -> Iterator[Record]:
        """Take out what there is: for each thread a THREAD record, then its own, oldest first.

        A SKIPPED record tells how many records of that thread nobody will see.
        """
        for ring in tuple(self._rings.values()):
            is_over = ring.is_over
            yield from self._take_ring(ring)
            if is_over:
                self._rings.pop(ring.number, None)

    def _take_ring(self, ring: Ring) -> Iterator[Record]:
        lost = ring.written - ring.taken - len(ring.records)
        count = len(ring.records)  # what a busy thread adds meanwhile is for the next time
        if count or lost > 0:
            yield THREAD, self.clock(), ring.number, ring.name
        if lost > 0:
            self.skipped += lost
            ring.taken += lost
            yield SKIPPED, self.clock(), lost
        taken: list[Record] = []
        keep, popleft = taken.append, ring.records.popleft
        try:
            for _ in range(count):
                keep(popleft())
        except IndexError:
            pass  # another reader
        ring.taken += len(taken)
        yield from taken

    def _new_ring(self) -> Ring:
        ring = Ring(next(self._ring_numbers), threading.current_thread())
        self._rings[ring.number] = ring
        if len(self._rings) > _MOST_RINGS:
            for old in tuple(self._rings.values()):
                if old.is_over and self._rings.pop(old.number, None) is not None:
                    self.skipped += old.written - old.taken
                    break
        return ring
