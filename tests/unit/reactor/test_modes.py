from __future__ import annotations

from typing import Any

import pytest

from nio.errors import IllegalArgumentError
from nio.reactor import Prefork, Reactor, ReactorGroup, open_reactor


@pytest.mark.parametrize(
    ("mode", "options", "kind"),
    [
        ("single", {}, Reactor),
        ("pooled", {}, Reactor),
        ("pooled", {"workers": 1}, Reactor),
        ("multi", {"reactors": 2, "workers": 1}, ReactorGroup),
        ("prefork", {"processes": 2, "workers": 1}, Prefork),
        ("prefork", {"processes": 2, "reuse_port": True, "max_connections": 10}, Prefork),
    ],
)
def test_a_word_for_each(mode: str, options: dict[str, Any], kind: type) -> None:
    with open_reactor(mode, **options) as reactor:
        assert type(reactor) is kind
        if isinstance(reactor, Reactor):
            assert (reactor.hand_off is not None) == ("workers" in options or mode == "pooled")


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(IllegalArgumentError, match="one of single, pooled, multi, prefork, not 'many'"):
        open_reactor("many")
    with pytest.raises(IllegalArgumentError, match="workers fits pooled and multi and prefork, not single"):
        open_reactor("single", workers=2)
    with pytest.raises(IllegalArgumentError, match="reuse_port fits prefork, not multi"):
        open_reactor("multi", reuse_port=True)
