"""One contract, every back end: the fixtures run each test over all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.channels import Selector, SocketChannel
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import PROVIDERS, connected_pair, provider_named

Pair = tuple[SocketChannel, SocketChannel]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> SelectorProvider:
    return provider_named(request.param)


@pytest.fixture
def watched(provider: SelectorProvider) -> WatchedProvider:
    return WatchedProvider(provider)


@pytest.fixture
def selector(provider: SelectorProvider) -> Iterator[Selector]:
    with Selector.open(provider) as selector:
        yield selector


@pytest.fixture
def watched_selector(watched: WatchedProvider) -> Iterator[Selector]:
    with Selector.open(watched) as selector:
        yield selector


@pytest.fixture
def watched_pair(watched: WatchedProvider) -> Iterator[Pair]:
    """As ``pair``; what its connecting told the provider is forgotten."""
    near, far = connected_pair(watched)
    watched.forget()
    with near, far:
        yield near, far


@pytest.fixture
def pair(provider: SelectorProvider) -> Iterator[Pair]:
    """Both ends of a TCP connection, in non-blocking mode."""
    near, far = connected_pair(provider)
    with near, far:
        yield near, far
