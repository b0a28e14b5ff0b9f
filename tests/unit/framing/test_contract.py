"""The contract of a framing is public, and the example that its page shows keeps it."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

import nio.framing
from nio.errors import IllegalArgumentError
from nio.framing import Framing
from nio.testing import verify_framing


def shown() -> dict[str, Any]:
    """What the example in the docstring defines."""
    page = nio.framing.__doc__ or ""
    _, _, example = page.partition("and as many bytes::\n")
    code, _, _ = example.partition("\n``nio.testing")
    namespace: dict[str, Any] = {}
    exec(compile(textwrap.dedent(code), "nio.framing", "exec"), namespace)
    return namespace


def test_the_example_keeps_the_contract() -> None:
    framing: Framing = shown()["TypeAndLength"]()
    verify_framing(framing, [b"t", b"tvalue", b"\0" * 256])
    for record in (b"", b"x" * 257):
        with pytest.raises(IllegalArgumentError, match=f"not {len(record)}"):
            framing.encode(record)


def test_the_page_names_every_framing() -> None:
    page = nio.framing.__doc__ or ""
    for name in nio.framing.__all__:
        assert f"``{name}``" in page or name in ("Decoder", "Framing", "LinesDecoder", "ProxyHeader"), name
