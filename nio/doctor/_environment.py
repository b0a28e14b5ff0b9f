"""What is wrong before any program runs: two packages named nio, few descriptors, a provider that is not there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

import nio
from nio.doctor._finding import Finding
from nio.doctor._rules import found
from nio.errors import ProviderUnavailableError
from nio.spi import SelectorProvider

_FEW = 1024  # descriptors


def check_environment(paths: Sequence[str] | None = None) -> tuple[list[str], list[Finding]]:
    """Lines that describe the environment, and the findings: P10. ``paths`` are those of ``sys.path``."""
    paths = sys.path if paths is None else paths
    findings = [*_other_packages(paths)]
    return [*_lines()], findings


def _lines() -> list[str]:
    lines = [f"nio {nio.__version__} of {Path(nio.__file__).parent}, Python {sys.version.split()[0]} on {sys.platform}"]
    try:
        provider = SelectorProvider.default()
    except ProviderUnavailableError as error:
        return [*lines, str(error)]
    limit = provider.descriptor_limit()
    lines.append(f"provider {provider.name}, of {', '.join(provider.available())}; processors: {provider.cpu_count()}")
    advice = "; ulimit -n raises it" if limit <= _FEW else ""
    lines.append(f"descriptor limit {limit}: at most about {max(0, limit - 64)} connections{advice}")
    strict = os.environ.get("NIO_STRICT", "")
    lines.append(f"NIO_STRICT is {strict!r}" if strict else "NIO_STRICT is not set")
    return lines


def _other_packages(paths: Sequence[str]) -> list[Finding]:
    """P10: a second package ``nio`` on the path, or a distribution that installs one."""
    own = Path(nio.__file__).parent.resolve()
    there = {place.resolve() for path in paths if (place := Path(path or ".") / "nio").joinpath("__init__.py").exists()}
    others = sorted(str(place) for place in there - {own})
    names = {one.metadata["Name"] for one in distributions(path=list(paths))} & {"matrix-nio"}
    if not others and not names:
        return []
    what = [f"another package nio lies in {place}" for place in others] + [f"{name} installs one" for name in names]
    return [found("P10", f"Two packages are named nio: {'; '.join(what)}.")]
