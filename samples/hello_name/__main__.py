"""``python3 -m samples.hello_name``: finds the command and ends with its exit code."""

from __future__ import annotations

import sys

from samples.hello_name._console import Exit, Failure
from samples.hello_name._options import parse
from samples.hello_name.client import talk
from samples.hello_name.compare import compare
from samples.hello_name.demo import show
from samples.hello_name.server import serve

COMMANDS = {"server": serve, "client": talk, "demo": show, "compare": compare}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what a person is to read of a failure is one line on stderr."""
    options = parse(arguments)
    try:
        return COMMANDS[options.command](options)
    except Failure as failure:
        if str(failure):
            print(f"hello_name {options.command}: {failure}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
