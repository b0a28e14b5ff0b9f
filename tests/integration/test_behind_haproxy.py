"""``samples/behind_haproxy.py``: one of two servers is restarted under load, and no request fails."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.integration.conversation import PATIENCE, ROOT, Child, client, receive_all


@pytest.mark.needs("haproxy")
def test_a_restart_under_load_costs_no_request() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "samples.behind_haproxy", "0.2"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=6 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    out, back, total = done.stdout.splitlines()
    assert out == "one is out of the rotation, and ends with 0"
    meanwhile = re.fullmatch(r"one is back; meanwhile (\d+) requests", back)
    assert meanwhile is not None
    requests = re.fullmatch(r"(\d+) requests, 0 failed; the servers end with 0 and 0", total)
    assert requests is not None
    assert int(requests[1]) > int(meanwhile[1]) > 0


def test_its_server_believes_the_proxy_and_nobody_who_is_none() -> None:
    server = Child("-m", "samples.behind_haproxy", "serve", "0")
    with client(server.address) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 80\r\nann\n")
        sock.shutdown(1)
        assert receive_all(sock) == b"Hello ann, you are ('192.0.2.7', 1234)\n"
    with client(server.address) as sock:
        sock.sendall(b"ann\n")
        assert receive_all(sock) == b""
    assert server.end() == (0, "")
