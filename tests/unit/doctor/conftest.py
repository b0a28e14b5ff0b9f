"""Strict mode, without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.doctor import Strict, strict


@pytest.fixture
def watching() -> Iterator[Strict]:
    """Strict mode is on in the test."""
    with strict(None) as on:
        yield on
