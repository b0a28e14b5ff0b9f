"""The system's resolver, and its random numbers."""

from __future__ import annotations

import re

import pytest

from nio.spi import ProtocolFamily, SelectorProvider


def test_resolver_knows_this_machine() -> None:
    found = SelectorProvider.default().resolve("localhost", 80)
    assert (ProtocolFamily.INET, ("127.0.0.1", 80)) in found
    assert {family for family, _ in found} <= {ProtocolFamily.INET, ProtocolFamily.INET6}


@pytest.mark.parametrize("name", ["no.such.name.invalid", "a" * 64 + ".example", "a..b"])
def test_name_that_is_unknown_or_none_is_an_oserror_that_tells_it(name: str) -> None:
    with pytest.raises(OSError, match=re.escape(repr(name))):
        SelectorProvider.default().resolve(name, 80)


def test_random_numbers_differ() -> None:
    numbers = {SelectorProvider.default().random() for _ in range(10)}
    assert len(numbers) > 1
    assert all(0 <= number < 1 for number in numbers)
