"""The results as a chart: bars of CPU per request, as times of what C needs for the same. SVG, by hand.

The colours are those of the reader's scheme, light or dark, on a ground of its own, so that it is legible on a page of
either kind.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from benchmarks._markdown import title_of
from benchmarks._results import ratio

WORKS = ("hello-100", "hello-1000", "names-1024", "pipeline-16", "connect", "echo-64k")
SHOWN = ("c", "java", "raw", "nio", "nio-list", "nio-block", "uvloop", "rloop", "asyncio", "streams")
WIDTH, LEFT, RIGHT = 760, 210, 60
BAR, GAP, TITLE, TOP = 16, 4, 30, 44
FULL = 4.0  # times C: a longer bar is cut off
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .ground { fill: #ffffff; }
  .peer { fill: #8c959f; }
  .ours { fill: #0969da; }
  .one { stroke: #1f2328; stroke-dasharray: 2 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .ground { fill: #0d1117; }
    .peer { fill: #6e7681; }
    .ours { fill: #58a6ff; }
    .one { stroke: #e6edf3; }
  }
"""


def chart(results: dict[str, Any]) -> str:
    """Works that have no figure of C are left out."""
    parts, y = [], TOP
    for name in WORKS:
        result = results["works"].get(name)
        found = {each: ratio(result, each, "c", "cpu") for each in SHOWN} if result else {}
        bars = {each: spread.median for each, spread in found.items() if spread}
        if not result or not bars:
            continue
        parts.append(f'<text class="title" x="12" y="{y + 14}">{escape(result["title"])}</text>')
        y += TITLE - 8
        for each, times in sorted(bars.items(), key=lambda pair: pair[1]):
            parts += _bar(each, times, y)
            y += BAR + GAP
        y += TITLE - BAR
    scale = (WIDTH - LEFT - RIGHT) / FULL
    one = LEFT + scale
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" width="{WIDTH}" height="{y + 8}"'
            ' role="img">',
            "<title>CPU of the server per request, times that of a server in C</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{WIDTH}" height="{y + 8}"/>',
            f'<text class="title" x="12" y="24">CPU of the server per request, C = 1 '
            f"({escape(results['machine']['python'])})</text>",
            *parts,
            f'<line class="one" x1="{one:.1f}" y1="{TOP - 8}" x2="{one:.1f}" y2="{y}"/>',
            "</svg>",
            "",
        ]
    )


def _bar(contender: str, times: float, y: int) -> list[str]:
    width = min(times, FULL) / FULL * (WIDTH - LEFT - RIGHT)
    kind = "ours" if contender.startswith("nio") else "peer"
    return [
        f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(title_of(contender))}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}">{times:.2f}</text>',
    ]
