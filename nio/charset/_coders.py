"""CharsetDecoder and CharsetEncoder: one machine in two directions.

    RESET -> CODING -> END -> FLUSHED -> RESET

Input given with ``end_of_input=False`` leads to CODING, with True to END, ``flush`` to FLUSHED, ``reset`` always back.
In END only the rest of the last input may still come, in FLUSHED nothing but ``reset`` or another ``flush``: any other
call is an IllegalStateError.

What a charset is made of is its Form; how far one run goes is up to the Form's Decoding or Encoding; what is done about
the errors they find is decided here. A read-only target is refused before any input is taken.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, Self, TypeVar, overload

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset._coder_result import CoderResult, CodingErrorAction
from nio.charset._decoding import Decoding, units_in
from nio.charset._encoding import Encoding
from nio.errors import IllegalArgumentError, IllegalStateError, ReadOnlyBufferError

if TYPE_CHECKING:
    from nio.charset._charset import Charset

S = TypeVar("S", ByteBuffer, CharBuffer)
T = TypeVar("T", ByteBuffer, CharBuffer)
R = TypeVar("R", str, bytes)


class Form(NamedTuple):
    """How the characters of a charset are written; the pairs are an average and a maximum."""

    decoding: Callable[[], Decoding]
    encoding: Callable[[], Encoding]
    units_per_byte: tuple[float, float]
    bytes_per_unit: tuple[float, float]
    replacement: bytes


class State(Enum):
    """How far the input has come."""

    RESET = "at its beginning"
    CODING = "in the middle of its input"
    END = "at the end of its input"
    FLUSHED = "flushed"


class Coder(Generic[S, T, R]):
    """From buffers of type S to buffers of type T; ``R`` is the type of the replacement."""

    __slots__ = ("_average", "_charset", "_form", "_malformed", "_replacement", "_state", "_unmappable")

    _source: ClassVar[type]
    _target: ClassVar[type]

    def __init__(self, charset: Charset, form: Form, replacement: R, average: float) -> None:
        self._charset, self._form, self._average = charset, form, average
        self._replacement: R = replacement
        self._malformed = self._unmappable = CodingErrorAction.REPORT
        self._state = State.RESET

    @property
    def charset(self) -> Charset:
        """The charset this coder is of."""
        return self._charset

    @property
    def replacement(self) -> R:
        """What is written instead of wrong input when the action is REPLACE."""
        return self._replacement

    @property
    def malformed_input_action(self) -> CodingErrorAction:
        """What is done about input that is not of the charset's form: REPORT at first."""
        return self._malformed

    def on_malformed_input(self, action: CodingErrorAction) -> Self:
        """Do this about input that is not of the charset's form."""
        self._malformed = _action(action)
        return self

    @property
    def unmappable_character_action(self) -> CodingErrorAction:
        """What is done about input without a counterpart: REPORT at first."""
        return self._unmappable

    def on_unmappable_character(self, action: CodingErrorAction) -> Self:
        """Do this about input without a counterpart."""
        self._unmappable = _action(action)
        return self

    def reset(self) -> Self:
        """Begin anew, whatever has come so far."""
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
            return target  # as it is: like the JDK's, the coder keeps its state
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


class CharsetDecoder(Coder[ByteBuffer, CharBuffer, str]):
    """From bytes to text; for one stream of input and one thread at a time."""

    __slots__ = ("_decoding",)

    _source: ClassVar[type] = ByteBuffer
    _target: ClassVar[type] = CharBuffer

    def __init__(self, charset: Charset, form: Form) -> None:
        super().__init__(charset, form, "\ufffd", form.units_per_byte[0])
        self._decoding = form.decoding()

    def replace_with(self, replacement: str) -> Self:
        """Write this instead of wrong input; IllegalArgumentError if it is empty or too long for the charset."""
        if not isinstance(replacement, str):
            raise TypeError(f"replacement must be a str, not {replacement!r}")
        _check_length(units_in(replacement), self._form.units_per_byte[1])
        self._replacement = replacement
        return self

    @overload
    def decode(self, source: ByteBuffer) -> CharBuffer: ...

    @overload
    def decode(self, source: ByteBuffer, target: CharBuffer, end_of_input: bool) -> CoderResult: ...

    def decode(
        self, source: ByteBuffer, target: CharBuffer | None = None, end_of_input: bool | None = None
    ) -> CharBuffer | CoderResult:
        """Decode as far as there is input and room; both positions move past it, and the result says why it ends.

        After UNDERFLOW the source may still hold the beginning of a character: ``compact()`` it and read more. After
        OVERFLOW drain the target and call again. After an error the source stands at the first wrong byte.

        ``decode(source)`` takes a whole text in one call: it resets the decoder, decodes, flushes and returns a new
        buffer, or raises MalformedInputError or UnmappableCharacterError with the source at the error.
        """
        return self._either(source, target, end_of_input)

    def _allocate(self, capacity: int) -> CharBuffer:
        return CharBuffer.allocate(capacity)

    def _restart(self) -> None:
        self._decoding.reset()

    def _run(self, source: ByteBuffer, target: CharBuffer) -> CoderResult:
        in_arrays = source.has_array and target.has_array
        units, used, result = self._decoding.run(source.view(), target.remaining, in_arrays)
        target.put(memoryview(units).cast("H"))
        source.position += used
        return result

    def _put_replacement(self, target: CharBuffer) -> bool:
        fits = units_in(self._replacement) <= target.remaining
        if fits:
            target.put(self._replacement)
        return fits

    def _finish(self, target: CharBuffer) -> bool:
        return True


class CharsetEncoder(Coder[CharBuffer, ByteBuffer, bytes]):
    """From text to bytes; for one stream of input and one thread at a time."""

    __slots__ = ("_encoding",)

    _source: ClassVar[type] = CharBuffer
    _target: ClassVar[type] = ByteBuffer

    def __init__(self, charset: Charset, form: Form) -> None:
        super().__init__(charset, form, form.replacement, form.bytes_per_unit[0])
        self._encoding = form.encoding()

    def replace_with(self, replacement: bytes | bytearray) -> Self:
        """Write this instead of wrong input.

        IllegalArgumentError if it is empty, longer than the longest character of the charset, or not valid in it.
        """
        if not isinstance(replacement, (bytes, bytearray)):
            raise TypeError(f"replacement must be bytes, not {replacement!r}")
        size = len(replacement)
        _check_length(size, self._form.bytes_per_unit[1])
        result, used = self._form.decoding().run(memoryview(replacement), 2 * size, False)[:0:-1]
        if not result.is_underflow or used < size:
            raise IllegalArgumentError(f"the replacement {bytes(replacement)!r} is not valid in {self._charset}")
        self._replacement = bytes(replacement)
        return self

    @overload
    def encode(self, source: CharBuffer) -> ByteBuffer: ...

    @overload
    def encode(self, source: CharBuffer, target: ByteBuffer, end_of_input: bool) -> CoderResult: ...

    def encode(
        self, source: CharBuffer, target: ByteBuffer | None = None, end_of_input: bool | None = None
    ) -> ByteBuffer | CoderResult:
        """Encode as far as there is input and room; both positions move past it, and the result says why it ends.

        After UNDERFLOW the source may still hold the first half of a surrogate pair. After OVERFLOW drain the target
        and call again. After an error the source stands at the first wrong code unit.

        ``encode(source)`` takes a whole text in one call: it resets the encoder, encodes, flushes and returns a new
        buffer, or raises MalformedInputError or UnmappableCharacterError with the source at the error.
        """
        return self._either(source, target, end_of_input)

    def can_encode(self, text: str | CharBuffer | int) -> bool:
        """Whether every character has bytes; half a surrogate pair has none.

        IllegalStateError in the middle of an input, unless ``text`` is an int, one UTF-16 code unit.
        """
        if isinstance(text, int) and not isinstance(text, bool):
            return not 0xD800 <= text < 0xE000 and self._encoding.maps(chr(text))
        if not isinstance(text, (str, CharBuffer)):
            raise TypeError(f"text must be a str, a CharBuffer or a code unit, not {text!r}")
        if self._state in (State.CODING, State.END):
            raise IllegalStateError(f"can_encode() of a coder {self._state.value}")
        self.reset()
        return self._encoding.maps(str(CharBuffer.wrap(str(text))))

    def _allocate(self, capacity: int) -> ByteBuffer:
        return ByteBuffer.allocate(capacity)

    def _restart(self) -> None:
        self._encoding.reset()

    def _run(self, source: CharBuffer, target: ByteBuffer) -> CoderResult:
        in_arrays = source.has_array and target.has_array
        data, used, result = self._encoding.run(source.view(), source.order, target.remaining, in_arrays)
        target.put(data)
        source.position += used
        return result

    def _put_replacement(self, target: ByteBuffer) -> bool:
        fits = len(self._replacement) <= target.remaining
        if fits:
            target.put(self._replacement)
        return fits

    def _finish(self, target: ByteBuffer) -> bool:
        coded = self._encoding.finish(target.remaining)
        if coded:
            target.put(coded)
        return coded is not None


def _check(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {value!r}")


def _check_length(size: int, most: float) -> None:
    if not 0 < size <= most:
        raise IllegalArgumentError(f"a replacement of length {size} is not within 1 and {most:g}")


def _action(action: CodingErrorAction) -> CodingErrorAction:
    _check(action, CodingErrorAction, "action")
    return action
