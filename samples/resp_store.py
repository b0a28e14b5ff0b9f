"""A store that redis-cli and redis-benchmark talk to: python3 -m samples.resp_store [port], and in other terminals

    redis-cli -p 9907 set greeting hello ex 60       also get, incr, del, ping
    redis-cli -p 9907 subscribe news                 and in one more: redis-cli -p 9907 publish news hello
    redis-benchmark -p 9907 -t set,get -P 16 -q      or nc 127.0.0.1 9907, with a request on a line

What a client pipelines is one list of requests, answered by one list and one send. What is no request ends its sender.
"""

import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any, ClassVar

from nio import SelectionKey, ServerSocketChannel
from nio.errors import FramingError, RecordTooLongError
from nio.framing import BufferedDecoder
from nio.reactor import Acceptor, Group, Reactor, StreamHandler, Timer

LONGEST, MOST, LINE = 128 * 1024, 64, 4096  # bytes of a request, its words, bytes of a line and of a read cut at once
OK, NIL = b"+OK\r\n", b"$-1\r\n"


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


@lru_cache(1024)
def words_of(lines: bytes) -> tuple[bytes, ...] | None:  # a list could be changed, for the next client too
    """Of a request without its "*" and last line end; None if there is another line end in one of them."""
    count, *others = lines.split(b"\r\n")
    words = tuple(others[1::2])
    sizes = [b"$%d" % len(word) for word in words]
    return words if count == b"%d" % len(words) and sizes == others[::2] and len(words) <= MOST else None


class RespDecoder(BufferedDecoder):
    def feed(self, data: Any, limit: int = 64) -> list[Any]:
        """No request begins with another one, so where all pieces are requests they were cut in the right places."""
        if self.clean and type(data) is bytes and data[:1] == b"*" and data[-2:] == b"\r\n" and len(data) <= LINE:
            requests = [*map(words_of, data[1:-2].split(b"\r\n*", limit))]
            if len(requests) <= limit and None not in requests:
                return requests
        return super().feed(data, limit)

    def cut(self, held: bytearray) -> Any:
        words, at, due = [], 0, -1  # words to come, which the first line tells
        while due:
            end = held.find(b"\n", at, at + LINE) + 1
            if not end and len(held) < at + LINE:
                return None
            line, most = bytes(held[at:end]), MOST if due < 0 else LONGEST - end
            if due < 0 and line[:1] not in (b"*", b""):  # typed by somebody
                del held[:end]
                return tuple(line.split())
            if line[:1] != (b"*" if due < 0 else b"$") or line[-2:] != b"\r\n" or not line[1:-2].isdigit():
                raise FramingError(f"no length: {line!r:.60}")
            if (number := int(line[1:-2])) > most:
                raise RecordTooLongError(f"{line!r:.60}: a request has {MOST} words and {LONGEST} bytes at most")
            at, due = (end, number) if due < 0 else (end + number + 2, due - 1)
            if len(held) < at:
                return None
            if held[at - 2 : at] != b"\r\n":
                raise FramingError("a word without a line end behind it")
            words += [bytes(held[end : at - 2])] if at > end else []
        del held[:at]
        return tuple(words)


class Resp:
    """A record is a request, as its words, or a reply as it is written."""

    decoder = RespDecoder

    def encode(self, record: Any) -> bytes:
        return record if type(record) is bytes else b"*%d\r\n%b" % (len(record), b"".join(map(bulk, record)))


class Client(StreamHandler):
    framing = Resp()
    idle_timeout = None  # who listens says nothing
    values: ClassVar[dict[bytes, bytes]] = {}  # as they are written
    timers: ClassVar[dict[bytes, Timer]] = {}  # of the keys that expire
    listeners: ClassVar[Group["Client"]] = Group()
    channels: frozenset[bytes] = frozenset()

    def process_batch(self, records: list[Any]) -> list[Any]:
        return [*map(self.answer, records)]

    def answer(self, words: tuple[bytes, ...]) -> bytes | None:
        match words:
            case b"GET", key:
                return self.values.get(key, NIL)
            case b"SET", key, value:
                if key in self.timers:
                    self.drop(key)
                self.values[key] = bulk(value)
                return OK
            case b"SET", key, value, b"EX" | b"ex", seconds if seconds.isdigit() and len(seconds) < 10:
                self.answer((b"SET", key, value))
                self.timers[key] = self.reactor.call_later(int(seconds), self.drop, key)
                return OK
            case b"INCR", key:
                digits = self.values.get(key, bulk(b"0")).partition(b"\r\n")[2][:-2]
                if not digits.removeprefix(b"-").isdigit() or len(digits) > 18:
                    return b"-ERR value is not an integer or out of range\r\n"
                self.values[key] = bulk(b"%d" % (int(digits) + 1))
                return b":%d\r\n" % (int(digits) + 1)
            case b"DEL", *keys:
                return b":%d\r\n" % sum(map(self.drop, keys))
            case b"PING", *text:
                return bulk(text[0]) if text else b"+PONG\r\n"
            case b"PUBLISH", name, text:
                message = self.framing.encode([b"message", name, text])
                return b":%d\r\n" % sum(each.send(message) for each in self.listeners if name in each.channels)
            case b"SUBSCRIBE", *names if names:
                self.listeners.join(self)
                replies = b""
                for name in names:
                    self.channels |= {name}
                    replies += b"*3\r\n%b%b:%d\r\n" % (bulk(b"subscribe"), bulk(name), len(self.channels))
                return replies
            case b"CONFIG", _, name:  # redis-benchmark asks what is saved
                return self.framing.encode([name, b""])
            case name, *others if name != name.upper():
                return self.answer((name.upper(), *others))
            case name, *_:
                return f"-ERR no such command, or not with these arguments: {name!r:.60}\r\n".encode()
        return None  # a blank line

    @classmethod
    def drop(cls, key: bytes) -> bool:
        if timer := cls.timers.pop(key, None):
            timer.cancel()
        return cls.values.pop(key, None) is not None


def main(port: int = 9907) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Client))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
