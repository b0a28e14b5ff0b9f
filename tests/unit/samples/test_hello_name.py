"""Parts of the hello-name sample: its command line, its service, how it writes."""

from __future__ import annotations

import os
import sys
import time

import pytest

from nio.errors import ProtocolError
from nio.framing import Lines
from samples.hello_name._console import Exit, Failure, resolve, say, spell
from samples.hello_name._options import parse
from samples.hello_name.handler import HelloHandler, configured, sleep_and_greet, work_and_greet

Capture = pytest.CaptureFixture[str]


def refusal(capsys: Capture, *arguments: str) -> str:
    """What is told about a command line that is wrong: its last line."""
    with pytest.raises(SystemExit) as ended:
        parse(list(arguments))
    assert ended.value.code == Exit.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.splitlines()[-1].partition(": error: ")[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("server --workers 4", "--workers fits --reactor pooled or multi or prefork"),
        ("server --reactor single --workers 4", "--workers fits --reactor pooled or multi or prefork"),
        ("server --executor process", "--executor fits --reactor pooled or multi"),
        ("server --unix s --port-file p", "--port-file fits --port, not --unix"),
        ("server --unix s --reactor prefork --reuse-port", "--reuse-port fits --port, not --unix"),
        ("server --delay-kind cpu", "--delay-kind fits --delay"),
        ("compare --delay-kind sleep", "--delay-kind fits --delay"),
        ("compare --reactor multi", "it knows no --reactor multi; --help tells what it knows"),
        ("demo ann", "it knows no ann; --help tells what it knows"),
        ("", "which COMMAND? One of server, client, demo, compare; --help tells what they do"),
        ("server --quiet --log-level debug", "argument --log-level: not allowed with argument --quiet"),
        ("client --connections 2", "--connections fits NAME ..."),
        ("client --repeat 2", "--repeat fits NAME ..."),
        ("client --split 1", "--split fits NAME ..."),
        ("client --pipeline", "--pipeline fits NAME ..."),
        ("client --half-close", "--half-close fits NAME ..."),
    ],
)
def test_option_that_does_not_fit_names_the_one_it_fits(capsys: Capture, line: str, message: str) -> None:
    assert refusal(capsys, *line.split()) == message


@pytest.mark.parametrize("value", ["0", "-1", "1025", "2.5", "x", "", "1e3", "9" * 5000])
def test_number_out_of_bounds(capsys: Capture, value: str) -> None:
    expected = f"argument --workers: {value!r} is not a whole number from 1 to 1024"
    assert refusal(capsys, "server", "--reactor", "pooled", "--workers", value) == expected


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "-inf", "1e99", "86401", "x", ""])
@pytest.mark.parametrize("option", ["--idle-timeout", "--drain"])
def test_seconds_out_of_bounds(capsys: Capture, option: str, value: str) -> None:
    expected = f"argument {option}: {value!r} is not a number of seconds from 0 to 86400"
    assert refusal(capsys, "server", f"{option}={value}") == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "serve",
        "server --port 65536",
        "server --port -1",
        "server --max-name 0",
        "server --max-connections 0",
        "server --backlog 0",
        "server --delay -1",
        "server --delay-kind both",
        "server --reactor double",
        "server --log-level loud",
        "server --por 1",
        "server ann",
        "client ann --port 0",
        "client ann --timeout 0",
        "client ann --connections 0",
        "client ann --repeat 0",
        "client ann --split 0",
        "demo ann",
        "compare --connections 0",
        "compare --repeat 0",
    ],
)
def test_command_line_that_is_wrong(capsys: Capture, line: str) -> None:
    assert refusal(capsys, *line.split())


@pytest.mark.parametrize("name", ["a\nb", "ann\n", "ann\r"])
def test_name_that_is_not_one_line(capsys: Capture, name: str) -> None:
    assert refusal(capsys, "client", name).startswith(f"{name!r} is not one line")


@pytest.mark.parametrize("executor", ["fork", ":", "pkg:", ":factory"])
def test_executor_that_is_none(capsys: Capture, executor: str) -> None:
    expected = f"argument --executor: {executor!r} is none of thread, process, loky, dask:ADDRESS and PKG:FACTORY"
    assert refusal(capsys, "server", "--reactor", "pooled", "--executor", executor) == expected


def test_defaults() -> None:
    server = parse(["server"])
    assert (server.host, server.port, server.reactor, server.workers) == ("127.0.0.1", 9900, "single", None)
    assert (server.max_name, server.idle_timeout, server.drain, server.delay) == (256, 60, 10, 0)
    assert (server.log_level, parse(["server", "--log-level", "DEBUG"]).log_level) == ("info", "debug")
    pooled = parse(["server", "--reactor", "pooled"])
    assert (pooled.executor, pooled.workers) == ("thread", 4)
    factory = parse(["server", "--reactor", "pooled", "--executor", "pkg.module:make"])
    assert (factory.executor, factory.workers) == ("pkg.module:make", None)
    client = parse(["client", "ann"])
    assert (client.host, client.port, client.connections, client.repeat) == ("127.0.0.1", 9900, 1, 1)


@pytest.mark.parametrize("command", ["", "server", "client", "demo", "compare"])
def test_help_fits_80_columns(capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        parse([*command.split(), "--help"])
    assert ended.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


# the service


@pytest.mark.parametrize("name", ["", "ann", "Zoë", "李小龙", "a b"])
def test_greeting(name: str) -> None:
    assert HelloHandler.process(name.encode()) == b"Hello " + name.encode()


@pytest.mark.parametrize(("name", "offence"), [(b"\xff", 0), (b"ann\xc3", 3), (b"\xed\xa0\x80", 0), (b"\xc0\x80", 0)])
def test_name_that_is_not_utf8(name: bytes, offence: int) -> None:
    with pytest.raises(ProtocolError, match=f"byte {offence} of the name is not UTF-8"):
        HelloHandler.process(name)


def test_delay_sleeps() -> None:
    started = time.monotonic()
    assert sleep_and_greet(0.01, b"ann") == b"Hello ann"
    assert time.monotonic() - started >= 0.01


def test_delay_computes() -> None:
    started = time.thread_time()
    assert work_and_greet(0.01, b"ann") == b"Hello ann"
    assert time.thread_time() - started >= 0.01


def test_configured() -> None:
    plain = configured(300, None, 0, "sleep")
    assert (plain.framing, plain.idle_timeout) == (Lines(max_length=300), None)
    assert plain.process is HelloHandler.process
    slow = configured(256, 60, 0.001, "cpu")
    assert slow.process(b"ann") == b"Hello ann"
    assert slow.process is not HelloHandler.process


# the console


def test_spell() -> None:
    assert spell(("127.0.0.1", 9900)) == "127.0.0.1:9900"
    assert spell(("::1", 9900, 0, 0)) == "[::1]:9900"
    assert spell("/run/hello") == "/run/hello"


def test_resolve() -> None:
    assert ("127.0.0.1", 80) in [address for _, address in resolve("127.0.0.1", 80)]
    assert resolve("localhost", 80)
    with pytest.raises(OSError, match="not known"):
        resolve("x" * 300, 80)


def test_say(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    say("ann")
    say(b"bob")
    assert capsys.readouterr().out == "ann\nbob\n"
    monkeypatch.setattr(sys, "stdout", None)
    say("zoe")


@pytest.mark.parametrize("text", ["ann", b"ann"])
def test_say_to_nobody(monkeypatch: pytest.MonkeyPatch, text: str | bytes) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        with pytest.raises(Failure) as failure:
            say(text)
        assert (failure.value.code, str(failure.value)) == (Exit.UNEXPECTED, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_say_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(Failure, match="cannot write to stdout: No space left on device"):
            say("ann")
