"""What commands write where nobody is left to read it."""

from __future__ import annotations

import os

import pytest

from nio.trace._stdio import leave_stdout, tell


def test_a_stderr_that_is_gone_is_nobodys_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell("here", "nio.inspector")
    assert capsys.readouterr() == ("", "nio.inspector: here\n")
    monkeypatch.setattr("sys.stderr", None)
    tell("a word")
    assert capsys.readouterr() == ("", "")


def test_a_stdout_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with open(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        os.close(reader)
        stream.write("more")
        with pytest.raises(BrokenPipeError):
            stream.flush()
        leave_stdout()
        stream.flush()
