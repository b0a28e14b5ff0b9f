"""Place: a line of the user's program, found by walking up from wherever nio is.

A frame of nio is never the place, and a frame of the standard library only if there is no other. The corpus of broken
programs lies inside the package and stands for a user's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_HERE = Path(__file__).parent
_NIO = str(_HERE.parent) + os.sep
CORPUS = _HERE / "_broken"
_CORPUS = str(CORPUS) + os.sep
_LIBRARY = str(Path(os.__file__).parent) + os.sep


class Place(NamedTuple):
    """A file and a line; ``str()`` is short: ``hello.py:31``, or nothing where no line is known."""

    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{os.path.basename(self.path)}:{self.line}" if self.path else ""


NOWHERE = Place()


def is_users(path: str) -> bool:
    """Whether the file is the user's: not of nio, the standard library or the interpreter."""
    if path.startswith((_NIO, "<")):
        return path.startswith(_CORPUS)
    return not path.startswith(_LIBRARY) or "-packages" in path


def place_of(frame: FrameType | None) -> Place:
    """The innermost line of the user's at or above ``frame``."""
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return Place(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return NOWHERE


def here() -> Place:
    """The line of the user's that the call under way comes from."""
    return place_of(sys._getframe(1))
