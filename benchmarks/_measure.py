"""One work: all its servers are up at the same time and loaded in turn, a slice each in a round, in an order by chance.

So whatever else the machine does hits all of them, and ratios are made within a round. A server that is not here is
named with the reason; one that answers wrongly, or not, is named and left out from then on.
"""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks._children import Contest, FaultError, Slice, loader_command
from benchmarks._peers import PEERS
from benchmarks._tools import AbsentError, Tools
from benchmarks._works import Work

SPARE = 200  # descriptors
Say = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """How much is measured, and on which processors."""

    rounds: int
    seconds: float
    processors: list[int]
    idle: int = 1 << 30  # at most

    def servers(self, work: Work) -> set[int]:
        return {self.processors[0]} if work.pinned else set(self.processors)

    @property
    def loader(self) -> set[int]:
        """The last one: another than the servers' where there are two."""
        return {self.processors[-1]}


def idle_of(contender: str, connections: int, most: int) -> int:
    """How many idle connections: what the name says, unless the limit of descriptors, or ``most``, is lower."""
    wanted = int(contender.partition("@")[2] or 0)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = wanted if limit == resource.RLIM_INFINITY else max(0, limit - connections - SPARE)
    return min(wanted, room, most)


class Race:
    """One work and who takes part."""

    def __init__(self, work: Work, tools: Tools, plan: Plan, say: Say) -> None:
        self.work, self.tools, self.plan = work, tools, plan
        self.say: Say = lambda text: say(f"{work.name}: {text}")
        self.figures: dict[str, list[Slice]] = {}
        self.absent: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.idle: dict[str, int] = {}
        self.loader = loader_command(tools)
        self._contests: dict[str, Contest] = {}

    def run(self, contenders: Iterable[str]) -> None:
        chance = random.Random(self.work.name)
        try:
            for contender in contenders:
                self.say(f"{contender} starts")
                self._attempt(contender, self._enter)
            for number in range(self.plan.rounds):
                order = list(self.figures)
                chance.shuffle(order)
                self.say(f"round {number + 1} of {self.plan.rounds}, {len(order)} servers")
                for contender in order:
                    self._attempt(contender, self._load)
        finally:
            close_all(self._contests.values())

    def _attempt(self, contender: str, act: Callable[[str], None]) -> None:
        try:
            act(contender)
        except AbsentError as error:
            self.absent[contender] = str(error)
        except FaultError as error:
            self.failed[contender] = str(error)
            self.figures.pop(contender, None)
            self.say(f"{contender} is left out: {error}")

    def _enter(self, contender: str) -> None:
        peer, idle = PEERS[contender.partition("@")[0]], idle_of(contender, self.work.connections, self.plan.idle)
        command = peer.command(self.tools, self.work.kind)
        contest = self._contests[contender] = Contest(command, self.plan.servers(self.work))
        contest.load(self.loader, self.work, idle, self.plan.loader)
        contest.run(peer.warm_up)
        self.figures[contender] = []
        if "@" in contender:
            self.idle[contender] = idle

    def _load(self, contender: str) -> None:
        self.figures[contender].append(self._contests[contender].run(self.plan.seconds))


def measure(work: Work, contenders: Iterable[str], tools: Tools, plan: Plan, say: Say) -> dict[str, Any]:
    """What is written of it: a list of figures, one a round, for each contender; who was absent, and who failed."""
    race = Race(work, tools, plan, say)
    race.run(contenders)
    return {
        "title": work.title,
        "date": datetime.now(UTC).date().isoformat(),
        "prime": "rate" if work.rate else "cpu",
        "pinned": work.pinned and len(plan.processors) > 1,
        "loader": "C" if len(race.loader) == 1 else "Python",
        "seconds": plan.seconds,
        "idle": race.idle,
        "contenders": {name: columns(slices) for name, slices in race.figures.items() if slices},
        "absent": race.absent,
        "failed": race.failed,
    }


def columns(slices: list[Slice]) -> dict[str, list[float]]:
    """By round: microseconds of the server's CPU for a request, requests a second, and how busy the loader was."""
    return {
        "cpu": [round(each.server_cpu / each.requests * 1e6, 4) for each in slices],
        "rate": [round(each.requests / each.seconds, 1) for each in slices],
        "loader": [round(each.loader_cpu / each.seconds, 3) for each in slices],
    }


def close_all(contests: Iterable[Contest]) -> None:
    """Every one, whatever happens meanwhile."""
    left = iter(list(contests))
    try:
        for contest in left:
            contest.close()
    finally:
        if rest := list(left):
            close_all(rest)
