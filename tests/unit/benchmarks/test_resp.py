"""``benchmarks.resp``: a short round of each side, and the table."""

from __future__ import annotations

import pytest

from benchmarks import resp


@pytest.mark.needs("redis-benchmark", "taskset")
@pytest.mark.parametrize("pipeline", resp.PIPELINES)
def test_each_side_has_its_figures(
    pipeline: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resp, "SECONDS", 0.02)
    figures = resp.rounds(pipeline, 1, 200)
    assert list(figures) == list(resp.SIDES)
    assert all(rate > 0 and cpu > 0 for rows in figures.values() for rate, cpu in rows)
    resp.show(pipeline, figures)
    head, *rows = capsys.readouterr().out.strip().splitlines()
    assert head.startswith(f"{pipeline} at a time")
    assert [row[:22].strip() for row in rows] == list(resp.SIDES)
    assert rows[0].split()[-4:-2] == rows[1].split()[-2:] == ["1.00", "1.00"]
