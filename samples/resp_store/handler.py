"""One client: its requests, which are many where it pipelines, and one send for all replies to a read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nio.errors import ProtocolError
from nio.reactor import CloseReason, Group, StreamHandler
from samples.resp_store.framing import SHORT, Resp, array, bulk, words_of
from samples.resp_store.store import Store

CHANNELS, LATEST = 128, 10**9  # of a client; seconds until a key expires
MANY = 4096  # requests whose plans are remembered, which are short
Words = list[bytes]


class Client(StreamHandler):
    framing = Resp()
    idle_timeout = None  # who subscribes says nothing

    def __init__(self, store: Store) -> None:
        self.store, self.channels = store, dict[bytes, None]()

    def process_batch(self, records: list[bytes]) -> list[bytes] | None:
        """One value is returned, which costs least; several are one piece of output."""
        replies: list[bytes] = []
        for record in records:
            try:
                command, words = plans.get(record) or plan(record)
                if self.channels and command not in LISTENING:
                    raise ValueError("ERR only SUBSCRIBE, UNSUBSCRIBE, PING and QUIT while there are channels")
                replies.append(command(self, words))
            except ProtocolError as error:
                replies.append(told(f"ERR Protocol error: {error}"))
                self.finish(CloseReason.PROTOCOL_ERROR)
                break
            except ValueError as error:
                replies.append(told(str(error)))
        if len(records) == 1 and replies[0][:1] not in (b"*", b""):
            return replies
        self.write(b"".join(replies))
        return None

    def on_close(self, reason: CloseReason) -> None:
        for name in self.channels:
            self.store.tidy(name)

    def ping(self, words: Words) -> bytes:
        if self.channels:
            return array(bulk(b"pong"), bulk(b"".join(words[1:])))
        return bulk(words[1]) if words[1:] else b"+PONG\r\n"

    def get(self, words: Words) -> bytes:
        return bulk(self.store.values.get(words[1]))

    def set(self, words: Words) -> bytes:
        _, key, value, *options = words
        unit = {b"EX": 1000, b"PX": 1}.get(options[0].upper()) if len(options) == 2 else None
        if options and unit is None:
            raise ValueError("ERR syntax error")
        after = number(options[1], 1, LATEST) * unit if unit else 0
        self.store.put(key, value)
        self.store.keep(key)
        if after:
            self.store.timers[key] = self.reactor.call_later(after / 1000, self.store.drop, key)
        return b"+OK\r\n"

    def incr(self, words: Words) -> bytes:
        value = b"%d" % (number(self.store.values.get(words[1], b"0"), most=2**63 - 2) + 1)
        self.store.put(words[1], value)
        return b":%b\r\n" % value

    def expire(self, words: Words) -> bytes:
        key, seconds = words[1], number(words[2], -LATEST, LATEST)
        if key not in self.store.values:
            return b":0\r\n"
        self.store.keep(key)
        if seconds > 0:
            self.store.timers[key] = self.reactor.call_later(seconds, self.store.drop, key)
        else:
            self.store.drop(key)
        return b":1\r\n"

    def ttl(self, words: Words) -> bytes:
        timer = self.store.timers.get(words[1])
        if timer is None:
            return b":-1\r\n" if words[1] in self.store.values else b":-2\r\n"
        return b":%d\r\n" % round((timer.when - self.reactor.provider.clock()) / 1e9)

    def subscribe(self, words: Words) -> bytes:
        return b"".join(map(self.listen, words[1:]))

    def listen(self, name: bytes) -> bytes:
        if len(self.channels) == CHANNELS and name not in self.channels:
            return told(f"ERR a client has {CHANNELS} channels at most")
        self.channels[name] = None
        self.store.channels.setdefault(name, Group()).join(self)
        return array(bulk(b"subscribe"), bulk(name), b":%d\r\n" % len(self.channels))

    def unsubscribe(self, words: Words) -> bytes:
        return b"".join(map(self.leave, words[1:] or list(self.channels) or [None]))

    def leave(self, name: bytes | None) -> bytes:
        if name in self.channels:
            del self.channels[name]
            self.store.channels[name].leave(self)
            self.store.tidy(name)
        return array(bulk(b"unsubscribe"), bulk(name), b":%d\r\n" % len(self.channels))

    def publish(self, words: Words) -> bytes:
        group = self.store.channels.get(words[1])
        if group is None:
            return b":0\r\n"
        group.broadcast(array(bulk(b"message"), bulk(words[1]), bulk(words[2])))
        return b":%d\r\n" % len(group)

    def quit(self, words: Words) -> bytes:
        self.finish()
        return b"+OK\r\n"


Command = Callable[[Client, Words], bytes]
plans: dict[bytes, tuple[Command, Words]] = {}
LISTENING = {Client.subscribe, Client.unsubscribe, Client.ping, Client.quit}
COMMANDS: dict[bytes, tuple[int, int, Command]] = {  # words behind the name, at least and at most
    b"PING": (0, 1, Client.ping),
    b"ECHO": (1, 1, lambda client, words: bulk(words[1])),
    b"GET": (1, 1, Client.get),
    b"SET": (2, 4, Client.set),
    b"INCR": (1, 1, Client.incr),
    b"DEL": (1, 999, lambda client, words: count(map(client.store.drop, words[1:]))),
    b"EXISTS": (1, 999, lambda client, words: count(map(client.store.values.__contains__, words[1:]))),
    b"EXPIRE": (2, 2, Client.expire),
    b"TTL": (1, 1, Client.ttl),
    b"DBSIZE": (0, 0, lambda client, words: count([len(client.store.values)])),
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
        return lambda client, words: b"", words
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


def number(digits: bytes, least: int = -(2**63), most: int = 2**63 - 1) -> int:
    value = int(digits) if len(digits) <= 20 and digits.removeprefix(b"-").isdigit() else most + 1
    if not least <= value <= most:
        raise ValueError("ERR value is not an integer or out of range")
    return value


def count(numbers: Iterable[int]) -> bytes:
    return b":%d\r\n" % sum(numbers)


def told(error: str) -> bytes:
    return b"-%b\r\n" % error.encode("ascii", "backslashreplace").replace(b"\r", b" ").replace(b"\n", b" ")
