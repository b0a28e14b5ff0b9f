"""What every server in Python does with a record, and how it begins and ends."""

from __future__ import annotations

import hashlib
import os
import resource
import sys
import threading
import time
from collections.abc import Callable

HOST = "127.0.0.1"
BACKLOG = 1024
MAX_NAME = 4096
MAX_CONNECTIONS = 20_000
SPARE = 64  # descriptors for all else
IDLE = 60.0
WORKERS = 4
LOOPS = 2
PAUSE = 0.005
BLOCK = bytes(range(256)) * 256

Process = Callable[[bytes], bytes]


def greet(name: bytes) -> bytes:
    return b"Hello " + name


def wait_and_greet(name: bytes) -> bytes:
    time.sleep(PAUSE)
    return b"Hello " + name


def hash_and_greet(name: bytes) -> bytes:
    hashlib.sha256(BLOCK).digest()
    return b"Hello " + name


PROCESSES: dict[str, Process] = {"hello": greet, "sleep": wait_and_greet, "hash": hash_and_greet}


def room() -> int:
    """How many connections a server may have: the limit of open files is raised as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return MAX_CONNECTIONS if most == resource.RLIM_INFINITY else max(1, min(MAX_CONNECTIONS, most - SPARE))


def announce(port: int, stop: Callable[[], object]) -> None:
    """Print the port; call ``stop`` when whoever started this process closes its end or dies."""
    room()
    print(port, flush=True)
    threading.Thread(target=_obey, args=(stop,), daemon=True).start()


def _obey(stop: Callable[[], object]) -> None:
    """A line asks for a mark: a call that callgrind and strace see, and that no server makes."""
    for _ in sys.stdin.buffer:
        os.getloadavg()
        print("marked", flush=True)
    stop()
