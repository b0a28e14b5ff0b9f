"""A reactor to be turned by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.reactor import Reactor
from tests.unit.reactor.support import Kernel


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor.open(provider=Kernel()) as reactor:
        yield reactor
