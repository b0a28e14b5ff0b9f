"""What a task is told by an exception: that it is to end, that its stream has ended, that it awaits a stranger."""

from __future__ import annotations

from nio.errors import ClosedChannelError
from nio.reactor import CloseReason


class Cancelled(BaseException):
    """Raised at the await where a task was suspended: it is to end. Clean up, and let it pass.

    ``by`` is who asked: a :class:`TaskGroup`, a :class:`Timeout`, or None for ``task.cancel()`` and the reactor's end.
    """

    def __init__(self, by: object = None) -> None:
        super().__init__("the task was cancelled")
        self.by: object = by


class StreamClosedError(ClosedChannelError):
    """Use of a stream whose connection is ending or has ended; ``reason`` says why, ``__cause__`` what failed."""

    def __init__(self, reason: CloseReason, cause: BaseException | None = None) -> None:
        super().__init__(f"the stream is closed, {reason.name}: {reason.value}")
        self.reason: CloseReason = reason
        self.__cause__ = cause


def is_of_streams(error: BaseException) -> bool:
    """The error of a stream that has ended, or a group of nothing else: nobody's fault here."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(StreamClosedError)[1] is None
    return isinstance(error, StreamClosedError)


def foreign(found: object) -> TypeError:
    """The error of a task that awaits what its reactor cannot resume."""
    kind = type(found)
    origin = kind.__module__.partition(".")[0].lstrip("_")
    whose = "another framework" if found is None else f"{origin}, a {kind.__name__}"
    return TypeError(
        f"a task of nio awaits something of {whose}, which this reactor cannot resume: write sleep(), connect() or "
        "to_worker() of nio.tasks, or suspend() for an event of your own"
    )


def no_coroutine_function(what: str, fn: object) -> TypeError:
    """The error of whoever gives what is no coroutine function."""
    if hasattr(fn, "cr_frame") and hasattr(fn, "close"):
        fn.close()  # else Python warns that nobody awaits it
        return TypeError(f"{what}() takes a coroutine function and its arguments, {what}(fn, x) and not {what}(fn(x))")
    return TypeError(f"{what}() takes a coroutine function, async def fn(...); got {fn!r:.100}")
