"""Calls of functions over TCP: python3 -m samples.length_rpc, and a client of any language.

A message is JSON in UTF-8 behind its length, four bytes with the high one first. A call is
``{"id": 1, "method": "add", "params": [2, 3]}``; its answer ``{"id": 1, "result": 5}``, or an ``error`` instead.
Calls may be sent without waiting; the answers keep their order.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nio import SelectionKey, ServerSocketChannel
from nio.errors import ProtocolError
from nio.framing import LengthPrefix
from nio.reactor import Acceptor, Reactor, StreamHandler

FRAMING = LengthPrefix(4, max_length=64 * 1024)
METHODS: dict[str, Callable[..., Any]] = {
    "add": lambda *numbers: sum(numbers),
    "upper": lambda text: text.upper(),
    "sort": lambda things: sorted(things),
}


def answer(message: bytes) -> bytes:
    """What a caller gets; ProtocolError for what is no call."""
    try:
        call = json.loads(message)
        number, method, params = call["id"], METHODS.get(call["method"]), list(call["params"])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ProtocolError(f"no call: {error!r}") from error
    try:
        if method is None:
            raise LookupError(f"there is no method {call['method']}")
        return json.dumps({"id": number, "result": method(*params)}).encode()
    except Exception as error:
        return json.dumps({"id": number, "error": str(error)}).encode()


class RpcServer(StreamHandler):
    """One per client: a record is a call, its reply the answer."""

    framing = FRAMING

    def process(self, message: bytes) -> bytes:
        return answer(message)


def main(port: int = 9901, workers: int = 0) -> None:
    with suppress(KeyboardInterrupt), Reactor.open(workers=workers) as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(RpcServer))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
