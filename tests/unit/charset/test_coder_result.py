"""CoderResult and CodingErrorAction."""

from __future__ import annotations

from collections.abc import Callable
from io import UnsupportedOperation
from typing import cast

import pytest

from nio.charset import CoderResult, CodingErrorAction
from nio.errors import (
    BufferOverflowError,
    BufferUnderflowError,
    CharacterCodingError,
    IllegalArgumentError,
    MalformedInputError,
    UnmappableCharacterError,
)

MALFORMED, UNMAPPABLE = CoderResult.malformed_for_length(3), CoderResult.unmappable_for_length(2)


@pytest.mark.parametrize(
    ("result", "text", "underflow", "overflow", "malformed", "is_unmappable"),
    [
        (CoderResult.UNDERFLOW, "UNDERFLOW", True, False, False, False),
        (CoderResult.OVERFLOW, "OVERFLOW", False, True, False, False),
        (MALFORMED, "MALFORMED[3]", False, False, True, False),
        (UNMAPPABLE, "UNMAPPABLE[2]", False, False, False, True),
    ],
)
def test_a_result_is_of_one_kind_and_says_so(
    result: CoderResult, text: str, underflow: bool, overflow: bool, malformed: bool, is_unmappable: bool
) -> None:
    # statement 62
    assert (str(result), repr(result)) == (text, f"CoderResult.{text}")
    assert (result.is_underflow, result.is_overflow) == (underflow, overflow)
    assert (result.is_malformed, result.is_unmappable) == (malformed, is_unmappable)
    assert result.is_error is (malformed or is_unmappable)


def test_only_an_error_has_a_length() -> None:
    # statement 62
    assert (MALFORMED.length, UNMAPPABLE.length) == (3, 2)
    for result in (CoderResult.UNDERFLOW, CoderResult.OVERFLOW):
        with pytest.raises(UnsupportedOperation, match=f"{result} has no length"):
            _ = result.length


def test_results_are_values() -> None:
    assert CoderResult.malformed_for_length(3) == MALFORMED
    assert hash(CoderResult.malformed_for_length(3)) == hash(MALFORMED)
    assert CoderResult.malformed_for_length(3) is MALFORMED  # as in Java, where there is no equals()
    assert CoderResult.malformed_for_length(2) not in (MALFORMED, UNMAPPABLE, CoderResult.UNDERFLOW, "MALFORMED[2]")


@pytest.mark.parametrize("make", [CoderResult.malformed_for_length, CoderResult.unmappable_for_length])
def test_a_length_is_an_int_above_0(make: Callable[[int], CoderResult]) -> None:
    for wrong in (0, -1):
        with pytest.raises(IllegalArgumentError, match=f"length must be 1 or more, not {wrong}"):
            make(wrong)
    for other in (True, 1.0, "1", None):
        with pytest.raises(TypeError, match="length must be an int"):
            make(cast("int", other))


def test_a_result_can_be_raised() -> None:
    # statement 62
    with pytest.raises(BufferUnderflowError):
        CoderResult.UNDERFLOW.raise_()
    with pytest.raises(BufferOverflowError):
        CoderResult.OVERFLOW.raise_()
    with pytest.raises(MalformedInputError, match="Input length = 3") as malformed:
        MALFORMED.raise_()
    with pytest.raises(UnmappableCharacterError, match="Input length = 2") as unmappable:
        UNMAPPABLE.raise_()
    assert (malformed.value.input_length, unmappable.value.input_length) == (3, 2)
    for error in (malformed.value, unmappable.value):
        assert isinstance(error, CharacterCodingError)
        assert isinstance(error, OSError)
        assert isinstance(error, UnicodeError)


def test_actions_print_as_in_java() -> None:
    assert [str(action) for action in CodingErrorAction] == ["IGNORE", "REPLACE", "REPORT"]
