"""The JDK itself: compiles a driver of ``data/`` once and asks it.

Two of the JDK's selectors are asked, the one over epoll and the one over poll: what both say is java.nio, what only one
says is an implementation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DATA = Path(__file__).parent / "data"
PROVIDERS = ("sun.nio.ch.EPollSelectorProvider", "sun.nio.ch.PollSelectorProvider")
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:-StackTraceInThrowable", "-XX:+UseSerialGC")  # for short lives
HOW_TO_GET_ONE = "no JDK here: install one (Debian: apt-get install openjdk-17-jdk-headless) or set JAVA_HOME"
AT_ONCE = 8  # virtual machines; scenarios mostly sleep
PATIENCE = 300.0  # seconds for one of them; a script may block for ever


class NoJdkError(Exception):
    """This machine has no ``java`` and ``javac``."""


class Jdk:
    """A driver, compiled: ``Jdk("SelectorDriver")``. A context manager that removes the classes."""

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self._java, compiler = _tool("java"), _tool("javac")
        self._classes = tempfile.mkdtemp(prefix="nio-jdk")
        subprocess.run([compiler, "-d", self._classes, str(DATA / f"{driver}.java")], check=True)

    def __enter__(self) -> Jdk:
        return self

    def __exit__(self, *exc_info: object) -> None:
        shutil.rmtree(self._classes)

    def ask(self, lines: Sequence[str], *options: str) -> list[str]:
        """What the driver prints for these lines; ``options`` are the virtual machine's."""
        command = [self._java, *options, "-cp", self._classes, self._driver]
        script = "\n".join(lines) + "\n"
        answer = subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return answer.stdout.splitlines()

    def programs(self, scripts: Sequence[Sequence[str]]) -> list[list[str]]:
        """The answers to each of many scripts over buffers and coders, one after the other in one virtual machine."""
        answers = iter(self.ask([line for script in scripts for line in (*script, "clear")], *QUICK))
        return [[next(answers) for _ in (*script, "clear")][:-1] for script in scripts]

    def scenarios(self, scripts: Sequence[Sequence[str]], provider: str = PROVIDERS[0]) -> list[list[str]]:
        """The answers to each of many scripts, several virtual machines at work."""
        parts = [scripts[start::AT_ONCE] for start in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda part: self._scenarios(part, provider), parts))
        return [answers[index % AT_ONCE][index // AT_ONCE] for index in range(len(scripts))]

    def _scenarios(self, scripts: Sequence[Sequence[str]], provider: str) -> list[list[str]]:
        if not scripts:
            return []
        lines = [line for number, script in enumerate(scripts) for line in (f"scenario {number}", *script)]
        answers: list[list[str]] = []
        for line in self.ask(lines, *QUICK, f"-Djava.nio.channels.spi.SelectorProvider={provider}"):
            if line.startswith("== "):
                answers.append([])
            else:
                answers[-1].append(line)
        return answers


def _tool(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(name, path=f"{home}/bin") if home else shutil.which(name)
    if found is None:
        raise NoJdkError(HOW_TO_GET_ONE)
    return found
