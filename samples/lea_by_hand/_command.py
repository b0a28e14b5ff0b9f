"""The command line of every stage: ``--port``, the line that says where it listens, and the end.

Not on the slides, whose servers run ``while (!Thread.interrupted())`` and offer nobody who interrupts. Here SIGINT
and SIGTERM call ``stop()``, which may be called from a signal handler and from any thread; ``run()`` then returns.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from typing import Protocol

HOST = "127.0.0.1"


class Server(Protocol):
    """What a stage has to offer to be run from here."""

    port: int

    def run(self) -> None: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


def parser(stage: str, doc: str | None) -> argparse.ArgumentParser:
    """With ``--port``; the rest is the stage's own."""
    about = (doc or "").partition("\n")[0]
    arguments = argparse.ArgumentParser(prog=f"python3 -m samples.lea_by_hand.{stage}", description=about)
    arguments.add_argument("--port", type=int, default=9900, help="0 is any free port (default: %(default)s)")
    return arguments


def positive(text: str) -> int:
    """An argument that is a number from 1 up."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def seconds(text: str) -> float:
    """An argument that is a duration."""
    if not 0 <= float(text) <= 3600:
        raise ValueError
    return float(text)


def serve(open_server: Callable[[int], Server], port: int) -> None:
    """Run a server until SIGINT or SIGTERM."""
    try:
        server = open_server(port)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot listen on port {port}: {error}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    try:
        print(f"listening on {HOST}:{server.port}", flush=True)
        server.run()
    finally:
        server.close()
