"""The TLS samples with the clients that their docstrings name: openssl s_client and curl."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import Authority, Pair
from tests.integration.conversation import PATIENCE, ROOT, receive
from tests.integration.test_small_samples import sample

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return Authority(tmp_path_factory.mktemp("certificates"), "trusted")


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    """Files of a server's, which can be replaced."""
    made = authority.issue("localhost")
    copy = Pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    shutil.copy(made.certificate, copy.certificate)
    shutil.copy(made.key, copy.key)
    return copy


class Client:
    """openssl s_client, as the docstring has it."""

    def __init__(self, authority: Authority, port: int, *arguments: str) -> None:
        command = [
            "openssl",
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
        ]
        command += ["-CAfile", str(authority.certificate), "-connect", f"127.0.0.1:{port}", *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )

    def line(self, text: bytes = b"") -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if text:
            self.process.stdin.write(text)
        return self.process.stdout.readline()

    def end(self) -> bytes:
        """What it has said of the certificates."""
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return errors


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_s_client_talks_to_tls_hello(authority: Authority, pair: Pair, version: str) -> None:
    with sample("tls_hello", str(pair.certificate), str(pair.key)) as server:
        client = Client(authority, server.address[1], f"-tls{version.replace('.', '_')}")
        assert client.line().startswith(b"You speak TLSv" + version.encode())
        assert client.line(b"ann\n") == b"Hello ann\n"
        assert client.line(b"bob\n") == b"Hello bob\n"
        assert b"verify return:1" in client.end()


def test_sighup_changes_the_certificate_of_new_connections_only(authority: Authority, pair: Pair) -> None:
    with sample("tls_hello", str(pair.certificate), str(pair.key)) as server:
        old = Client(authority, server.address[1])
        old.line()
        new = authority.issue("localhost", "new.example", kind="new")
        shutil.copy(new.certificate, pair.certificate)
        shutil.copy(new.key, pair.key)
        server.process.send_signal(signal.SIGHUP)
        assert old.line(b"ann\n") == b"Hello ann\n"  # the signal's function came first
        second = Client(authority, server.address[1], "-verify_hostname", "new.example")
        assert second.line().startswith(b"You speak TLS")
        second.end()
        assert old.line(b"bob\n") == b"Hello bob\n"
        old.end()


def curl(authority: Authority, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["curl", "-sS", "--max-time", str(int(PATIENCE)), "--cacert", str(authority.certificate), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=2 * PATIENCE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("h11", reason="needs h11: pip install 'nio-reactor[samples]'")
    top = tmp_path / "www"
    top.mkdir()
    (top / "small.txt").write_bytes(b"a small file\n")
    (top / "middle.bin").write_bytes(bytes(1 << 20))
    (top / "large.bin").write_bytes(os.urandom(1 << 20) * 20)
    return top


@pytest.mark.needs("curl")
def test_curl_gets_files(authority: Authority, pair: Pair, folder: Path) -> None:
    with sample("https_file", str(folder), str(pair.certificate), str(pair.key)) as server:
        url = f"https://localhost:{server.address[1]}"
        assert curl(authority, f"{url}/small.txt").stdout == b"a small file\n"
        both = curl(authority, f"{url}/small.txt", f"{url}/small.txt?again", "-w", "%{num_connects}\n")
        assert both.stdout == b"a small file\n1\na small file\n0\n"  # one connection for both
        assert curl(authority, f"{url}/large.bin").stdout == (folder / "large.bin").read_bytes()
        head = curl(authority, "-I", f"{url}/large.bin").stdout
        assert b"200" in head.splitlines()[0]
        assert b"content-length: 20971520" in head.lower()
        for arguments, status in (
            ([f"{url}/none.txt"], b"404"),
            (["--path-as-is", f"{url}/../cert.pem"], b"404"),
            (["-d", "x=1", f"{url}/small.txt"], b"405"),
        ):
            answer = curl(authority, "-o", "/dev/null", "-w", "%{http_code}", *arguments)
            assert answer.stdout == status, answer
        plain = curl(authority, f"http://localhost:{server.address[1]}/small.txt")
        assert plain.returncode != 0
        assert curl(authority, f"{url}/small.txt").stdout == b"a small file\n"


def test_https_file_says_what_it_needs() -> None:
    code = "import sys; sys.modules['h11'] = None; import samples.https_file"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stderr == "https_file needs h11: pip install 'nio-reactor[samples]'\n"


def test_requests_in_a_row_are_answered_in_order_and_garbage_is_refused(
    authority: Authority, pair: Pair, folder: Path
) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["http/1.1"])
    with (
        sample("https_file", str(folder), str(pair.certificate), str(pair.key)) as server,
        socket.create_connection(server.address, PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as client,
    ):
        assert client.selected_alpn_protocol() == "http/1.1"
        client.sendall(b"GET /middle.bin HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GARBAGE\r\n\r\n")
        sizes = []
        for _ in range(3):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            assert head.startswith(b"HTTP/1.1 200 ")
            sizes.append(len(receive(client, 1 << 20)))
        assert sizes == [1 << 20] * 3
        assert receive(client, 1000).startswith(b"HTTP/1.1 400 ")
