"""Charset: a name, and the coders that go with it.

The Unicode ones, US-ASCII and the charsets of one byte per character keep to the JDK's rules; where Python's table and
the JDK's have the same entries, so do the coders. Every other codec of Python is to be had too: what it calls an error
is passed over as one, so lengths of errors may differ from a JDK's. What Python alone calls an encoding of text (idna,
unicode_escape ...) is no charset.
"""

from __future__ import annotations

import codecs
from functools import cache, partial
from typing import Final

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset._coder_result import CodingErrorAction
from nio.charset._coders import CharsetDecoder, CharsetEncoder, Form
from nio.charset._decoding import (
    UNITS,
    AsciiDecoding,
    Decoding,
    MarkedDecoding,
    Order,
    SingleByteDecoding,
    Utf8Decoding,
    Utf16Decoding,
)
from nio.charset._encoding import Encoding, SingleByteEncoding
from nio.errors import IllegalCharsetNameError, UnsupportedCharsetError


class Charset:
    """A named way to write text as bytes. Charsets of one name are equal, and sort by name without regard to case."""

    __slots__ = ("_form", "_name")

    def __init__(self, name: str, form: Form) -> None:
        self._name, self._form = name, form

    @staticmethod
    def for_name(name: str) -> Charset:
        """The charset of this name, which may be any that Python knows it by.

        IllegalCharsetNameError for a name that none could have, UnsupportedCharsetError for one that none has.
        """
        codec = _codec(name)
        if codec is None:
            raise UnsupportedCharsetError(f"no charset is named {name!r}")
        return _charset(codec)

    @staticmethod
    def is_supported(name: str) -> bool:
        """Whether ``for_name`` has it; IllegalCharsetNameError as there."""
        return _codec(name) is not None

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
        """The remaining bytes as text, in a new buffer, with U+FFFD for what is wrong."""
        decoder = self.new_decoder().on_malformed_input(CodingErrorAction.REPLACE)
        return decoder.on_unmappable_character(CodingErrorAction.REPLACE).decode(source)

    def encode(self, source: str | CharBuffer) -> ByteBuffer:
        """The text, or what remains of it in a buffer, as bytes in a new buffer; the replacement for what is wrong."""
        text = CharBuffer.wrap(source) if isinstance(source, str) else source
        encoder = self.new_encoder().on_malformed_input(CodingErrorAction.REPLACE)
        return encoder.on_unmappable_character(CodingErrorAction.REPLACE).encode(text)

    def compare_to(self, other: Charset) -> int:
        """Below, at or above 0 as this name sorts before, with or after the other."""
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


_PUNCTUATION = "-+.:_"
_NO_CHARSETS = {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

# Canonical names, by Python's: where there is none, Python's own is used.
_NAMES = {
    "ascii": "US-ASCII",
    "big5": "Big5",
    "big5hkscs": "Big5-HKSCS",
    "cp858": "IBM00858",
    "cp932": "windows-31j",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
    "iso2022_jp": "ISO-2022-JP",
    "iso2022_jp_2": "ISO-2022-JP-2",
    "iso2022_kr": "ISO-2022-KR",
    "shift_jis": "Shift_JIS",
    "utf-16-be": "UTF-16BE",
    "utf-16-le": "UTF-16LE",
    "utf-32-be": "UTF-32BE",
    "utf-32-le": "UTF-32LE",
    **{name.lower(): name for name in ("GB18030", "GB2312", "GBK", "KOI8-R", "KOI8-U", "UTF-16", "UTF-32", "UTF-8")},
    **{f"iso8859-{part}": f"ISO-8859-{part}" for part in range(1, 17)},
    **{f"cp{page}": f"windows-{page}" for page in range(1250, 1259)},
    **{f"cp{page}": f"IBM{page}" for page in (437, 775, 850, 852, 855, 857, *range(860, 867), 869)},
}
_CODECS = {name.lower(): codec for codec, name in _NAMES.items()}


def _utf_16(order: Order) -> Form:
    codec = UNITS[order]
    return Form(
        partial(Utf16Decoding, order), partial(Encoding, codec, 2), (0.5, 1.0), (2.0, 2.0), "\ufffd".encode(codec)
    )


def _utf_32(codec: str, *marks: str) -> Form:
    """Surrogates are decoded as they stand, and never encoded; the charsets with an order drop its mark too."""
    return Form(
        lambda: MarkedDecoding({"\ufeff".encode(mark): Decoding(mark, 2, "surrogatepass") for mark in marks}),
        partial(Encoding, codec, 2),
        (0.25, 1.0),
        (4.0, 4.0),
        "\ufffd".encode(codec),
    )


# The numbers are the JDK's: they show in the capacity of what a one-call form returns and bound the replacements.
_ONE = (1.0, 1.0)
_FORMS = {
    "ascii": Form(partial(AsciiDecoding, "ascii"), partial(Encoding, "ascii"), _ONE, _ONE, b"?"),
    "utf-8": Form(partial(Utf8Decoding, "utf-8"), partial(Encoding, "utf-8"), _ONE, (1.1, 3.0), b"?"),
    "utf-16-be": _utf_16("big"),
    "utf-16-le": _utf_16("little"),
    "utf-16": _utf_16("big")._replace(
        decoding=lambda: MarkedDecoding({b"\xfe\xff": Utf16Decoding("big"), b"\xff\xfe": Utf16Decoding("little")}),
        encoding=partial(Encoding, "utf-16-be", 2, b"\xfe\xff"),
        bytes_per_unit=(2.0, 4.0),
    ),
    "utf-32-be": _utf_32("utf-32-be", "utf-32-be"),
    "utf-32-le": _utf_32("utf-32-le", "utf-32-le"),
    "utf-32": _utf_32("utf-32-be", "utf-32-be", "utf-32-le"),
}


def _codec(name: str) -> str | None:
    """Python's own name for the charset, None if it has none."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    if not (name.isascii() and name[:1].isalnum() and all(char.isalnum() or char in _PUNCTUATION for char in name)):
        raise IllegalCharsetNameError(f"{name!r} is no name: letters, digits and {_PUNCTUATION}, these not first")
    try:
        codec = codecs.lookup(_CODECS.get(name.lower(), name))
        "".encode(codec.name)
    except (LookupError, UnicodeError):
        return None
    known = codec.name not in _NO_CHARSETS and codec.incrementaldecoder and codec.incrementalencoder
    return codec.name if known else None


@cache
def _charset(codec: str) -> Charset:
    return Charset(_NAMES.get(codec, codec), _FORMS.get(codec) or _other_form(codec))


def _other_form(codec: str) -> Form:
    mark = "?".encode(codec)
    if _is_single_byte(codec):
        return Form(partial(SingleByteDecoding, codec), partial(SingleByteEncoding, codec), _ONE, _ONE, mark)
    return Form(partial(Decoding, codec), partial(Encoding, codec), (0.5, 2.0), (2.0, 9.0), mark)


def _is_single_byte(codec: str) -> bool:
    """Whether no byte makes the decoder wait for another."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    for byte in range(256):
        decoder.decode(bytes((byte,)))
        if decoder.getstate()[0]:
            return False
    return True


class StandardCharsets:
    """The charsets that every Java platform has."""

    US_ASCII: Final = Charset.for_name("US-ASCII")
    ISO_8859_1: Final = Charset.for_name("ISO-8859-1")
    UTF_8: Final = Charset.for_name("UTF-8")
    UTF_16BE: Final = Charset.for_name("UTF-16BE")
    UTF_16LE: Final = Charset.for_name("UTF-16LE")
    UTF_16: Final = Charset.for_name("UTF-16")
