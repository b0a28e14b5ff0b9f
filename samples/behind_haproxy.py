"""Two preforked hello servers behind HAProxy, one restarted under load: python3 -m samples.behind_haproxy [seconds]

HAProxy (Debian: apt-get install haproxy) listens on a free port of the loopback, deals connections to the servers, and
tells each in whose name it connects, by the PROXY protocol. Clients connect, ask 25 times, and connect anew; each reply
has their own address in it, and they check it. Meanwhile one server is taken out of the rotation, ended when nobody is
connected to it, started again on its port, and put back. It ends with exit code 0 if every request got its reply.
One of the servers is python3 -m samples.behind_haproxy serve 9909.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines, ProxyPrefix
from nio.reactor import Acceptor, Prefork, StreamHandler

REQUESTS, PATIENCE = 25, 10.0  # of a connection; seconds for what takes less than one
CONFIGURATION = """
global
    stats socket {admin} mode 600 level admin
defaults
    mode tcp
    option redispatch
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend hello
    bind fd@{door}
    default_backend servers
backend servers
    default-server check inter 100ms rise 1 fall 2 send-proxy-v2
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""


class Hello(StreamHandler):
    framing = ProxyPrefix(Lines(max_length=256), trusted=("127.0.0.1",))

    def process(self, name: bytes) -> bytes:
        return b"Hello %b, you are %b" % (name, str(self.source).encode())


def serve(port: int) -> None:
    with Prefork.open(processes=2) as prefork:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        prefork.register(server, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        prefork.on_start(lambda: print(f"listening on 127.0.0.1:{server.port}", flush=True))
        prefork.run()


class Server:
    """One, which has two children."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "samples.behind_haproxy", "serve", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(":")[2])

    def end(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


def load(address: tuple[str, int], is_over: threading.Event, done: list[None], errors: list[OSError]) -> None:
    while not is_over.is_set():
        try:
            with socket.create_connection(address, PATIENCE) as sock, sock.makefile("rb") as replies:
                due = b"Hello ann, you are %b\n" % str(sock.getsockname()).encode()
                for _ in range(REQUESTS):
                    sock.sendall(b"ann\n")
                    if (reply := replies.readline()) != due:
                        raise ConnectionError(f"{reply!r}, not {due!r}")
                    done.append(None)
        except OSError as error:
            errors.append(error)


def ask(admin: Path, command: str) -> str:
    """HAProxy's answer to a command of its administrator."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(admin))
        sock.sendall(f"{command}\n".encode())
        with sock.makefile() as answer:
            return answer.read()


def figure(admin: Path, server: str, name: str) -> str:
    names, *rows = [row.split(",") for row in ask(admin, "show stat").lstrip("# ").splitlines() if row]
    return next(row[names.index(name)] for row in rows if row[:2] == ["servers", server])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen within {PATIENCE:g} s")
        time.sleep(0.02)


def main(seconds: float = 1.0) -> int:
    """So long under load before the restart, and so long after it; how many requests failed."""
    one, two, is_over, done, errors = Server(), Server(), threading.Event(), list[None](), list[OSError]()
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
        admin, configuration = Path(name, "admin"), Path(name, "haproxy.cfg")
        configuration.write_text(CONFIGURATION.format(admin=admin, door=door.fileno(), one=one.port, two=two.port))
        clients = [threading.Thread(target=load, args=(door.getsockname(), is_over, done, errors)) for _ in range(4)]
        proxy = subprocess.Popen(["haproxy", "-q", "-db", "-f", configuration], pass_fds=[door.fileno()])
        try:
            until(lambda: admin.exists() and all(figure(admin, name, "status") == "UP" for name in ("one", "two")))
            for client in clients:
                client.start()
            time.sleep(seconds)
            ask(admin, "set server servers/one state drain")
            until(lambda: figure(admin, "one", "scur") == "0")
            before = len(done)
            print(f"one is out of the rotation, and ends with {one.end()}", flush=True)
            one = Server(one.port)
            ask(admin, "set server servers/one state ready")
            until(lambda: figure(admin, "one", "scur") != "0")
            print(f"one is back; meanwhile {len(done) - before} requests", flush=True)
            time.sleep(seconds)
        finally:
            is_over.set()
            for client in filter(threading.Thread.is_alive, clients):
                client.join()
            proxy.terminate()
            proxy.wait()
            codes = f"{one.end()} and {two.end()}"
    print(f"{len(done)} requests, {len(errors)} failed; the servers end with {codes}", *errors[:3], sep="\n  ")
    return len(errors)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    elif not shutil.which("haproxy"):
        sys.exit("samples.behind_haproxy needs haproxy: apt-get install haproxy")
    else:
        sys.exit(min(main(*map(float, sys.argv[1:])), 1))
