"""Random scripts: the steady path answers as the plain one, and every connection comes to its end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.steady_fuzz import Blocks, Lists, Wilful, differences

# Found once, each by a fault: replies lost with the channel of a row, a late one behind replies that were not sent yet.
KNOWN = [1258, 2829, 11676]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_the_steady_path_is_the_plain_one(first: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"file " * 4000)
    for seed in range(first, first + 10):
        wrong = differences(seed, str(file))
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", [Lists, Blocks])
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_many_at_a_time(kind: type[Wilful], first: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"file " * 4000)
    for seed in range(first, first + 10):
        wrong = differences(seed, str(file), kind)
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", KNOWN)
def test_what_was_found(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"file " * 4000)
    assert differences(seed, str(file)) == []
