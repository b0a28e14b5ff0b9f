"""What commands write on stdout and stderr, where nobody may be left to read it."""

from __future__ import annotations

import os
import sys


def tell(words: str, of: str = "nio.trace") -> None:
    """One sentence on stderr for whoever started the program, if there is a stderr that somebody reads."""
    try:
        sys.stderr.write(f"{of}: {words}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass


def leave_stdout() -> None:
    """Whoever read it has seen enough: what Python writes at its end goes nowhere."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
