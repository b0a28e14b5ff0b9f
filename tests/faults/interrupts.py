"""Ctrl-C at the first moment at which Python looks for signals in the reactor's code, at the second, and so on."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import nio

NIO = Path(nio.__file__).parent
CODE = tuple(str(NIO / package) for package in ("reactor", "channels", "executors", "trace"))


class Interrupt:
    """Raises KeyboardInterrupt at the ``at``-th moment; ``struck`` tells where that was."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.struck = ""

    def __enter__(self) -> Interrupt:
        sys.setprofile(self._look)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, arg: object) -> None:
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(CODE):
            self.left -= 1
            if not self.left:
                sys.setprofile(None)
                self.struck = f"{event} in {frame.f_code.co_qualname}, line {frame.f_lineno}"
                raise KeyboardInterrupt


def every_moment(scene: Callable[[Interrupt], None]) -> None:
    for at in itertools.count(1):
        interrupt = Interrupt(at)
        try:
            scene(interrupt)
        except BaseException as error:
            error.add_note(f"interrupted at moment {at}: {interrupt.struck}")
            raise
        if not interrupt.struck:
            assert at > 10
            return


def struck(interrupt: Interrupt, fn: Callable[..., Any], *args: object) -> None:
    """Call ``fn``, which is interrupted or comes to its end."""
    try:
        with interrupt:
            fn(*args)
    except KeyboardInterrupt:
        assert interrupt.struck
