"""Which line of the program did it: the innermost frame that is none of nio's.

**The line that armed.** A selection tells the kernel what a key's interest set has become; by then nobody knows who
changed it. So at levels ``io`` and ``teach`` keys are of a class that notes the line when the set is changed. What a
reactor's handlers change by themselves happens in no line of the program, and has none.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from weakref import ref

from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.trace._recording import Recording
from nio.trace._records import INTEREST, IO

_NIO = str(Path(__file__).parent.parent)
_THREADS = threading.__file__
_LOOPS = {"run", "turn", "in_thread"}  # what calls these has not asked for what happens in them


def call_site() -> str:
    """``file.py:31``, the file as Python names it; an empty text where only nio is at work."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_filename == _THREADS:
            break
        if not code.co_filename.startswith(_NIO):
            return f"{code.co_filename}:{frame.f_lineno}"
        if code.co_name in _LOOPS:
            break
        frame = frame.f_back
    return ""


class TracedKey(SelectionKey):
    """A key that tells who changes its interest set, if its provider records."""

    __slots__ = ("__weakref__", "_recording")

    def __init__(self, channel: SelectableChannel, selector: Selector, ops: int, attachment: object) -> None:
        super().__init__(channel, selector, ops, attachment)
        self._recording: Recording | None = getattr(selector.provider, "recording", None)
        if self._recording is not None:
            self._recording.keys[self._fd] = ref(self)
        self._tell(0)

    def set_interest(self, ops: int) -> None:
        previous = self._interest
        super().set_interest(ops)
        self._tell(previous)

    def _replace_interest(self, change: Callable[[int], int]) -> int:
        previous = super()._replace_interest(change)
        self._tell(previous)
        return previous

    def _tell(self, previous: int) -> None:
        recording = self._recording
        if recording is None or recording.level < IO:
            return
        line = call_site()
        fd = self._fd
        if line or fd not in recording.lines:
            recording.lines[fd] = line
        recording.put((INTEREST, recording.clock(), recording.channels.get(fd, 0), previous, self._interest, line, 1))
