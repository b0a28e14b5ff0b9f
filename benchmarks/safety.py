"""What each safety costs: ``python3 -m benchmarks.safety``.

Instructions for a request, a hundred connections at a time, of the server as it is and of servers that lack a part.
``python3 -m benchmarks --only safety-cpu`` measures what all of it costs in time.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks._counting import SHAPES, CountError, instructions
from benchmarks._rounds import arguments
from benchmarks._without import EVERYTHING, SAFETY

AS_IT_IS = "nothing"
SHAPE = SHAPES["c100"]


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments("benchmarks.safety", __doc__, rounds=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    words = [AS_IT_IS, *SAFETY, EVERYTHING]
    try:
        with ThreadPoolExecutor(2) as pool:
            rounds = [dict(zip(words, pool.map(counted, words), strict=True)) for _ in range(options.rounds)]
    except CountError as error:
        print(f"nothing is counted: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps([{word: {"instructions": count} for word, count in each.items()} for each in rounds]))
        return 0
    whole = rounds[-1][AS_IT_IS]
    print(f"{whole:,.0f} instructions for a request, of which")
    for word in words[1:]:
        print(f"{word:<36}{whole - rounds[-1][word]:>8,.0f}")
    return 0


def counted(word: str) -> float:
    """The instructions for a request of a server without that."""
    names = "" if word == AS_IT_IS else word
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks._without", names, "hello"]
        return instructions(command, [SHAPE], Path(directory))[SHAPE.name]


if __name__ == "__main__":
    sys.exit(main())
