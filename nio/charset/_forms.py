"""Which charsets there are: their names, and how the characters of each are written (its ``Form``).

A charset is known inside by the name of Python's codec. The Unicode charsets, US-ASCII and the charsets of one byte per
character keep the JDK's rules; where Python's table and the JDK's have the same entries, the coders give the same
results. For every other charset Python's codec decides what an error is, so the length of an error may differ from the
JDK's. The codecs that only Python calls text encodings (idna, unicode_escape ...) are no charsets.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

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
from nio.errors import IllegalCharsetNameError


class Form(NamedTuple):
    """How the characters of a charset are written; the pairs are an average and a maximum."""

    decoding: Callable[[], Decoding]
    encoding: Callable[[], Encoding]
    units_per_byte: tuple[float, float]
    bytes_per_unit: tuple[float, float]
    replacement: bytes


_PUNCTUATION = "-+.:_"
_NO_CHARSETS = {"charmap", "idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}

# Canonical names by Python's names; a charset that is not here keeps Python's.
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


# The numbers are the JDK's. They give the capacity of the buffer that a one-call form returns, and bound replacements.
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


def codec_named(name: str) -> str | None:
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


def canonical_name(codec: str) -> str:
    """The JDK's name for the charset where it has one, else Python's."""
    return _NAMES.get(codec, codec)


def form_of(codec: str) -> Form:
    """The form of the charset that has this name in Python."""
    return _FORMS.get(codec) or _other_form(codec)


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
