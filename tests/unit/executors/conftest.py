"""A job that no test leaves behind, and an interpreter that collects no garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.unit.executors.jobs import Held


@pytest.fixture
def held() -> Iterator[Held]:
    job = Held()
    yield job
    job.go.set()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()
