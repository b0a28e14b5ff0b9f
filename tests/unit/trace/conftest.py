"""A provider that records, and a place for a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from nio.trace import TracingProvider


@pytest.fixture
def provider() -> TracingProvider:
    return TracingProvider(level="io")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.nio.gz"
