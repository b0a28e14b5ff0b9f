"""Charset, and the decoder and the encoder that it makes: three classes that answer with each other.

The table of charsets stands in ``_forms.py``, what both coders do in ``_coder.py``.
"""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Final, Self, overload

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset._coder import Coder, State, check_length
from nio.charset._coder_result import CoderResult, CodingErrorAction
from nio.charset._decoding import units_in
from nio.charset._forms import Form, canonical_name, codec_named, form_of
from nio.errors import IllegalArgumentError, IllegalStateError, UnsupportedCharsetError


class Charset:
    """A named way to write text as bytes. Charsets of one name are equal, and sort by name without regard to case."""

    __slots__ = ("_form", "_name")

    def __init__(self, name: str, form: Form) -> None:
        self._name, self._form = name, form

    @staticmethod
    def for_name(name: str) -> Charset:
        """The charset of this name, which may be any of the names that Python has for it.

        IllegalCharsetNameError for a name that no charset could have, UnsupportedCharsetError for one that none has.
        """
        codec = codec_named(name)
        if codec is None:
            raise UnsupportedCharsetError(f"no charset is named {name!r}")
        return _charset(codec)

    @staticmethod
    def is_supported(name: str) -> bool:
        """Whether ``for_name`` finds it; IllegalCharsetNameError as there."""
        return codec_named(name) is not None

    @staticmethod
    def default_charset() -> Charset:
        """UTF-8."""
        return _charset("utf-8")

    @property
    def name(self) -> str:
        """The canonical name."""
        return self._name

    @property
    def can_encode(self) -> bool:
        """Whether there is an encoder: there always is."""
        return True

    def new_decoder(self) -> CharsetDecoder:
        """A decoder that reports errors."""
        return CharsetDecoder(self, self._form)

    def new_encoder(self) -> CharsetEncoder:
        """An encoder that reports errors."""
        return CharsetEncoder(self, self._form)

    def decode(self, source: ByteBuffer) -> CharBuffer:
        """The remaining bytes as text, in a new buffer, with U+FFFD for wrong input."""
        decoder = self.new_decoder().on_malformed_input(CodingErrorAction.REPLACE)
        return decoder.on_unmappable_character(CodingErrorAction.REPLACE).decode(source)

    def encode(self, source: str | CharBuffer) -> ByteBuffer:
        """The text, or what remains of it in a buffer, as bytes in a new buffer; the replacement for wrong input."""
        text = CharBuffer.wrap(source) if isinstance(source, str) else source
        encoder = self.new_encoder().on_malformed_input(CodingErrorAction.REPLACE)
        return encoder.on_unmappable_character(CodingErrorAction.REPLACE).encode(text)

    def compare_to(self, other: Charset) -> int:
        """Negative if this name sorts before the other, 0 if they are equal, positive if after."""
        ours, theirs = self._name.lower(), other._name.lower()
        return (ours > theirs) - (ours < theirs)

    def __lt__(self, other: Charset) -> bool:
        return self.compare_to(other) < 0

    def __le__(self, other: Charset) -> bool:
        return self.compare_to(other) <= 0

    def __gt__(self, other: Charset) -> bool:
        return self.compare_to(other) > 0

    def __ge__(self, other: Charset) -> bool:
        return self.compare_to(other) >= 0

    def __eq__(self, other: object) -> bool:
        return self._name == other._name if isinstance(other, Charset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._name)

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"Charset({self._name!r})"


@cache
def _charset(codec: str) -> Charset:
    return Charset(canonical_name(codec), form_of(codec))


class CharsetDecoder(Coder[Charset, ByteBuffer, CharBuffer, str]):
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
        check_length(units_in(replacement), self._form.units_per_byte[1])
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


class CharsetEncoder(Coder[Charset, CharBuffer, ByteBuffer, bytes]):
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
        check_length(size, self._form.bytes_per_unit[1])
        _, used, result = self._form.decoding().run(memoryview(replacement), 2 * size, False)
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


class StandardCharsets:
    """The charsets that every Java platform has."""

    US_ASCII: Final = Charset.for_name("US-ASCII")
    ISO_8859_1: Final = Charset.for_name("ISO-8859-1")
    UTF_8: Final = Charset.for_name("UTF-8")
    UTF_16BE: Final = Charset.for_name("UTF-16BE")
    UTF_16LE: Final = Charset.for_name("UTF-16LE")
    UTF_16: Final = Charset.for_name("UTF-16")
