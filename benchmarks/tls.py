"""The hello server over TLS beside asyncio's, in one run: ``python3 -m benchmarks.tls``.

Both servers speak TLS 1.3 with the same certificate, which the openssl command makes. They are pinned to one processor
and loaded in turn; the prime figure is the server's own processor time per request.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from benchmarks._load import Load, Measurement, in_turn
from benchmarks._process import HOST, announce
from benchmarks._rounds import arguments, median_ratio, pin, served
from benchmarks._servers import HelloHandler
from benchmarks.peers.on_asyncio import BoundedHello
from nio import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor, Reactor
from nio.tls import TlsContext

SLICE = 0.05  # seconds
NAMES = ("nio tls", "asyncio tls")


def main() -> None:
    parser = arguments("benchmarks.tls", __doc__, rounds=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.8, help="of load on each server in a round (default 0.8)")
    parser.add_argument("--serve", choices=NAMES, help="be that server, with --pem")
    parser.add_argument("--pem", help="a certificate and its key in one file")
    options = parser.parse_args()
    if options.serve:
        (nio_server if options.serve == NAMES[0] else asyncio_server)(options.pem)
        return
    processor = pin()
    with certificate() as pem:
        rounds = [measured(pem, processor, options.connections, options.seconds) for _ in range(options.rounds)]
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, medians")
    print(f"{'server':<18}{'requests/s':>12}{'CPU us/request':>16}")
    for name in NAMES:
        rate = statistics.median(each[name].rate for each in rounds)
        cpu = statistics.median(each[name].cpu_per_request for each in rounds)
        print(f"{name:<18}{rate:>12,.0f}{cpu:>16.2f}")
    ours, theirs = NAMES
    ratio = median_ratio((each[ours].cpu_per_request, each[theirs].cpu_per_request) for each in rounds)
    print(f"{ours} / {theirs}: {ratio:.2f} of the CPU per request")


@contextmanager
def certificate() -> Iterator[str]:
    """A file with a certificate for localhost and its key."""
    with tempfile.TemporaryDirectory() as directory:
        pem = os.path.join(directory, "both.pem")
        kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost")
        files = ("-keyout", pem, "-out", os.path.join(directory, "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", *kind, *files], check=True, capture_output=True)
        with open(files[-1], encoding="ascii") as source, open(pem, "a", encoding="ascii") as target:
            target.write(source.read())
        yield pem


def measured(pem: str, processor: int, connections: int, seconds: float) -> dict[str, Measurement]:
    """One round, with servers of its own."""
    context = ssl.create_default_context(cafile=pem)
    context.check_hostname = False
    wrap = partial(wrapped, context)
    with ExitStack() as stack:
        loads = {}
        for name in NAMES:
            port, pid = stack.enter_context(
                served("benchmarks.tls", "--serve", name, "--pem", pem, processor=processor)
            )
            loads[name] = stack.enter_context(Load((HOST, port), pid, connections, wrap))
        return in_turn(loads, SLICE, seconds)


def wrapped(context: ssl.SSLContext, sock: socket.socket) -> socket.socket:
    return context.wrap_socket(sock)


def nio_server(pem: str) -> None:
    with Reactor.open() as reactor:
        listener = ServerSocketChannel.open().bind((HOST, 0))
        handler = Acceptor(HelloHandler, transport=TlsContext.server(pem))
        reactor.register(listener, SelectionKey.OP_ACCEPT, handler)
        port = listener.port
        assert port is not None
        announce(port, reactor.stop)
        reactor.run()


def asyncio_server(pem: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        server = await loop.create_server(BoundedHello, HOST, 0, ssl=context)
        announce(server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(ended.set))
        await ended.wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
