"""One client: its requests, which are many where it pipelines, and one send for all replies to a read."""

from __future__ import annotations

from collections.abc import Callable

from nio.errors import ProtocolError
from nio.reactor import CloseReason
from samples.resp_store.framing import MANY, SHORT, Resp, words_of
from samples.resp_store.subscriber import CHANNELS, Subscriber
from samples.resp_store.values import NIL, array, bulk, integer, number, told

LATEST = 10**9  # seconds until a key expires
Words = list[bytes]


class Goodbye(Exception):
    """There is nothing more to say."""


class Client(Subscriber):
    framing = Resp(max_length=128 * 1024)  # a value is that long; what answers a read is no more than 64 such

    def process_batch(self, records: list[bytes]) -> list[bytes | None] | None:
        """A value for each record is returned; where there are more, or fewer, all is written in one piece."""
        replies: list[bytes | None] = []
        put, reason = replies.append, None
        for record in records:
            try:
                command, words = plans.get(record) or plan(record)
                if self.channels and command not in LISTENING:
                    raise ValueError("ERR only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT while there are channels")
                put(command(self, words))
            except ProtocolError as error:
                put(told(f"ERR Protocol error: {error}"))
                reason = CloseReason.PROTOCOL_ERROR
                break
            except Goodbye:
                put(b"+OK\r\n")
                reason = CloseReason.LOCAL
                break
            except ValueError as error:
                put(told(str(error)))
        if reason is None and not self.several:
            return replies
        self.several = False
        self.write(b"".join(filter(None, replies)))
        if reason is not None:
            self.finish(reason)
        return None

    def ping(self, words: Words) -> bytes:
        if self.channels:
            return array(bulk(b"pong"), bulk(b"".join(words[1:])))
        return bulk(words[1]) if words[1:] else b"+PONG\r\n"

    def get(self, words: Words) -> bytes:
        value = self.store.values.get(words[1])
        return NIL if value is None else b"$%d\r\n%b\r\n" % (len(value), value)

    def set(self, words: Words) -> bytes:
        key, value, after = words[1], words[2], 0
        if len(words) > 3:
            unit = {b"EX": 1000, b"PX": 1}.get(words[3].upper())
            if len(words) != 5 or unit is None:
                raise ValueError("ERR syntax error")
            after = number(words[4], 1, LATEST) * unit
        self.store.put(key, value)
        if key in self.store.timers:
            self.store.keep(key)
        if after:
            self.store.timers[key] = self.reactor.call_later(after / 1000, self.store.drop, key)
        return b"+OK\r\n"

    def incr(self, words: Words) -> bytes:
        value = number(self.store.values.get(words[1], b"0"), most=2**63 - 2) + 1
        self.store.put(words[1], b"%d" % value)
        return integer(value)

    def expire(self, words: Words) -> bytes:
        key, seconds = words[1], number(words[2], -LATEST, LATEST)
        if key not in self.store.values:
            return integer(0)
        self.store.keep(key)
        if seconds > 0:
            self.store.timers[key] = self.reactor.call_later(seconds, self.store.drop, key)
        else:
            self.store.drop(key)
        return integer(1)

    def ttl(self, words: Words) -> bytes:
        timer = self.store.timers.get(words[1])
        if timer is None:
            return integer(-1 if words[1] in self.store.values else -2)
        return integer(round((timer.when - self.reactor.provider.clock()) / 1e9))

    def quit(self, words: Words) -> bytes:
        raise Goodbye


Command = Callable[[Client, Words], bytes | None]
plans: dict[bytes, tuple[Command, Words]] = {}


def nothing(client: Client, words: Words) -> None:
    """A blank line."""


LISTENING = {nothing, Client.subscribe, Client.unsubscribe, Client.ping, Client.quit}
COMMANDS: dict[bytes, tuple[int, int, Command]] = {  # words behind the name, at least and at most
    b"PING": (0, 1, Client.ping),
    b"ECHO": (1, 1, lambda client, words: bulk(words[1])),
    b"GET": (1, 1, Client.get),
    b"SET": (2, 4, Client.set),
    b"INCR": (1, 1, Client.incr),
    b"DEL": (1, 999, lambda client, words: integer(sum(map(client.store.drop, words[1:])))),
    b"EXISTS": (1, 999, lambda client, words: integer(sum(word in client.store.values for word in words[1:]))),
    b"EXPIRE": (2, 2, Client.expire),
    b"TTL": (1, 1, Client.ttl),
    b"DBSIZE": (0, 0, lambda client, words: integer(len(client.store.values))),
    b"SUBSCRIBE": (1, CHANNELS, Client.subscribe),
    b"UNSUBSCRIBE": (0, CHANNELS, Client.unsubscribe),
    b"PUBLISH": (2, 2, Client.publish),
    b"QUIT": (0, 0, Client.quit),
    b"COMMAND": (0, 999, lambda client, words: array()),  # redis-cli asks what there is, for its hints
    b"CONFIG": (2, 2, lambda client, words: array(bulk(words[2]), bulk(b""))),  # redis-benchmark asks what is saved
}


def plan(record: bytes) -> tuple[Command, Words]:
    """What is to be called for a request, and its words."""
    words = words_of(record)
    if not words:
        return nothing, words
    name, others = words[0].upper(), len(words) - 1
    if name in (b"POST", b"HOST:"):
        raise ProtocolError("this is no web server")
    if name not in COMMANDS:
        raise ValueError(f"ERR unknown command '{words[0][:64].decode(errors='backslashreplace')}'")
    least, most, command = COMMANDS[name]
    if not least <= others <= most:
        raise ValueError(f"ERR wrong number of arguments for '{name.decode().lower()}' command")
    if len(record) <= SHORT:
        if len(plans) >= MANY:
            plans.clear()
        plans[record] = command, words
    return command, words
