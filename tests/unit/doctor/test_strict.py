"""Strict mode comes and goes, and leaves no trace while it is off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    DatagramChannel,
    NetworkChannel,
    Pipe,
    SelectableChannel,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
)
from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._interruptible_channel import InterruptibleChannel
from nio.doctor import Finding, MistakeWarning, strict
from nio.doctor._strict import switch_off
from nio.errors import IllegalStateError
from nio.executors import WorkerPool
from nio.reactor import Acceptor, Reactor, ReactorGroup, StreamHandler
from nio.spi import SystemProvider
from tests.helpers import until
from tests.test_readme import ROOT

WATCHED = [
    ByteBuffer,
    DatagramChannel,
    InterruptibleChannel,
    NetworkChannel,
    ReadingChannel,
    SelectableChannel,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    SystemProvider,
    WorkerPool,
    WritingChannel,
    Reactor,
]


def contents() -> list[dict[str, object]]:
    return [dict(vars(kind)) for kind in WATCHED]


def test_off_means_that_nothing_is_there() -> None:
    before = contents()
    with strict(None):
        assert all(one != other for one, other in zip(contents(), before, strict=True))
        with strict(None):
            inside = contents()
        assert contents() == inside  # until the last has gone
    assert contents() == before
    switch_off()  # nobody is there: nothing
    assert contents() == before


def test_a_finding_is_a_warning_at_the_line() -> None:
    with strict(), pytest.warns(MistakeWarning, match="^B02 test_strict.py:") as caught:
        ByteBuffer.allocate(8).put(b"abc").flip().flip()
    assert caught[0].filename == __file__


def test_each_who_has_asked_is_told_in_his_own_way() -> None:
    first: list[int] = []
    second: list[int] = []

    def to_first(finding: Finding) -> None:
        first.append(finding.times)

    def flip() -> None:
        ByteBuffer.allocate(8).put(b"abc").flip().flip()

    with strict(to_first) as one, strict(None):
        with strict(lambda finding: second.append(finding.times)) as other, strict(to_first):
            flip()
        assert (first, second) == ([1], [1])
        for _ in range(7):
            flip()
    assert (first, second) == ([1, 8], [1])
    assert one is other


def test_as_an_error_it_comes_out_of_the_line() -> None:
    with strict(), pytest.raises(MistakeWarning, match="B02"):
        ByteBuffer.allocate(8).put(b"abc").flip().flip()


class Shout(StreamHandler):
    """One per client."""

    def process(self, record: bytes) -> bytes:
        return record.upper()


class OwnReactor(Reactor):
    """Somebody's."""


@pytest.mark.parametrize("kind", [Reactor, OwnReactor, ReactorGroup])
def test_a_strict_reactor_is_of_another_class(kind: type[Reactor]) -> None:
    before = contents()
    with kind.open(strict=True) as reactor:
        assert type(reactor).__name__ == f"Strict{kind.__name__}"
        assert isinstance(reactor, kind)
        assert contents() != before
        with kind.open(strict=True) as another:
            assert type(another) is type(reactor)
    reactor.close()
    assert contents() == before
    with kind.open() as plain:
        assert type(plain) is kind


def test_a_strict_reactor_that_cannot_be_opened_leaves_nothing() -> None:
    before = contents()
    with pytest.raises(Exception, match="workers"):
        Reactor.open(workers=-1, strict=True)
    assert contents() == before


def test_a_strict_reactor_that_is_not_closed_stays_strict() -> None:
    before = contents()
    with Reactor.open(strict=True) as reactor:
        with reactor.in_thread(), pytest.raises(IllegalStateError):
            until(reactor.close)  # another thread runs it
        assert contents() != before
    assert contents() == before


def test_a_strict_reactor_serves() -> None:
    with Reactor.open(strict=True) as reactor, ServerSocketChannel.open().bind(("127.0.0.1", 0)) as server:
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Shout))
        with reactor.in_thread(), SocketChannel.open(server.local_address) as client:
            client.write(b"ann\n")
            reply = ByteBuffer.allocate(16)
            while reply.position < 4:
                client.read(reply)
            assert bytes(reply.flip()) == b"ANN\n"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


TWICE = "import nio; nio.ByteBuffer.allocate(8).put(b'abc').flip().flip()"


def test_the_environment_switches_it_on() -> None:
    loaded = "; import sys; sys.exit('nio.doctor' in sys.modules)"
    on = run(TWICE + loaded, NIO_STRICT="1")
    assert (on.returncode, "MistakeWarning: B02" in on.stderr) == (1, True)
    off = run(TWICE + loaded, NIO_STRICT="0")
    assert (off.returncode, off.stderr) == (0, "")
    assert run("import nio.reactor" + loaded).returncode == 0


def test_what_is_known_at_the_end_only_is_said_at_the_end(tmp_path: Path) -> None:
    program = tmp_path / "job.py"
    program.write_text(
        "from concurrent.futures import ThreadPoolExecutor\nimport nio\n"
        "with ThreadPoolExecutor(1) as pool:\n    job = pool.submit(int, 'x')\n"
    )
    done = run(f"import runpy; names = runpy.run_path({str(program)!r})", NIO_STRICT="1")
    assert "T06 job.py:4" in done.stderr


def test_a_pipe_tells_what_a_child_finds() -> None:
    found: list[Finding] = []
    with strict(found.append) as watching:
        pid = os.fork()
        if pid == 0:
            ByteBuffer.allocate(8).put(b"abc").flip().flip()
            os._exit(0)
        os.waitpid(pid, 0)
        assert [finding.code for finding in watching.findings] == ["B02"]
    assert [finding.code for finding in found] == ["B02"]


def test_a_child_that_finds_too_much_goes_on() -> None:
    with strict(None) as watching, Pipe.open():
        pid = os.fork()
        if pid == 0:
            for number in range(2000):
                code = compile(f"buffer.put(b'{'a' * 24}').flip().flip().clear()", f"/somewhere/{number}.py", "exec")
                exec(code, {"buffer": ByteBuffer.allocate(64)})
            watching.findings  # noqa: B018  # only the parent takes them up
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert 0 < len(watching.findings) < 2000
