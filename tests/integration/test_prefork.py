"""Real processes: the hello server preforked, under load, while its children are killed, replaced and orphaned."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.integration._hello_name import HOST, LIMIT, MODES, PREFORK, REUSE_PORT, Server, lines, needs_proc

either = pytest.mark.parametrize("mode", [PREFORK, REUSE_PORT], ids=["one-listener", "reuse-port"])


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def until(happened: Callable[[], object], seconds: float = LIMIT) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


class Load:
    """Clients that connect, ask and go, again and again."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.over = Event()
        self.answered = 0
        self.failed: list[BaseException] = []

    def once(self, name: bytes) -> bytes:
        with socket.create_connection(self.address, LIMIT) as client:
            client.sendall(name + b"\n")
            return b"".join(lines(client, 1))

    def go_on(self, number: int) -> None:
        count = 0
        while not self.over.is_set():
            count += 1
            name = b"%d.%d" % (number, count)
            try:
                reply = self.once(name)
                assert reply == b"Hello " + name, reply
                self.answered += 1
            except (OSError, AssertionError) as error:
                self.failed.append(error)


@contextmanager
def load(server: Server, clients: int = 4) -> Iterator[Load]:
    made = Load(server.address)
    threads = [Thread(target=made.go_on, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.over.set()
        for thread in threads:
            thread.join(LIMIT)


@needs_proc
@either
def test_I06_a_child_that_is_killed_costs_its_own_requests_only(mode: tuple[str, ...]) -> None:
    with Server(*mode) as server:
        pid = server.process.pid
        until(lambda: len(children(pid)) == 2)
        with load(server) as clients:
            until(lambda: clients.answered > 50)
            for _ in range(2):
                before = children(pid)
                os.kill(min(before), signal.SIGKILL)
                until(lambda old=before: len(children(pid) - old) == 1)  # type: ignore[misc]
                until(lambda goal=clients.answered + 50: clients.answered > goal)  # type: ignore[misc]
        assert len(clients.failed) <= 2 * 4  # one of each client at a time
        assert not any(isinstance(error, ConnectionRefusedError) for error in clients.failed)
        ended = server.stop()
    assert ended.code == 0
    assert ended.log.count("has died (SIGKILL)") == 2


@needs_proc
@either
def test_J09_reload_under_load_refuses_nobody(mode: tuple[str, ...]) -> None:
    with Server(*mode) as server:
        pid = server.process.pid
        until(lambda: len(children(pid)) == 2)
        with load(server) as clients:
            until(lambda: clients.answered > 50)
            for _ in range(3):
                before = children(pid)
                os.kill(pid, signal.SIGHUP)
                until(lambda old=before: len(children(pid) - old) == 2 and not children(pid) & old)  # type: ignore[misc]
        assert clients.failed == []
        ended = server.stop()
    assert ended.code == 0
    assert ended.count("requests") == clients.answered
    assert ended.log.count("reload: every process gets a successor") == 3


@needs_proc
@pytest.mark.parametrize("delay", [(), ("--delay", "30")], ids=["idle", "stuck"])
def test_I04_children_leave_within_a_second_of_their_parent_s_end(delay: tuple[str, ...]) -> None:
    with Server(*PREFORK, *delay) as server:
        pid = server.process.pid
        until(lambda: len(children(pid)) == 2)
        orphans = children(pid)
        with server.connect() as client:
            client.sendall(b"ann\n")
            if not delay:
                assert lines(client, 1) == [b"Hello ann"]
            server.process.kill()
            until(lambda: not any(map(alive, orphans)), 1.5)
        with pytest.raises(ConnectionRefusedError):  # nobody listens any more
            socket.create_connection((HOST, server.address[1]), LIMIT)
        server.process.wait(LIMIT)
        server._close()


@needs_proc
def test_I03_a_signal_to_a_child_is_the_child_s() -> None:
    with Server(*PREFORK) as server:
        pid = server.process.pid
        until(lambda: len(children(pid)) == 2)
        before = children(pid)
        with server.connect() as client:
            client.sendall(b"ann\n")
            assert lines(client, 1) == [b"Hello ann"]
            for child in before:
                for number in (signal.SIGHUP, signal.SIGINT):
                    os.kill(child, number)
            for _ in range(2):  # a child that drains still answers once
                client.sendall(b"bob\n")
                assert lines(client, 1) == [b"Hello bob"]
        assert children(pid) == before
        os.kill(min(before), signal.SIGTERM)
        until(lambda: len(children(pid) - before) == 1)
        ended = server.stop()
    assert ended.code == 0
    assert "(exit code 0), the next one comes in" in ended.log


def test_the_transcript_is_the_same_byte_for_byte_in_every_mode() -> None:
    said = [b"ann\nbob\r\n", b"", b"x" * 256 + b"\n" + b"y" * 257 + b"\nz\n", b"caf\xc3\xa9\nbad\xff\nz\n", b"no end"]
    transcripts = {}
    for name, mode in MODES.items():
        with Server(*mode) as server:
            heard = []
            for words in said:
                with server.connect() as client:
                    client.sendall(words)
                    client.shutdown(socket.SHUT_WR)
                    heard.append(b"".join(iter(lambda: client.recv(65536), b"")))  # called at once
            transcripts[name] = heard
            assert server.stop().code == 0
    first = transcripts["single"]
    assert first[0] == b"Hello ann\nHello bob\n"
    assert transcripts == dict.fromkeys(MODES, first)
