"""Hello on a cluster: the reactor has the clients, the workers of dask.distributed have the work.

In four terminals, or on as many hosts (with the scheduler's address in place of 127.0.0.1), from a directory where
``samples`` can be imported, with nio-reactor[dask] installed:

    dask scheduler --host 127.0.0.1 --port 8786
    dask worker 127.0.0.1:8786 --nthreads 1 --no-nanny      (as many as you like)
    python3 -m samples.dask_hello 9900 127.0.0.1:8786
    nc 127.0.0.1 9900                                       (a name is answered; so are "pid" and "bye")

A worker that dies has its names greeted by another one. When the scheduler goes, the names under way end their
connections with WORKER_LOST, the others wait, and the server looks for a scheduler at the address until one is there.
"""

import logging
import os
import sys
from contextlib import suppress
from functools import partial

from nio import SelectionKey, ServerSocketChannel
from nio.executors import DaskExecutor
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Reactor, StreamHandler

CONNECT = 5.0  # seconds for a scheduler to answer


class DaskHello(StreamHandler):
    """One per client. ``process`` is static: a worker has the name, and neither the handler nor its connection."""

    framing = Lines(max_length=256)
    process_timeout = 60.0  # a cluster without a worker takes records and answers none

    @staticmethod
    def process(name: bytes) -> bytes:
        return b"worker %d" % os.getpid() if name == b"pid" else b"Hello " + name

    def on_close(self, reason: CloseReason) -> None:
        if reason is CloseReason.WORKER_LOST:
            logging.warning("a name was lost with its worker")


def serve(port: int, scheduler: str) -> None:
    try:
        from distributed import Client  # type: ignore[import-untyped, unused-ignore]  # where it is not installed
    except ImportError:
        sys.exit("dask_hello needs distributed: pip install 'nio-reactor[dask]'")
    workers = DaskExecutor.factory(partial(Client, scheduler, timeout=CONNECT, set_as_default=False), batch=64)
    try:
        reactor = Reactor.open(workers=workers)
    except OSError as error:
        sys.exit(f"no scheduler answers at {scheduler} within {CONNECT:g} s: {error}")
    with suppress(KeyboardInterrupt), reactor, ServerSocketChannel.open() as server:
        server.bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(DaskHello))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(message)s")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    serve(int(sys.argv[1]) if sys.argv[1:] else 9900, sys.argv[2] if sys.argv[2:] else "127.0.0.1:8786")
