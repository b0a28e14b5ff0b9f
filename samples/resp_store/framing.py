"""RESP2, the protocol of Redis, as a framing: a record is one value, or a line of words that somebody types, as it came.

A client of Redis would have the same framing.

**Requests come again.** Short ones that were cut and judged once are remembered, by what stands between their ``*`` and
their last CRLF; so a read that consists of such is cut in two calls, whatever is pipelined. No request is the beginning
of another one: if what is in front of a ``*`` is a request, then the decoder would have cut it there.
"""

from nio.errors import FramingError, IllegalArgumentError, ProtocolError, RecordTooLongError
from nio.framing import BufferedDecoder

HEAD, LINE, VALUES = 32, 4096, 1024  # bytes of a head and of a line, with their ends; values in a record
SHORT, MANY = 256, 4096  # bytes of a request that is remembered, and how many are
known: dict[bytes, bytes] = {}
STAR, DOLLAR = b"*$"


class Resp:
    """The framing; ``max_length`` bytes a record, with all its heads and endings."""

    def __init__(self, max_length: int = 1024 * 1024) -> None:
        self.max_length = max_length

    def decoder(self) -> "RespDecoder":
        return RespDecoder(self.max_length)

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        data = bytes(record)
        if RespDecoder(len(data)).feed(data, 2) != [data]:
            raise IllegalArgumentError("a record is one value of RESP2, with its ending")
        return data


class RespDecoder(BufferedDecoder):
    def __init__(self, max_length: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.at, self.due, self.values = 0, 1, 0  # where the next value begins; values to come, and in arrays so far

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        if self.clean and type(data) is bytes and data[:1] == b"*" and data[-2:] == b"\r\n" and limit > 0:
            records = [*map(known.get, data[1:-2].split(b"\r\n*", limit))]
            if len(records) <= limit and None not in records and len(data) <= self.max_length:
                return records  # type: ignore[return-value]
        return super().feed(data, limit)

    def cut(self, held: bytearray) -> bytes | None:
        while self.due:
            if len(held) == self.at:
                return None
            end, more = self.value(held, held[self.at])
            if end > self.max_length or self.values + more > VALUES:
                raise RecordTooLongError(f"a record of more than {self.max_length} bytes, or of {VALUES} values")
            if not end or len(held) < end:
                return None
            if held[end - 2 : end] != b"\r\n" and (self.values or held[0] == DOLLAR):
                raise FramingError("a value without CRLF behind it")
            self.at, self.due, self.values = end, self.due - 1 + more, self.values + more
        record = bytes(held[: self.at])
        del held[: self.at]
        self.at, self.due, self.values = 0, 1, 0
        if len(record) <= SHORT and record[0] == STAR:
            if len(known) >= MANY:
                known.clear()
            known[record[1:-2]] = record
        return record

    def value(self, held: bytearray, kind: int) -> tuple[int, int]:
        """Where the next value ends, 0 when nobody knows yet; how many are in it, for an array."""
        most = HEAD if kind in (STAR, DOLLAR) else LINE
        end = held.find(b"\n", self.at, self.at + most) + 1
        if not end:
            if len(held) >= self.at + most:
                raise RecordTooLongError(f"a line of more than {most} bytes")
        elif most == HEAD:
            size = size_of(held[self.at + 1 : end])
            return (end, max(size, 0)) if kind == STAR else (end + size + 2 if size >= 0 else end, 0)
        elif self.values and kind not in b"+-:":
            raise FramingError(f"a value that begins with {chr(kind)!r}")
        return end, 0


def size_of(head: bytearray) -> int:
    digits = head[:-2]
    if head[-2:] != b"\r\n" or not (digits.isdigit() or digits == b"-1"):
        raise FramingError(f"no length: {bytes(head)!r}")
    return int(digits)


def words_of(record: bytes) -> list[bytes]:
    """The words of a request; ProtocolError for a value that is none."""
    if record[0] != STAR:
        return record.split()
    words, at = [], record.index(b"\n") + 1
    while at < len(record):
        end = record.index(b"\n", at) + 1
        if record[at] != DOLLAR or record[at + 1 : at + 2] == b"-":
            raise ProtocolError(f"expected '$', got {chr(record[at])!r}")
        at = end + int(record[at + 1 : end])
        words.append(record[end:at])
        at += 2
    return words


def bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)


def array(*values: bytes) -> bytes:
    return b"*%d\r\n%b" % (len(values), b"".join(values))
