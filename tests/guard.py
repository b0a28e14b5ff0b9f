"""A test that hangs fails, with the stacks of all threads: each of its three phases has 60 seconds.

The first guard is SIGALRM. Its handler runs in the main thread, where pytest runs the tests, also in a worker of
pytest-xdist. It raises what no ``except Exception`` catches, and again after half the limit, since a finalizer or an
``except BaseException`` may swallow it. A test that uses SIGALRM itself has this guard only until then.

The second guard is a watchdog of ``faulthandler``, for a main thread that sits in C code or swallows whatever is
raised. It writes the stacks and ends the whole run, between the third signal and the fourth. Its thread is born with
all signals blocked: one that it took in its first moments would wait until the main thread looks for another reason.
To start and end that thread costs more than most tests do, so one watches over the tests of an eighth of the limit, and
the next begins when that has passed. It leaves each its time: a worker of pytest-xdist does not wait between two tests.

Neither is at work in a debugger.
"""

from __future__ import annotations

import faulthandler
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

STDERR = pytest.StashKey[int]()
BORN = pytest.StashKey[float]()
STANDARD = [number for number in signal.Signals if not number.name.startswith("SIGRT")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "hang_limit", "seconds that the setup, the call and the teardown of a test may take, each", default="60"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STDERR] = os.dup(2)  # as it is while nothing is captured
    config.stash[BORN] = -math.inf


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[STDERR])


def pytest_sessionfinish(session: pytest.Session) -> None:
    no_watchdog(session.config)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with limited(item, "setup"):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with limited(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with limited(item, "teardown"):
        return (yield)


def pytest_enter_pdb(config: pytest.Config) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    no_watchdog(config)


def no_watchdog(config: pytest.Config) -> None:
    faulthandler.cancel_dump_traceback_later()
    config.stash[BORN] = -math.inf


def young_watchdog(config: pytest.Config, limit: float) -> None:
    now = time.monotonic()
    if now - config.stash[BORN] < limit / 8:
        return
    allowed = signal.pthread_sigmask(signal.SIG_BLOCK, STANDARD)
    faulthandler.dump_traceback_later(2.25 * limit, exit=True, file=config.stash[STDERR])
    signal.pthread_sigmask(signal.SIG_SETMASK, allowed)
    config.stash[BORN] = now


@contextmanager
def limited(item: pytest.Item, phase: str) -> Iterator[None]:
    limit = float(item.config.getini("hang_limit"))
    stderr = item.config.stash[STDERR]

    def ring(number: int, frame: FrameType | None) -> None:
        message = f"{item.nodeid} hangs: its {phase} has taken {limit:g} s\n\n{stacks()}"
        os.write(stderr, f"\n{message}".encode())
        pytest.fail(message)

    young_watchdog(item.config, limit)
    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, limit / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def stacks() -> str:
    """Where each thread is, the innermost call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )
