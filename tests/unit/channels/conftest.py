"""A file, two datagram channels, and one of each thing there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nio.channels import DatagramChannel
from nio.spi import Address, SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.unit.channels.datagrams import address_of, bound
from tests.unit.channels.things import World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that holds ``hello``."""
    path = tmp_path / "t"
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def near() -> Iterator[DatagramChannel]:
    with bound() as channel:
        yield channel


@pytest.fixture
def far() -> Iterator[DatagramChannel]:
    with bound() as channel:
        yield channel


@pytest.fixture
def watched() -> WatchedProvider:
    return WatchedProvider(SelectorProvider.default())


@pytest.fixture
def nobody() -> Address:
    """An address at which nobody receives: the kernel does not give its port to two in a row."""
    with bound() as channel:
        return address_of(channel)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)
