"""The command line of every stage: ``--port``, the line that says where it listens, and the end.

Not on the slides, whose servers run ``while (!Thread.interrupted())`` and offer nobody who interrupts. Here a thread
waits for SIGINT or SIGTERM and calls ``stop()``; ``run()`` then returns. A signal handler would do nearly as well, but
Python runs it in the main thread, and a signal that comes in the last moment before that sleeps in the kernel has to
wait for the next client. ``Selector.waking_on_signals()`` closes that gap for who selects, a thread for all stages.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

HOST = "127.0.0.1"
ENDS = (signal.SIGINT, signal.SIGTERM)


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
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # in every thread from here on: they are for the one that waits
    try:
        server = open_server(port)
    except (OSError, ValueError) as error:
        sys.exit(f"cannot listen on port {port}: {error}")
    threading.Thread(target=stop_at_the_end, args=(server,), daemon=True).start()
    try:
        print(f"listening on {HOST}:{server.port}", flush=True)
        server.run()
    finally:
        server.close()


def stop_at_the_end(server: Server) -> None:
    signal.sigwait(ENDS)
    server.stop()
