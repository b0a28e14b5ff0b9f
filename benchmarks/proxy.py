"""So many MiB through a proxy of two joined connections, both ways at once: python3 -m benchmarks.proxy --mib 1024.

The proxy is a process of its own, of which the highest memory is told besides the time. Both peers send and receive at
the same time, and compare a checksum at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._tools import ROOT
from nio import SelectionKey, ServerSocketChannel, SocketChannel
from nio.reactor import Acceptor, Link, Reactor

BLOCK = os.urandom(1 << 20)
PATIENCE = 60.0  # seconds for one call that takes milliseconds


class Front(Link):
    """To the client; its other end goes to the target, which is on this machine and accepts at once."""

    target = ("127.0.0.1", 0)

    def on_open(self) -> None:
        self.reactor.admit(SocketChannel.open(self.target), SelectionKey.OP_READ, Link(self))


def serve(port: int) -> None:
    """The proxy to that port; its own is the first line of its output."""
    Front.target = ("127.0.0.1", port)
    with Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", 0))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Front))
        print(server.port, flush=True)
        reactor.run()


@dataclass
class Flow:
    """One direction: what arrived."""

    count: int = 0
    checksum: int = 0
    errors: list[BaseException] = field(default_factory=list)

    def send(self, sock: socket.socket, mib: int) -> None:
        try:
            for _ in range(mib):
                sock.sendall(BLOCK)
            sock.shutdown(socket.SHUT_WR)
        except BaseException as error:
            self.errors.append(error)

    def receive(self, sock: socket.socket) -> None:
        try:
            buffer = memoryview(bytearray(1 << 18))
            while count := sock.recv_into(buffer):
                self.count += count
                self.checksum = zlib.crc32(buffer[:count], self.checksum)
        except BaseException as error:
            self.errors.append(error)


@dataclass(frozen=True)
class Result:
    """Seconds; bytes of memory before and at the highest; whether both directions arrived whole."""

    seconds: float
    before: int
    highest: int
    is_whole: bool


def measure(mib: int) -> Result:
    """Send so many MiB each way."""
    with socket.create_server(("127.0.0.1", 0)) as target:
        command = [sys.executable, "-m", "benchmarks.proxy", "--serve", str(target.getsockname()[1])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as proxy:
            try:
                assert proxy.stdout is not None
                with socket.create_connection(("127.0.0.1", int(proxy.stdout.readline())), PATIENCE) as near:
                    far, _ = target.accept()
                    with far:
                        far.settimeout(PATIENCE)
                        before = memory(proxy.pid, "VmRSS")
                        began = time.perf_counter()
                        is_whole = exchange(near, far, mib)
                        seconds = time.perf_counter() - began
                        return Result(seconds, before, memory(proxy.pid, "VmHWM"), is_whole)
            finally:
                proxy.kill()


def exchange(near: socket.socket, far: socket.socket, mib: int) -> bool:
    there, back = Flow(), Flow()
    threads = [
        threading.Thread(target=there.send, args=(near, mib)),
        threading.Thread(target=there.receive, args=(far,)),
        threading.Thread(target=back.send, args=(far, mib)),
        threading.Thread(target=back.receive, args=(near,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in there.errors + back.errors:
        raise error
    expected = 0
    for _ in range(mib):
        expected = zlib.crc32(BLOCK, expected)
    return all((flow.count, flow.checksum) == (mib << 20, expected) for flow in (there, back))


def memory(pid: int, name: str) -> int:
    """Bytes, as the kernel counts them; 0 where it does not tell."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text(encoding="ascii")) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.proxy", description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="each way (default 256)")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
        return
    result = measure(options.mib)
    rate = 2 * options.mib / result.seconds
    grown = (result.highest - result.before) / 1024
    print(f"{options.mib} MiB each way in {result.seconds:.1f} s, {rate:.0f} MiB/s; memory grew by {grown:.0f} KiB")
    if not result.is_whole:
        sys.exit("what arrived is not what was sent")


if __name__ == "__main__":
    main()
