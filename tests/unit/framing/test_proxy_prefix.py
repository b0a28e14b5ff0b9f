"""ProxyPrefix: the worst-case lines of the specification, headers of version 2 packed by hand, and whom it trusts."""

from __future__ import annotations

import socket
import struct

import pytest

from nio.errors import FramingError, IllegalArgumentError, RecordTooLongError, TruncatedRecordError
from nio.framing import Lines, ProxyHeader, ProxyPrefix
from nio.framing._proxy_prefix import ProxyDecoder
from nio.testing import verify_framing
from tests.unit.framing.test_lines import cuts, run

PROXY = ProxyPrefix(Lines(20), ("127.0.0.1",), max_header=300)
SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
V6 = ":".join(["ffff"] * 8)


def version_2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


def inet(source: str, destination: str, *ports: int) -> bytes:
    kind = socket.AF_INET6 if ":" in source else socket.AF_INET
    return socket.inet_pton(kind, source) + socket.inet_pton(kind, destination) + struct.pack(">HH", *ports)


def unix(*paths: bytes) -> bytes:
    return struct.pack("108s108s", *paths)


FIELDS = b"\x01\x00\x02h2" + b"\x30\x00\x00"

GOOD = [
    (
        b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        ProxyHeader(1, ("255.255.255.255", 65535), ("255.255.255.255", 65535)),
    ),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 0 443\r\n", ProxyHeader(1, ("192.0.2.1", 0), ("198.51.100.7", 443))),
    (
        f"PROXY TCP6 {V6} {V6} 65535 65535\r\n".encode(),
        ProxyHeader(1, (V6, 65535), (V6, 65535)),
    ),
    (b"PROXY TCP6 2001:DB8::1 ::1 7 8\r\n", ProxyHeader(1, ("2001:db8::1", 7), ("::1", 8))),
    (b"PROXY UNKNOWN\r\n", ProxyHeader(1, None, None)),
    (f"PROXY UNKNOWN {V6} {V6} 65535 65535\r\n".encode(), ProxyHeader(1, None, None)),
    (
        version_2(0x21, 0x11, inet("192.0.2.1", "198.51.100.7", 1234, 443)),
        ProxyHeader(2, ("192.0.2.1", 1234), ("198.51.100.7", 443)),
    ),
    (
        version_2(0x21, 0x21, inet("2001:db8::1", "::1", 1234, 443) + FIELDS),
        ProxyHeader(2, ("2001:db8::1", 1234), ("::1", 443), ((1, b"h2"), (0x30, b""))),
    ),
    (
        version_2(0x21, 0x31, unix(b"/run/a", b"/run/b") + FIELDS),
        ProxyHeader(2, "/run/a", "/run/b", ((1, b"h2"), (0x30, b""))),
    ),
    (version_2(0x20, 0x00, b""), ProxyHeader(2, None, None)),
    (version_2(0x20, 0x77, b"whatever"), ProxyHeader(2, None, None)),
    (version_2(0x21, 0x00, b"whatever"), ProxyHeader(2, None, None)),
    (version_2(0x21, 0x00, b"x" * 284), ProxyHeader(2, None, None)),
]

BAD = [
    (b"HELLO\n", FramingError),
    (b"\n", FramingError),
    (b"proxy TCP4 192.0.2.1 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY TCP5 192.0.2.1 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY  TCP4 192.0.2.1 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 1\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 1 2 \r\n", FramingError),
    (b"PROXY TCP4 192.0.2.01 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY TCP4 ::1 ::1 1 2\r\n", FramingError),
    (b"PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 01 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 -1 2\r\n", FramingError),
    (b"PROXY TCP4 192.0.2.1 198.51.100.7 " + b"9" * 6 + b" 2\r\n", FramingError),
    (b"PROXY TCP4 \xc2\xb2.0.2.1 198.51.100.7 1 2\r\n", FramingError),
    (b"PROXY UNKNOWN" + b" " * 93 + b"\r\n", RecordTooLongError),  # 108 bytes
    (b"PROXY " + b"x" * 200, RecordTooLongError),
    (SIGNATURE[:11] + b"X", FramingError),
    (version_2(0x11, 0x11, inet("192.0.2.1", "198.51.100.7", 1, 2)), FramingError),
    (version_2(0x22, 0x11, inet("192.0.2.1", "198.51.100.7", 1, 2)), FramingError),
    (version_2(0x21, 0x41, inet("192.0.2.1", "198.51.100.7", 1, 2)), FramingError),
    (version_2(0x21, 0x13, inet("192.0.2.1", "198.51.100.7", 1, 2)), FramingError),
    (version_2(0x21, 0x11, inet("192.0.2.1", "198.51.100.7", 1, 2)[:-1]), FramingError),
    (version_2(0x21, 0x31, unix(b"a", b"b")[:-1]), FramingError),
    (version_2(0x21, 0x11, inet("192.0.2.1", "198.51.100.7", 1, 2) + FIELDS[:-1]), FramingError),
    (version_2(0x21, 0x00, b"x" * 285), RecordTooLongError),
    (version_2(0x21, 0x00, b"")[:-2] + b"\xff\xff", RecordTooLongError),
]


def decoder_of(framing: ProxyPrefix = PROXY) -> ProxyDecoder:
    decoder = framing.decoder()
    assert isinstance(decoder, ProxyDecoder)
    return decoder


@pytest.mark.parametrize(("head", "header"), GOOD)
def test_M01_the_header_is_read_whatever_the_cut(head: bytes, header: ProxyHeader) -> None:
    for pieces in cuts(head + b"Ada\r\n\nEve\n"):
        decoder = decoder_of()
        assert run(decoder, pieces) == ([b"Ada", b"", b"Eve"], None)
        assert (decoder.header, decoder.source) == (header, header.source)


@pytest.mark.parametrize("head", [GOOD[at][0] for at in (1, 4, 6, 9)])
def test_M01_it_keeps_the_contract(head: bytes) -> None:
    verify_framing(PROXY, [b"Ada", b"", b"Eve"], preamble=head)


@pytest.mark.parametrize(("head", "error"), BAD)
def test_M12_what_is_no_header_ends_the_stream_and_is_never_taken_for_records(
    head: bytes, error: type[FramingError]
) -> None:
    for pieces in cuts(head + b"Ada\n"):
        decoder = decoder_of()
        assert run(decoder, pieces) == ([], error), pieces
        assert (decoder.header, decoder.source, decoder.pending) == (None, None, 0)


def test_M08_a_bad_header_is_told_by_repr_and_cut() -> None:
    decoder = decoder_of()
    decoder.feed(b"PROXY \x1b[2J\nINFO ok\r\n")
    assert str(decoder.error) == r"not a PROXY header of version 1: b'PROXY \x1b[2J\nINFO ok'"


def test_K01_a_header_is_refused_with_the_byte_that_makes_it_too_long() -> None:
    for begun, last in ((b"PROXY " + b"x" * 100, b"x"), (SIGNATURE + b"\x21\x11\x01", b"\x1d")):
        decoder = decoder_of()
        decoder.feed(begun)
        assert (decoder.error, decoder.pending) == (None, len(begun))
        decoder.feed(last)
        assert isinstance(decoder.error, RecordTooLongError)
        assert decoder.pending == 0


def test_M13_after_an_error_every_input_is_ignored() -> None:
    decoder = decoder_of()
    decoder.feed(b"GET / HTTP/1.1\r\n")
    error = decoder.error
    assert error is not None
    assert error.__traceback__ is None
    assert not decoder.clean
    assert decoder.feed(GOOD[0][0] + b"Ada\n") == []
    assert (decoder.error, decoder.pending, decoder.header) == (error, 0, None)


def test_a_stream_that_ends_in_its_header_is_truncated_and_an_empty_one_is_not() -> None:
    for size in range(1, len(GOOD[6][0])):
        decoder = decoder_of()
        assert run(decoder, [GOOD[6][0][:size]]) == ([], TruncatedRecordError)
    assert run(decoder_of(), []) == ([], None)
    assert run(decoder_of(), [GOOD[6][0]]) == ([], None)


def test_the_rest_is_what_was_not_understood_yet() -> None:
    decoder = decoder_of()
    decoder.feed(b"PROXY UNK")
    assert (decoder.pending, decoder.rest(), decoder.pending) == (9, b"PROXY UNK", 0)
    decoder = decoder_of()
    assert decoder.feed(b"PROXY UNKNOWN\r\nAda\n\0\r\n", 1) == [b"Ada"]
    assert decoder.rest() == b"\0\r\n"


@pytest.mark.parametrize(
    ("trusted", "peer", "expected"),
    [
        (("127.0.0.1",), ("127.0.0.1", 5), True),
        (("127.0.0.1",), ("127.0.0.2", 5), False),
        (("10.0.0.0/8",), ("10.255.0.1", 5), True),
        (("10.0.0.0/8",), ("11.0.0.1", 5), False),
        (("10.0.0.0/8",), ("::ffff:10.0.0.1", 5, 0, 0), True),
        (("10.0.0.0/8",), ("::10.0.0.1", 5, 0, 0), False),
        (("fd00::/8", "10.0.0.0/8"), ("fd12::1", 5, 0, 0), True),
        (("fe80::/10",), ("fe80::1%lo", 5, 0, 1), True),
        (("unix",), ("127.0.0.1", 5), False),
        (("unix", "127.0.0.1"), "/run/proxy", True),
        (("unix", "127.0.0.1"), "", True),
        (("127.0.0.1",), "", False),
        (("unix", "0.0.0.0/0"), None, False),
        ((), ("127.0.0.1", 5), False),
    ],
)
def test_M12_only_a_trusted_peer_is_asked_for_a_header(trusted: tuple[str, ...], peer: object, expected: bool) -> None:
    framing = ProxyPrefix(Lines(80), trusted)
    assert framing.trusts(peer) is expected
    decoder = framing.decoder_for(peer)
    header = b"PROXY TCP4 192.0.2.1 198.51.100.7 1 2"
    assert decoder.feed(header + b"\r\nAda\n") == ([b"Ada"] if expected else [header, b"Ada"])
    assert getattr(decoder, "source", None) == (("192.0.2.1", 1) if expected else None)


def test_records_go_out_without_a_header() -> None:
    assert PROXY.encode(b"Ada") == b"Ada\n"


def test_it_is_an_immutable_value() -> None:
    assert PROXY == ProxyPrefix(Lines(20), ("127.0.0.1",), 300) != ProxyPrefix(Lines(21), ("127.0.0.1",), 300)
    assert hash(PROXY) == hash(ProxyPrefix(Lines(20), ("127.0.0.1",), 300))
    assert ProxyPrefix(Lines(), ["::1"]).trusted == ("::1",)  # type: ignore[arg-type]  # a list will do


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match=r"trusted is a tuple of addresses and networks: \('127.0.0.1',\)"):
        ProxyPrefix(Lines(), "127.0.0.1")  # type: ignore[arg-type]  # the mistake is the test
    for name in ("localhost", "10.0.0.1/8", "10.0.0.0/33", ""):
        with pytest.raises(IllegalArgumentError, match="trusted names no address, no network and not 'unix'"):
            ProxyPrefix(Lines(), (name,))
    with pytest.raises(IllegalArgumentError, match="max_header must be 16 or more"):
        ProxyPrefix(Lines(), (), max_header=15)
    decoder = decoder_of()
    with pytest.raises(IllegalArgumentError, match="limit must be 1 or more"):
        decoder.feed(b"PROXY", 0)
    for data in ("PROXY", [65], None):
        with pytest.raises(TypeError):
            decoder.feed(data)  # type: ignore[arg-type]  # the mistake is the test
    assert decoder.pending == 0
