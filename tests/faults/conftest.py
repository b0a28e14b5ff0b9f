"""The back ends that the faults of selectors and channels are tried on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.channels import Selector
from nio.spi import SelectorProvider
from tests.helpers import PROVIDERS, provider_named


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> SelectorProvider:
    return provider_named(request.param)


@pytest.fixture
def selector(provider: SelectorProvider) -> Iterator[Selector]:
    with Selector.open(provider) as selector:
        yield selector
