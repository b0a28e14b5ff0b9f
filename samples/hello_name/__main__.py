"""``python3 -m samples.hello_name``: finds the command and ends with its exit code."""

from __future__ import annotations

import importlib
import sys

from nio import SelectorProvider
from nio.errors import ProviderUnavailableError
from samples.hello_name._console import Exit, Failure
from samples.hello_name._options import parse


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what a person is to read of a failure is one line on stderr."""
    options = parse(arguments)
    try:
        SelectorProvider.default()
        code: int = importlib.import_module(f"samples.hello_name.{options.command}").main(options)
        return code
    except (Failure, ProviderUnavailableError) as failure:
        if str(failure):
            print(f"hello_name {options.command}: {failure}", file=sys.stderr)
        return failure.code if isinstance(failure, Failure) else Exit.USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
