"""Rules of one's own, rules that raise, and how often a finding is said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from nio.doctor import ChannelFacts, Finding, Place, Rule, TurnFacts, add_rule, examine, remove_rule
from nio.doctor._facts import Facts, Work
from nio.doctor._rules import i07, s02, t01
from nio.doctor._ward import Ward, rules
from tests.unit.doctor.test_broken import PROGRAMS

MS = 1_000_000


def chatty(channel: ChannelFacts) -> Finding | None:
    """Somebody's rule."""
    if not channel.reads:
        return None
    return Finding("X01", f"{channel.name} was read.", channel.last_place, "Read less.")


@pytest.fixture
def added() -> Iterator[Rule]:
    rule = Rule("X01", chatty, mistake="reading", fix="Read less.", lesson="None.")
    add_rule(rule)
    yield rule
    remove_rule("X01")


def test_a_rule_of_one_s_own_is_applied(added: Rule) -> None:
    done = examine(str(PROGRAMS["S10"]))
    assert [finding.code for finding in done.findings] == ["S10"]  # nothing was read there
    done = examine(str(PROGRAMS["I07"]))
    assert {finding.code for finding in done.findings} == {"I07", "X01"}


def test_the_same_code_again_replaces_it(added: Rule) -> None:
    another = Rule("X01", lambda turn: None, scope="turn")
    add_rule(another)
    assert rules()[-1] is another
    assert added not in rules()
    remove_rule("X02")
    with pytest.raises(TypeError, match=r"add_rule\(\) takes a Rule, not 7"):
        add_rule(7)  # type: ignore[arg-type]


def test_a_rule_that_raises_is_dropped_with_a_line(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[TurnFacts] = []

    def broken(turn: TurnFacts) -> Finding | None:
        calls.append(turn)
        raise KeyError("x")

    add_rule(Rule("X02", broken, scope="turn"))
    try:
        ward, facts = Ward(), Facts()
    finally:
        remove_rule("X02")
    with caplog.at_level(logging.ERROR, "nio.doctor"):
        for _ in range(3):
            facts.begin()
            ward.end_turn(facts)
    assert len(calls) == 1
    assert caplog.messages == ["the rule X02 raised, and is not applied any more"]


def test_a_finding_is_said_at_the_1st_8th_and_64th_time() -> None:
    said: list[int] = []
    ward = Ward(lambda finding: said.append(finding.times))
    for _ in range(100):
        ward.report(Finding("X", "something", Place("a.py", 1)))
    assert said == [1, 8, 64]
    assert [finding.times for finding in ward.findings] == [100]


def test_a_finalizer_may_report_while_its_thread_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    ward, dropped = Ward(), [Finding("Y", "dropped")]

    def collected(finding: Finding, **changes: int) -> Finding:
        """The garbage collector runs here."""
        if dropped:
            ward.report(dropped.pop())
        return replace(finding, **changes)  # type: ignore[arg-type]  # times

    monkeypatch.setattr("nio.doctor._ward.replace", collected)
    ward.report(Finding("X", "something"))
    assert [(finding.code, finding.times) for finding in ward.findings] == [("Y", 1), ("X", 1)]


def test_findings_that_differ_have_an_end() -> None:
    ward = Ward()
    for line in range(2000):
        ward.report(Finding("X", "something", Place("a.py", line)))
    assert len(ward.findings) == 1000


def test_what_a_finding_reads_like() -> None:
    assert str(Finding("X", "It is so.", Place("/a/b.py", 3), "Do that.")) == "X b.py:3: It is so. Do that."
    assert str(Finding("X", "It is so.")) == "X It is so."


def test_a_channel_has_a_name() -> None:
    assert ChannelFacts(3).name == "stream 3"
    assert ChannelFacts(3, "pipe", "1.2.3.4:5").name == "pipe 3 (1.2.3.4:5)"
    assert s02(ChannelFacts(3, kept=64)) is None  # of no turn
    assert i07(ChannelFacts(3, reads=99, bytes_read=1 << 30)) is None
    assert i07(ChannelFacts(3, reads=99, bytes_read=1 << 30, turn=TurnFacts())) is None  # nobody else waits


@pytest.mark.parametrize(
    ("work", "ready", "code"),
    [
        (Work(300 * MS, 1 * MS), 1, "T01"),
        (Work(300 * MS, 1 * MS, inside="sleep"), 1, "T01"),
        (Work(300 * MS, 299 * MS), 1, "T02"),
        (Work(300 * MS, 299 * MS), 12, ""),  # many were served
        (Work(300 * MS, 10 * MS, others=280 * MS), 1, ""),  # the others had the interpreter
        (Work(300 * MS, 10 * MS, queued=280 * MS), 1, ""),  # the machine is busy
        (Work(300 * MS, 60 * MS, others=230 * MS), 1, ""),  # some of both
        (Work(400 * MS, 200 * MS, queued=140 * MS), 1, "T02"),  # 60 ms of nobody knows what
        (Work(40 * MS), 1, ""),
    ],
)
def test_waiting_computing_and_a_machine_that_is_busy_are_told_apart(work: Work, ready: int, code: str) -> None:
    turn = TurnFacts(work=[work])
    turn.channels = [ChannelFacts(number, ready=1) for number in range(ready)]
    finding = t01(turn)
    assert (finding.code if finding else "") == code
    assert finding is None or ("in sleep" in finding.evidence) == bool(work.inside)


def test_what_is_owed_is_forgotten_with_the_channel_and_waits_while_armed() -> None:
    facts, channel = Facts(), ChannelFacts(1)
    facts.begin()
    facts.write(channel, 1, 5, Place())
    facts.end()
    assert channel.owed_turns == 1
    channel.interest = 4
    facts.end()
    assert channel.owed_turns == 0
    channel.closed = True
    facts.end()
    assert facts.owing == {}


def test_so_many_owe_and_no_more_are_followed() -> None:
    facts = Facts()
    facts.most_owing = 2
    facts.begin()
    for number in range(3):
        facts.write(ChannelFacts(number), 0, 5, Place())
    assert len(facts.owing) == 2


def vars_of(channel: ChannelFacts) -> dict[str, object]:
    return {name: getattr(channel, name) for name in channel.__slots__}


def test_the_facts_of_a_turn_that_is_over_hold_no_others() -> None:
    ward, facts, channel = Ward(), Facts(), ChannelFacts(1)
    turn = facts.begin()
    facts.read(channel, 5, 64, Place())
    assert channel.turn is turn
    ward.end_turn(facts)
    assert (turn.channels, channel.reads) == ([], 1)
    assert vars_of(channel)["turn"] is None
    facts.begin()
    facts.read(channel, 5, 64, Place())
    assert channel.reads == 1  # of the new turn
