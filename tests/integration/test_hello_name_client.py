"""The hello-name client, against the real server and against servers that do not keep to it."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from samples.hello_name.__main__ import main
from tests.integration._hello_name import HOST, LIMIT, Server

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server
        assert server.stop().code == 0


@contextmanager
def stranger(behave: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that accepts one connection and does something else with it; gives its port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(LIMIT)
            behave(connection)

    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(LIMIT)
        thread = Thread(target=serve)
        thread.start()
        yield str(listener.getsockname()[1])
        thread.join(LIMIT)


def replying(reply: bytes) -> Callable[[socket.socket], object]:
    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(reply)
        connection.recv(1000)

    return behave


def client(capsys: Capture, port: int | str, *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, the lines of stdout, stderr."""
    code = main(["client", "--port", str(port), *arguments])
    told = capsys.readouterr()
    return code, told.out.splitlines(), told.err


# with names


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ((), 1),
        (("--repeat", "3"), 3),
        (("--connections", "4", "--repeat", "2"), 8),
        (("--split", "1"), 1),
        (("--pipeline", "--split", "7", "--repeat", "50"), 50),
        (("--half-close",), 1),
        (("--pipeline", "--half-close", "--connections", "3", "--repeat", "2"), 6),
        (("--connections", "200"), 200),
        (("--pipeline", "--repeat", "3000"), 3000),
        (("--host", "localhost"), 1),
    ],
    ids=str,
)
def test_replies_in_order(server: Server, capsys: Capture, options: tuple[str, ...], times: int) -> None:
    assert client(capsys, server.address[1], "ann", "Zoë", *options) == (0, ["Hello ann", "Hello Zoë"] * times, "")


def test_more_names_than_the_kernel_takes_at_once(server: Server, capsys: Capture) -> None:
    code, replies, told = client(capsys, server.address[1], "x" * 256, "--pipeline", "--repeat", "40000")
    assert (code, told) == (0, "")
    assert replies == ["Hello " + "x" * 256] * 40_000


@pytest.mark.parametrize("bad", ["x" * 257, os.fsdecode(b"\xff")], ids=["too long", "not UTF-8"])
@pytest.mark.parametrize("options", [(), ("--pipeline",), ("--pipeline", "--half-close")], ids=" ".join)
def test_server_ends_the_connection(server: Server, capsys: Capture, bad: str, options: tuple[str, ...]) -> None:
    code, replies, told = client(capsys, server.address[1], "ann", bad, "bob", *options)
    assert (code, replies) == (6, ["Hello ann"])
    assert told == "hello_name client: the server ended the connection after 1 of 3 replies on connection 1\n"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"Hello bob\n", "wrong reply after 0 of 1 replies on connection 1: 'Hello bob', not 'Hello ann'"),
        (b"\x1b[2J\xff\n", r"wrong reply after 0 of 1 replies on connection 1: '\x1b[2J\\xff', not 'Hello ann'"),
        (b"Hello ann\nHello ann\n", "a reply too many after 1 of 1 replies on connection 1: 'Hello ann'"),
        (b"x" * 200_000, "an endless reply after 0 of 1 replies on connection 1"),
    ],
)
def test_wrong_reply(capsys: Capture, reply: bytes, message: str) -> None:
    with stranger(replying(reply)) as port:
        code, _, told = client(capsys, port, "ann")
    assert (code, told) == (6, f"hello_name client: {message}\n")


def test_lost_connection(capsys: Capture) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # and leaves the rest unread, so that the kernel resets the connection

    with stranger(reset) as port:
        code, replies, told = client(capsys, port, "ann")
    assert (code, replies) == (6, [])
    assert told.startswith("hello_name client: the ")
    assert "after 0 of 1 replies on connection 1" in told


@pytest.mark.parametrize("names", [("ann",), ()], ids=["names", "dialogue"])
def test_silent_server(capsys: Capture, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ann\n")))

    def read_all(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    with stranger(read_all) as port:
        code, _, told = client(capsys, port, *names, "--timeout", "0.05")
    assert code == 5
    assert told.startswith("hello_name client: no answer for 0.05 s")


@pytest.mark.parametrize("names", [("ann",), ()], ids=["names", "dialogue"])
def test_nobody_listens(capsys: Capture, names: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # and does not listen
        port = taken.getsockname()[1]
        assert client(capsys, port, *names) == (
            4,
            [],
            f"hello_name client: cannot connect to 127.0.0.1:{port}: Connection refused\n",
        )


def test_host_without_address(capsys: Capture) -> None:
    code, _, told = client(capsys, 9900, "ann", "--host", "no such host")
    assert code == 4
    assert told.startswith("hello_name client: cannot connect to no such host:9900: ")


# the dialogue of the article

OPENING = ['Type ("Bye" to quit)', "Tell what your name is to the Server....."]


def opening(port: int) -> list[str]:
    return [f"Client connected to host : 127.0.0.1 port: {port}", *OPENING]


@pytest.mark.parametrize("ending", [b"Bye\nzoe\n", b"bYE\r\nzoe\n", b""], ids=["Bye", "bYE", "end of the input"])
def test_dialogue(server: Server, capsys: Capture, monkeypatch: pytest.MonkeyPatch, ending: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ann\n\r\nBo Bye\n" + ending)))
    says = ["Server says: Hello ann", "Server says: Hello ", "Server says: Hello Bo Bye"]
    port = server.address[1]
    assert client(capsys, port) == (0, opening(port) + says, "")


def test_dialogue_sends_bye(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"bye\n")))
    heard = []
    with stranger(lambda connection: heard.append(connection.recv(1000))) as port:
        assert client(capsys, port) == (0, opening(int(port)), "")
    assert heard == [b"bye\n"]


def test_dialogue_without_stdin(server: Server, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    port = server.address[1]
    assert client(capsys, port) == (0, opening(port), "")


def test_dialogue_when_the_server_ends_it(server: Server, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ann\n\xff\nbob\n")))
    code, said, told = client(capsys, server.address[1])
    assert (code, said[-1]) == (6, "Server says: Hello ann")
    assert told == "hello_name client: the server has ended the connection\n"
