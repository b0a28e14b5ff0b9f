"""Counters in Prometheus' text format, as ``/metrics`` gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nio.inspector._figures import Figures
from nio.inspector._tick import Json

_GAUGES = {"open", "timers"}
_HELP = {
    "connections": "connections accepted or connected",
    "open": "connections that are there",
    "requests": "records handed to process()",
    "dropped": "replies whose connection was gone",
    "bytes_in": "bytes received",
    "bytes_out": "bytes sent",
    "turns": "turns of the loops",
    "lost": "workers that had a record beyond its time",
    "abandoned": "connections cut when the drain time was over",
    "refused": "connections closed at once, of peers that have all they may have",
    "spins": "rows of 512 turns that were woken for nothing",
    "timers": "timers that are set",
    "busy": "nanoseconds that the loops were at work",
}


def as_prometheus(counters: Json, figures: Figures, queued: int) -> str:
    """The whole answer."""
    return "".join(f"{line}\n" for line in _lines(counters, figures, queued))


def _lines(counters: Json, figures: Figures, queued: int) -> Iterator[str]:
    for name, value in counters.items():
        if isinstance(value, dict):
            yield f"# HELP nio_{name}_total connections that have ended, by reason"
            yield f"# TYPE nio_{name}_total counter"
            for reason, count in sorted(value.items()):
                yield f'nio_{name}_total{{reason="{reason}"}} {count}'
        else:
            yield from _number(name, value, _HELP.get(name, name), is_gauge=name in _GAUGES)
    yield from _number("queued_bytes", queued, "bytes of output that the kernel has not taken", is_gauge=True)
    if figures.turns:
        yield from _number("busy_ratio", round(figures.busy, 4), "share of its time that a loop works", is_gauge=True)
        if "turns" not in counters:
            yield from _number("turns", figures.turns, "selections", is_gauge=False)
        yield "# HELP nio_select_returns_total selections, by what ended them"
        yield "# TYPE nio_select_returns_total counter"
        for reason, count in figures.why.items():
            yield f'nio_select_returns_total{{why="{reason}"}} {count}'
        yield from _histogram(figures.lag_us, figures.lag_sum_us)


def _number(name: str, value: float, words: str, *, is_gauge: bool) -> Iterator[str]:
    full = f"nio_{name}" if is_gauge else f"nio_{name}_total"
    yield f"# HELP {full} {words}"
    yield f"# TYPE {full} {'gauge' if is_gauge else 'counter'}"
    yield f"{full} {value}"


def _histogram(buckets: Sequence[int], total_us: int) -> Iterator[str]:
    """How long a loop was away from its selection: the time that a channel which gets ready has to wait."""
    yield "# HELP nio_loop_lag_seconds time from the end of a selection to the next one"
    yield "# TYPE nio_loop_lag_seconds histogram"
    so_far = 0
    for power, count in enumerate(buckets[:-1]):
        so_far += count
        yield f'nio_loop_lag_seconds_bucket{{le="{(1 << power) / 1e6:g}"}} {so_far}'
    yield f'nio_loop_lag_seconds_bucket{{le="+Inf"}} {so_far + buckets[-1]}'
    yield f"nio_loop_lag_seconds_sum {total_us / 1e6:g}"
    yield f"nio_loop_lag_seconds_count {so_far + buckets[-1]}"
