"""A page of these tests ticks a hundred times a second, and its clients pause for less: most tests wait for both."""

from __future__ import annotations

import pytest

from nio.inspector import _inject, _site


@pytest.fixture(autouse=True)
def the_page_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_site, "PERIOD", 0.01)
    monkeypatch.setattr(_inject, "_PAUSE", 0.02)
