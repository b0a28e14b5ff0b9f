"""python3 -m nio.doctor: run a program in strict mode, or read a trace, and name the mistakes.

    python3 -m nio.doctor [--for SECONDS] PROGRAM [ARGUMENT...]
    NIO_STRICT=1 python3 -m MODULE       a module: each mistake is a warning
    python3 -m nio.doctor TRACE          a file that python3 -m nio.trace --out has written
    python3 -m nio.doctor --env          the environment
    python3 -m nio.doctor explain CODE   a mistake in words, with a program that makes it
    python3 -m nio.doctor list           every mistake of the table

The exit code is 7 when there are findings, 0 when there are none; 1 when the program failed for another reason, 2 for
what cannot be examined.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from nio import trace
from nio.doctor._environment import check_environment
from nio.doctor._examine import examine
from nio.doctor._finding import Finding
from nio.doctor._records import diagnose
from nio.doctor._table import TABLE
from nio.trace._stdio import leave_stdout, tell

FOUND, FAILED, USAGE = 7, 1, 2
_GZIP = b"\x1f\x8b"


def main(arguments: Sequence[str]) -> int:
    """The command; its exit code."""
    try:
        code = _run(list(arguments))
        print(end="", flush=True)
    except BrokenPipeError:
        leave_stdout()
        return FAILED
    return code


def _run(arguments: list[str]) -> int:
    match arguments:
        case ["-h" | "--help"]:
            print(__doc__, end="")
            return 0
        case ["--env"]:
            return _environment()
        case ["list"]:
            return _list()
        case ["explain", code]:
            return _explain(code)
        case ["--for", seconds, program, *rest]:
            return _examined(program, rest, seconds)
        case [program, *rest] if not program.startswith("-") and program != "explain":
            return _examined(program, rest, None)
    return _refuse(__doc__ or "")


def _refuse(words: str) -> int:
    print(words.rstrip(), file=sys.stderr)
    return USAGE


def _environment() -> int:
    lines, findings = check_environment()
    print(*lines, sep="\n")
    return _conclude(findings, "")


def _list() -> int:
    for row in TABLE.values():
        print(f"{row.code}  {row.mistake}" + ("" if row.is_found else "  (explained, not found)"))
    return 0


def _explain(code: str) -> int:
    row = TABLE.get(code.upper())
    if row is None:
        return _refuse(f"there is no mistake {code!r}: python3 -m nio.doctor list shows all")
    print(f"{row.code}: {row.mistake}\n\n{row.lesson}")
    if row.fix:
        print(f"Fix: {row.fix}")
    if row.program:
        print(f"\nA program that makes this mistake and no other:\n\n{row.program}", end="")
    return 0


def _examined(program: str, rest: Sequence[str], seconds: str | None) -> int:
    try:
        limit = None if seconds is None else float(seconds)
        if limit is not None and not 0 < limit < 1e6:
            raise ValueError(seconds)
    except ValueError:
        return _refuse(f"--for takes seconds, not {seconds!r}")
    try:
        if _is_trace(program):
            read = trace.read(program)
            return _conclude(diagnose(read), read.problem)
        parent = os.getpid()
        done = examine(program, *rest, seconds=limit, say=_say)
        if os.getpid() != parent:
            return 0  # a child that the program has forked: the parent tells what it has found
    except (OSError, ValueError) as error:
        return _refuse(f"{program} cannot be examined: {error}")
    print(done.ended, end="\n" if done.ended else "", file=sys.stderr)
    code = _conclude(done.findings, "")
    return FAILED if not code and done.ended and not done.is_over else code


def _is_trace(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def _say(finding: Finding) -> None:
    """While the program runs: it may never end."""
    tell(str(finding), "nio.doctor")


def _conclude(findings: Sequence[Finding], problem: str) -> int:
    if problem:
        print(problem, file=sys.stderr)
    for finding in findings:
        times = f" ({finding.times} times)" if finding.times > 1 else ""
        print(f"{finding}{times}\n    {finding.lesson}")
        if finding.code in TABLE:
            print(f"    python3 -m nio.doctor explain {finding.code}")
    if not findings:
        print("nothing to report")
    return FOUND if findings else 0


if __name__ == "__main__":  # pragma: no cover  # a test runs it in a process of its own
    sys.exit(main(sys.argv[1:]))
