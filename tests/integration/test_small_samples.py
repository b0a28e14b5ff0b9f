"""The small samples with the clients that their docstrings name, and what goes wrong with them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nio.reactor import Group
from samples.chat import Member
from samples.file_server import FileHandler
from tests.integration.conversation import PATIENCE, ROOT, Child, client, nc_hears, receive
from tests.unit.reactor.support import World

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@contextmanager
def sample(name: str, *arguments: str) -> Iterator[Child]:
    """The sample in a process of its own, on a free port; it ends by Ctrl-C without a word."""
    child = Child("-m", f"samples.{name}", "0", *arguments)
    ended = False
    try:
        yield child
        ended = True
        assert child.end(signal.SIGINT) == (0, "")
    finally:
        if not ended:
            child.end(signal.SIGKILL)


def lines_of(sock: socket.socket, count: int) -> list[bytes]:
    """So many lines, with their ends."""
    data = b""
    while data.count(b"\n") < count:
        piece = sock.recv(1)
        assert piece, f"the stream ended after {data!r}"
        data += piece
    return data.splitlines(keepends=True)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[a-z]*.py")), ids=lambda path: str(path.stem))
def test_a_sample_is_one_page(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 150


# udp_time


@pytest.mark.needs("nc")
def test_nc_gets_the_time() -> None:
    with sample("udp_time") as server:
        assert re.fullmatch(rb"\d\d:\d\d:\d\d\n", nc_hears(server.address, b"what time is it\n"))


def test_N09_no_answer_is_longer_than_its_question() -> None:
    with sample("udp_time") as server, socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE)
        asker.connect(server.address)
        for question in (b"", b"\n", b"12345678"):
            asker.send(question)
        asker.send(b"123456789")
        assert len(asker.recv(100)) == 9
        asker.setblocking(False)
        with pytest.raises(BlockingIOError):
            asker.recv(100)


# chat


def test_members_talk_and_leave() -> None:
    with sample("chat") as server, client(server.address) as ann, client(server.address) as bob:
        ann.sendall(b"ann\n")
        assert lines_of(ann, 2) == [b"Your name?\n", b"* ann is here, one of 1\n"]
        bob.sendall(b"ann\n\nbob\n")
        assert lines_of(bob, 4) == [
            b"Your name?\n",
            b"That name is taken. Your name?\n",
            b"That name is taken. Your name?\n",
            b"* bob is here, one of 2\n",
        ]
        assert lines_of(ann, 1) == [b"* bob is here, one of 2\n"]
        bob.sendall(b"hello\n/quit\nnobody hears this\n")
        assert lines_of(ann, 1) == [b"bob: hello\n"]
        assert lines_of(bob, 1) == [b"Bye.\n"]
        assert receive(bob, 1) == b""
        bob.close()
        assert lines_of(ann, 1) == [b"* bob has left\n"]


@pytest.mark.needs("nc")
def test_nc_is_in_the_chat() -> None:
    with sample("chat") as server, client(server.address) as ann:
        ann.sendall(b"ann\n")
        lines_of(ann, 2)
        done = subprocess.run(
            ["nc", "127.0.0.1", str(server.address[1])],
            input=b"bob\nhello\n/quit\n",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.stdout == b"Your name?\n* bob is here, one of 2\nBye.\n"
        assert lines_of(ann, 3)[1:] == [b"bob: hello\n", b"* bob has left\n"]


def test_who_says_nothing_is_asked_to_leave_though_others_talk() -> None:
    class Quick(Member):
        silence = 60.0
        room: Group[Member] = Group()

    with World(Quick) as world:
        ann, bob = world.connect(), world.connect()
        ann.send(b"ann\n")
        bob.send(b"bob\n")
        world.until(lambda: len(Quick.room) == 2)
        for _ in range(5):
            world.advance(13)
            bob.send(b"blah\n")
            world.turns(5)
        assert ann.read_to_end().endswith(b"bob: blah\nYou have been silent for too long.\n")
        ann.close()
        world.until(lambda: len(Quick.room) == 1)
        world.until(lambda: bob.pull() or bob.got.endswith(b"* ann has left\n"))


# file_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a file, a folder in it, and things around it that are nobody's business."""
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "large").write_bytes(os.urandom(2_000_000))
    (inside / "deep" / "small").write_bytes(b"small\n")
    (inside / "empty").write_bytes(b"")
    (inside / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "inside-too").write_bytes(b"secret")
    os.mkfifo(inside / "pipe")
    return inside


@pytest.mark.needs("nc")
def test_nc_gets_a_file(folder: Path) -> None:
    with sample("file_server", str(folder)) as server:
        done = subprocess.run(
            ["nc", "-N", "127.0.0.1", str(server.address[1])],
            input=b"large\n",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.stdout == b"OK 2000000\n" + (folder / "large").read_bytes()


def test_files_come_in_the_order_of_their_names(folder: Path) -> None:
    with sample("file_server", str(folder)) as server, client(server.address) as asker:
        asker.sendall(b"deep/small\nempty\nlarge\ndeep/../deep/small\n")
        large = b"OK 2000000\n" + (folder / "large").read_bytes()
        expected = b"OK 6\nsmall\nOK 0\n" + large + b"OK 6\nsmall\n"
        assert receive(asker, len(expected)) == expected


@pytest.mark.parametrize(
    "name",
    [
        b"../secret",
        b"deep/../../secret",
        b"../inside-too",
        b"/etc/passwd",
        b"{tmp}/secret",
        b"link",
        b"",
        b".",
        b"deep",
        b"pipe",
        b"nowhere",
        b"large\0",
        b"large/x",
        b"\xff\xfe",
        b"x" * 1000,
    ],
)
def test_a_name_that_is_no_file_of_the_folder_is_refused(folder: Path, name: bytes) -> None:
    handler = FileHandler(folder.resolve())
    assert handler.process(name.replace(b"{tmp}", os.fsencode(folder.parent))) == b"ERROR no such file"


def refused(name: str, *arguments: str) -> str:
    """The first line of what a sample says that cannot start."""
    command = [sys.executable, "-m", f"samples.{name}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()[0]


@pytest.mark.parametrize("name", ["udp_time", "file_server", "resp_store"])
def test_what_is_no_port_is_told(name: str) -> None:
    assert refused(name, "70000") == "a port must be 0 to 65535, not 70000"
    assert "'x'" in refused(name, "x")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refused("file_server", "0", str(tmp_path / "nowhere")).endswith(
        f"No such file or directory: '{tmp_path}/nowhere'"
    )


# tcp_proxy


@pytest.mark.parametrize("arguments", [[], ["0"], ["0", "localhost"], ["0", "localhost", "80", "more"]])
def test_without_its_three_arguments_the_proxy_says_what_they_are(arguments: list[str]) -> None:
    assert refused("tcp_proxy", *arguments).startswith("A TCP proxy: python3 -m samples.tcp_proxy 9908 example.org 80")


class Web(BaseHTTPRequestHandler):
    """Answers with a megabyte, or with what it was sent."""

    def do_GET(self) -> None:
        self.answer(b"x" * 1_000_000)

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def curl(port: int, *arguments: str, send: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-m", str(PATIENCE), f"http://127.0.0.1:{port}/", *arguments],
        input=send,
        capture_output=True,
        timeout=2 * PATIENCE,
        check=False,
    )


@pytest.mark.needs("curl")
def test_curl_through_the_proxy(web: int) -> None:
    with sample("tcp_proxy", "127.0.0.1", str(web)) as proxy:
        port = proxy.address[1]
        assert curl(port).stdout == b"x" * 1_000_000
        body = os.urandom(300_000)
        assert curl(port, "-H", "Expect:", "--data-binary", "@-", send=body).stdout == body


def test_a_half_close_goes_through_the_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(PATIENCE)
        with sample("tcp_proxy", "127.0.0.1", str(target.getsockname()[1])) as proxy, client(proxy.address) as near:
            far, _ = target.accept()
            with far:
                far.settimeout(PATIENCE)
                near.sendall(b"all I ask")
                near.shutdown(socket.SHUT_WR)
                assert receive(far, 100) == b"all I ask"
                far.sendall(b"answer")
            assert receive(near, 100) == b"answer"


@pytest.mark.needs("curl")
def test_a_target_that_refuses_is_named_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    child = Child("-m", "samples.tcp_proxy", "0", "127.0.0.1", str(port))
    try:
        done = curl(child.address[1])
        assert done.returncode in (7, 52, 56)  # a reset, sooner or later
    finally:
        code, errors = child.end(signal.SIGINT)
    assert code == 0
    assert re.fullmatch(r"CONNECT_FAILED: \[Errno \d+\] Connection refused.*\n", errors), errors
