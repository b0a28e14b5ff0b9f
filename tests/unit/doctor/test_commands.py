"""python3 -m nio.doctor: what it prints and its exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nio
from nio import trace
from nio.doctor import examine, remove_rule
from nio.doctor.__main__ import FAILED, FOUND, USAGE, main
from nio.doctor._environment import check_environment
from nio.doctor._lint import lint
from tests.test_readme import ROOT
from tests.unit.doctor.test_broken import PROGRAMS

Output = pytest.CaptureFixture[str]


def saved(directory: Path, text: str) -> str:
    path = directory / "program.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_program_with_a_mistake(capsys: Output) -> None:
    assert main([str(PROGRAMS["S01"])]) == FOUND == 7
    out, err = capsys.readouterr()
    first, lesson, more = out.splitlines()
    assert first.startswith("S01 s01.py:14: OP_WRITE is on and nothing is queued: stream ")
    assert lesson == "    A socket with room is always writable, so select() never sleeps."
    assert more == "    python3 -m nio.doctor explain S01"
    assert err == f"nio.doctor: {first}\n"  # while it runs


def test_a_mistake_that_is_made_twice(tmp_path: Path, capsys: Output) -> None:
    twice = "import nio\nfor _ in range(2):\n    nio.ByteBuffer.allocate(8).put(b'abc').flip().flip()\n"
    assert main([saved(tmp_path, twice)]) == FOUND
    assert " (2 times)\n" in capsys.readouterr().out


def test_a_rule_of_one_s_own_has_its_own_words(tmp_path: Path, capsys: Output) -> None:
    text = (
        "from nio.doctor import Finding, Rule, add_rule\nimport nio\n"
        "add_rule(Rule('X09', lambda turn: Finding('X09', 'A turn.', fix='Do.', lesson='So.'), scope='turn'))\n"
    )
    loop = "import nio\nwith nio.Selector.open() as selector:\n    selector.select_now()\n"
    assert main([saved(tmp_path, text)]) == 0
    try:
        assert main([saved(tmp_path, loop)]) == FOUND
    finally:
        remove_rule("X09")
    assert capsys.readouterr().out.endswith("X09 A turn. Do.\n    So.\n")


def test_a_program_without_one_gets_its_arguments(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    program = saved(tmp_path, "import sys, beside\nprint(__name__, sys.argv[1:], beside.WORD)\n")
    before = (list(sys.argv), list(sys.path))
    assert main([program, "-x", "--for"]) == 0
    assert capsys.readouterr() == ("__main__ ['-x', '--for'] beside\nnothing to report\n", "")
    assert (sys.argv, sys.path) == before


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("raise KeyError('x')", FAILED, "raised KeyError: 'x'"),
        ("import sys; sys.exit(3)", FAILED, "left with 3."),
        ("import sys; sys.exit(0)", 0, ""),
        ("raise KeyboardInterrupt", 0, "was interrupted."),
        ("def f(:", FAILED, "raised SyntaxError: invalid syntax"),
    ],
)
def test_how_a_program_ends(text: str, code: int, words: str, tmp_path: Path, capsys: Output) -> None:
    assert main([saved(tmp_path, text)]) == code
    out, err = capsys.readouterr()
    assert out == "nothing to report\n"
    assert words in err
    assert len(err.splitlines()) == bool(words)


def test_a_program_that_never_ends(tmp_path: Path, capsys: Output) -> None:
    program = saved(tmp_path, "while True:\n    try:\n        while True: pass\n    except Exception: pass\n")
    assert main(["--for", "0.05", program]) == 0
    assert capsys.readouterr().err == f"{program} was ended after 0.05 s.\n"


def test_the_time_is_over_again_for_who_swallows_it(tmp_path: Path) -> None:
    text = "import time\ntry:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)\n"
    assert examine(saved(tmp_path, text), seconds=0.05).is_over


@pytest.mark.parametrize("arguments", [[], ["explain"], ["--what"], ["--for", "1"], ["explain", "a", "b"]])
def test_what_is_no_command_is_answered_by_the_usage(arguments: list[str], capsys: Output) -> None:
    assert main(arguments) == USAGE
    assert "python3 -m nio.doctor explain CODE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "nowhere.py cannot be examined: .* No such file"),
        (["--for", "x", "a.py"], "--for takes seconds, not 'x'"),
        (["--for", "-1", "a.py"], "--for takes seconds, not '-1'"),
        (["--for", "nan", "a.py"], "--for takes seconds, not 'nan'"),
        (["explain", "Q99"], "there is no mistake 'Q99'"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(arguments: list[str], words: str, capsys: Output) -> None:
    assert main(arguments) == USAGE
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert re.match(words, err)


def test_help(capsys: Output) -> None:
    assert main(["--help"]) == 0
    assert "python3 -m nio.doctor explain CODE" in capsys.readouterr().out


def test_a_pager_that_has_seen_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*words: object, **options: object) -> None:
        raise BrokenPipeError

    with open(tmp_path / "stdout", "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr("builtins.print", broken)
        assert main(["list"]) == FAILED


def test_a_mistake_explained(capsys: Output) -> None:
    assert main(["explain", "i05"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("I05: the return value of write() ignored\n")
    assert out.endswith(PROGRAMS["I05"].read_text(encoding="utf-8"))
    assert main(["explain", "I03"]) == 0
    assert (
        capsys.readouterr().out
        == "I03: one read taken for one message\n\nOnly the program knows where a message ends.\n"
    )


def test_every_mistake_is_listed(capsys: Output) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 67
    assert "S01  OP_WRITE left on" in lines
    assert "S20  the count of select() taken for the truth  (explained, not found)" in lines


def test_a_trace_is_read(tmp_path: Path, capsys: Output) -> None:
    with trace.recording() as log:
        exec(compile(PROGRAMS["I01"].read_text(encoding="utf-8"), "i01.py", "exec"), {"__name__": "__main__"})
    path = tmp_path / "i01.nio.gz"
    trace.write(path, log)
    assert main([str(path)]) == FOUND
    assert capsys.readouterr().out.startswith("I01 ")
    path.write_bytes(path.read_bytes()[:-20])
    main([str(path)])
    assert "ends too early or is damaged" in capsys.readouterr().err
    path.write_bytes(b"\x1f\x8b and nothing of the kind")
    assert main([str(path)]) == USAGE
    assert "cannot be examined" in capsys.readouterr().err


def test_the_environment(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIO_STRICT", raising=False)
    own = str(Path(nio.__file__).parents[1])  # alone: where the wheel is installed beside a checkout there are two
    monkeypatch.setattr("sys.path", [own, *(path for path in sys.path if not Path(path or ".", "nio").is_dir())])
    assert main(["--env"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"nio {nio.__version__} of {Path(nio.__file__).parent}, Python 3.")
    assert lines[1].startswith("provider ")
    assert lines[2].startswith("descriptor limit ")
    assert lines[3:] == ["NIO_STRICT is not set", "nothing to report"]
    monkeypatch.setenv("NIO_STRICT", "1")
    monkeypatch.setenv("NIO_PROVIDER", "abacus")
    told, _ = check_environment()
    assert told[1].startswith("no provider 'abacus' here")
    monkeypatch.delenv("NIO_PROVIDER")
    told, _ = check_environment()
    assert told[-1] == "NIO_STRICT is '1'"


def test_few_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, advice in ((256, "; ulimit -n raises it"), (100_000, "")):
        monkeypatch.setattr("nio.spi.SystemProvider.descriptor_limit", lambda provider, limit=limit: limit)
        told, _ = check_environment()
        assert told[2] == f"descriptor limit {limit}: at most about {limit - 64} connections{advice}"


def test_two_packages_of_one_name(tmp_path: Path) -> None:
    other = tmp_path / "nio"
    other.mkdir()
    (other / "__init__.py").touch()
    record = tmp_path / "matrix_nio-0.25.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: matrix-nio\nVersion: 0.25\n")
    _, findings = check_environment([str(tmp_path), str(ROOT)])
    [finding] = findings
    assert finding.code == "P10"
    assert f"another package nio lies in {other}; matrix-nio installs one" in finding.evidence
    assert check_environment([str(ROOT)])[1] == []


@pytest.mark.parametrize(
    "text", ["import os\nx.get() == -1", "def f(:", "import nio\nx.get() == 0\nx.get(a, b) == -1", "from nio import x"]
)
def test_text_that_shows_no_mistake(text: str, tmp_path: Path) -> None:
    assert lint(saved(tmp_path, text)) == []


def test_text_that_is_not_there() -> None:
    assert lint("nowhere.py") == []


def test_the_command_itself() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nio.doctor", str(PROGRAMS["B02"])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.partition(" ")[0]) == (7, "B02")


def test_a_child_that_comes_to_the_end_says_nothing(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", os.getpid)  # to be put back
    assert main([saved(tmp_path, "import os\nos.getpid = lambda: -1\n")]) == 0
    assert capsys.readouterr() == ("", "")
