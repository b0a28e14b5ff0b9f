"""Ward: what one examination knows: the findings, and the facts of every selector and channel that is alive.

A finding is said once a streak. When the same line makes the same mistake again it is said at the 8th, the 64th, the
512th time; ``times`` counts them all. Rules run at the end of each turn, on the thread that selects.

There is no lock: a finalizer or a signal handler may report while the same thread reports, and a fork would copy it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from nio.doctor._facts import WRITE, ChannelFacts, Facts
from nio.doctor._finding import Finding
from nio.doctor._place import Place
from nio.doctor._rules import Rule, found, is_power_of_eight, owed_for_good, own_rules

T = TypeVar("T")

_MOST = 1000  # findings that differ in code or line
_logger = logging.getLogger("nio.doctor")

_added: list[Rule] = []


def add_rule(rule: Rule) -> None:
    """Have every examination from now on apply ``rule``, too; again, with the same code, replaces it."""
    if not isinstance(rule, Rule):
        raise TypeError(f"add_rule() takes a Rule, not {rule!r:.100}")
    remove_rule(rule.code)
    _added.append(rule)


def remove_rule(code: str) -> None:
    """Forget a rule that was added; nothing if there is none of that code."""
    _added[:] = [rule for rule in _added if rule.code != code]


def rules() -> list[Rule]:
    """The rules over facts: the doctor's own, then those that were added."""
    return [*own_rules(), *_added]


def snapshot(weak: WeakKeyDictionary[Any, T]) -> list[T]:
    """The values as of now; another thread may add one meanwhile."""
    while True:
        try:
            return list(weak.values())
        except RuntimeError:
            pass  # one was added just now: once more


class Ward:
    """Collects findings; each of ``says`` is called with each one that is worth a word."""

    def __init__(self, say: Callable[[Finding], object] | None = None) -> None:
        self.says: list[Callable[[Finding], object]] = [] if say is None else [say]
        self._found: dict[tuple[str, Place], Finding] = {}
        self._times: dict[tuple[str, Place], Iterator[int]] = {}
        self._rules = rules()
        self._numbers = itertools.count(1)
        self._channels: WeakKeyDictionary[Any, ChannelFacts] = WeakKeyDictionary()

    @property
    def findings(self) -> list[Finding]:
        """What was found so far, in the order in which it was first seen."""
        return list(self._found.values())

    def report(self, finding: Finding) -> None:
        """Keep a finding; from any thread."""
        key = (finding.code, finding.place)
        if key not in self._found and len(self._found) >= _MOST:
            return
        times = next(self._times.setdefault(key, itertools.count(1)))
        self._found[key] = finding = replace(finding, times=times)
        if is_power_of_eight(times):
            says = tuple(self.says)
            for at, say in enumerate(says):
                if say not in says[:at]:
                    say(finding)

    def tell(self, code: str, evidence: str, place: Place) -> None:
        """Report a mistake of the table."""
        self.report(found(code, evidence, place))

    def channel(self, channel: object) -> ChannelFacts:
        """The facts of a channel, which is known from now on."""
        facts = self._channels.get(channel)
        if facts is None:
            facts = self._channels[channel] = ChannelFacts(next(self._numbers))
        return facts

    def known(self, channel: object) -> ChannelFacts | None:
        """The facts of a channel, if there are any."""
        return self._channels.get(channel)

    def all_channels(self) -> list[ChannelFacts]:
        """What is known of every channel that is alive."""
        return snapshot(self._channels)

    def end_turn(self, facts: Facts) -> None:
        """The turn is over: bring the facts up to date and apply the rules."""
        turn = facts.end()
        for rule in tuple(self._rules):
            if rule.scope == "turn":
                self._apply(rule, turn)
            else:
                for channel in turn.channels:
                    self._apply(rule, channel)
                if rule.code == "I05":
                    for channel in tuple(facts.owing.values()):
                        self._apply(rule, channel)
        for number in [number for number, channel in facts.owing.items() if channel.owed_turns >= 64]:
            del facts.owing[number]  # it has been said
        facts.let_go()

    def _apply(self, rule: Rule, facts: Any) -> None:
        try:
            finding = rule.check(facts)
        except Exception as error:
            self._rules = [one for one in self._rules if one is not rule]
            _logger.error("the rule %s raised, and is not applied any more", rule.code, exc_info=error)
            return
        if finding is not None:
            self.report(finding)

    def closing(self, channel: ChannelFacts) -> None:
        """A channel that a selector watches is being closed: what does it still owe?"""
        if not channel.owed or channel.trusted:
            return
        if channel.peer_ended:
            text = (
                f"{channel.owed} bytes owed to {channel.name} were dropped: its peer has ended its "
                "output, and may still read."
            )
            self.tell("I02", text, channel.closed_at)
        elif not channel.interest & WRITE:
            self.report(owed_for_good(channel, "the channel was closed"))
