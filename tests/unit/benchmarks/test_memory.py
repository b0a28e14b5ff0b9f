"""benchmarks.memory: that its servers greet, and what is read of a process; no figure is judged here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import memory


def test_the_memory_of_a_process_is_less_than_it_has_asked_for() -> None:
    status = Path("/proc/self/status").read_text()
    asked = int(status.partition("VmSize:")[2].split()[0]) * 1024
    assert 1_000_000 < memory.resident(os.getpid()) < asked


@pytest.mark.parametrize("server", ["nio", "asyncio"])
def test_each_server_greets_who_connects(server: str) -> None:
    assert isinstance(memory.measured(server, 5), float)


def test_the_limit_of_descriptors_leaves_room() -> None:
    assert memory.most() > 0
