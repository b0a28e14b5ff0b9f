"""The JDK's answers to every recorded case over buffers and coders, and the adapter that speaks them to ``nio``.

``data/buffer_cases.jsonl`` and ``data/buffer_cases_more.jsonl`` were recorded with JDK 17; ``covers`` names the
statements that a case shows.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nio.charset import CharsetDecoder, CharsetEncoder, CoderResult
from tests.jdk import _buffers, _methods, _values
from tests.jdk._buffers import DIFFERENCES, Difference, UnknownOperationError, meant, passed_over, play
from tests.jdk._replay import Case, load, replay_one

DATA = Path(__file__).parent / "data"
CASES = [case for name in ("buffer_cases", "buffer_cases_more") for case in load(DATA / f"{name}.jsonl")]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_is_answered_as_by_the_jdk(case: Case) -> None:
    outcome = replay_one(case)
    assert outcome.passed, "\n".join(("nio differs from the JDK:", *outcome.difference))


# statements 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
# statements 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56
# statements 57, 58, 59, 60, 61, 62, 63, 64, 65
def test_cases_show_every_statement_about_buffers_and_coders() -> None:
    assert set(range(1, 66)) - {number for case in CASES for number in case.covers} == set()


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("op", ["fly 0", "call 0 fly", "=1 0 fly i5", "call 0", "", "wrapped 0 byte 1"])
def test_an_unknown_operation_cannot_be_played(op: str) -> None:
    script = ["new 0 byte heap 8", op]
    with pytest.raises(UnknownOperationError):
        passed_over(script)
    outcome = replay_one(Case("unknown", tuple(script), (("obj | 0 8 8 -1 wha0 B 6522df69",), ("!NoMethod",))))
    assert "UnknownOperationError" in outcome.difference[-1]


def test_a_call_of_what_has_no_methods_cannot_be_played() -> None:
    with pytest.raises(UnknownOperationError):
        play(["new 0 byte heap 8", "=1 0 get", "call 1 get"])


def test_methods_are_chosen_by_the_types_of_the_arguments() -> None:
    """What the driver says where Java has the name and no such overload, asked of JDK 17."""
    script = [
        "new 0 byte heap 4",
        "new 1 int heap 1",
        "call 0 putInt s4",
        "call 0 put @1",
        "call 1 getInt",
        "call 9 get",
    ]
    answers = [answer.split(" | ")[0] for answer in play(script)]
    assert answers[2:] == ["!NoMethod", "!NoMethod", "!NoMethod", "!NoSlot"]


def test_an_intended_difference_covers_the_result_only_never_the_state() -> None:
    op, state = "call 1 put @1", "0 4 4 -1 rd- B 2144df1c"
    refused = f"!ReadOnlyBufferException | {state}"
    assert meant(op, f"!IllegalArgumentException | {state}", refused)
    assert meant(op, f"!IllegalArgumentException | 1{state[1:]}", refused) is None
    assert meant(op, f"self | {state}", refused) is None
    assert meant(op, refused, f"!IllegalArgumentException | {state}") is None
    assert meant("call 0 toString", "S0041005b0031 | 1", "S00420043005b0031 | 1")
    assert meant("call 0 toString", "S0041005b0031 | 1", "S0041005b0032 | 1") is None
    assert meant("call 0 toString", "S0041 | 1", "S0042 | 1") is None
    assert meant("call 0 isLegalReplacement Abyte:1", "T [1] | coder", "!LeftOut [1] | coder")


def test_a_signalling_nan_excuses_checksums_only() -> None:
    loud, quiet = "self | 4 16 16 -1 wha0 B 2e26b648", "self | 4 16 16 -1 wha0 B e4ddcd35"
    script = ["new 0 byte heap 16", "call 0 putFloat f7f800001", "call 0 putFloat i4 fffa00000"]
    assert meant(script[1], loud, quiet, script)
    assert meant(script[1], loud, quiet, script[2:])
    assert meant(script[1], loud, quiet.replace("4 16", "5 16"), script) is None
    for number in ("7fc00001", "7f800000", "ffc00000", "3f800000"):
        assert meant(script[1], loud, quiet, [f"call 0 putFloat f{number}"]) is None
    assert meant(script[1], loud, quiet, ["call 0 put Afloat:7f800001"]) is None


def test_coding_in_place_excuses_what_it_leaves() -> None:
    script = ["new 0 byte heap 9", "=1 0 duplicate", "=2 1 asCharBuffer", "dec 3 UTF-8", "call 3 decode @0 @2 z1"]
    assert meant("state 0", "- | 1", "- | 2", script)
    assert meant("state 0", "- | 1", "- | 2", [*script[:2], "new 2 char heap 9", *script[3:]]) is None
    assert meant("state 0", "- | 1", "- | 2", script[:-1]) is None
    assert meant("state 0", "- | 1", "- | 2", [*script[:-1], "new 0 byte heap 1", script[-1]]) is None


def test_a_charset_that_one_lacks_excuses_its_coder_only() -> None:
    script, unknown = ["enc 7 x-IBM942", "call 7 charset"], "!UnsupportedCharsetException | none"
    assert meant(script[0], "obj | coder", unknown, script)
    assert meant(script[0], unknown, "obj | coder", script)
    assert meant(script[1], "x-IBM942 | coder", "!NoSlot | none", script)
    assert meant("call 8 charset", "x-IBM942 | coder", "!NoSlot | none", script) is None
    assert meant(script[1], "x-IBM942 | coder", "UTF-8 | coder", script) is None
    assert meant(script[0], "obj | coder", "!IllegalCharsetNameException | none", script) is None


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_every_difference_counts_answers_or_says_where_it_is_made(difference: Difference) -> None:
    if difference.agree is None and difference.agree_in_all is None:
        module, _, name = difference.reason.rpartition("(")[2].rstrip(")").partition(".")
        assert hasattr({"_methods": _methods, "_values": _values, "_buffers": _buffers}[module], name or "__doc__")


def test_left_out_methods_have_no_counterpart() -> None:
    """One that nio gets after all is to be compared like any other."""
    classes = [*_values.CLASSES.values(), CharsetDecoder, CharsetEncoder, CoderResult]
    for kind, (owner, table) in zip(classes, _methods.METHODS.items(), strict=True):
        for name, overloads in table.items():
            if overloads[0].call is _methods.left_out:
                assert not hasattr(kind, _methods.snake(name)), f"{owner}.{name}"


def test_every_public_method_is_spoken() -> None:
    """What Java's classes have, nio's have, and the adapter calls it."""
    made_elsewhere = {"allocate", "allocate_direct", "wrap"}
    ours_alone = {"view", "get_bytes", "diagram"}
    spoken = {_methods.snake(name) for name in _methods.NAMES} | {"raise_", "get_into", "get_into_at"}
    spoken |= {f"{name}_at" for name in spoken if name.startswith("put")}
    spoken |= {"malformed_for_length", "unmappable_for_length", "UNDERFLOW", "OVERFLOW"}
    for kind in (*_values.CLASSES.values(), CharsetDecoder, CharsetEncoder, CoderResult):
        public = {name for name in dir(kind) if not name.startswith("_")}
        assert public - spoken - made_elsewhere - ours_alone == set()
