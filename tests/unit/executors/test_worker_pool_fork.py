"""A pool in a forked child: it says that it is the parent's, and nothing waits for threads that are not there.

Each program runs in an interpreter of its own; the child answers through its exit code and a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from textwrap import dedent

import pytest

from nio.errors import RejectedExecutionError
from nio.executors import Saturation, WorkerPool
from tests.unit.executors.jobs import Held, Told, full_pool
from tests.unit.executors.providers import PATIENCE, CallbackConditions
from tests.unit.executors.test_worker_pool_room import Submitter

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

HEAD = """
    import faulthandler, os, signal, sys, threading, warnings
    from nio.errors import RejectedExecutionError
    from nio.executors import Saturation, WorkerPool
    from nio.spi import SelectorProvider, SystemProvider

    warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of a fork where there are threads
    faulthandler.dump_traceback_later(20, exit=True)

    def refused(call):
        try:
            call()
        except RejectedExecutionError as error:
            assert "belongs to the process that forked; make one in the child" in str(error), error
            return True

    def end_of(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(program: str) -> list[str]:
    text = dedent(HEAD) + dedent(program)
    done = subprocess.run([sys.executable, "-X", "dev", "-c", text], capture_output=True, timeout=30, text=True)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.splitlines()


def test_every_call_in_the_child_returns_and_the_parent_s_pool_goes_on() -> None:
    assert run("""
        go, began = threading.Event(), threading.Event()
        pool = WorkerPool(2, minimum=1, queue=8, saturation=Saturation.BLOCK, name="w")
        pool.submit(lambda: (began.set(), go.wait()))
        began.wait()
        queued = pool.submit(os.getpid)
        child = os.fork()
        if not child:
            assert all(map(refused, [lambda: pool.submit(int), lambda: pool.execute(int), lambda: pool.offer([int])]))
            assert pool.discard_oldest() is None
            pool.shutdown()
            pool.shutdown(cancel_futures=True)
            assert pool.join() == [] and not queued.done()
            figures = pool.statistics()
            assert (figures.threads, figures.idle, figures.queued) == (0, 0, 0)
            with WorkerPool(1) as own:
                assert own.submit(os.getpid).result(10) == os.getpid()
            os._exit(7)
        print(end_of(child))
        go.set()
        print(queued.result(10) == os.getpid(), pool.submit(str, "goes on").result(10))
        pool.shutdown()
    """) == ["7", "True goes on"]


def test_a_lock_that_another_thread_held_at_the_fork_does_not_hold_the_child() -> None:
    assert run("""
        locked, go = threading.Event(), threading.Event()

        class Slow(SystemProvider):
            def start_thread(self, *arguments, **names):
                locked.set()
                go.wait()
                return SystemProvider.start_thread(self, *arguments, **names)

        pool = WorkerPool(1, provider=Slow(SelectorProvider.available()[0]))
        submitter = threading.Thread(target=pool.submit, args=(int,))
        submitter.start()
        locked.wait()  # it starts a thread, with the pool's lock
        child = os.fork()
        if not child:
            assert refused(lambda: pool.submit(int))
            pool.shutdown()
            os._exit(7)
        print(end_of(child))
        go.set()
        submitter.join()
        pool.shutdown()
    """) == ["7"]


def test_a_job_that_forks_does_not_take_the_parent_s_jobs_to_the_child() -> None:
    assert run("""
        reader, writer = os.pipe()
        pool = WorkerPool(1, queue=8)
        go = threading.Event()
        children = []
        pool.execute(go.wait)
        pool.execute(lambda: children.append(os.fork()))
        queued = [pool.submit(os.write, writer, b"%d" % n) for n in range(4)]
        parent = os.getpid()
        go.set()
        assert [future.result(10) for future in queued] == [1, 1, 1, 1]
        pool.shutdown()
        print(end_of(children[0]))  # its only thread came out of the job, and had nothing to do any more
        os.close(writer)
        print(os.read(reader, 100).decode())
    """) == ["0", "0123"]


def test_a_signal_handler_that_forks_while_it_waits_for_room_waits_no_longer_in_the_child() -> None:
    assert run("""
        go, began, waiting = threading.Event(), threading.Event(), threading.Event()
        pool = WorkerPool(1, queue=1, saturation=Saturation.BLOCK)
        pool.execute(lambda: (began.set(), go.wait()))
        began.wait()
        pool.execute(int)
        children = []

        def fork(number, frame):
            if not children:
                children.append(os.fork())
                go.set()  # in the parent; in the child nobody hears of it

        def strike():
            while not children:
                os.kill(os.getpid(), signal.SIGUSR1)
                go.wait(0.05)

        signal.signal(signal.SIGUSR1, fork)
        striker = threading.Thread(target=strike)
        striker.start()
        try:
            pool.execute(int)
        except RejectedExecutionError:
            os._exit(7 if children == [0] else 8)
        striker.join()
        print(end_of(children[0]))
        pool.shutdown()
        print(pool.statistics().completed)
    """) == ["7", "3"]


class Forking(CallbackConditions):
    """Tells the pool that it is in a child, without a fork: what the child does is then seen here."""

    def __init__(self, before: Callable[[], object]) -> None:
        super().__init__(before)
        self.forked: list[Callable[[], object]] = []

    def after_fork(self, call: Callable[[], object]) -> None:
        self.forked.append(call)


def test_one_that_waits_for_room_is_refused_in_the_child(held: Held) -> None:
    waiting = threading.Event()
    provider = Forking(waiting.set)
    pool, queued = full_pool(held, Saturation.BLOCK, 1, provider)
    submitter = Submitter(lambda: pool.submit(int))
    assert waiting.wait(PATIENCE)
    told = Told()
    provider.forked[0]()
    assert isinstance(submitter.end(), RejectedExecutionError)
    assert "left behind by a fork, threads=0" in repr(pool)
    with pytest.raises(RejectedExecutionError, match="'worker' belongs to the process that forked"):
        pool.offer([told])
    pool.shutdown(cancel_futures=True)
    assert (told.fate, queued[0].done()) == ([], False)  # they are the parent's: neither run nor cancelled
    held.go.set()


def test_a_provider_is_asked_once_to_tell_of_forks() -> None:
    provider = Forking(int)
    for _ in range(3):
        WorkerPool(1, provider=provider).shutdown()
    assert len(provider.forked) == 1
