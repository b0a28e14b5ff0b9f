"""What ``python3 -m tests.jdk fuzz`` can draw."""

from __future__ import annotations

from tests.jdk._fuzz_buffers import BUFFERS
from tests.jdk._fuzz_charsets import CODERS

KINDS = {kind.name: kind for kind in (BUFFERS, CODERS)}
