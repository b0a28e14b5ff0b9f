"""The PROXY protocol, versions 1 and 2: a proxy tells whom it speaks for, once, in front of the stream.

**Trust is a matter of the peer's address, and of nothing in the stream.** From a peer that is trusted a header must
come first: anything else breaks the stream. From any other peer none is looked for, and one that comes is data of the
inner framing. So nobody but a trusted proxy can say who a client is, and nothing is ever guessed.

The header is bounded: 107 bytes in version 1, as the specification says, and ``max_header`` in version 2, whose own
length field allows 64 KiB. A stream that does not begin as a header does ends at the first byte that is wrong.

Version 1 is read strictly: one space between two words, addresses without leading zeros, ports up to 65535, CRLF.
"""

from __future__ import annotations

import os
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from nio._numbers import check_count
from nio._record import Record, record
from nio.errors import FramingError, IllegalArgumentError, RecordTooLongError, TruncatedRecordError
from nio.framing._contract import Decoder, Framing

_V1, _V1_LONGEST = b"PROXY ", 107
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = 16
_UNIX = 108
_FAMILIES = {0: 0, 1: 4, 2: 16, 3: _UNIX}  # address bytes of UNSPEC, INET, INET6, UNIX
_KINDS: dict[bytes, type[IPv4Address] | type[IPv6Address]] = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}
Endpoint = tuple[str, int] | str


@record
class ProxyHeader(Record):
    """What a proxy has told: the ends of the connection that it speaks for.

    An end is a host and a port, or a path in the Unix domain; None where the proxy speaks for itself (``LOCAL``, its
    health checks) or does not know. ``tlvs`` are the additional fields of version 2, each a type and its value, as
    they came.
    """

    version: Literal[1, 2]
    source: Endpoint | None
    destination: Endpoint | None
    tlvs: tuple[tuple[int, bytes], ...] = ()


@record
class ProxyPrefix(Record):
    """A PROXY header (version 1 or 2) in front of the records of ``framing``, from ``trusted`` peers only.

    ``trusted`` holds addresses and networks, ``("127.0.0.1", "10.0.0.0/8", "fd00::/8")``, and ``"unix"`` for peers of
    the Unix domain. What comes from a trusted peer begins with a header; what comes from any other does not. Records
    go out without a header.
    """

    framing: Framing
    trusted: tuple[str, ...]
    max_header: int = 4096

    def __post_init__(self) -> None:
        if isinstance(self.trusted, str):
            raise TypeError(f"trusted is a tuple of addresses and networks: ({self.trusted!r},)")
        object.__setattr__(self, "trusted", tuple(self.trusted))
        object.__setattr__(self, "max_header", check_count("max_header", self.max_header, _V2_HEAD))
        for name in self.trusted:
            if name != "unix":
                _network(name)

    def trusts(self, peer: object) -> bool:
        """Whether this peer's header is believed: an address as a channel's ``remote_address`` has it."""
        if isinstance(peer, tuple):
            address = ip_address(peer[0])
            plain = getattr(address, "ipv4_mapped", None) or address
            return any(plain in _network(name) for name in self.trusted if name != "unix")
        return isinstance(peer, str) and "unix" in self.trusted

    def decoder(self) -> Decoder:
        """A decoder of a stream from a trusted peer, which begins with a header."""
        return ProxyDecoder(self.framing.decoder(), self.max_header)

    def decoder_for(self, peer: object) -> Decoder:
        """A decoder of a stream from this peer: with a header if the peer is trusted, else without one."""
        return self.decoder() if self.trusts(peer) else self.framing.decoder()

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        """As the inner framing does it."""
        return self.framing.encode(record)


class ProxyDecoder:
    """The decoder of ``ProxyPrefix``; the contract is that of ``Decoder``. ``header`` is there before any record."""

    __slots__ = ("_begun", "_ended", "_failure", "_inner", "_max_header", "header")

    def __init__(self, inner: Decoder, max_header: int) -> None:
        self._inner = inner
        self._max_header = max_header
        self._begun = bytearray()  # the header, as far as it has come
        self._ended = False
        self._failure: FramingError | None = None
        self.header: ProxyHeader | None = None

    @property
    def source(self) -> Endpoint | None:
        """The client's address; None before the header has come, and when it names none."""
        return None if self.header is None else self.header.source

    @property
    def error(self) -> FramingError | None:
        """What broke the stream, or None."""
        return self._failure or self._inner.error

    @property
    def clean(self) -> bool:
        """Nothing is held, and the stream has neither failed nor ended."""
        return not self._begun and self._failure is None and self._inner.clean

    @property
    def pending(self) -> int:
        """Bytes held: of the header, then those of the inner decoder."""
        return len(self._begun) + self._inner.pending

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        """Take ``data`` in and return the next records, at most ``limit``."""
        if self.header is None and self._failure is None and not self._ended:
            check_count("limit", limit, 1)
            self._begun += memoryview(data)
            try:
                data = self._read_header()
            except FramingError as error:
                self._fail(error)
            if self.header is None:
                return []
        return [] if self._failure is not None else self._inner.feed(data, limit)

    def end(self) -> None:
        """Tell the end of the stream; one that ends before its first byte is no error."""
        self._ended = True
        if self._begun:
            self._fail(TruncatedRecordError(f"the stream ended {len(self._begun)} bytes into a PROXY header"))
        self._inner.end()

    def rest(self) -> bytes:
        """Give back every byte that no record was returned for, as it came; a complete header is no part of it."""
        begun = bytes(self._begun)
        self._begun.clear()
        self._ended = True
        return begun + self._inner.rest()

    def _fail(self, error: FramingError) -> None:
        self._failure = error.with_traceback(None)
        self._begun.clear()

    def _read_header(self) -> bytes:
        """Read the header if all of it has come, and return what stands behind it."""
        begun = self._begun
        if _V1.startswith(begun[: len(_V1)]):
            size = self._size_of_version_1(begun)
        elif _V2.startswith(begun[: len(_V2)]):
            size = self._size_of_version_2(begun)
        else:
            raise FramingError("a trusted proxy's stream does not begin with a PROXY header")
        if not size or len(begun) < size:
            return b""
        header, rest = bytes(begun[:size]), bytes(begun[size:])
        self.header = _version_1(header[:-2]) if header.startswith(_V1) else _version_2(header)
        begun.clear()
        return rest

    def _size_of_version_1(self, begun: bytearray) -> int:
        """Bytes of the header with its CRLF; 0 as long as that has not come."""
        end = begun.find(b"\r\n", 0, _V1_LONGEST)
        if end < 0 and len(begun) >= _V1_LONGEST:
            raise RecordTooLongError(f"a PROXY header of version 1 is longer than {_V1_LONGEST} bytes")
        return end + 2 if end >= 0 else 0

    def _size_of_version_2(self, begun: bytearray) -> int:
        """Bytes of the header; 0 as long as its length field has not come."""
        if len(begun) < _V2_HEAD:
            return 0
        size = _V2_HEAD + int.from_bytes(begun[14:_V2_HEAD], "big")
        if size > self._max_header:
            raise RecordTooLongError(f"a PROXY header of {size} bytes is longer than {self._max_header}")
        return size


def _version_1(line: bytes) -> ProxyHeader:
    """The header of a line, without its CRLF."""
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(1, None, None)
    kind = _KINDS.get(words[1])
    if kind is None or len(words) != 6:
        raise FramingError(f"not a PROXY header of version 1: {line!r:.200}")
    _, _, source, destination, source_port, destination_port = words
    try:
        return ProxyHeader(
            1,
            (_host(kind, source), _port(source_port)),
            (_host(kind, destination), _port(destination_port)),
        )
    except ValueError:
        raise FramingError(f"not a PROXY header of version 1: {line!r:.200}") from None


def _host(kind: type[IPv4Address] | type[IPv6Address], word: bytes) -> str:
    if b"%" in word:
        raise ValueError("a zone is of no use to another host")
    return str(kind(word.decode("ascii")))


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or (word[:1] == b"0" and word != b"0") or int(word) > 65535:
        raise ValueError("no port")
    return int(word)


def _version_2(header: bytes) -> ProxyHeader:
    command, family, body = header[12], header[13], header[_V2_HEAD:]
    if command not in (0x20, 0x21):
        raise FramingError(f"a PROXY header of version 2 with the version and command {command:#04x}")
    if command == 0x20:
        return ProxyHeader(2, None, None)  # LOCAL: whatever else stands in the header is to be ignored
    width = _FAMILIES.get(family >> 4)
    if width is None or family & 15 > 2 or len(body) < 2 * width + (4 if width in (4, 16) else 0):
        raise FramingError(f"a PROXY header of version 2 with the family {family:#04x} and {len(body)} bytes")
    if not width:
        return ProxyHeader(2, None, None)  # UNSPEC: nobody knows what the rest is
    one, other = body[:width], body[width : 2 * width]
    if width == _UNIX:
        return ProxyHeader(2, _path(one), _path(other), _tlvs(body[2 * width :]))
    source, destination = (int.from_bytes(body[at : at + 2], "big") for at in (2 * width, 2 * width + 2))
    return ProxyHeader(
        2, (str(ip_address(one)), source), (str(ip_address(other)), destination), _tlvs(body[2 * width + 4 :])
    )


def _path(name: bytes) -> str:
    return os.fsdecode(name.rstrip(b"\0"))


def _tlvs(data: bytes) -> tuple[tuple[int, bytes], ...]:
    found, at = [], 0
    while at < len(data):
        end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        if len(data) < end:
            raise FramingError(f"a PROXY header of version 2 with {len(data) - at} bytes that are no field")
        found.append((data[at], data[at + 3 : end]))
        at = end
    return tuple(found)


@cache
def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(name)
    except ValueError as error:
        raise IllegalArgumentError(f"trusted names no address, no network and not 'unix': {error}") from None
