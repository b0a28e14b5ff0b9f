"""Who is measured: the command of each server, and the bounds that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks._tools import Tools

OURS = "names of 4 KiB, a minute of silence, marks for output, errors contained, statistics"
LOOP = "benchmarks.peers.on_asyncio"
OTHERS = "benchmarks.peers.on_others"


@dataclass(frozen=True)
class Peer:
    """A server: a module of ours by name, with a package of its own perhaps; or a source in another language."""

    name: str
    title: str
    bounds: str
    module: str = ""
    package: str = ""
    source: str = ""
    warm_up: float = 0.3  # seconds

    def command(self, tools: Tools, kind: str) -> list[str]:
        """AbsentError where this peer is not here."""
        if self.source.endswith(".c"):
            return [str(tools.program(self.source)), kind]
        if self.source:
            return [*tools.java(self.source), kind]
        return [tools.python(self.package), "-m", self.module, self.name, kind]


def _ours(name: str, title: str, bounds: str = OURS) -> Peer:
    return Peer(name, title, bounds, "benchmarks._servers")


PEERS = {
    peer.name: peer
    for peer in (
        _ours("nio", "nio, single"),
        _ours("nio-list", "nio, process_batch"),
        _ours("nio-block", "nio, process_block"),
        _ours("nio-pooled", "nio, pooled(4)"),
        _ours("nio-multi", "nio, multi(2)"),
        _ours("nio-prefork", "nio, prefork(2)"),
        Peer("nio-bare", "nio, single, with nothing checked", "none", "benchmarks._without"),
        _ours("raw", "select.epoll, a bare loop", "none"),
        Peer("c", "C, epoll", "none", source="hello.c"),
        Peer("java", "Java NIO", "input of 64 KiB", source="Hello.java", warm_up=1.5),
        Peer("asyncio", "asyncio, Protocol", "its marks for output", LOOP),
        Peer(
            "asyncio-bounded", "asyncio, Protocol with bounds", "names of 4 KiB, a minute of silence, its marks", LOOP
        ),
        Peer("streams", "asyncio, streams", "lines of 64 KiB, its marks for output", LOOP),
        Peer("uvloop", "uvloop, Protocol", "its marks for output", LOOP, "uvloop"),
        Peer("rloop", "rloop, Protocol", "its marks for output", LOOP, "rloop"),
        Peer("asyncio-executor", "asyncio, run_in_executor(4)", "its marks for output", LOOP),
        Peer("uvloop-executor", "uvloop, run_in_executor(4)", "its marks for output", LOOP, "uvloop"),
        Peer("trio", "trio", "none", OTHERS, "trio"),
        Peer("twisted", "Twisted, LineReceiver", "lines of 4 KiB", OTHERS, "twisted"),
        Peer("gevent", "gevent, StreamServer", "none", OTHERS, "gevent"),
    )
}
