"""What is measured, and what is aimed at."""

from __future__ import annotations

from dataclasses import dataclass

FAST = ("nio", "raw", "asyncio", "uvloop", "rloop", "java", "c")
ALL = (*FAST[:3], "asyncio-bounded", "streams", *FAST[3:5], "trio", "twisted", "gevent", *FAST[5:])
ECHO = tuple(peer for peer in ALL if peer != "asyncio-bounded")
POOL = ("nio-pooled", "nio", "asyncio-executor", "uvloop-executor")
IDLE = 10_000


@dataclass(frozen=True)
class Work:
    """A load, and who serves it: ``NAME``, or ``NAME@IDLE`` with so many idle connections beside.

    ``kind`` is what the servers do; ``rate`` says that requests per second are the prime figure, and not CPU. Where
    several processors may help, the servers are not pinned to one.
    """

    name: str
    title: str
    connections: int = 100
    pipeline: int = 1
    length: int = 15
    kind: str = "hello"
    contenders: tuple[str, ...] = FAST
    rate: bool = False
    pinned: bool = True
    anew: bool = False

    @property
    def load(self) -> str:
        """What the loader is told to do."""
        return "anew" if self.anew else "echo" if self.kind == "echo" else "hello"


WORKS = {
    work.name: work
    for work in (
        Work("hello-1", "hello, 1 connection", connections=1),
        Work("hello-10", "hello, 10 connections", connections=10),
        Work("hello-100", "hello, 100 connections", contenders=ALL),
        Work("hello-1000", "hello, 1000 connections", connections=1000),
        Work("names-200", "names of 200 bytes", length=200),
        Work("names-1024", "names of 1 KiB", length=1024),
        Work(
            "pipeline-16", "16 names in one piece", pipeline=16, contenders=("nio", "nio-list", "nio-block", *ALL[1:])
        ),
        Work("connect", "connect, ask, close", connections=50, anew=True, contenders=ALL),
        Work("echo-64k", "echo of 64 KiB", connections=10, length=65536, kind="echo", contenders=ECHO),
        Work(
            "idle",
            "100 connections beside 10 000 idle ones",
            contenders=("nio", f"nio@{IDLE // 10}", *(f"{peer}@{IDLE}" for peer in ("nio", "asyncio", "uvloop", "c"))),
        ),
        Work("safety-cpu", "with nothing checked and nothing counted", contenders=("nio", "nio-bare")),
        Work("pool", "pool of 4, no work", contenders=POOL, rate=True),
        Work("pool-sleep", "pool of 4, 5 ms of sleep", kind="sleep", contenders=(POOL[0], *POOL[2:]), rate=True),
        Work("pool-hash", "pool of 4, SHA-256 of 64 KiB", kind="hash", contenders=POOL, rate=True, pinned=False),
        Work(
            "groups",
            "2 loops: threads, processes",
            contenders=("nio", "nio-multi", "nio-prefork"),
            rate=True,
            pinned=False,
        ),
    )
}


@dataclass(frozen=True)
class Extra:
    """A module of its own, told ``--json``: it prints a list of rounds, each ``{side: {figure: number}}``."""

    name: str
    title: str
    unit: str
    quick: tuple[str, ...] = ("--rounds", "2")
    package: str = ""  # that its interpreter has, if it can be had


EXTRAS = {
    extra.name: extra
    for extra in (
        Extra("imports", "import, beyond a bare interpreter", "ms"),
        Extra("timers", "timers, 9 of 10 cancelled", "ns", ("--rounds", "2", "--timers", "20000")),
        Extra("memory", "memory of an idle connection", "bytes", ("--rounds", "2", "--connections", "200"), "uvloop"),
        Extra("safety", "a request, 100 connections, without", "instructions", ()),
    )
}


@dataclass(frozen=True)
class Aim:
    """A ratio that is to be reached: of CPU, or of requests per second, or of a figure of an extra."""

    work: str
    ours: str
    peer: str
    limit: float
    measure: str = "cpu"
    at_least: bool = False

    def is_met(self, ratio: float) -> bool:
        """As printed, with two digits behind the point."""
        return round(ratio, 2) >= self.limit if self.at_least else round(ratio, 2) <= self.limit


def _hello(work: str) -> list[Aim]:
    limits = (("uvloop", 1.0), ("asyncio", 0.88), ("java", 1.15), ("c", 1.35))
    return [Aim(work, "nio", peer, limit) for peer, limit in limits]


AIMS = [
    *_hello("hello-100"),
    *_hello("hello-1000"),
    *_hello("names-200"),
    Aim("pipeline-16", "nio", "uvloop", 1.15),
    Aim("pipeline-16", "nio", "asyncio", 1.06),
    Aim("pipeline-16", "nio-list", "uvloop", 1.05),
    Aim("pipeline-16", "nio-block", "uvloop", 0.80),
    Aim("connect", "nio", "uvloop", 1.10),
    Aim("connect", "nio", "asyncio", 0.65),
    Aim("echo-64k", "nio", "uvloop", 1.0),
    Aim("idle", f"nio@{IDLE}", "nio", 1.02),
    Aim("idle", f"nio@{IDLE}", f"uvloop@{IDLE}", 1.0),
    Aim("pool", "nio-pooled", "asyncio-executor", 4.0, "rate", at_least=True),
    Aim("pool", "nio-pooled", "uvloop-executor", 3.2, "rate", at_least=True),
    Aim("pool", "nio-pooled", "nio", 0.82, "rate", at_least=True),
    Aim("pool-hash", "nio-pooled", "asyncio-executor", 3.0, "rate", at_least=True),
    Aim("imports", "nio", "asyncio", 0.45, "import"),
    Aim("imports", "nio.reactor", "asyncio", 0.75, "import"),
    Aim("memory", "nio", "uvloop", 0.85, "bytes"),
    Aim("timers", "nio", "asyncio", 0.45, "add"),
    Aim("timers", "nio", "asyncio", 0.82, "whole life"),
]
