"""The guard against tests that hang, tried on a pytest in a child process whose tests do; all such wait together."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 1.0  # seconds for each phase of a planted test; those that do not hang need a hundredth of it


@dataclass
class Run:
    """A pytest, and the files that it writes to: pipes would be open in the middle of a test."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def stdout(self) -> str:
        return self.out.read_text()

    @property
    def stderr(self) -> str:
        return self.err.read_text()


Runs = dict[str, Run]

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


def pytest_of(directory: Path, source: str, *options: str) -> Run:
    (directory / "pytest.ini").write_text("[pytest]\n")
    (directory / "test_planted.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.guard", "-p", "no:cacheprovider", "-ra"]
    command += ["-o", f"hang_limit={LIMIT}", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out, err = directory / "out", directory / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        return Run(subprocess.Popen(command, cwd=directory, env=environment, stdout=stdout, stderr=stderr), out, err)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    planted = {
        "waiting": [HANGING, "-k", "not loop and not swallows"],
        "going on": [HANGING, "-k", "loop or swallows or next"],
        "swallowing": [SWALLOWING],
    }
    if importlib.util.find_spec("xdist"):
        planted["in a worker"] = [HANGING, "-n1", "-k", "lock or next"]
    begun = {name: pytest_of(tmp_path_factory.mktemp("planted"), *words) for name, words in planted.items()}
    yield begun
    for run in begun.values():
        run.process.kill()
        run.process.wait()


def ended(run: Run) -> Run:
    run.process.wait(50)
    return run


def assert_it_hangs(done: Run, name: str, spot: str) -> None:
    message = f"test_planted.py::{name} hangs: its call has taken {LIMIT:g} s"
    assert f"FAILED test_planted.py::{name} - " in done.stdout
    for output in (done.stdout, done.stderr):
        stacks = output.partition(message)[2].partition(" hangs: ")[0]
        assert "Thread MainThread:" in stacks
        assert spot in stacks


def test_a_test_that_hangs_fails_by_name_with_the_stacks_and_the_next_one_runs(runs: Runs) -> None:
    done, other = ended(runs["waiting"]), ended(runs["going on"])
    for name, spot in SPOTS.items():
        assert_it_hangs(other if name in ("test_loop", "test_swallows_once") else done, name, spot)
    assert "ERROR test_planted.py::test_set_up - " in done.stdout
    assert "test_planted.py::test_set_up hangs: its setup has taken" in done.stdout
    assert "Thread the other:" in done.stdout
    assert "2 failed, 2 passed, 2 deselected, 1 error" in done.stdout
    assert "2 failed, 1 passed, 4 deselected" in other.stdout


def test_so_does_one_in_a_worker_of_xdist(runs: Runs) -> None:
    pytest.importorskip("xdist")
    done = ended(runs["in a worker"])
    assert_it_hangs(done, "test_lock", SPOTS["test_lock"])
    assert "1 failed, 1 passed" in done.stdout


def test_a_test_that_swallows_what_is_raised_ends_the_run_with_its_stack(runs: Runs) -> None:
    done = ended(runs["swallowing"])
    assert done.process.returncode == 1
    assert "Timeout (0:00:02.250000)!" in done.stderr
    assert "in test_that_swallows_all" in done.stderr.partition("Timeout")[2]
