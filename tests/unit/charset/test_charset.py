"""Charset: names, coders, the one-call forms that replace."""

from __future__ import annotations

from typing import cast

import pytest

from nio.buffers import ByteBuffer, CharBuffer
from nio.charset import Charset, StandardCharsets
from nio.errors import IllegalArgumentError, IllegalCharsetNameError, UnsupportedCharsetError

STANDARD = {
    "US-ASCII": StandardCharsets.US_ASCII,
    "ISO-8859-1": StandardCharsets.ISO_8859_1,
    "UTF-8": StandardCharsets.UTF_8,
    "UTF-16BE": StandardCharsets.UTF_16BE,
    "UTF-16LE": StandardCharsets.UTF_16LE,
    "UTF-16": StandardCharsets.UTF_16,
}


@pytest.mark.parametrize(("name", "charset"), STANDARD.items())
def test_the_standard_charsets_are_found_by_name(name: str, charset: Charset) -> None:
    assert charset.name == str(charset) == name
    assert Charset.for_name(name) == charset
    assert Charset.for_name(name.lower()) is charset
    assert Charset.is_supported(name)
    assert charset.can_encode
    assert charset.new_decoder().charset is charset
    assert charset.new_encoder().charset is charset


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("utf8", "UTF-8"),
        ("latin1", "ISO-8859-1"),
        ("ascii", "US-ASCII"),
        ("UTF_16LE", "UTF-16LE"),
        ("cp1252", "windows-1252"),
        ("IBM00858", "IBM00858"),
        ("windows-31j", "windows-31j"),
        ("ISO8859_15", "ISO-8859-15"),
        ("sjis", "Shift_JIS"),
        ("koi8-r", "KOI8-R"),
        ("mac-roman", "mac-roman"),
    ],
)
def test_other_names_lead_to_the_canonical_one(given: str, canonical: str) -> None:
    assert Charset.for_name(given).name == canonical
    assert Charset.for_name(canonical) == Charset.for_name(given)


@pytest.mark.parametrize("name", ["", "-x", "_x", ".x", "+x", ":x", "a*", "a/b", "a b", "a\u00e9", "\u0661"])
def test_a_name_that_none_could_have_is_illegal(name: str) -> None:
    for ask in (Charset.for_name, Charset.is_supported):
        with pytest.raises(IllegalCharsetNameError, match="is no name") as caught:
            ask(name)
        assert isinstance(caught.value, IllegalArgumentError)
        assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(
    "name", ["1x", "a+b:c_d.e", "base64", "rot13", "hex", "idna", "unicode_escape", "undefined", "utf-7"]
)
def test_what_is_no_charset_of_python_is_not_supported(name: str) -> None:
    assert not Charset.is_supported(name)
    with pytest.raises(UnsupportedCharsetError, match=f"no charset is named '{name.replace('+', '.')}'") as caught:
        Charset.for_name(name)
    assert isinstance(caught.value, LookupError)


def test_a_name_is_a_str() -> None:
    for wrong in (None, 8, b"utf-8"):
        with pytest.raises(TypeError, match="name must be a str"):
            Charset.for_name(cast("str", wrong))


def test_the_default_is_utf_8() -> None:
    assert Charset.default_charset() is StandardCharsets.UTF_8


def test_charsets_sort_and_compare_by_name() -> None:
    names = ["windows-1252", "UTF-8", "Big5", "ISO-8859-1", "GBK", "IBM437"]
    charsets = sorted(Charset.for_name(name) for name in names)
    assert [charset.name for charset in charsets] == ["Big5", "GBK", "IBM437", "ISO-8859-1", "UTF-8", "windows-1252"]
    first, last = charsets[0], charsets[-1]
    assert first < last
    assert first <= first <= last  # equal ones too
    assert last > first
    assert last >= first >= first  # equal ones too
    assert (first.compare_to(last), last.compare_to(first), first.compare_to(first)) == (-1, 1, 0)
    assert first != last
    assert first != "Big5"
    assert len({first, last, Charset.for_name("big5")}) == 2
    assert repr(first) == "Charset('Big5')"


def test_the_one_call_forms_replace() -> None:
    # statement 63
    source = ByteBuffer.wrap(b"a\xff\xc3\xa9\xe2\x82")
    assert str(StandardCharsets.UTF_8.decode(source)) == "a\ufffd\u00e9\ufffd"
    assert not source.has_remaining
    assert bytes(StandardCharsets.US_ASCII.encode("a\u00e9\U0001f600\ud800b")) == b"a???b"
    assert bytes(StandardCharsets.UTF_16.encode("a")) == b"\xfe\xff\x00a"
    text = CharBuffer.wrap("xyz", 1)
    assert bytes(StandardCharsets.ISO_8859_1.encode(text)) == b"yz"
    assert not text.has_remaining
    undefined = ByteBuffer.wrap(b"\x81\x80")
    assert str(Charset.for_name("windows-1252").decode(undefined)) == "\ufffd\u20ac"


def test_the_one_call_forms_take_text_and_bytes_only() -> None:
    with pytest.raises(TypeError, match="source must be a ByteBuffer"):
        StandardCharsets.UTF_8.decode(cast("ByteBuffer", b"a"))
    with pytest.raises(TypeError, match="source must be a CharBuffer"):
        StandardCharsets.UTF_8.encode(cast("str", b"a"))
