"""Run a program under strict mode, and say what was found."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nio.doctor._alarm import Over, alarm
from nio.doctor._finding import Finding
from nio.doctor._lint import lint
from nio.doctor._strict import strict


@dataclass(frozen=True)
class Examination:
    """``findings``, and how the program ended: ``ended`` is empty, or one sentence.

    ``is_over``: it was ended by the time given, or by Ctrl-C.
    """

    findings: list[Finding] = field(default_factory=list)
    ended: str = ""
    is_over: bool = False


def examine(
    program: str, *args: str, seconds: float | None = None, say: Callable[[Finding], object] | None = None
) -> Examination:
    """Run the file ``program`` as ``__main__`` with ``args``, at most ``seconds``, and tell its mistakes.

    ``say`` is called with each finding as it is made. What the program raises is told in one sentence. OSError where
    there is no such file. Only in the main thread a time can be given.
    """
    with open(program, "rb"):
        pass
    with strict(say) as watching:
        ended, names, is_over = "", {}, False
        try:
            with _as_main(program, args), alarm(seconds):
                try:
                    names = runpy.run_path(program, run_name="__main__")
                finally:
                    watching.finish()  # before what the program holds is let go of
        except Over:
            ended, is_over = f"{program} was ended after {seconds:g} s.", True
        except SystemExit as leave:
            ended = "" if leave.code in (None, 0) else f"{program} left with {leave.code!r:.100}."
        except KeyboardInterrupt:
            ended, is_over = f"{program} was interrupted.", True
        except BaseException as error:
            watching.raised(error)
            ended = f"{program} raised {type(error).__name__}: {str(error)[:200]}"
        names.clear()
        found = watching.findings
    return Examination(found + lint(program), ended, is_over)


@contextmanager
def _as_main(program: str, args: tuple[str, ...]) -> Iterator[None]:
    """The arguments are the program's, and it imports what lies beside it."""
    before = sys.argv
    sys.argv = [program, *args]
    sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
    try:
        yield
    finally:
        sys.argv = before
        del sys.path[0]
