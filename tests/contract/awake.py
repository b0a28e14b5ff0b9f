"""A provider whose pollers never sleep, and an exception at any chosen bytecode of ``nio/``."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec

import nio
from nio.spi import Poller, SelectorProvider, SystemProvider
from nio.spi._pipe import SystemPipeEnd
from nio.spi._wakeup import SystemWakeup

P = ParamSpec("P")
NIO = str(Path(nio.__file__).parent)
# Nobody sees an exception of a finalizer. To close a descriptor and to note that it is closed is one step: Python looks
# for signals before it and after it, and a descriptor that is closed twice may be a stranger's the second time.
UNINTERRUPTED = {SystemWakeup.__del__.__code__, SystemPipeEnd.close.__code__}


class WouldSleep(Exception):
    """The selection would have slept."""


class AwakeProvider(SystemProvider):
    """Another provider, but where a poller of it would sleep, a selection raises :class:`WouldSleep`."""

    def __init__(self, inner: SelectorProvider) -> None:
        self.name = inner.name
        self._inner = inner

    def open_poller(self) -> Poller:
        return _AwakePoller(self._inner.open_poller())


class _AwakePoller:
    def __init__(self, inner: Poller) -> None:
        self._inner = inner
        self.limit = inner.limit
        self.add = inner.add
        self.modify = inner.modify
        self.remove = inner.remove
        self.close = inner.close

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        events = self._inner.wait(0)
        if not events and timeout != 0:
            raise WouldSleep
        return events


def in_own_thread(test: Callable[P, None]) -> Callable[P, None]:
    """A test that runs in a thread of its own, so that its tracing is in nobody's way (coverage traces, too)."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        errors: list[BaseException] = []

        def body() -> None:
            try:
                test(*args, **kwargs)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]

    return run


class Interrupted(BaseException):
    """As KeyboardInterrupt, but nobody else's."""


def interrupted(call: Callable[[], object], step: int, meanwhile: Callable[[], object] = lambda: None) -> bool:
    """``call()``, with an exception before its ``step``-th bytecode in ``nio/``; False when it has fewer.

    ``meanwhile`` is what another thread does at that moment. For a thread of the test's own: see ``in_own_thread``.
    """
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        code = frame.f_code
        if not code.co_filename.startswith(NIO) or code in UNINTERRUPTED:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count == step:
                meanwhile()
                raise Interrupted
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupted:
        return True
    finally:
        sys.settrace(previous)
    return False
