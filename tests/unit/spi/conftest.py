from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture
def standard_input_is_closed() -> Iterator[None]:
    """0 is the lowest free number, so the next descriptor gets it unless somebody takes care."""
    saved = os.dup(0)
    os.close(0)
    yield
    os.dup2(saved, 0)
    os.close(saved)
