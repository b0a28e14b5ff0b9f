"""Signals of the operating system, caught and given back.

Python has one handler for a signal, for the whole process, and only the main thread may set it. So what we set is kind
to the others: it calls the Python handler that it found, after its own work. When it is released, that one is put back;
if somebody else has set a handler meanwhile, that one stays. A release in another thread cannot put anything back:
then the next signal does so, and is sent again. The same happens in a forked child, whose signals are not the parent's.

**Ctrl-C**: Python's own handler for SIGINT, which raises KeyboardInterrupt, is not called, because a program that
catches SIGINT wants to end in an orderly way. But it may hang. So a SIGINT that comes before the last one was taken up
raises KeyboardInterrupt after all.

**A process that looks after others** needs two things more. It leaves a signal alone that the program handles itself.
Its children, who have that handler by the fork, must not call it. So ``NamedSignal`` calls nobody but its owner.
"""

from __future__ import annotations

import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import FrameType
from typing import Any

from nio._numbers import check_int
from nio.errors import IllegalArgumentError, IllegalStateError


class OwnHandler(ABC):
    """A handler of ours for one signal, in the place of ``previous``, which is None if it is not Python's."""

    __slots__ = ("_process", "_signum", "previous")

    def __init__(self, signum: int) -> None:
        self._signum = signum
        self._process = os.getpid()
        self.previous = signal.getsignal(signum)

    @abstractmethod
    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """The signal has come."""

    def set(self) -> None:
        """From now on this is the handler."""
        signal.signal(self._signum, self)

    def put_back(self) -> None:
        """The one from before is the handler again; nothing if it is not for us, here, to say."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and os.getpid() == self._process and self._is_set() and self.previous is not None:
            signal.signal(self._signum, self._behind())

    def _behind(self) -> Any:
        """The handler from before. Of our own ones those that were released are left out."""
        while isinstance(self.previous, CaughtSignal) and self.previous._arrived is None:
            self.previous = self.previous.previous
        return self.previous

    def _is_set(self) -> bool:
        current: object = signal.getsignal(self._signum)
        return current is self


class CaughtSignal(OwnHandler):
    """Calls the previous handler, too. ``arrived(signum)`` is False while an earlier one is not taken up."""

    __slots__ = ("_arrived",)

    def __init__(self, signum: int, arrived: Callable[[int], bool]) -> None:
        super().__init__(signum)
        self._arrived: Callable[[int], bool] | None = arrived
        if self.previous is None:
            raise IllegalStateError(f"signal {signum} has a handler that is not Python's and could not be put back")
        try:
            self.set()
        except OSError as error:
            raise IllegalArgumentError(f"{signal.Signals(signum).name} cannot be caught") from error

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        arrived, previous = self._arrived, self._behind()
        if arrived is None or os.getpid() != self._process:
            if self._is_set():
                signal.signal(signum, previous)
                signal.raise_signal(signum)
                return
            is_news = False
        else:
            is_news = arrived(signum)
        if callable(previous) and not (is_news and previous is signal.default_int_handler):
            previous(signum, frame)

    def release(self) -> None:
        """Catch it no more; from any thread."""
        self._arrived = None
        self.put_back()


class NamedSignal(OwnHandler):
    """Calls nothing but ``handler(name)``: whoever handles a signal for a while, and nobody beside it."""

    __slots__ = ("_handler",)

    def __init__(self, name: str, handler: Callable[[str], object]) -> None:
        super().__init__(signal.Signals[name])
        self._handler = handler

    @property
    def is_free(self) -> bool:
        """The program does not handle this signal itself."""
        return self.previous in (signal.SIG_DFL, signal.default_int_handler)

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self._handler(signal.Signals(signum).name)


class SignalDoor:
    """The part of the system's provider that catches signals."""

    def catch_signal(self, signum: int, arrived: Callable[[int], bool]) -> Callable[[], object]:
        number = check_int("signum", signum)
        if number not in signal.valid_signals():
            raise IllegalArgumentError(f"{signum} is no signal of this system")
        if threading.current_thread() is not threading.main_thread():
            raise IllegalStateError(
                "signals are caught by the main thread, the only one in which Python handles them, and this is "
                f"{threading.current_thread().name!r}: call it there, before the reactor runs in another thread"
            )
        return CaughtSignal(number, arrived).release
