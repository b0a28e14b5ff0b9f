"""What is wrong is on the page, with its line, before two seconds are over: in one of the page's first 20 ticks.

Here are three of the twelve classic mistakes: of a buffer, of the one that spins, of the one that needs longest.
``test_inspector_page.py`` shows all in a browser.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.conversation import PATIENCE, ROOT
from tests.unit.doctor.classic import CLASSIC, changed
from tests.unit.inspector.support import Events

MOST_TICKS = 20  # of a tenth of a second
STAYS = "import atexit, signal, threading; atexit.register(signal.pause)"


@pytest.mark.parametrize(
    "name", ["no flip before reading", "OP_WRITE always on", "a worker sets interest without wakeup"]
)
def test_a_classic_mistake_is_in_the_page_in_time(name: str, tmp_path: Path) -> None:
    code, patch = CLASSIC[name]
    text = changed(patch)
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here")]
    program = tmp_path / "server.py"
    program.write_text(text.replace("import threading", STAYS, 1), encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-m", "nio.trace", "--level", "io", "--inspect", str(program)],
        cwd=ROOT,
        env=os.environ | {"NIO_STRICT": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stderr is not None
            address = re.search(r"http://\S+", server.stderr.readline())
            assert address is not None
            assert (code, f"server.py:{line}") in findings(address[0])
        finally:
            server.send_signal(signal.SIGKILL)


def findings(url: str) -> list[tuple[str, str]]:
    """Those of the first tick that has any."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), PATIENCE) as sock:
        sock.sendall(f"GET /events?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        events = Events(sock)
        with events.file:
            while True:
                number, tick = events.tick()
                if tick["findings"] or number >= MOST_TICKS:
                    return [(finding["code"], finding["place"]) for finding in tick["findings"]]
