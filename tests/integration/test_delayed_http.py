"""The samples delayed_http and minimio: the book's client, as tasks and by hand, against the slow server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from samples.delayed_http import delay_of
from tests.integration.conversation import PATIENCE, ROOT, Child, client, receive_all

URL = "http://www.example.org"


@pytest.fixture(scope="module")
def server() -> Iterator[Child]:
    child = Child("-m", "samples.delayed_http", "0")
    yield child
    assert child.end(signal.SIGINT) == (0, "")


def python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_three_clients_are_answered_in_the_order_of_their_delays() -> None:
    done = python("samples.delayed_http")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"after {delay} ms: HTTP/1.1 302 Found" for delay in (100, 200, 300)]


def test_minimio_resumes_its_tasks_in_the_order_of_their_delays(server: Child) -> None:
    done = python("samples.minimio", str(server.address[1]))
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert lines[:2] == ["RESUMING TASK: 11", "HTTP/1.1 302 Found"]
    assert sorted(line for line in lines if line.startswith("HTTP")) == ["HTTP/1.1 302 Found"] * 2
    assert "INTERRUPTED: the loop is closed" in lines
    assert last == "EXITING"


@pytest.mark.needs("curl")
def test_curl_gets_the_response_after_its_delay(server: Child) -> None:
    form = '{"code": %{http_code}, "to": "%{redirect_url}", "seconds": %{time_total}}'
    url = f"http://127.0.0.1:{server.address[1]}/delay/200/url/{URL}"
    done = subprocess.run(["curl", "-s", "-w", form, url], capture_output=True, timeout=PATIENCE, check=True)
    told = json.loads(done.stdout)
    assert (told["code"], told["to"].rstrip("/")) == (302, URL)
    assert told["seconds"] >= 0.2


@pytest.mark.parametrize("path", ["/", "/delay/x/url/y", "/delay/99999/url/y", "/delay/5", "/delay/-1/url/y"])
def test_what_is_no_delay_is_not_found(server: Child, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"http://127.0.0.1:{server.address[1]}{path}", timeout=PATIENCE)
    raised.value.close()
    assert raised.value.code == 404


@pytest.mark.parametrize(
    "sent", [b"GET /\r\n" + b"a: b\r\n" * 100, b"x" * 1025, b"GET /", b""], ids=["lines", "long", "half", "none"]
)
def test_what_is_no_request_gets_no_answer(server: Child, sent: bytes) -> None:
    with client(server.address) as sock:
        sock.sendall(sent)
        if len(sent) < 10:
            sock.shutdown(1)
        assert receive_all(sock) == b""


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b"GET /delay/1000/url/http://a/b HTTP/1.1", (1.0, b"http://a/b")),
        (b"GET /delay/0/url/a HTTP/1.0", (0.0, b"a")),
        (b"POST /delay/1/url/a HTTP/1.1", (None, b"")),
        (b"GET /delay/1/url/a SPDY", (None, b"")),
        (b"nonsense", (None, b"")),
    ],
)
def test_the_request_line(request_line: bytes, expected: tuple[float | None, bytes]) -> None:
    assert delay_of(request_line) == expected


def test_a_port_that_is_taken_is_told(server: Child) -> None:
    done = python("samples.delayed_http", str(server.address[1]))
    assert done.returncode == 1
    assert re.match(r".*Address already in use", done.stderr)
