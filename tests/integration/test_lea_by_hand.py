"""Every stage of ``samples/lea_by_hand`` holds the same conversations, and each shows what its slide is about."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from nio.channels import SelectionKey, Selector, ServerSocketChannel, SocketChannel
from samples.lea_by_hand import pooled_handler
from samples.lea_by_hand.basic_reactor import KeepAliveHandler, Reactor
from samples.lea_by_hand.main_and_sub_reactors import MainReactor
from samples.lea_by_hand.pooled_handler import HandlerWithThreadPool, PooledReactor
from samples.lea_by_hand.state_objects import Handler, Sender
from tests.helpers import until
from tests.integration.conversation import (
    CONVERSATIONS,
    PATIENCE,
    ROOT,
    Address,
    Child,
    ask,
    client,
    nothing_is_left_of_clients_that_are_gone,
    receive,
    receive_all,
    reset,
)

STAGES = [
    "classic",
    "basic_reactor",
    "state_objects",
    "pooled_handler",
    "coordination --style hand-offs",
    "coordination --style callbacks",
    "coordination --style queues",
    "coordination --style futures",
    "main_and_sub_reactors",
]


@pytest.fixture(scope="module", params=STAGES)
def stage(request: pytest.FixtureRequest) -> Iterator[Child]:
    """It is interrupted with clients in the middle, and ends at once and without a traceback."""
    name, *options = request.param.split()
    code = f"runpy.run_module('samples.lea_by_hand.{name}', run_name='__main__', alter_sys=True)"
    child = Child.launched(code, *options)
    yield child
    with client(child.address) as asked, client(child.address) as half, client(child.address):
        ask(asked, b"ann")
        half.sendall(b"bo")
        ask(asked, b"ann")
        assert child.end(signal.SIGINT) == (0, "")
        assert receive_all(asked) == b""


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: str(conversation.__name__))
def test_conversation(stage: Child, conversation: Callable[[Address], None]) -> None:
    conversation(stage.address)


def test_nothing_is_left_of_clients_that_are_gone(stage: Child) -> None:
    nothing_is_left_of_clients_that_are_gone(stage)


def test_one_request_per_connection() -> None:
    child = Child("-m", "samples.lea_by_hand.basic_reactor", "--one-request", "--port", "0")
    assert child.first_line == f"listening on 127.0.0.1:{child.address[1]}\n"
    for said in (b"ann\n", b"ann\nbob\n"):
        with client(child.address) as sock:
            sock.sendall(said)
            assert receive_all(sock) == b"Hello ann\n"
    assert child.end(signal.SIGTERM) == (0, "")


def test_a_port_that_is_taken_is_told_in_a_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "samples.lea_by_hand.pooled_handler", "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"cannot listen on port {port}: ")
    assert done.stderr.count("\n") == 1


def test_a_bad_option_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pooled_handler", "--workers", "0"])
    with pytest.raises(SystemExit) as end:
        pooled_handler.main()
    told = capsys.readouterr()
    assert (end.value.code, told.out) == (2, "")
    assert told.err.endswith(" error: argument --workers: invalid positive value: '0'\n")


@contextmanager
def running(reactor: Reactor) -> Iterator[Address]:
    """The reactor in a thread of this process."""
    thread = threading.Thread(target=reactor.run)
    thread.start()
    try:
        yield ("127.0.0.1", reactor.port)
    finally:
        reactor.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        selected = len(reactor.selector.selected_keys)
        reactor.close()
    assert selected == 0


def test_a_sender_is_attached_while_a_reply_is_not_taken() -> None:
    """Without a thread: the test makes the reactor's turns, and looks between them."""
    reactor = Reactor().listen(0, Handler)

    def turn(timeout: float) -> None:
        for key in reactor.selector.ready_keys(timeout):
            reactor.dispatch(key)

    try:
        (server_key,) = reactor.selector.keys
        assert isinstance(server_key.channel, ServerSocketChannel)
        server_key.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)  # accepted sockets inherit it
        with client(("127.0.0.1", reactor.port), buffers=16384) as sock:
            turn(PATIENCE)
            (key,) = (key for key in reactor.selector.keys if isinstance(key.attachment, Handler))
            reader, said = key.attachment, 0
            while key.attachment is reader:
                sock.sendall(b"\n" * 1000)
                said += 1000
                turn(PATIENCE)
            assert isinstance(key.attachment, Sender)
            assert key.interest_ops == SelectionKey.OP_WRITE
            left = said * len(b"Hello \n")
            while left:
                turn(0)
                if select.select([sock], [], [], 0.01)[0]:
                    left -= len(sock.recv(65536))
            assert key.attachment is reader
            assert key.interest_ops == SelectionKey.OP_READ
            while key.attachment is reader:
                sock.sendall(b"\n" * 1000)
                turn(PATIENCE)
            reset(sock)
            turn(PATIENCE)
            assert not key.is_valid
    finally:
        reactor.close()


class CountingSelector(Selector):
    """Counts its selections, the one under way included."""

    selections = 0

    def select(self, timeout: float | None = None, action: Callable[[SelectionKey], object] | None = None) -> int:
        self.selections += 1
        return super().select(timeout, action)


class CountingReactor(PooledReactor):
    def __init__(self, new_handler: Callable[[Executor, Selector, SocketChannel], KeepAliveHandler]) -> None:
        super().__init__(workers=2)
        self.selector.close()
        self.selector = self.counter = CountingSelector.open()
        self.listen(0, partial(new_handler, self.pool))


class SlowHandler(HandlerWithThreadPool):
    """The name *slow* keeps its worker busy until it is told to go on."""

    def __init__(self, work: Work, pool: Executor, selector: Selector, socket: SocketChannel) -> None:
        self.work = work
        super().__init__(pool, selector, socket)

    def greeting(self, name: bytes) -> bytes:
        if name == b"slow":
            self.work.started.set()
            self.work.go_on.wait(PATIENCE)
        return super().greeting(name)


class ArticleHandler(SlowHandler):
    """As the article has it: OP_WRITE when the work is handed over."""

    def execute(self) -> None:
        super().execute()
        self.key.interest_ops = SelectionKey.OP_WRITE


class Work:
    def __init__(self) -> None:
        self.started = threading.Event()
        self.go_on = threading.Event()


@contextmanager
def slow_request(new_handler: type[SlowHandler]) -> Iterator[CountingReactor]:
    """A worker is busy meanwhile, and the client has asked for more: its channel is readable and writable."""
    work = Work()
    reactor = CountingReactor(partial(new_handler, work))
    with running(reactor) as address, client(address) as sock:
        sock.sendall(b"slow\n")
        assert work.started.wait(PATIENCE)
        sock.sendall(b"carl\n")
        try:
            yield reactor
        finally:
            work.go_on.set()
        assert receive(sock, 22) == b"Hello slow\nHello carl\n"


def test_the_selector_sleeps_while_a_request_is_processed() -> None:
    """It has heard of the connection and of the request; what spins makes thousands of selections in that time."""
    with slow_request(SlowHandler) as reactor:
        select.select([], [], [], 0.05)
        assert reactor.counter.selections <= 10


def test_the_order_of_the_article_spins() -> None:
    with slow_request(ArticleHandler) as reactor:
        until(lambda: reactor.counter.selections > 1000)


def test_a_slow_request_holds_nobody_else() -> None:
    work = Work()
    reactor = CountingReactor(partial(SlowHandler, work))
    with running(reactor) as address, client(address) as slow, client(address) as quick:
        ask(quick, b"ann")
        slow.sendall(b"slow\n")
        assert work.started.wait(PATIENCE)
        before = reactor.counter.selections
        for _ in range(20):
            ask(quick, b"bob")
        assert reactor.counter.selections - before <= 20 * 3 + 1
        work.go_on.set()
        assert receive(slow, 11) == b"Hello slow\n"


def test_an_exception_in_a_worker_ends_its_connection_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    class FailingHandler(HandlerWithThreadPool):
        def greeting(self, name: bytes) -> bytes:
            if name == b"bad":
                raise ValueError("a bad name")
            return super().greeting(name)

    with running(CountingReactor(FailingHandler)) as address, client(address) as good:
        ask(good, b"ann")
        with client(address) as bad:
            bad.sendall(b"bad\n")
            assert receive_all(bad) == b""
        ask(good, b"bob")
    assert "ValueError: a bad name" in capsys.readouterr().err


def test_connections_are_dealt_round_robin() -> None:
    reactor = MainReactor(3)
    with running(reactor.listen(0, KeepAliveHandler)) as address, ExitStack() as stack:
        for number in range(7):
            ask(stack.enter_context(client(address)), b"client %d" % number)
        assert [len(sub.selector.keys) for sub in reactor.subs] == [3, 2, 2]
        assert len(reactor.selector.keys) == 1
