"""How the hello-name server begins and ends: its two lines, its signals, its limits, its exit codes."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from nio.spi import SelectorProvider
from samples.hello_name.__main__ import main
from tests.integration._hello_name import (
    COMMAND,
    HOST,
    LIMIT,
    MODES,
    PROCESSES,
    ROOT,
    SINGLE,
    THREADS,
    Server,
    lines,
    needs_proc,
    rest,
)

every_mode = pytest.mark.parametrize("mode", list(MODES.values()), ids=list(MODES))


def until(happened: Callable[[], bool]) -> None:
    """Wait for the world outside."""
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end
        select.select([], [], [], 0.005)


# the two lines


@pytest.mark.parametrize(
    ("reactor", "workers", "provider"),
    [("single", "0", None), *(("pooled", "4", name) for name in SelectorProvider.available())],
)
def test_ready_and_done(reactor: str, workers: str, provider: str | None, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    port_file.write_text("what a killed server has left\n")
    with Server("--reactor", reactor, "--port-file", str(port_file), provider=provider) as server:
        assert port_file.read_text() == f"{server.address[1]}\n"
        assert server.ready["reactor"] == reactor
        assert server.ready["workers"] == workers
        assert server.ready["pid"] == str(server.process.pid)
        assert server.ready["provider"] == (provider or SelectorProvider.default().name)
        with server.connect() as client, server.connect() as other, server.connect():
            client.sendall(b"ann\n" * 1000)
            other.sendall(b"bob\n")
            assert lines(other, 1) == [b"Hello bob"]
            assert lines(client, 1000) == [b"Hello ann"] * 1000
        ended = server.stop()
    assert ended.code == 0
    counts = [ended.count(name) for name in ("connections", "requests", "bytes_in", "bytes_out")]
    assert counts == [3, 1001, 4 * 1001, 10 * 1001]
    assert ended.done["reason"] == "SIGTERM"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["server", "client", "demo", "compare"])
def test_unknown_provider_is_told_with_those_there_are(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIO_PROVIDER", "iocp")
    assert main([command]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"hello_name {command}: no provider 'iocp' here")
    assert ", ".join(SelectorProvider.available()) in told.err


def test_server_without_a_reader_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "port"
    reader, writer = os.pipe()
    os.close(reader)
    arguments = [*COMMAND, "server", "--port", "0", "--port-file", str(path), "--quiet"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE) as server:
        os.close(writer)
        until(path.exists)
        with socket.create_connection((HOST, int(path.read_text())), LIMIT) as client:
            client.sendall(b"ann\n")
            assert lines(client, 1) == [b"Hello ann"]
        server.terminate()
        assert server.communicate(timeout=LIMIT)[1] == b""
    assert server.returncode == 0


# signals


@every_mode
def test_signal_under_load_answers_what_was_received(mode: tuple[str, ...]) -> None:
    """The end of the processes is a terminal's Ctrl-C, which all of them get."""
    number = signal.SIGINT if mode == PROCESSES else signal.SIGTERM
    replies = [0] * 8
    ends: list[BaseException | bytes] = []

    def talk(number: int) -> None:
        try:
            with server.connect() as client:
                client.sendall(b"%d\n" % number)
                while lines(client, 1) == [b"Hello %d" % number]:
                    replies[number] += 1
                    client.sendall(b"%d\n" % number)
            ends.append(b"")
        except (BrokenPipeError, ConnectionResetError) as error:  # the next name came after the end
            ends.append(error)

    with Server(*mode) as server:
        clients = [Thread(target=talk, args=(number,)) for number in range(len(replies))]
        for client in clients:
            client.start()
        until(lambda: min(replies) > 20)
        ended = server.stop(number)
        for client in clients:
            client.join(LIMIT)
    assert ended.code == 0
    assert len(ends) == len(replies)
    assert ended.count("requests") == sum(replies)
    assert ended.done["reason"] == number.name


@needs_proc
@pytest.mark.parametrize(
    ("mode", "number"), [(SINGLE, signal.SIGINT), (THREADS, signal.SIGTERM)], ids=["single", "threads"]
)
def test_work_under_way_is_answered_and_nobody_accepted(mode: tuple[str, ...], number: signal.Signals) -> None:
    with Server(*mode, "--delay", "0.1") as server, server.connect() as client:
        client.sendall(b"ann\n")
        until(lambda: has_read_all(server))
        server.signal(number)
        if mode != SINGLE:  # which is busy
            until(lambda: is_refused(server))
        assert rest(client) == b"Hello ann\n"
        client.close()
        ended = server.wait()
    assert ended.code == 0
    assert ended.done["reason"] == number.name


@needs_proc
def test_a_killed_worker_process_ends_the_server_with_an_exit_code_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "port"
    with Server(*PROCESSES, "--delay", "3600", "--port-file", str(path)) as server, server.connect() as client:
        client.sendall(b"ann\n")
        until(lambda: has_read_all(server))
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        workers = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)
        assert rest(client) == b""
        ended = server.wait()
    assert ended.code == 7
    assert ended.done["reason"] == "WORKERS_LOST"
    assert ended.log.count("hello_name server: the ProcessPoolExecutor is broken") == 1
    assert not path.exists()


@needs_proc
@pytest.mark.parametrize("mode", [THREADS, PROCESSES], ids=["threads", "processes"])
def test_drain_limit_cuts_what_is_left(mode: tuple[str, ...]) -> None:
    hurry = "from samples.hello_name import _processes; _processes._END_LIMIT = 0.02" if mode == PROCESSES else ""
    with Server(*mode, "--delay", "3600", "--drain", "0.02", first=hurry) as server, server.connect() as client:
        client.sendall(b"ann\n")
        until(lambda: has_read_all(server))
        ended = server.stop()
        assert rest(client) == b""
    assert ended.code == 5
    assert "the 0.02 s are over, connections cut: 1" in ended.log


@needs_proc
def test_drain_limit_holds_for_a_reactor_that_is_stuck() -> None:
    hurry = "from samples.hello_name import server; server._GRACE = 0.02"
    options = ("--delay", "3600", "--drain", "0", "--log-level", "error")
    with Server(*options, first=hurry) as server, server.connect() as client:
        client.sendall(b"ann\n")
        until(lambda: has_read_all(server))
        ended = server.stop()
    assert ended.code == 5
    assert ended.done["reason"] == "SIGTERM"
    assert "a greeting still holds the reactor's thread" in ended.log


@needs_proc
@pytest.mark.parametrize("name", [name for name in MODES if name != "reuse-port"])  # that is prefork's, and takes 1.5 s
def test_second_sigint_ends_at_once_and_no_worker_outlives_it(name: str, tmp_path: Path) -> None:
    mode, path = MODES[name], tmp_path / "port"
    with Server(*mode, "--delay", "3600", "--port-file", str(path)) as server, server.connect() as client:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        assert len(children) >= (2 if mode == PROCESSES else 0)
        client.sendall(b"ann\n")
        until(lambda: has_read_all(server))
        slept = times_slept(server)
        server.signal(signal.SIGINT)
        until(lambda: times_slept(server) > slept)
        started = time.monotonic()
        ended = server.stop(signal.SIGINT)
        assert time.monotonic() - started < 5
    assert ended.code == 130
    assert ended.done["reason"] == "SIGINT"
    assert not path.exists()
    until(lambda: not any(is_alive(child) for child in children))


def is_refused(server: Server) -> bool:
    with socket.socket() as client:
        return client.connect_ex(server.address) == errno.ECONNREFUSED


def has_read_all(server: Server) -> bool:
    """The kernel holds nothing for the server's end of a connection."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    waiting = [
        line[4].rpartition(":")[2]
        for line in table
        if line[1].endswith(f":{server.address[1]:04X}") and line[3] == "01"
    ]
    return bool(waiting) and set(waiting) == {"00000000"}


def times_slept(server: Server) -> int:
    """How often the server's main thread has gone to sleep; once more when it has handled a signal."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# limits


def test_idle_timeout() -> None:
    with Server("--idle-timeout", "0.02") as server:
        with server.connect() as idle:
            assert rest(idle) == b""
        assert "IDLE_TIMEOUT 1" in server.stop().log


def test_limits_and_an_executor_of_a_factory() -> None:
    """The first client has the only place, and loses it to the next by a name that is too long."""
    limits = ("--max-connections", "1", "--backlog", "5", "--max-name", "3")
    factory = ("--reactor", "pooled", "--executor", "concurrent.futures:ThreadPoolExecutor", "--workers", "2")
    with Server(*limits, *factory) as server:
        assert server.ready["workers"] == "2"
        with server.connect() as first, server.connect() as second:
            second.sendall(b"bob\nzoe\n\xff\nann\n")
            first.sendall(b"ann\r\n")
            assert lines(first, 1) == [b"Hello ann"]
            assert select.select([second], [], [], 0.05)[0] == []
            first.sendall(b"anna\n")
            assert rest(first) == b""
            first.close()
            assert rest(second) == b"Hello bob\nHello zoe\n"
        ended = server.stop()
    assert (ended.code, ended.count("connections")) == (0, 2)
    assert "FRAME_TOO_LONG 1" in ended.log
    assert "PROTOCOL_ERROR 1" in ended.log


# what cannot be


def refused(capsys: pytest.CaptureFixture[str], code: int, *options: str) -> str:
    """What is told where a server does not even start."""
    assert main(["server", *options]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("hello_name server: ")
    assert told.err.count("\n") == 1
    return told.err


def test_busy_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        message = refused(capsys, 3, "--port", str(port))
    assert message.endswith(f": cannot listen on 127.0.0.1:{port}: Address already in use\n")


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "", "x" * 300])
def test_host_that_is_not_here(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f": cannot listen on {host}:0: " in refused(capsys, 3, "--port", "0", "--host", host)


def test_port_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "port"
    message = refused(capsys, 1, "--port", "0", "--port-file", str(path))
    assert message.endswith(f": cannot write --port-file {path}: No such file or directory\n")
    path = tmp_path / "folder"
    path.mkdir()
    message = refused(capsys, 1, "--port", "0", "--port-file", str(path))
    assert message.endswith(f": cannot write --port-file {path}: Is a directory\n")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("no_such_package:make", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("os:no_such_name", "AttributeError: module 'os' has no attribute 'no_such_name'"),
        ("os:abort.x", "AttributeError"),
        ("os:getcwd", "made a str, which is no concurrent.futures.Executor"),
        ("math:sqrt", "TypeError"),
    ],
)
def test_executor_of_a_factory_that_is_none(factory: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, 2, "--port", "0", "--reactor", "pooled", "--executor", factory)
    assert told.startswith(f"hello_name server: --executor {factory}")
    assert message in told


@pytest.mark.parametrize(
    ("executor", "package", "extra"), [("loky", "loky", "loky"), ("dask:127.0.0.1:1", "distributed", "dask")]
)
def test_a_missing_package_is_one_sentence_that_names_the_extra(
    executor: str,
    package: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    told = refused(capsys, 2, "--port", "0", "--reactor", "pooled", "--executor", executor)
    assert f"--executor {extra} needs {package}: pip install 'nio-reactor[{extra}]' (" in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--executor", "daks"), "'daks' is none of thread, process, loky, dask:ADDRESS and PKG:FACTORY"),
        (("--executor", "dask:"), "'dask:' is none of thread, process, loky, dask:ADDRESS and PKG:FACTORY"),
        (("--executor", "dask:127.0.0.1:1", "--workers", "2"), "--workers does not fit --executor dask"),
    ],
)
def test_executors_that_are_spelled_wrongly(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["server", "--reactor", "pooled", *options])
    assert words in capsys.readouterr().err
