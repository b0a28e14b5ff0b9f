"""How a reactor's dispatches are told without another way through the kernel's answer.

**One by one**: the way through the answer is handed one ready key at a time, with a look at the clock and at the
counters between two of them. So each record has the bytes that were moved, and at level ``teach`` the processor time.

**Along**: a loop that handlers bring (``reactor.serve_by``) costs too much to be entered for each key. It looks each
key up by ``watch.get`` before it serves it, and what it looks with is ours: at each look the last dispatch ends and
the next begins. Such a loop adds its counters up when it ends. So the bytes are -1, not told, but where the answer had
one key alone.

A ready set of 0 in a record: the kernel has reported the channel, and nobody was called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nio.trace._recording import Recording
from nio.trace._records import DISPATCH, TEACH

Events = list[tuple[int, int]]
Serve = Callable[[Events, Any], int]
_NOT_TOLD = -1


class Counters(Protocol):
    """A reactor's tally."""

    bytes_in: int
    bytes_out: int


def telling_one_by_one(serve: Serve, recording: Recording, tally: Counters, cpu_time: Callable[[], int]) -> Serve:
    """``serve`` for one ready key at a time, each with a record."""
    here, clock, channels = recording.here, recording.clock, recording.channels
    cpu_now = cpu_time if recording.level >= TEACH else _no_time

    def serve_one_by_one(events: Events, watch: Any) -> int:
        handed, began = 0, clock()
        for event in watch.rotated(events) if len(events) > 1 else events:
            key: Any = watch.get(event[0])
            if key is None:
                handed += serve([event], watch)
                began = clock()
                continue
            handler, ch, ready = key._attachment, channels.get(event[0], 0), 0
            before, cpu = state_of(handler), cpu_now()
            bytes_in, bytes_out = tally.bytes_in, tally.bytes_out
            try:
                served = serve([event], watch)
                handed += served
                ready = key._ready if served else 0
            except BaseException:
                ready = key._ready
                raise
            finally:
                ended, after, name = clock(), state_of(handler), type(handler).__name__
                came, went, cpu = tally.bytes_in - bytes_in, tally.bytes_out - bytes_out, cpu_now() - cpu
                here.put((DISPATCH, began, ended, ch, ready, before, after, came, went, cpu, name))
                began = ended
        return handed

    return serve_one_by_one


class _Watch:
    """What a loop that handlers bring is given as its ``watch``; ``get`` is the one that notes each look."""

    __slots__ = ("get", "hand_over", "rotated")

    def __init__(self, get: Callable[..., Any]) -> None:
        self.get: Callable[..., Any] = get
        self.hand_over: Any = None
        self.rotated: Any = None


def telling_along(serve: Serve, recording: Recording, tally: Counters, cpu_time: Callable[[], int]) -> Serve:
    """``serve``, which looks each key up before it serves it."""
    get, begin, end = _looking(recording)
    ours, clock = _Watch(get), recording.clock

    def serve_along(events: Events, watch: Any) -> int:
        ours.rotated, ours.hand_over = watch.rotated, watch.hand_over
        begin(watch.get)
        bytes_in, bytes_out = tally.bytes_in, tally.bytes_out
        try:
            return serve(events, ours)
        finally:
            if len(events) == 1:
                end(clock(), tally.bytes_in - bytes_in, tally.bytes_out - bytes_out)
            else:
                end(clock(), _NOT_TOLD, _NOT_TOLD)
            ours.rotated = ours.hand_over = None

    return serve_along


def _looking(recording: Recording) -> tuple[Callable[..., Any], Callable[[Any], None], Callable[[int, int, int], None]]:
    """``get`` of an answer's keys, the beginning of the answer and its end; all is in locals, which cost least."""
    here, clock, channels = recording.here, recording.clock, recording.channels
    key: Any = None
    handler: Any = None
    find: Any = None
    began, ch, before = 0, 0, ""

    def begin(look: Any) -> None:
        nonlocal key, find
        key, find = None, look

    def get(fd: int, nobody: Any = None) -> Any:
        """The key of a descriptor: what was served before it is done."""
        nonlocal key, handler, began, ch, before
        now = clock()
        if key is not None:
            tell(now, _NOT_TOLD, _NOT_TOLD)
        key = find(fd)
        if key is None:
            return nobody
        handler, began, ch, before = key._attachment, now, channels.get(fd, 0), state_of(key._attachment)
        key._ready = 0  # until somebody is called
        return key

    def tell(now: int, came: int, went: int) -> None:
        after, name = state_of(handler), type(handler).__name__
        here.put((DISPATCH, began, now, ch, key._ready, before, after, came, went, 0, name))

    def end(now: int, came: int, went: int) -> None:
        nonlocal key, handler, find
        if key is not None:
            tell(now, came, went)
        key = handler = find = None

    return get, begin, end


def state_of(handler: Any) -> str:
    """The name of a connection's state; an attachment that stands before another object may raise anything."""
    try:
        name: str = handler._state._value_
    except Exception:
        return ""
    return name


def _no_time() -> int:
    return 0
