"""The JDK itself: compiles the drivers of ``data/``, once in a process and all together, and asks them.

Two of the JDK's selectors are asked, the one over epoll and the one over poll: what both say is java.nio, what only one
says is an implementation.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
PROVIDERS = ("sun.nio.ch.EPollSelectorProvider", "sun.nio.ch.PollSelectorProvider")
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
QUICK = (*SHORT_LIVED, "-XX:-StackTraceInThrowable")
COMPILER = (*(f"-J{option}" for option in SHORT_LIVED), "-proc:none", "-XDstringConcat=inline")  # half the time
HOW_TO_GET_ONE = "no JDK here: install one (Debian: apt-get install openjdk-17-jdk-headless) or set JAVA_HOME"
AT_ONCE = 8  # virtual machines; scenarios mostly sleep
FOR_EACH = 3  # scenarios, before another machine is started
PATIENCE = 300.0  # seconds for one of them; a script may block for ever


class NoJdkError(Exception):
    """This machine has no ``java`` and ``javac``."""


@cache
def classes() -> str:
    """The folder with what the compiler makes of all drivers, to the end of this process."""
    folder = tempfile.mkdtemp(prefix="nio-jdk")
    atexit.register(shutil.rmtree, folder)
    subprocess.run([_tool("javac"), *COMPILER, "-d", folder, *sorted(DATA.glob("*.java"))], check=True)
    return folder


class Jdk:
    """A driver, compiled: ``Jdk("SelectorDriver")``; NoJdkError where there is no JDK."""

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self._java, _ = _tool("java"), _tool("javac")
        self._classes = classes()

    def ask(self, lines: Sequence[str], options: Sequence[str] = QUICK, arguments: Sequence[str] = ()) -> list[str]:
        """What the driver prints for these lines; ``options`` are the virtual machine's, ``arguments`` its own."""
        command = [self._java, *options, "-cp", self._classes, self._driver, *arguments]
        script = "\n".join(lines) + "\n"
        answer = subprocess.run(command, input=script, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return answer.stdout.splitlines()

    def programs(self, scripts: Sequence[Sequence[str]]) -> list[list[str]]:
        """The answers to each of many scripts over buffers and coders, one after the other in one virtual machine."""
        answers = iter(self.ask([line for script in scripts for line in (*script, "clear")]))
        return [[next(answers) for _ in (*script, "clear")][:-1] for script in scripts]

    def scenarios(self, scripts: Sequence[Sequence[str]], provider: str = PROVIDERS[0]) -> list[list[str]]:
        """The answers to each of many scripts, several virtual machines at work."""
        machines = min(AT_ONCE, -(-len(scripts) // FOR_EACH))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = [scripts[start::machines] for start in range(machines)]
            answers = list(pool.map(lambda part: self._scenarios(part, provider), parts))
        return [answers[index % machines][index // machines] for index in range(len(scripts))]

    def _scenarios(self, scripts: Sequence[Sequence[str]], provider: str) -> list[list[str]]:
        lines = [line for number, script in enumerate(scripts) for line in (f"scenario {number}", *script)]
        answers: list[list[str]] = []
        for line in self.ask(lines, (*QUICK, f"-Djava.nio.channels.spi.SelectorProvider={provider}")):
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
