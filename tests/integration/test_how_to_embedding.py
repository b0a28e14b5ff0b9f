"""``docs/how-to/embedding.md``: a server of the reactor inside asyncio."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration._how_to import program, started
from tests.integration.conversation import PATIENCE, ask, client, receive_all


def test_it_serves_and_drains_on_sigterm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIO_PROVIDER", raising=False)  # poll and select have no descriptor for another loop
    child = started(program("embedding"), tmp_path)
    with ExitStack() as stack:
        socks = [stack.enter_context(client(child.address)) for _ in range(5)]
        for name in (b"ann", b"bob"):
            for sock in socks:
                ask(sock, name)
        child.process.send_signal(signal.SIGTERM)
        for sock in socks:
            assert receive_all(sock) == b""
    assert child.process.communicate(timeout=PATIENCE) == ("", "")
    assert child.process.returncode == 0
