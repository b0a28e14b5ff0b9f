"""A proxy of two joined connections under load, in a process of its own."""

from __future__ import annotations

from benchmarks.proxy import measure
from tests.integration._hello_name import needs_proc

MIB = 1 << 20


@needs_proc
def test_64_mib_both_ways_with_memory_bounded_by_the_marks() -> None:
    result = measure(64)
    assert result.is_whole
    assert 0 <= result.highest - result.before < 2 * MIB
