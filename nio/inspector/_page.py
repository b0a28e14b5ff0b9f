"""The page: one file, served as it is, or with ticks inside as a file of its own.

Its one script and its one style are named by their hashes in the Content-Security-Policy, so nothing else runs in it.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_TITLE = "<title>nio inspector</title>"
_DATA = '<script type="application/json" id="data"></script>'
_META = '<meta charset="utf-8">'


@cache
def page() -> str:
    """The text of the page."""
    return (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


def _hash(tag: str) -> str:
    text = page().partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def policy(connect: str = "'self'") -> str:
    """What the page may do: run its own script, and speak to its own server."""
    return (
        f"default-src 'none'; connect-src {connect}; img-src data:; script-src 'sha256-{_hash('script')}'; "
        f"style-src 'sha256-{_hash('style')}'; base-uri 'none'; form-action 'none'"
    )


def with_ticks(ticks: Iterable[str], title: str) -> Iterator[str]:
    """The page as a file that needs no server, in pieces; each tick is one line of JSON without ``<``."""
    before, _, behind = page().partition(_DATA)
    rule = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy(chr(39) + "none" + chr(39)))}">'
    before = before.replace(_META, _META + rule, 1).replace(_TITLE, f"<title>{html.escape(title)}</title>", 1)
    start, end = _DATA.split("></")
    yield f"{before}{start}>["
    for number, tick in enumerate(ticks):
        yield ("," if number else "") + tick
    yield f"]</{end}{behind}"
