"""A job that no test leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.executors.jobs import Held


@pytest.fixture
def held() -> Iterator[Held]:
    job = Held()
    yield job
    job.go.set()
