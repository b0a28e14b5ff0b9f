"""What every test is held to: it leaves no descriptor and no thread behind, and it ends (``tests.guard``).

The check costs a listing of /proc/self/fd before and after, some tens of microseconds; only when the two differ
does it collect garbage, wait for threads that are about to end, and look closer.
"""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.guard"]

DESCRIPTORS = "/proc/self/fd"
GRACE = 2.0  # seconds a thread that has been told to end may take

Snapshot = set[tuple[int, str]]


def open_descriptors() -> Snapshot:
    """Numbers with what they stand for (``socket:[inode]``): a number closed and used anew is seen."""
    found = set()
    for name in os.listdir(DESCRIPTORS):
        try:
            found.add((int(name), os.readlink(f"{DESCRIPTORS}/{name}")))
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return found


def multiprocessing_keeps() -> set[int]:
    """Descriptors that multiprocessing opens once and holds to the end of the process."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    return {getattr(tracker, "_fd", None) or -1, getattr(server, "_forkserver_alive_fd", None) or -1}


def describe(descriptor: int, target: str) -> str:
    if not target.startswith("socket:"):
        return f"descriptor {descriptor} {target}"
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        return f"descriptor {descriptor} {copy.family.name} {copy.type.name} {copy.getsockname()}"


def running_threads() -> set[threading.Thread]:
    """Those that the ``threading`` module started and can join."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)}


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    threads = running_threads()
    if not os.path.isdir(DESCRIPTORS):
        yield
        before = after = set()
    else:
        before = open_descriptors()
        yield
        after = open_descriptors()
    left = running_threads() - threads
    if not left and after <= before:
        return
    for thread in left:
        thread.join(GRACE)
    gc.collect()
    kept = multiprocessing_keeps()
    leaks = [f"thread {thread.name}" for thread in left if thread.is_alive()]
    if before:
        leaks += [describe(*item) for item in sorted(open_descriptors() - before) if item[0] not in kept]
    if leaks:
        pytest.fail("left behind: " + ", ".join(leaks), pytrace=False)


@pytest.fixture(params=[0, 2], ids=["single", "pooled"])
def workers(request: pytest.FixtureRequest) -> int:
    """Threads for ``process``: none, or two."""
    return int(request.param)


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """The interpreter changes threads 500 times as often: what two of them can come to is met in fewer rounds."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Garbage is not collected meanwhile: what goes, goes by itself, and nothing of other tests in the middle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """With several processes a file stays in one of them, unless the command line says otherwise.

    The files come in their order: the many short ones of ``unit`` are last, and the processes end together.
    """
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False


def pytest_configure(config: pytest.Config) -> None:
    """Where Python may not write bytecode beside the source, it stands in the cache of pytest.

    To rewrite the assertions of all tests takes seconds, and hundreds of children of the tests import the package.
    """
    if sys.dont_write_bytecode and hasattr(config, "cache"):
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("compiled"))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection() -> None:
    """Thousands of tests are collected and live to the end: garbage collection has nothing to find among them."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        missing = [tool for tool in mark.args if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"needs {', '.join(missing)}")
