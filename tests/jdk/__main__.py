"""``python3 -m tests.jdk``: the JDK as the judge of ``nio``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nio.spi import SelectorProvider
from tests.jdk import _replay


def replay(options: argparse.Namespace) -> int:
    """Play recorded cases; 1 when anything differs."""
    if options.provider:
        os.environ["NIO_PROVIDER"] = options.provider
    cases = [case for path in options.files for case in _replay.load(path)]
    return 1 if _replay.report(_replay.replay(cases), sys.stdout) else 0


def parser() -> argparse.ArgumentParser:
    """One sub-command each: a function that takes the options and returns the exit status."""
    top = argparse.ArgumentParser(prog="python3 -m tests.jdk", description="Compare nio with the JDK.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("replay", help="play recorded cases and compare with the JDK's answers")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    command.add_argument("--provider", choices=SelectorProvider.available(), help="instead of this machine's best")
    command.set_defaults(run=replay)

    return top


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
