"""RESP2, the protocol of Redis, as a framing: a record is one value, or a line of words that somebody types, as it is.

**A read of whole requests** is cut where a ``*`` stands behind a CRLF, if what is in front is a request, as none is the
beginning of another. Short ones are remembered, since they come again; ``cut`` is for all else, and says what is wrong.
"""

from nio.errors import FramingError, IllegalArgumentError, ProtocolError, RecordTooLongError
from nio.framing import BufferedDecoder

HEAD, LINE, VALUES = 32, 4096, 1024  # bytes of a head and of a line, with their ends; values in a record
SHORT, MANY = 256, 256  # bytes of a request that is remembered, and how many are
STAR, DOLLAR = b"*$"
HEADS = {size: b"$%d" % size for size in range(SHORT)}
LINES = {b"%d" % words: 2 * words for words in range(1, SHORT // 4)}  # behind the first, by what stands there
sound: set[bytes] = set()  # what went out: it comes again, too
known: dict[bytes, bytes] = {}  # requests, by themselves and by what is between their "*" and their last CRLF


class Resp:
    """The framing; ``max_length`` bytes a record, with all its heads and endings."""

    def __init__(self, max_length: int = 1024 * 1024) -> None:
        self.max_length = max_length

    def decoder(self) -> "RespDecoder":
        return RespDecoder(self.max_length)

    def encode(self, record: bytes | bytearray | memoryview) -> bytes:
        if type(record) is bytes and record in sound:
            return record
        data = bytes(record)
        head, _, rest = data.partition(b"\r\n")
        is_bulk = rest[-2:] == b"\r\n" and head == b"$%d" % (len(rest) - 2)
        is_line = not rest and data[-2:] == b"\r\n" and data[:1] in (b"+", b":", b"-") and b"\n" not in head
        if not is_bulk and not is_line and RespDecoder(len(data)).feed(data, 2) != [data]:
            raise IllegalArgumentError("a record is one value of RESP2, with its ending")
        if len(data) < SHORT:
            if len(sound) >= MANY:
                sound.clear()
            sound.add(data)
        return data


class RespDecoder(BufferedDecoder):
    def __init__(self, max_length: int) -> None:
        super().__init__()
        self.max_length, self.at = max_length, 0  # where the next value begins
        self.due, self.values = 1, 0  # values to come, and in arrays so far

    def feed(self, data: bytes | bytearray | memoryview, limit: int = 64) -> list[bytes]:
        if self.clean and data[:1] == b"*" and type(data) is bytes and len(data) <= self.max_length and limit > 0:
            if record := known.get(data):
                return [record]
            if data[-2:] == b"\r\n":
                pieces = data[1:-2].split(b"\r\n*", limit)
                records = [*map(known.get, pieces)]
                if None in records:
                    records = [*map(judged, pieces)]
                if len(records) <= limit and None not in records:
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
        return record

    def value(self, held: bytearray, kind: int) -> tuple[int, int]:
        """Where the next value ends, 0 when nobody knows yet; how many are in it."""
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


def judged(piece: bytes) -> bytes | None:
    """The request, if it is a short one."""
    record = known.get(piece)
    if record is None and len(piece) < SHORT and words_in(piece):
        if len(known) >= 2 * MANY:
            known.clear()
        record = b"*%b\r\n" % piece
        known[piece] = known[record] = record
    return record


def words_in(piece: bytes) -> list[bytes] | None:
    """Where all is as long as it says, and nothing in it looks like an ending."""
    count, *lines = piece.split(b"\r\n")
    words = lines[1::2]
    return words if LINES.get(count) == len(lines) and [*map(HEADS.get, map(len, words))] == lines[::2] else None


def size_of(head: bytearray) -> int:
    if head[-2:] != b"\r\n" or not (head[:-2].isdigit() or head[:-2] == b"-1"):
        raise FramingError(f"no length: {bytes(head)!r}")
    return int(head)


def words_of(record: bytes) -> list[bytes]:
    """The words of a request; ProtocolError for a value that is none."""
    if record[0] != STAR:
        return record.split()
    if words := words_in(record[1:-2]):
        return words
    words, at = [], record.index(b"\n") + 1
    while at < len(record):
        end = record.index(b"\n", at) + 1
        if record[at] != DOLLAR or record[at + 1 : at + 2] == b"-":
            raise ProtocolError(f"expected a bulk string, got {record[at : end - 2].decode(errors='replace')!r}")
        at = end + int(record[at + 1 : end])
        words.append(record[end:at])
        at += 2
    return words
