"""What a decoder and an encoder have in common: one machine in two directions.

    RESET -> CODING -> END -> FLUSHED -> RESET

Input given with ``end_of_input=False`` leads to CODING, with True to END, ``flush`` to FLUSHED, ``reset`` always back.
In END only the rest of the last input may still come, in FLUSHED nothing but ``reset`` or another ``flush``. Any other
call is an IllegalStateError.

The form's Decoding or Encoding codes as far as it can and says why it stops; this machine decides what to do about the
errors. It refuses a read-only target before it takes any input.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import ClassVar, Generic, Self, TypeVar

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset._coder_result import CoderResult, CodingErrorAction
from nio.charset._forms import Form
from nio.errors import IllegalArgumentError, IllegalStateError, ReadOnlyBufferError

C = TypeVar("C")
S = TypeVar("S", ByteBuffer, CharBuffer)
T = TypeVar("T", ByteBuffer, CharBuffer)
R = TypeVar("R", str, bytes)


class State(Enum):
    """How far the input has come."""

    RESET = "at its beginning"
    CODING = "in the middle of its input"
    END = "at the end of its input"
    FLUSHED = "flushed"


class Coder(Generic[C, S, T, R]):
    """From buffers of type S to buffers of type T, for a charset of class C; ``R`` is the type of the replacement."""

    __slots__ = ("_average", "_charset", "_form", "_malformed", "_replacement", "_state", "_unmappable")

    _source: ClassVar[type]
    _target: ClassVar[type]

    def __init__(self, charset: C, form: Form, replacement: R, average: float) -> None:
        self._charset, self._form, self._average = charset, form, average
        self._replacement: R = replacement
        self._malformed = self._unmappable = CodingErrorAction.REPORT
        self._state = State.RESET

    @property
    def charset(self) -> C:
        """The charset of this coder."""
        return self._charset

    @property
    def replacement(self) -> R:
        """What the coder writes instead of wrong input when the action is REPLACE."""
        return self._replacement

    @property
    def malformed_input_action(self) -> CodingErrorAction:
        """What the coder does about input that is not of the charset's form: REPORT at first."""
        return self._malformed

    def on_malformed_input(self, action: CodingErrorAction) -> Self:
        """Do this about input that is not of the charset's form."""
        self._malformed = _action(action)
        return self

    @property
    def unmappable_character_action(self) -> CodingErrorAction:
        """What the coder does about input without a counterpart: REPORT at first."""
        return self._unmappable

    def on_unmappable_character(self, action: CodingErrorAction) -> Self:
        """Do this about input without a counterpart."""
        self._unmappable = _action(action)
        return self

    def reset(self) -> Self:
        """Begin a new input, whatever came before."""
        self._restart()
        self._state = State.RESET
        return self

    def flush(self, target: T) -> CoderResult:
        """Write what the charset wants after the last character: UNDERFLOW, or OVERFLOW until there is room for it.

        IllegalStateError before the end of the input.
        """
        _check(target, self._target, "target")
        if self._state is State.FLUSHED:
            return CoderResult.UNDERFLOW
        if self._state is not State.END:
            raise IllegalStateError(f"flush() of a coder {self._state.value}")
        if not self._finish(target):
            return CoderResult.OVERFLOW
        self._state = State.FLUSHED
        return CoderResult.UNDERFLOW

    def _either(self, source: S, target: T | None, end_of_input: bool | None) -> T | CoderResult:
        """The streaming form or, given nothing but a source, the one-call form."""
        _check(source, self._source, "source")
        if target is None and end_of_input is None:
            return self._whole(source)
        _check(target, self._target, "target")
        if target is None or not isinstance(end_of_input, bool):
            raise TypeError(f"end_of_input must be True or False, not {end_of_input!r}")
        return self._code(source, target, end_of_input)

    def _code(self, source: S, target: T, end_of_input: bool) -> CoderResult:
        if self._state is State.FLUSHED or (self._state is State.END and not end_of_input):
            raise IllegalStateError(f"more input for a coder {self._state.value}: reset() it first")
        if target.is_read_only:
            raise ReadOnlyBufferError(f"{target!r} is read-only")
        self._state = State.END if end_of_input else State.CODING
        while True:
            result = self._run(source, target)
            if end_of_input and result.is_underflow and source.has_remaining:
                result = CoderResult.malformed_for_length(source.remaining)
            if not result.is_error:
                return result
            action = self._malformed if result.is_malformed else self._unmappable
            if action is CodingErrorAction.REPORT:
                return result
            if action is CodingErrorAction.REPLACE and not self._put_replacement(target):
                return CoderResult.OVERFLOW
            source.position += result.length

    def _whole(self, source: S) -> T:
        target = self._allocate(int(source.remaining * self._average))
        if not source.has_remaining:
            return target  # like the JDK's, the coder keeps its state
        self.reset()
        while True:
            result = self._code(source, target, True) if source.has_remaining else CoderResult.UNDERFLOW
            if result.is_underflow:
                result = self.flush(target)
            if result.is_underflow:
                return target.flip()
            if result.is_error:
                result.raise_()
            target = self._allocate(2 * target.capacity + 1).put(target.flip())

    @abstractmethod
    def _allocate(self, capacity: int) -> T: ...

    @abstractmethod
    def _restart(self) -> None: ...

    @abstractmethod
    def _run(self, source: S, target: T) -> CoderResult: ...

    @abstractmethod
    def _put_replacement(self, target: T) -> bool: ...

    @abstractmethod
    def _finish(self, target: T) -> bool: ...


def _check(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {value!r}")


def check_length(size: int, most: float) -> None:
    if not 0 < size <= most:
        raise IllegalArgumentError(f"a replacement of length {size} is not within 1 and {most:g}")


def _action(action: CodingErrorAction) -> CodingErrorAction:
    _check(action, CodingErrorAction, "action")
    return action
