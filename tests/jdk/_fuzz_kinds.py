"""What ``python3 -m tests.jdk fuzz`` can draw."""

from __future__ import annotations

from tests.jdk._fuzz_buffers import BUFFERS
from tests.jdk._fuzz_charsets import CODERS
from tests.jdk._fuzz_selectors import SELECTING

KINDS = {kind.name: kind for kind in (BUFFERS, CODERS, SELECTING)}
