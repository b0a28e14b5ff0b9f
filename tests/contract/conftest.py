"""One contract, every back end: the fixtures run each test over all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.channels import Selector, ServerSocketChannel, SocketChannel
from nio.spi import Address, SelectorProvider
from nio.trace import TracingProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, PROVIDERS, address_of, connected_pair, listening, provider_named, unix_pair

Pair = tuple[SocketChannel, SocketChannel]


# A TracingProvider is held to the contract, too: around the best back end in every run, but for the longest tests, and
# around each of them, with all tests, where NIO_TEST_TRACED is "all".
TRACED = [f"traced {name}" for name in PROVIDERS]
ALL_TRACED = os.environ.get("NIO_TEST_TRACED") == "all"
PARAMS = TRACED if ALL_TRACED else [*PROVIDERS, TRACED[0]]
LONG = ("test_stress.py", "test_interrupted.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not ALL_TRACED:
        items[:] = [item for item in items if not (item.path.name in LONG and "[traced" in item.name)]


@pytest.fixture(params=PARAMS)
def provider(request: pytest.FixtureRequest) -> SelectorProvider:
    *traced, name = request.param.split()
    found = provider_named(name)
    return TracingProvider(found, level="teach") if traced else found


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


@pytest.fixture(params=["tcp", "unix"])
def any_pair(request: pytest.FixtureRequest, provider: SelectorProvider, tmp_path: Path) -> Iterator[Pair]:
    """As ``pair``, and in the Unix domain, too."""
    near, far = connected_pair(provider) if request.param == "tcp" else unix_pair(tmp_path, provider)
    with near, far:
        yield near, far


@pytest.fixture
def server(provider: SelectorProvider) -> Iterator[ServerSocketChannel]:
    with listening(provider) as server:
        yield server


@pytest.fixture
def client(provider: SelectorProvider) -> Iterator[SocketChannel]:
    with SocketChannel.open(provider=provider).configure_blocking(False) as client:
        yield client


@pytest.fixture
def refusing(provider: SelectorProvider) -> Iterator[Address]:
    """An address that is taken and where nobody listens."""
    with SocketChannel.open(provider=provider).bind(LOOPBACK) as taken:
        yield address_of(taken)
