"""The command in this process: the ways through it that a child's exit code cannot show."""

from __future__ import annotations

import atexit
import runpy
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from nio.spi import SelectorProvider
from nio.trace import CHANNEL, TracingProvider, read
from nio.trace._command import main
from nio.trace._keeper import FollowSink, Keeper
from tests.unit.trace.test_command import PIPE


@pytest.fixture(autouse=True)
def at_exit(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What was to be called at the end of the process is called at the end of the test."""
    calls: list[Callable[[], object]] = []
    monkeypatch.setattr(atexit, "register", lambda call, *args: calls.append(partial(call, *args)))
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = list(SelectorProvider._in_use)
    yield calls
    SelectorProvider._in_use[:] = before
    for call in reversed(calls):
        call()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PIPE)
    return path


def test_a_program_at_every_level(program: Path, out: Path, at_exit: list[Callable[[], object]]) -> None:
    assert main(["--level", "teach", "--out", str(out), str(program), "x"]) == 0
    assert sys.argv == [str(program), "x"]
    provider = SelectorProvider.default()
    assert isinstance(provider, TracingProvider)
    while at_exit:
        at_exit.pop()()
    assert [record[4] for record in read(out) if record[0] == CHANNEL] == ["pipe", "pipe"]


def test_a_module(out: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--out", str(out), "-mjson.tool", "--no-such-option"])
    assert left.value.code == 2


def test_an_exception_and_a_ctrl_c(program: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program.write_text("raise ValueError('as asked')\n")
    assert main(["--out", str(out), str(program)]) == 1
    assert capsys.readouterr().err.endswith("ValueError: as asked\n")
    program.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        main(["--out", str(out), str(program)])
    assert read(out).problem == ""


def test_a_program_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--follow", str(tmp_path / "none.py")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
    assert main(["--follow", str(tmp_path)]) == 2
    assert "__main__" in capsys.readouterr().err
    assert main(["--follow", "-m", "no.such.module"]) == 2
    assert "cannot run 'no.such.module': " in capsys.readouterr().err


def test_a_syntax_error_has_no_frame_of_the_program(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program.write_text("def\n")
    assert main(["--follow", str(program)]) == 1
    assert capsys.readouterr().err.startswith(f'  File "{program}", line 1\n')


def test_a_child_writes_before_it_leaves(program: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    plain = SelectorProvider.default()
    monkeypatch.setattr(type(plain), "exit_process", lambda self, code: left.append(code))
    program.write_text(PIPE + "from nio.spi import SelectorProvider\nSelectorProvider.default().exit_process(3)\n")
    assert main(["--out", str(out), str(program)]) == 0
    assert left == [3]
    assert read(out).problem == ""


def test_a_ctrl_c_at_the_end_is_told_to_nobody_and_keeps_no_child(
    program: Path, out: Path, monkeypatch: pytest.MonkeyPatch, at_exit: list[Callable[[], object]]
) -> None:
    close, left = Keeper.close, list[int]()

    def struck(keeper: Keeper, *, hurry: bool = False) -> None:
        close(keeper, hurry=hurry)
        raise KeyboardInterrupt

    plain = SelectorProvider.default()
    monkeypatch.setattr(type(plain), "exit_process", lambda self, code: left.append(code))
    monkeypatch.setattr(Keeper, "close", struck)
    program.write_text("from nio.spi import SelectorProvider\nSelectorProvider.default().exit_process(3)\n")
    with pytest.raises(KeyboardInterrupt):
        main(["--out", str(out), str(program)])
    assert left == [3]
    while at_exit:
        at_exit.pop()()


def test_an_inspector_is_given_the_provider_and_the_port(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[object, int]] = []
    module = ModuleType("nio.inspector._inspect")

    def page_of(provider: object, port: int, name: str) -> FollowSink:
        assert name == str(program)
        asked.append((provider, port))
        return FollowSink(str, 0)

    module.page_of = page_of  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nio.inspector._inspect", module)
    assert main(["--inspect", "9900", str(program)]) == 0
    assert main(["--inspect", str(program)]) == 0
    assert [port for _, port in asked] == [9900, 0]
    provider = asked[0][0]
    assert isinstance(provider, TracingProvider)
    assert provider.recording.level_name == "events"
    monkeypatch.setitem(sys.modules, "nio.inspector._inspect", None)
    assert main(["--inspect", str(program)]) == 2
    assert "there is no nio.inspector here" in capsys.readouterr().err


def test_no_program_and_no_such_option(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--out"], ["--level", "off", "x.py"], ["--inspect"]):
        with pytest.raises(SystemExit):
            main(words)
    assert "a PROGRAM is needed, or -m MODULE" in capsys.readouterr().err


def test_a_port_that_is_none(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--inspect", "99999", str(program)]) == 2
    assert capsys.readouterr().err == "nio.trace: a port must be 0 to 65535, not 99999\n"


def test_where_python_keeps_its_path(program: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Flags:
        safe_path = True

    monkeypatch.setattr(sys, "flags", Flags)
    path = list(sys.path)
    assert main(["--out", str(out), str(program)]) == 0
    assert sys.path == path


def test_reading_and_converting(program: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nio.trace import recording, write

    with recording("io") as log:
        runpy.run_path(str(program))
    write(out, log)
    assert main(["read", str(out)]) == 0
    assert "read(1, 8) = 5" in capsys.readouterr().out
    for form, read_5_of_8 in (("text", "read(1, 8) = 5"), ("chrome", "read(1, 8) = 5"), ("html", ",1,5,8]")):
        assert main(["convert", "--to", form, "--out", str(tmp_path / form), str(out)]) == 0
        assert read_5_of_8 in (tmp_path / form).read_text()
    out.write_bytes(out.read_bytes()[:-8])
    assert main(["read", str(out)]) == 1
    assert "records could be read" in capsys.readouterr().err
    assert main(["read", str(program)]) == 2
    assert main(["read", str(tmp_path / "none")]) == 2


def test_a_reader_of_the_output_that_has_gone(out: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nio.trace import Recording, write

    write(out, Recording("io", SelectorProvider.default().clock))
    with open(tmp_path / "stdout", "w") as stream:

        def broken(text: str) -> int:
            raise BrokenPipeError

        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr("nio.trace._command._put", lambda text, path: broken(text))
        assert main(["read", str(out)]) == 0


def test_python_dash_m(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["nio.trace", "read", str(out)])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("nio.trace", run_name="__main__")
    assert left.value.code == 2
