"""What the benchmark makes for itself, in ``.benchmarks/``: the loader, the peers in C and Java, and an environment.

The environment has the peers that Python packages are. It is made when the first of them is needed; a package that
cannot be installed costs its peer, and nothing else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
CACHE = ROOT / ".benchmarks"
BUILD = 120.0  # seconds
INSTALL = 180.0


class AbsentError(Exception):
    """A peer, or a tool, that is not here; the text says why."""


class Tools:
    """Made when they are first asked for; ``say`` gets a line before what takes long."""

    def __init__(self, cache: Path = CACHE, environment: Path | None = None, say: Callable[[str], object] = print):
        self._cache = cache
        self._environment = environment or cache / f"venv-{sys.version_info.major}.{sys.version_info.minor}"
        self._say = say
        self._absent: dict[str, str] = {}

    def program(self, source: str) -> Path:
        """The program of a source in C."""
        target = self._cache / Path(source).stem
        self._built(PEERS / source, target, "cc", ["-O2", "-o", str(target)])
        return target

    def java(self, source: str) -> list[str]:
        """The command that runs a class."""
        if not shutil.which("java"):
            raise AbsentError("java is not installed")
        self._built(PEERS / source, self._cache / f"{Path(source).stem}.class", "javac", ["-d", str(self._cache)])
        return ["java", "-XX:+UseSerialGC", "-cp", str(self._cache), Path(source).stem]

    def _built(self, source: Path, target: Path, compiler: str, options: list[str]) -> None:
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            return
        if not shutil.which(compiler):
            raise AbsentError(f"{compiler} is not installed")
        self._cache.mkdir(exist_ok=True)
        run([compiler, *options, str(source)], BUILD, f"{compiler} does not build {source.name}")

    def python(self, package: str = "") -> str:
        """An interpreter that has the package; this one where none is needed."""
        if not package:
            return sys.executable
        python = self._environment / "bin" / "python"
        if package in self._absent:
            raise AbsentError(self._absent[package])
        try:
            if not python.exists():
                self._say(f"making {self._environment}")
                self._environment.parent.mkdir(parents=True, exist_ok=True)
                run([sys.executable, "-m", "venv", str(self._environment)], INSTALL, "no virtual environment")
            if not imports(python, package):
                self._say(f"installing {package}")
                pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", package]
                run(pip, INSTALL, f"pip does not install {package}")
                if not imports(python, package):
                    raise AbsentError(f"{package} is installed and cannot be imported")
        except AbsentError as error:
            self._absent[package] = str(error)
            raise
        return str(python)

    def version(self, package: str) -> str:
        """Of a package in the environment."""
        script = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        return run([self.python(package), "-c", script, package], BUILD, f"{package} has no version").strip()


def imports(python: Path, package: str) -> bool:
    done = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False, timeout=BUILD)
    return not done.returncode


def run(command: list[str], seconds: float, failure: str) -> str:
    """The output; AbsentError with the last line of what it said."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=seconds
        )
    except subprocess.CalledProcessError as error:
        told = (error.stderr or error.stdout or "").strip().splitlines()
        raise AbsentError(f"{failure}: {told[-1] if told else f'it ended with {error.returncode}'}") from None
    except subprocess.TimeoutExpired:
        raise AbsentError(f"{failure} within {seconds:g} s") from None
    except OSError as error:
        raise AbsentError(f"{failure}: {error}") from None
    return done.stdout
