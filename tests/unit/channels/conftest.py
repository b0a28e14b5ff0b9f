"""What the tests of files share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds ``hello``."""
    path = tmp_path / "t"
    path.write_bytes(b"hello")
    return path
