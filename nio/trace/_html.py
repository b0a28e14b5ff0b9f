"""A trace as one HTML file that needs nothing else: the events as a table, a line of time to go back on.

The records stand in the page as JSON; one function shows what there was at a moment. No request goes anywhere.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

from nio.trace._records import THREAD, Record, time_of
from nio.trace._text import as_line, in_order

_SHOWN = 200  # lines before the moment
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>@TITLE@</title><style>
:root{color-scheme:light dark}body{font:16px/1.4 system-ui,sans-serif;margin:1rem}
input{width:100%}pre{font:14px/1.4 monospace;overflow:auto;min-height:20em}:focus-visible{outline:3px solid}
</style></head><body>
<h1>@TITLE@</h1><p>@ABOUT@</p>
<label for="at">Rewind: event <output id="number"></output></label>
<input id="at" type="range" min="0" step="1">
<pre id="lines" tabindex="0" aria-label="events up to this moment"></pre>
<script type="application/json" id="data">@DATA@</script><script>
const lines=JSON.parse(document.getElementById('data').textContent),at=document.getElementById('at'),
number=document.getElementById('number'),shown=document.getElementById('lines');
function show(){const n=+at.value;number.textContent=n+' of '+lines.length;
shown.textContent=lines.slice(Math.max(0,n-@SHOWN@),n).reverse().join('\\n')}
at.max=lines.length;at.value=lines.length;at.oninput=show;show()
</script></body></html>
"""


def as_html(records: Iterable[Record], header: dict[str, Any]) -> str:
    """The whole page as text."""
    clock = int(header.get("clock", 0))
    lines, thread = [], ""
    ordered = in_order(records)
    for record in ordered:
        if record[0] == THREAD:
            thread = str(record[3])
        else:
            lines.append(as_line(record, clock, thread))
    seconds = (time_of(ordered[-1]) - time_of(ordered[0])) / 1e9 if ordered else 0.0
    about = f"nio {header.get('version', '')}, level {header.get('level', '')}: {len(lines)} events in {seconds:.3f} s"
    data = json.dumps(lines).replace("<", "\\u003c")  # nothing in it ends the element
    parts = {
        "@TITLE@": html.escape(f"nio trace: {header.get('program', '')}"),
        "@ABOUT@": html.escape(about),
        "@SHOWN@": str(_SHOWN),
        "@DATA@": data,
    }
    page = _PAGE
    for place, part in parts.items():
        page = page.replace(place, part)
    return page
