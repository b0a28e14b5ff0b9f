"""``python3 -m nio.inspector ps|top URL``: the keys of a program as text, for a terminal far away from a browser.

It asks for ``/keys.json``, which costs the program nothing until somebody asks, and needs no trace.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import ProxyHandler, build_opener

from nio.spi import SelectorProvider
from nio.trace._stdio import leave_stdout
from nio.trace._text import letters

_USAGE, _NOBODY = 2, 4
_PATIENCE = 5.0  # seconds
_COLUMNS = ("fd", "channel", "handler", "state", "interest", "ready", "input", "to send", "age")
_HOME = "\x1b[H\x1b[2J"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 -m nio.inspector", description="The keys of a running program, as text."
    )
    parser.add_argument("command", choices=("ps", "top"), help="ps: once; top: every second, the busiest first")
    parser.add_argument("url", help="the address that the program has printed, with its token")
    parser.add_argument("--every", type=float, default=1.0, metavar="S", help="top: seconds between two looks (1)")
    options = parser.parse_args(arguments)
    return _shown(options.url, as_text) if options.command == "ps" else _top(options.url, options.every)


def _top(url: str, seconds: float) -> int:
    pause = SelectorProvider.default().event()
    code = 0
    try:
        while not code:
            code = _shown(url, lambda seen: _HOME * sys.stdout.isatty() + as_text(seen, busiest_first=True))
            pause.wait(0.0 if code else seconds)
    except KeyboardInterrupt:
        pass
    return code


def _shown(url: str, words: Callable[[Any], str]) -> int:
    try:
        print(words(asked(url)), flush=True)
    except BrokenPipeError:
        leave_stdout()
        return 1
    except HTTPError as refused:
        with refused:
            return _failed(url, refused, _NOBODY)
    except URLError as error:
        return _failed(url, error.reason, _NOBODY)
    except (OSError, ValueError) as error:
        return _failed(url, error, _USAGE)
    return 0


def _failed(url: str, reason: object, code: int) -> int:
    print(f"nio.inspector: {url.partition('?')[0]}: {reason}", file=sys.stderr)
    return code


def asked(url: str) -> Any:
    """What ``/keys.json`` of a page's address says; OSError or ValueError where it says nothing."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        raise ValueError("the address begins with http://")
    target = urlunsplit(parts._replace(path="/keys.json"))
    with build_opener(ProxyHandler({})).open(target, timeout=_PATIENCE) as answer:
        return json.loads(answer.read(1 << 24))


def as_text(seen: Any, *, busiest_first: bool = False) -> str:
    """Figures in a line, then a table of the keys."""
    stats, keys = seen["stats"], list(seen["keys"])
    if busiest_first:
        keys.sort(key=lambda key: (-key["unsent"], -key["pending"], key["fd"]))
        keys = keys[:40]
    figures = "  ".join(f"{name} {value}" for name, value in stats.items() if isinstance(value, (int, float)))
    rows = [_COLUMNS, *(_row(key) for key in keys)]
    left = len(seen["keys"]) - len(keys) + seen["more_keys"]
    return "\n".join([f"{seen['name']}  {figures}", *_table(rows), *([f"{left} more"] if left else [])])


def _row(key: Any) -> tuple[str, ...]:
    age = "" if key["age"] is None else f"{key['age']:g} s"
    words = (key["peer"], key["handler"] or "-", key["state"] or "-", letters(key["interest"]), letters(key["ready"]))
    return (str(key["fd"]), *words, str(key["pending"]), str(key["unsent"]), age)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
