"""Calls of functions over TCP: python3 -m samples.length_rpc, then python3 -m samples.length_rpc 9901 add 2 3.

A message is JSON in UTF-8 behind its length, four bytes with the high one first. A call is
``{"id": 1, "method": "add", "params": [2, 3]}``; its answer ``{"id": 1, "result": 5}``, or an ``error`` instead.
Calls may be sent without waiting; the answers keep their order. A client of any language will do.
"""

import json
import sys
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from typing import Any

from nio import SelectionKey, ServerSocketChannel
from nio.errors import ProtocolError
from nio.framing import LengthPrefix
from nio.reactor import Acceptor, CloseReason, Reactor, StreamHandler

METHODS: dict[str, Any] = {"add": lambda *numbers: sum(numbers), "upper": str.upper, "sort": sorted}


class RpcServer(StreamHandler):
    """One per client: a record is a call, its reply the answer; what is no call ends the connection."""

    framing = LengthPrefix(4, max_length=64 * 1024)

    def process(self, message: bytes) -> bytes:
        try:
            call = json.loads(message)
            number, method, params = call["id"], call["method"], list(call["params"])
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise ProtocolError(f"no call: {error!r}") from error
        try:
            return json.dumps({"id": number, "result": METHODS[method](*params)}).encode()
        except Exception as error:
            return json.dumps({"id": number, "error": repr(error)}).encode()


class RpcClient(StreamHandler):
    """One connection: ``call``, on the reactor's thread and before ``on_close``, gives a future of the answer."""

    framing = RpcServer.framing

    def __init__(self) -> None:
        self.numbers, self.early = count(1), True
        self.owed: dict[int, tuple[bytes, Future[Any]]] = {}

    def call(self, method: str, *params: object) -> "Future[Any]":
        number, outcome = next(self.numbers), Future[Any]()
        self.owed[number] = json.dumps({"id": number, "method": method, "params": params}).encode(), outcome
        if not self.early:
            self.send(self.owed[number][0])
        return outcome

    def on_open(self) -> None:
        self.early = False
        for message, _ in self.owed.values():
            self.send(message)

    def process(self, message: bytes) -> None:
        answer = json.loads(message)
        self.owed.pop(answer["id"])[1].set_result(answer)

    def on_close(self, reason: CloseReason) -> None:
        for _, outcome in self.owed.values():
            outcome.set_exception(self.close_error or ConnectionError(f"the server has gone: {reason.name}"))


def serve(port: int = 9901, workers: int = 0) -> None:
    with suppress(KeyboardInterrupt), Reactor.open(workers=workers) as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(RpcServer))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


def ask(port: int, method: str, *params: str) -> Any:
    with Reactor.open() as reactor:
        reactor.connect(("127.0.0.1", port), client := RpcClient())
        outcome = client.call(method, *map(json.loads, params))
        outcome.add_done_callback(lambda _: reactor.stop())
        reactor.run()
        return outcome.result()


if __name__ == "__main__":
    port, *call = sys.argv[1:] or ["9901"]
    print(ask(int(port), *call)) if call else serve(int(port))
