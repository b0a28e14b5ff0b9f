"""What a coder says when it stops, and what it can be told to do about wrong input."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from io import UnsupportedOperation
from typing import ClassVar, NoReturn

from nio._numbers import check_count
from nio.errors import (
    BufferOverflowError,
    BufferUnderflowError,
    MalformedInputError,
    UnmappableCharacterError,
)


class CodingErrorAction(Enum):
    """IGNORE skips wrong input, REPLACE skips it and writes the replacement, REPORT stops at it."""

    IGNORE = "IGNORE"
    REPLACE = "REPLACE"
    REPORT = "REPORT"

    def __str__(self) -> str:
        return self.value


class CoderResult:
    """Why a coder stopped.

    UNDERFLOW: the input is used up, or it ends inside a character. OVERFLOW: the next character does not fit into the
    output. Anything else is an error of ``length`` input units, which begin at the position of the input: malformed
    (not of the charset's form) or unmappable (well-formed, without a counterpart on the other side).
    """

    __slots__ = ("_length", "_word")

    UNDERFLOW: ClassVar[CoderResult]
    OVERFLOW: ClassVar[CoderResult]

    def __init__(self, word: str, length: int) -> None:
        self._word, self._length = word, length

    @staticmethod
    def malformed_for_length(length: int) -> CoderResult:
        """MALFORMED[length]; IllegalArgumentError below 1."""
        return _error("MALFORMED", length)

    @staticmethod
    def unmappable_for_length(length: int) -> CoderResult:
        """UNMAPPABLE[length]; IllegalArgumentError below 1."""
        return _error("UNMAPPABLE", length)

    @property
    def is_underflow(self) -> bool:
        """Whether the coder needs more input."""
        return self._word == "UNDERFLOW"

    @property
    def is_overflow(self) -> bool:
        """Whether there is no room for the next character."""
        return self._word == "OVERFLOW"

    @property
    def is_error(self) -> bool:
        """Whether the input is malformed or unmappable."""
        return self._length > 0

    @property
    def is_malformed(self) -> bool:
        """Whether the input is not of the charset's form."""
        return self._word == "MALFORMED"

    @property
    def is_unmappable(self) -> bool:
        """Whether the input has no counterpart on the other side."""
        return self._word == "UNMAPPABLE"

    @property
    def length(self) -> int:
        """The number of wrong input units; UnsupportedOperation unless this is an error."""
        if not self._length:
            raise UnsupportedOperation(f"{self} has no length")
        return self._length

    def raise_(self) -> NoReturn:
        """Raise this as BufferUnderflowError, BufferOverflowError, MalformedInputError or UnmappableCharacterError."""
        if self.is_underflow:
            raise BufferUnderflowError("the input ended")
        if self.is_overflow:
            raise BufferOverflowError("no room for the next character")
        raise MalformedInputError(self._length) if self.is_malformed else UnmappableCharacterError(self._length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CoderResult):
            return NotImplemented
        return (self._word, self._length) == (other._word, other._length)

    def __hash__(self) -> int:
        return hash((self._word, self._length))

    def __str__(self) -> str:
        return f"{self._word}[{self._length}]" if self._length else self._word

    def __repr__(self) -> str:
        return f"CoderResult.{self}"


CoderResult.UNDERFLOW = CoderResult("UNDERFLOW", 0)
CoderResult.OVERFLOW = CoderResult("OVERFLOW", 0)


@lru_cache(maxsize=64, typed=True)  # True is not 1
def _error(word: str, length: int) -> CoderResult:
    return CoderResult(word, check_count("length", length, 1))
