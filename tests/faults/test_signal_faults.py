"""Faults of signals, with real ones: to this process where that does no harm, else to a child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from nio.reactor import Reactor
from tests.faults.helpers import Client, child
from tests.unit.reactor.support import PATIENCE, World, run

KINDS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT]


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in [*KINDS, signal.SIGCHLD]}
    yield
    assert {signum: signal.getsignal(signum) for signum in before} == before


def test_H02_many_signals_of_five_kinds_and_none_of_the_kinds_is_lost() -> None:
    counts = dict.fromkeys(KINDS, 0)

    def count(signum: signal.Signals) -> None:
        counts[signum] += 1

    with Reactor.open() as reactor:
        for signum in KINDS:
            reactor.on_signal(signum, count, signum)
        for _ in range(200):
            before = dict(counts)
            for _ in range(20):
                for signum in KINDS:
                    os.kill(os.getpid(), signum)
            reactor.turn(0)
            reactor.turn(0)
            assert all(counts[signum] > before[signum] for signum in KINDS)


def test_H04_a_storm_of_signals_costs_one_call_a_turn_and_the_clients_are_served() -> None:
    calls: list[int] = []
    ended = threading.Event()

    def storm() -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not ended.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)

    with World() as world:
        world.reactor.on_signal(signal.SIGUSR1, calls.append, 1)
        peer = world.connect()
        thread = threading.Thread(target=storm)
        thread.start()
        try:
            for _ in range(50):
                peer.send(b"ann\n")
                assert peer.read(10) == b"Hello ann\n"
        finally:
            ended.set()
            thread.join(PATIENCE)
        assert 0 < len(calls) <= world.reactor.statistics().turns


def test_H05_ctrl_c_at_any_instant_is_an_event_and_leaves_nothing_broken() -> None:
    """Each comes when the one before was taken up, so none of them may raise."""
    taken = threading.Semaphore(0)
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        main = threading.main_thread().ident
        assert main is not None
        for _ in range(300):
            signal.pthread_kill(main, signal.SIGINT)
            if not taken.acquire(timeout=PATIENCE):
                break
        reactor.stop()

    try:
        with Reactor.open() as reactor:
            reactor.on_signal(signal.SIGINT, taken.release)
            reactor.call_every(0.0001, reactor.execute, int)
            thread = threading.Thread(target=interrupt)
            thread.start()
            run(reactor)
            thread.join(PATIENCE)
        assert not taken.acquire(blocking=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_H05_a_second_ctrl_c_breaks_a_handler_that_hangs() -> None:
    code = """
import signal, time
from nio.reactor import Reactor

def hang():
    print("hangs", flush=True)
    while True:
        time.sleep(0.001)

with Reactor.open() as reactor:
    reactor.on_signal(signal.SIGINT, reactor.stop)
    reactor.execute(hang)
    reactor.run()
"""
    with child(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"hangs\n"
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            assert time.monotonic() < deadline
            process.send_signal(signal.SIGINT)
            time.sleep(0.005)
        _, err = process.communicate()
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in err


def test_H06_a_signal_s_handler_and_the_loop_queue_calls_at_the_same_time() -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda signum, frame: reactor.execute(calls.append, 1))
    try:
        with Reactor.open() as reactor:
            reactor.on_signal(signal.SIGALRM, reactor.execute, int)
            signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
            deadline = time.monotonic() + PATIENCE
            while len(calls) < 500:
                assert time.monotonic() < deadline
                reactor.execute(int)
                reactor.turn(0.001)
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_H07_many_children_that_end_at_once_are_all_seen() -> None:
    command = [sys.executable, "-S", "-E", "-c", "import sys; sys.stdin.read()"]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(8)]

    def reap() -> None:
        children[:] = [process for process in children if process.poll() is None]
        if not children:
            reactor.stop()

    with Reactor.open() as reactor:
        reactor.on_signal(signal.SIGCHLD, reap)
        for process in children:
            assert process.stdin is not None
            process.stdin.close()
        run(reactor)
    assert children == []


SERVER = """
import signal, sys
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, ReactorState, StreamHandler

class Slow(StreamHandler):
    framing = Lines(max_length=256)

    def process(self, record):
        print("has it", flush=True)
        return record

    @property
    def owes(self):
        return True

    def handle_drain(self):
        pass

def terminate():
    if reactor.state is ReactorState.OPEN:
        reactor.stop(drain=600)
        print("drains", flush=True)
    else:
        reactor.stop()

with Reactor.open() as reactor:
    listener = ServerSocketChannel.open().bind(("127.0.0.1", 0))
    reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(Slow))
    reactor.on_signal(signal.SIGTERM, terminate)
    print(listener.port, flush=True)
    reactor.run()
sys.exit(128 + signal.SIGTERM)
"""


def test_H09_a_second_sigterm_while_the_first_drains_ends_at_once() -> None:
    with child(SERVER) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with Client(("127.0.0.1", port)) as client:
            client.send(b"ann\n")
            assert process.stdout.readline() == b"has it\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == b"drains\n"
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (143, b"")


def test_H08_a_loop_outside_the_main_thread_runs_without_signals() -> None:
    with Reactor.open() as reactor, reactor.in_thread():
        done = threading.Event()
        reactor.execute(done.set)
        assert done.wait(PATIENCE)
