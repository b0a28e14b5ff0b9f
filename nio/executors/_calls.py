"""Many calls in one: what travels to a worker elsewhere, what it does there, and what comes back.

**One call cannot spoil the others.** An outcome is plain data, whatever the call did: a reply that is not plain, or an
error of a class that only the worker may know, would be found unreadable at home, and with it every outcome beside it.
So the worker looks at each. What is not plain becomes an error that says so; an error that is no builtin and none of
nio's becomes a RuntimeError with the words of the first, and all of them carry the traceback as a note.

A worker needs nio, as it needs the module of the function that it is to call.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Call: TypeAlias = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]
Outcome: TypeAlias = tuple[bool, Any]  # True and the reply, or False and the error

_ATOMS = frozenset({bytes, type(None), str, int, float, bool})
_LISTS = frozenset({list, tuple, set, frozenset})
_DEPTH = 8
_KNOWN = frozenset({"builtins", "nio.errors"})  # modules whose errors can be read everywhere


class Calls:
    """The calls of one batch, as one object that no executor looks into."""

    __slots__ = ("calls",)

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls: Sequence[Call] = calls


def run_calls(batch: Calls) -> list[Outcome]:
    """In a worker: make the calls, one after the other; an outcome for each."""
    return [outcome_of(*call) for call in batch.calls]


def outcome_of(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outcome:
    """Make the call."""
    try:
        reply = fn(*args, **kwargs)
        if not is_plain(reply):
            raise TypeError(f"{name_of(fn)} returned a {type(reply).__name__}: no plain data, it cannot travel")
    except BaseException as error:
        return False, portable(error)
    return True, reply


def is_plain(value: object, depth: int = _DEPTH) -> bool:
    """Bytes, text, numbers, None, and lists, tuples, sets and dicts of them: what every process can read."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if depth == 0:
        return False
    if kind in _LISTS:
        items: Any = value
        return all(is_plain(item, depth - 1) for item in items)
    if isinstance(value, dict) and kind is dict:
        return is_plain(list(value), depth) and is_plain(list(value.values()), depth)
    return False


def portable(error: BaseException) -> BaseException:
    """The error, or one with its words that can be read in a process that does not know its class."""
    kind = type(error)
    try:
        text = "".join(traceback.format_exception(error)).rstrip()
        if not (kind.__module__ in _KNOWN and is_plain(error.args) and is_plain(error.__dict__)):
            error = RuntimeError(f"{kind.__qualname__}: {error}")
        error.add_note(f"in the worker: {text}")
    except BaseException:  # a class whose own words fail
        return RuntimeError(f"{kind.__qualname__}, which cannot be told")
    return error


def name_of(fn: object) -> str:
    return str(getattr(fn, "__qualname__", type(fn).__name__))
