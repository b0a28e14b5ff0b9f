"""The operations of a scenario that are one call of the public API."""

from __future__ import annotations

import time
from collections.abc import Callable

from nio.buffers import ByteBuffer, MappedByteBuffer
from nio.channels import DatagramChannel, FileChannel, FileLock, Selector, ServerSocketChannel, SocketChannel
from nio.channels import StandardSocketOptions as Options
from tests.jdk._words import letters, to_buffer, to_ops, to_seconds

# These answer "ok" ...
ACTS: dict[str, Callable[..., object]] = {
    "sel": lambda s, name: s.put(name, Selector.open()),
    "ss": lambda s, name: s.put(name, ServerSocketChannel.open()),
    "sc": lambda s, name: s.put(name, SocketChannel.open()),
    "dc": lambda s, name: s.put(name, DatagramChannel.open()),
    "block": lambda s, name, blocking: s.get(name).configure_blocking(blocking == "T"),
    "close": lambda s, name: s.no(name, FileLock).close(),
    "disconnect": lambda s, name: s.get(name).disconnect(),
    "shutin": lambda s, name: s.get(name).shutdown_input(),
    "shutout": lambda s, name: s.get(name).shutdown_output(),
    "linger0": lambda s, name: s.cast(name, SocketChannel).set_option(Options.SO_LINGER, 0),
    "cancel": lambda s, key: s.key(key).cancel(),
    "sclear": lambda s, name: s.get(name).selected_keys.clear(),
    "kclear": lambda s, name: s.get(name).keys.clear(),
    "settle": lambda s, milliseconds: time.sleep(int(milliseconds) / 1000 * s.pace),
    "ftrunc": lambda s, name, size: s.get(name).truncate(int(size)),
    "funlock": lambda s, name: s.get(name).release(),
    "mput": lambda s, name, index, value: s.get(name).put_at(int(index), ord(value[0])),
    "mforce": lambda s, name: s.cast(name, MappedByteBuffer).force(),
}

# ... and these what they return.
ANSWERS: dict[str, Callable[..., object]] = {
    "finish": lambda s, name: s.get(name).finish_connect(),
    "local": lambda s, name: s.owner(s.get(name).local_address),
    "remote": lambda s, name: s.owner(s.get(name).remote_address),
    "exists": lambda s, name: s.get(f"{name}.path").exists(),
    "isopen": lambda s, name: s.get(name).is_open,
    "isblocking": lambda s, name: s.get(name).is_blocking,
    "isreg": lambda s, name: s.get(name).is_registered,
    "isconn": lambda s, name: s.get(name).is_connected,
    "ispend": lambda s, name: s.get(name).is_connection_pending,
    "validops": lambda s, name: letters(s.get(name).valid_ops),
    "readro": lambda s, name: s.get(name).read(ByteBuffer.allocate(8).as_read_only_buffer()),
    "send": lambda s, name, target, word: s.get(name).send(to_buffer(word), s.peer(target)),
    "senderr": lambda s, name, target, size: s.get(name).send(ByteBuffer.allocate(int(size)), s.peer(target)),
    "ior": lambda s, key, ops: letters(s.key(key).interest_ops_or(to_ops(ops))),
    "iand": lambda s, key, ops: letters(s.key(key).interest_ops_and(to_ops(ops))),
    "rops": lambda s, key: letters(s.key(key).ready_ops),
    "isreadable": lambda s, key: s.key(key).is_readable,
    "valid": lambda s, key: s.key(key).is_valid,
    "attach": lambda s, key, word: s.key(key).attach(None if word == "null" else word),
    "att": lambda s, key: s.key(key).attachment,
    "keych": lambda s, key: f"{s.name(s.key(key).channel)} {s.name(s.key(key).selector)}",
    "select": lambda s, name, timeout="0": s.get(name).select(to_seconds(timeout)),
    "now": lambda s, name: s.get(name).select_now(),
    "wakeup": lambda s, name: s.get(name).wakeup() is s.get(name),
    "sadd": lambda s, name, key: s.get(name).selected_keys.add(s.key(key)),
    "kremove": lambda s, name, key: s.get(name).keys.remove(s.key(key)),
    "fsize": lambda s, name: s.cast(name, FileChannel).size,
    "fwriteat": lambda s, name, word, position: s.get(name).write_at(to_buffer(word), int(position)),
    "fvalid": lambda s, name: s.get(name).is_valid,
    "mget": lambda s, name, index: chr(s.get(name).get(int(index))),
}
