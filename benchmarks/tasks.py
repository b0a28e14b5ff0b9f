"""The hello server as a task beside StreamHandler, asyncio's streams and trio: ``python3 -m benchmarks.tasks``.

All servers are there at the same time and loaded in turn, for a twentieth of a second each, so that the machine's moods
hit them alike. What is told is the server's own processor time per request. ``--only`` leaves servers out; trio takes
part where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
from contextlib import ExitStack

from benchmarks._load import Load, in_turn
from benchmarks._process import HOST, MAX_NAME, room
from benchmarks._rounds import arguments, median_ratio, pin, served
from benchmarks._servers import serve
from nio.framing import Lines
from nio.reactor import Reactor
from nio.tasks import Stream

SLICE = 0.05  # seconds
SERVERS = {
    "handler": ("benchmarks._servers", "nio", "hello"),
    "task": ("benchmarks.tasks", "--serve"),
    "streams": ("benchmarks.peers.on_asyncio", "streams", "hello"),
    "trio": ("benchmarks.peers.on_others", "trio", "hello"),
}


class HelloStream(Stream):
    async def serve(self) -> None:
        async with self.framed(Lines(max_length=MAX_NAME)) as names:
            async for name in names:
                await names.send(b"Hello " + name)


def measured(names: list[str], connections: int, seconds: float, processor: int) -> dict[str, float]:
    """One round, with servers of its own: microseconds of processor time a request."""
    with ExitStack() as stack:
        loads = {}
        for name in names:
            port, pid = stack.enter_context(served(*SERVERS[name], processor=processor))
            loads[name] = stack.enter_context(Load((HOST, port), pid, connections))
        return {name: load.cpu_per_request for name, load in in_turn(loads, SLICE, seconds).items()}


def main() -> None:
    parser = arguments("benchmarks.tasks", __doc__, rounds=5)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.6, help="of load on each server in a round (default 0.6)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Reactor.open(max_connections=room()), HelloStream)
        return
    names = [name for name in options.only if name != "trio" or importlib.util.find_spec("trio")]
    processor = pin()
    rounds = [measured(names, options.connections, options.seconds, processor) for _ in range(options.rounds)]
    for name in names:
        print(f"{name:<10}{statistics.median(each[name] for each in rounds):>8.2f} us of processor time a request")
    for other in names:
        if "task" in names and other != "task":
            print(f"task / {other}: {median_ratio((each['task'], each[other]) for each in rounds):.2f}")


if __name__ == "__main__":
    main()
