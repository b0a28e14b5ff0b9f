"""What is met seldom."""

from __future__ import annotations

import json
from collections import deque

import pytest

from nio import doctor
from nio.inspector import _gate
from nio.inspector._collector import Collector, as_json
from nio.inspector._figures import Figures
from nio.inspector._gate import Gate
from nio.inspector._inject import Puppet
from nio.inspector._metrics import as_prometheus
from nio.inspector._view import _add
from nio.reactor import CloseReason
from nio.spi import SelectorProvider
from nio.trace import THREAD, TURN
from tests.unit.inspector.support import serving


def test_metrics_of_a_program_without_a_reactor() -> None:
    figures = Figures()
    figures.feed((THREAD, 0, 0, "loop"), [(TURN, 0, 5, -1, 1, 0)])
    text = as_prometheus({"closed": {"PEER_FIN": 3, "DRAIN": 1}}, figures, 0)
    assert "nio_turns_total 1\n" in text
    assert 'nio_closed_total{reason="DRAIN"} 1\nnio_closed_total{reason="PEER_FIN"} 3\n' in text


def test_a_slow_turn_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gate, "SLOW", 0.0)
    gate = Gate(SelectorProvider.default())
    gate.be_slow()
    gate.pass_through()
    gate.be_slow()
    assert not gate.is_slow


def test_what_is_no_counter_is_left_out() -> None:
    sums: dict[str, object] = {}
    for value in (("a",), 2, 3):
        _add(sums, "x", value)
    for _ in range(2):
        _add(sums, "closed", {CloseReason.DRAIN: 1})
    assert sums == {"x": 5, "closed": {"DRAIN": 2}}


def test_strict_mode_is_asked_where_it_is_on() -> None:
    provider = SelectorProvider.default()
    collector = Collector(provider, None, None, "x")
    with doctor.strict(None) as strict:
        strict._ward.tell("S03", "as asked", doctor.Place("/a/b.py", 7))
        [finding] = json.loads(collector.tick({}))["findings"]
    assert (finding["code"], finding["evidence"], finding["place"]) == ("S03", "as asked", "b.py:7")
    assert finding["fix"]
    assert collector.findings() == []
    assert as_json(doctor.Finding("X", "y"))["place"] == ""


def test_a_client_that_never_came_is_not_missed() -> None:
    everybody: deque[Puppet] = deque()
    Puppet(everybody).on_close(CloseReason.CONNECT_FAILED)
    assert not everybody


def test_a_page_that_comes_back_in_time_keeps_the_loop_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.inspector._site._GRACE", 0.2)
    with serving("teach") as server, server.events() as first:
        server.do("pause")
        first.until(lambda tick: tick["held"])
        first.sock.close()
        first.file.close()
        with server.events() as second:
            for _ in range(30):
                second.tick()
            assert second.until(lambda tick: tick["held"])
            server.do("resume")
