"""The guard against tests that hang, tried on a pytest in a child process whose tests do; all such wait together."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 0.5  # seconds for each phase of a planted test; those that do not hang need a fiftieth of it

Done = subprocess.CompletedProcess[str]
Runs = dict[str, Future[Done]]

HANGING = """
import pytest, selectors, signal, threading

@pytest.fixture
def stuck():
    threading.Event().wait()

def test_lock():
    lock, go = threading.Lock(), threading.Event()
    threading.Thread(target=go.wait, name="the other").start()
    try:
        lock.acquire()
        lock.acquire()
    finally:
        go.set()

def test_selector():
    with selectors.DefaultSelector() as selector:
        selector.select()

def test_loop():
    while True:
        try:
            pass
        except Exception:
            pass

def test_set_up(stuck):
    pass

def test_swallows_once():
    try:
        threading.Event().wait()
    except BaseException:
        threading.Event().wait()

def test_with_an_alarm_of_its_own():
    rung = []
    previous = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while not rung:
        pass
    signal.signal(signal.SIGALRM, previous)

def test_next():
    pass
"""

SWALLOWING = """
def test_before():
    pass

def test_that_swallows_all():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""

SPOTS = {
    "test_lock": "lock.acquire()",
    "test_selector": "selector.select()",
    "test_loop": "while True:",
    "test_swallows_once": "threading.Event().wait()",
}


def pytest_of(directory: Path, source: str, *options: str) -> Done:
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "test_planted.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.guard", "-p", "no:cacheprovider", "-ra"]
    command += ["-o", f"hang_limit={LIMIT}", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=50)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    planted = {"hanging": [HANGING], "swallowing": [SWALLOWING]}
    if importlib.util.find_spec("xdist"):
        planted["in a worker"] = [HANGING, "-n1", "-k", "lock or next"]
    with ThreadPoolExecutor() as threads:
        yield {
            name: threads.submit(pytest_of, tmp_path_factory.mktemp("planted"), *arguments)
            for name, arguments in planted.items()
        }


def assert_it_hangs(done: Done, name: str, spot: str) -> None:
    message = f"test_planted.py::{name} hangs: its call has taken {LIMIT} s"
    assert f"FAILED test_planted.py::{name} - " in done.stdout
    for output in (done.stdout, done.stderr):
        stacks = output.partition(message)[2].partition(" hangs: ")[0]
        assert "Thread MainThread:" in stacks
        assert spot in stacks


def test_a_test_that_hangs_fails_by_name_with_the_stacks_and_the_next_one_runs(runs: Runs) -> None:
    done = runs["hanging"].result()
    for name, spot in SPOTS.items():
        assert_it_hangs(done, name, spot)
    assert "ERROR test_planted.py::test_set_up - " in done.stdout
    assert "test_planted.py::test_set_up hangs: its setup has taken" in done.stdout
    assert "Thread the other:" in done.stdout
    assert "4 failed, 2 passed, 1 error" in done.stdout


def test_so_does_one_in_a_worker_of_xdist(runs: Runs) -> None:
    pytest.importorskip("xdist")
    done = runs["in a worker"].result()
    assert_it_hangs(done, "test_lock", SPOTS["test_lock"])
    assert "1 failed, 1 passed" in done.stdout


def test_a_test_that_swallows_what_is_raised_ends_the_run_with_its_stack(runs: Runs) -> None:
    done = runs["swallowing"].result()
    assert done.returncode == 1
    assert "Timeout (0:00:01.125000)!" in done.stderr
    assert "in test_that_swallows_all" in done.stderr.partition("Timeout")[2]
