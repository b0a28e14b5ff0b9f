"""What there is right now: keys and counters, read from outside, without a word to the loop that is observed.

The page's thread looks at selectors and handlers that other threads use. It only reads, each time anew, and a key that
changes under its eyes is told as far as it goes. So a loop that hangs is seen, too, and to be looked at costs it
nothing but the time that the page's thread runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Protocol

from nio.channels import SelectionKey, Selector, ServerSocketChannel
from nio.channels._per_kernel import shared_by_fork
from nio.inspector._tick import Json
from nio.spi import SelectorProvider
from nio.trace._sockets import spelled

_SORTED = 1000  # keys that are put in order


class Counted(Protocol):
    """A reactor of any kind."""

    def statistics(self) -> Any: ...


def selectors_of(provider: SelectorProvider) -> list[Selector]:
    """The open selectors of one provider."""
    found = shared_by_fork(provider).entries(Selector)
    return [selector for selector in found if selector.provider is provider and selector.is_open]


def keys_of(provider: SelectorProvider, channels: Mapping[int, int], most: int) -> tuple[list[Json], int]:
    """The first ``most`` keys by descriptor, and how many there are besides; ``channels`` are the trace's numbers."""
    keys: list[SelectionKey] = []
    for selector in selectors_of(provider):
        keys += tuple(selector._keys)
    if len(keys) <= _SORTED:
        keys.sort(key=lambda key: key._fd)
    now = provider.clock()
    told = [row for key in keys[:most] if (row := described(key, channels, now)) is not None]
    return told, max(0, len(keys) - most)


def described(key: SelectionKey, channels: Mapping[int, int], now: int) -> Json | None:
    """A key's row; None where it is gone."""
    handler: Any = key._attachment
    if not key._valid:
        return None
    fd, opened = key._fd, _asked(handler, "_opened_at", 0)
    return {
        "ch": channels.get(fd, 0),
        "fd": fd,
        "peer": _where(key),
        "handler": type(handler).__name__ if handler is not None else "",
        "state": _asked(_asked(handler, "_state", None), "_value_", ""),
        "interest": key._interest,
        "ready": key._ready,
        "pending": _asked(_asked(handler, "_decoder", None), "pending", 0),
        "unsent": _asked(handler, "unsent", 0),
        "age": round((now - opened) / 1e9, 1) if opened else None,
    }


def _asked(whom: Any, name: str, otherwise: Any) -> Any:
    """An attribute of somebody else's object, if it is there and what it should be: a number or a word."""
    try:
        value = getattr(whom, name, otherwise)
    except Exception:
        return otherwise
    plain = isinstance(otherwise, (int, str))
    return value if not plain or type(value) is type(otherwise) else otherwise


def _where(key: SelectionKey) -> str:
    channel: Any = key._channel
    try:
        if isinstance(channel, ServerSocketChannel):
            return f"{spelled(channel.local_address)} listening"
        return spelled(channel.remote_address)
    except Exception:
        return type(channel).__name__


def listeners_of(provider: SelectorProvider) -> list[Any]:
    """The listening channels that somebody selects for."""
    keys = (key for selector in selectors_of(provider) for key in tuple(selector._keys))
    return [key._channel for key in keys if isinstance(key._channel, ServerSocketChannel) and key._valid]


def counters_of(loops: Iterable[Counted]) -> Json:
    """The statistics of reactors, added up: numbers by name, and ``closed`` by reason."""
    sums: Json = {}
    for loop in loops:
        counters = loop.statistics()
        for field in fields(counters):
            _add(sums, field.name, getattr(counters, field.name))
    return sums


def _add(sums: Json, name: str, value: object) -> None:
    if isinstance(value, Mapping):
        own = sums.setdefault(name, {})
        for reason, count in tuple(value.items()):
            word = str(getattr(reason, "name", reason))
            own[word] = own.get(word, 0) + count
    elif isinstance(value, (int, float)):
        sums[name] = sums.get(name, 0) + value
