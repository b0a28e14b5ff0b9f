"""A reactor to be turned by hand, and the parent of processes that are none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.reactor import Reactor
from tests.unit.reactor.prefork_support import Parent
from tests.unit.reactor.support import Kernel


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor.open(provider=Kernel()) as reactor:
        yield reactor


@pytest.fixture
def parent() -> Iterator[Parent]:
    parent = Parent()
    yield parent
    parent.finish()
