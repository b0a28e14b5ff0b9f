"""``python3 -m tests.jdk``: the JDK as the judge of ``nio``."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from nio.spi import SelectorProvider
from tests.jdk import _fuzz, _fuzz_kinds, _record, _replay
from tests.jdk._java import DATA, Jdk, NoJdkError

NO_JDK = 8  # exit status


def replay(options: argparse.Namespace) -> int:
    """Play recorded cases; 1 when anything differs."""
    if options.provider:
        os.environ["NIO_PROVIDER"] = options.provider
    cases = [case for path in options.files for case in _replay.load(path)]
    return 1 if _replay.report(_replay.replay(cases), sys.stdout) else 0


def record(options: argparse.Namespace) -> int:
    """Ask the JDK again; 1 when it answers what the files do not have."""
    status = 0
    for path in options.files or sorted(DATA.glob("*.jsonl")):
        status |= _record.record(path, options.runs, options.write, sys.stdout)
    return status


def fuzz(options: argparse.Namespace) -> int:
    """Compare on random programs; 1 when anything differs."""
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    kind = _fuzz_kinds.KINDS[options.kind]
    return _fuzz.fuzz(kind, Jdk(kind.driver), seed, options.ops, sys.stdout)


def parser() -> argparse.ArgumentParser:
    """A sub-command each: its ``run`` takes the options and returns the exit status."""
    top = argparse.ArgumentParser(prog="python3 -m tests.jdk", description="Compare nio with the JDK.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")

    command = commands.add_parser("replay", parents=[files], help="play recorded cases and compare, without a JDK")
    command.add_argument("--provider", choices=SelectorProvider.available(), help="instead of this machine's best")
    command.set_defaults(run=replay)

    command = commands.add_parser("record", help="ask the JDK of this machine the same again")
    command.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl", help="all of tests/jdk/data by default")
    command.add_argument("--runs", type=int, default=3, help="how often each of its two selectors is asked (3)")
    command.add_argument("--write", action="store_true", help="let the files have the JDK's answers")
    command.set_defaults(run=record)

    command = commands.add_parser("fuzz", help="draw programs at random, play them on both and compare")
    command.add_argument("--kind", choices=sorted(_fuzz_kinds.KINDS), required=True, help="what the programs are about")
    command.add_argument("--seed", type=int, help="draw the same programs again (by default others each time)")
    command.add_argument("--ops", type=int, default=100_000, help="how many operations (100000)")
    command.set_defaults(run=fuzz)

    return top


def main(arguments: Sequence[str] | None = None) -> int:
    commands = parser()
    options = commands.parse_args(arguments)
    try:
        status: int = options.run(options)
    except NoJdkError as error:
        print(error, file=sys.stderr)
        return NO_JDK
    except (OSError, ValueError) as error:
        commands.error(str(error))
    return status


if __name__ == "__main__":
    sys.exit(main())
