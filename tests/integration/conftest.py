"""No test leaves a program running, whatever has become of the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conversation import RUNNING, end_all_but


@pytest.fixture(autouse=True)
def no_program_is_left_running() -> Iterator[None]:
    """What a module's fixtures have started came before, and is theirs."""
    before = set(RUNNING)
    yield
    end_all_but(before)
