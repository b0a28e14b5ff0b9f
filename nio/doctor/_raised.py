"""What an exception that ends a program, or a reactor's handler, says of it.

Many mistakes are exceptions with words of their own already. Here they get their code, and the line of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

from nio.doctor._finding import Finding
from nio.doctor._place import NOWHERE, Place, is_users
from nio.doctor._rules import found
from nio.doctor._ward import Ward, snapshot
from nio.doctor._watch_selectors import SelectorWatch
from nio.errors import (
    BufferOverflowError,
    CancelledKeyError,
    ForkedSelectorError,
    IllegalArgumentError,
    IllegalBlockingModeError,
    IllegalStateError,
)

_KINDS: list[tuple[str, type[BaseException], str]] = [
    ("P01", ForkedSelectorError, ""),
    ("S07", IllegalBlockingModeError, "configure_blocking(False)"),
    ("S08", IllegalArgumentError, "this channel has"),
    ("S10", CancelledKeyError, ""),
    ("S16", IllegalStateError, "select() called from inside"),
    ("S17", RuntimeError, "the selected keys changed during iteration"),
    ("B11", BufferOverflowError, ""),
    ("B07", UnicodeDecodeError, "unexpected end of data"),
    ("I12", ConnectionResetError, ""),
    ("I12", BrokenPipeError, ""),
]


def diagnosis(
    error: BaseException, none_accepted: Sequence[bool], selectors: SelectorWatch, ward: Ward
) -> Finding | None:
    """The mistake behind an exception, None if it is none of the table's."""
    place = _line_of(error)
    text = f"{type(error).__name__}: {str(error)[:160]}"
    if none_accepted and isinstance(error, AttributeError) and "'NoneType'" in str(error):
        return _nobody_accepted(none_accepted[0], place, text)
    for code, kind, words in _KINDS:
        if isinstance(error, kind) and words in str(error) and _is_about(code, selectors):
            return found(code, text + _cancelled(code, ward) + ".", place)
    if isinstance(error, Exception) and not ward.findings and (keys := _other_keys(selectors)):
        return found("P09", f"{text} has ended the loop, with {keys} channels registered.", place)
    return None


def _nobody_accepted(is_old_news: bool, place: Place, text: str) -> Finding:
    if is_old_news:
        evidence = f"accept() returned None, because its key is still selected from an earlier selection ({text})."
        return found("S02", evidence, place)
    return found("I10", f"accept() returned None: nobody waited any more ({text}).", place)


def _cancelled(code: str, ward: Ward) -> str:
    if code != "S10":
        return ""
    places = {str(facts.cancelled) for facts in ward.all_channels() if facts.cancelled.path}
    return f" (cancelled at {', '.join(sorted(places)[:3])})" if places else ""


def _is_about(code: str, selectors: SelectorWatch) -> bool:
    """A reset, or text that is cut, is a mistake where a loop serves others; a client or a script may end of it."""
    return code not in ("I12", "B07") or bool(selectors.selections)


def _other_keys(selectors: SelectorWatch) -> int:
    """How many channels a loop serves that has turned: more than the one whose handler raised."""
    most = max((loop.keys for loop in snapshot(selectors.loops)), default=0)
    return most if most > 1 else 0


def _line_of(error: BaseException) -> Place:
    """The innermost line of the user's in the traceback."""
    place, step = NOWHERE, error.__traceback__
    while step is not None:
        if is_users(step.tb_frame.f_code.co_filename):
            place = Place(step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return place
