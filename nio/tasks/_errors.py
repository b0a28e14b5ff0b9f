"""What a task is told by an exception: that it is to end, that its stream has ended, that it awaits a stranger."""

from __future__ import annotations

from nio.errors import ClosedChannelError, IllegalStateError
from nio.reactor import CloseReason, Reactor


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


def no_record(stream: object, record: object, error: TypeError) -> TypeError:
    """The error of whoever sends what is no bytes."""
    if isinstance(record, bytes | bytearray | memoryview):
        return error
    hint = "; use .encode()" if isinstance(record, str) else ""
    return TypeError(f"{type(stream).__name__}.send() takes bytes, not {record!r:.60}{hint}")


def nobody_received(task: str) -> IllegalStateError:
    """The error of a task that receives from a stream which others have given up."""
    return IllegalStateError(
        f"{task} receives too late: this side's output has ended, somebody waits for the end of the stream, and nobody "
        "received from it, so what came was dropped. Await a record before wait_closed()"
    )


def not_for_workers(fn: object) -> TypeError:
    """The error of whoever gives to_worker() what it cannot call, or could not await."""
    if callable(fn):
        return TypeError(f"to_worker() calls a function in a thread: write {fn!r:.60} with def, or await it here")
    return TypeError(
        f"to_worker() takes a function and its arguments, to_worker(fn, x) and not to_worker(fn(x)); got {fn!r:.60}"
    )


def check_reactor(what: str, reactor: object) -> None:
    """TypeError for a function where the reactor belongs."""
    if not isinstance(reactor, Reactor):
        raise TypeError(f"{what}() takes a reactor first, {what}(reactor, ...); got {reactor!r:.100}")


def elsewhere(task: str, what: str) -> IllegalStateError:
    """The error of a task that awaits what another reactor resumes, in another thread maybe."""
    return IllegalStateError(
        f"{task} awaits {what} of another reactor, and a task awaits what is of its own: write suspend() here, and "
        "resume it from there"
    )


def no_coroutine_function(what: str, fn: object, *others: str) -> TypeError:
    """The error of whoever gives what is no coroutine function, nor one of the ``others``."""
    if hasattr(fn, "cr_frame") and hasattr(fn, "close"):
        fn.close()  # else Python warns that nobody awaits it
        return TypeError(f"{what}() takes a coroutine function and its arguments, {what}(fn, x) and not {what}(fn(x))")
    wanted = ", or ".join(("a coroutine function, async def fn(...)", *others))
    return TypeError(f"{what}() takes {wanted}; got {fn!r:.100}")
