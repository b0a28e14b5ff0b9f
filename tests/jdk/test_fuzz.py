"""The fuzzer: short runs against the JDK, and that it finds, shrinks and prints what differs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import cast

import pytest

from tests.jdk.__main__ import NO_JDK, main
from tests.jdk._fuzz import Drawn, Kind, fuzz
from tests.jdk._fuzz_kinds import KINDS
from tests.jdk._fuzz_selectors import playable
from tests.jdk._java import Jdk

OPERATIONS = {"buffers": 4_000, "charsets": 4_000, "selectors": 240}  # of a short run
DRAWN = 300


# statements 1, 25, 30, 43, 59, 60, 61, 62, 64
# statements 66, 67, 77, 79, 84, 92, 98, 102, 129, 131, 134, 137, 141, 152, 154, 156, 170
@pytest.mark.needs("java", "javac")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_nio_answers_random_programs_as_the_jdk_does(kind: Kind) -> None:
    out, operations = io.StringIO(), OPERATIONS[kind.name]
    status = fuzz(kind, Jdk(kind.driver), Random().randrange(1_000_000), operations, out)
    assert status == 0, out.getvalue()
    assert f"{operations} operations in {operations // kind.length} programs" in out.getvalue()
    assert out.getvalue().endswith(" 0 programs differ\n")


@pytest.mark.parametrize(
    ("program", "harmless"),
    [
        (["pipe p", "read p.src 1"], ["pipe p", "block p.src F", "read p.src 1"]),
        (["sc k", "finish k"], ["sc k", "block k T", "block k F", "finish k"]),
        (["accept L x", "scatter x 1"], ["accept L x", "close x", "scatter x 1"]),
        (["pair a b", "block a T", "read a 1"], ["block a T", "pair a b", "block a F", "read a 1"]),
        (
            ["async t select S 250", "wakeup S", "now S", "join t 3000"],
            ["async t select S 250", "wakeup S", "join t 3000", "now S"],
        ),
    ],
)
def test_a_part_of_a_scenario_that_would_block_is_not_played(program: list[str], harmless: list[str]) -> None:
    assert not playable(program)
    assert playable(harmless)


def test_a_difference_that_does_not_show_again_is_counted_as_such() -> None:
    asked = 0

    def wrong_at_first(jdk: Jdk, programs: Sequence[Sequence[str]]) -> list[list[str]]:
        nonlocal asked
        asked += 1
        return [["busy"] * len(program) if asked == 1 else add(program, wrong_from=20) for program in programs]

    out = io.StringIO()
    assert fuzz(Kind("sums", "no driver", Adder(), draw_sum, wrong_at_first, 5, at_once=2), NOBODY, 1, 5, out) == 0
    first, last = out.getvalue().splitlines()
    assert first == "1 programs differed once and did not when played again"
    assert last.startswith("sums, seed 1: 5 operations in 1 programs, ")


class Adder:
    """The side of nio of a toy: ``add N`` answers the sum, ``show`` too, unless it is to be wrong about it."""

    def passed_over(self, script: Iterable[str]) -> str | None:
        return None

    def play(self, script: Iterable[str]) -> list[str]:
        return add(script, wrong_from=20)

    def meant(self, op: str, expected: str, answer: str, script: Sequence[str] = ()) -> str | None:
        return "thirty is shown as 29" if (expected, answer) == ("30", "29") else None


def add(script: Iterable[str], wrong_from: int = 1_000_000) -> list[str]:
    """The answers of a toy; from ``wrong_from`` on ``show`` is one too few."""
    total, answers = 0, []
    for op in script:
        word, *number = op.split()
        total += sum(map(int, number))
        answers.append(str(total - (word == "show" and total >= wrong_from)))
    return answers


def draw_sum(random: Random, size: int) -> Drawn:
    script = [random.choice(["show", *(f"add {number}" for number in range(7))]) for _ in range(size)]
    return list(zip(script, Adder().play(script), strict=True))


def right_answers(jdk: Jdk, programs: Sequence[Sequence[str]]) -> list[list[str]]:
    return [add(program) for program in programs]


TOY = Kind("sums", "no driver", Adder(), draw_sum, right_answers)
NOBODY = cast("Jdk", None)


def test_a_difference_is_shrunk_until_nothing_can_be_left_out() -> None:
    out = io.StringIO()
    assert fuzz(TOY, NOBODY, 1, 300, out) == 1
    printed = [line for line in out.getvalue().splitlines() if line.startswith("{")]
    assert [json.loads(line)["name"] for line in printed] == ["sums_seed_1_program_0", "sums_seed_1_program_1"]
    for line in printed:
        case = json.loads(line)
        ops = case["ops"]
        assert case["expect"] == add(ops) != Adder().play(ops)
        for left_out in range(len(ops)):
            rest = ops[:left_out] + ops[left_out + 1 :]
            assert add(rest) == Adder().play(rest)
    assert out.getvalue().endswith("2 programs differ\n")


def test_what_is_meant_to_differ_is_counted_and_named() -> None:
    def thirty(random: Random, size: int) -> Drawn:
        script = ["add 30", "show"]
        return list(zip(script, Adder().play(script), strict=True))

    out = io.StringIO()
    assert fuzz(Kind("sums", "no driver", Adder(), thirty, right_answers), NOBODY, 1, 600, out) == 0
    first, last = out.getvalue().splitlines()
    assert first == "3 meant: thirty is shown as 29"
    assert last.startswith("sums, seed 1: 6 operations in 3 programs, 0 % raised, ")


def test_only_a_few_differences_are_shrunk_and_all_are_counted() -> None:
    out = io.StringIO()
    assert fuzz(TOY, NOBODY, 2, 2_000, out) == 1
    assert sum(line.startswith("{") for line in out.getvalue().splitlines()) == 3
    assert out.getvalue().endswith(" 10 programs differ\n")


@pytest.fixture(scope="module", params=KINDS.values(), ids=list(KINDS))
def drawn(request: pytest.FixtureRequest) -> tuple[Kind, list[Drawn]]:
    """Three programs, two of them for the same seed."""
    with ThreadPoolExecutor(3) as pool:  # some sleep
        return request.param, list(pool.map(lambda seed: request.param.draw(Random(seed), DRAWN), "112"))


def test_programs_are_the_same_for_the_same_seed_and_others_for_another(drawn: tuple[Kind, list[Drawn]]) -> None:
    _, (first, again, other) = drawn
    assert first == again
    assert first != other
    assert len(first) == DRAWN


def test_drawn_programs_hold_known_operations_that_do_not_block_most_of_them_legal(
    drawn: tuple[Kind, list[Drawn]],
) -> None:
    kind, (first, _, other) = drawn
    program = [*first, *other]
    assert kind.adapter.passed_over(op for op, _ in program) is None
    assert kind.playable([op for op, _ in first])
    assert kind.playable([op for op, _ in other])
    raised = sum(answer.startswith("!") for _, answer in program)
    assert 0.01 < raised / len(program) < 0.35


def test_without_a_jdk_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main(["fuzz", "--kind", "buffers", "--ops", "10"]) == NO_JDK == 8
    assert "openjdk-17-jdk-headless" in capsys.readouterr().err
