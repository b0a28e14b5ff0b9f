"""Bad input at every door of nio.channels: the named error with the number in it, and nothing has changed.

``BAD`` has every parameter of every public method with the values it refuses. That it leaves none out is tested, too,
so a new method needs its rows.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

import nio.channels
from nio.buffers import ByteBuffer
from nio.channels import FileChannel, StandardOpenOption
from nio.errors import IllegalArgumentError, IllegalSelectorError, UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi import SelectorProvider
from tests.unit.channels.things import World, concrete, public

NAN = float("nan")
NO_INTS = (True, False, 1.0, NAN, "1", b"1", [1])  # None has a meaning here and there
NO_BOOLS = (0, 1, None, "yes", 1.0, NAN)
NEGATIVE, HUGE = (-1, -(2**70)), (2**63, 2**70)
NO_LONGS = {TypeError: (None, *NO_INTS), IllegalArgumentError: NEGATIVE + HUGE}
NO_PARTS = {TypeError: NO_INTS, IndexError: (-1, 3, *HUGE)}
NO_SOURCES = {TypeError: (None, True, 7, 1.5, "text", {b"x"}, object())}
READ_ONLY = ByteBuffer.allocate(4).as_read_only_buffer()
NO_TARGETS = NO_SOURCES | {IllegalArgumentError: (b"x", memoryview(b"x"), READ_ONLY, [bytearray(1), b"x"])}
NO_PORTS = {TypeError: (None, *NO_INTS), UnsupportedAddressTypeError: (-1, 65536, *HUGE)}
NO_HOSTS = {
    UnresolvedAddressError: ("localhost", "1.2.3", "127.0.0.1\0", "1" * 300),
    UnsupportedAddressTypeError: (None, True, 1, 1.5, b"127.0.0.1", "::1"),
}
NO_ADDRESSES = {UnsupportedAddressTypeError: (True, 3, NAN, "path", ["127.0.0.1", 1], (), ("127.0.0.1",), (1, 2, 3))}
NO_FAMILIES = {TypeError: ("INET", 2, True, 1.5, object())}
NO_PROVIDERS = {TypeError: ("epoll", 0, 1, True, object(), SelectorProvider)}
NO_TIMEOUTS = {TypeError: (True, False, "1", b"1", [1]), IllegalArgumentError: (-1, -0.5, NAN, float("-inf"))}
Refused = Mapping[Any, tuple[object, ...]]  # by the type of the error


class Of(NamedTuple):
    """An argument that is something of the world."""

    name: str


class Bad(NamedTuple):
    """A parameter of a method of something in the world, and what it refuses; the other arguments are good ones."""

    method: str
    parameter: str
    refused: Refused
    on: str = ""  # what in the world has the method; the class itself without
    good: Mapping[str, object] = MappingProxyType({})
    made: Callable[[Any], object] = lambda value: value  # the argument that a value becomes a part of

    def call(self, world: World, value: object) -> object:
        owner, _, name = self.method.rpartition(".")
        thing = world.things()[self.on] if self.on else nio.channels
        for part in () if self.on or not owner else owner.split("."):
            thing = getattr(thing, part)
        if self.parameter == "=":
            setattr(thing, name, value)
            return None
        good = {key: world.things()[found.name] if isinstance(found, Of) else found for key, found in self.good.items()}
        if self.parameter.startswith("*"):
            return getattr(thing, name)(*good.values(), self.made(value))
        result = getattr(thing, name)(**good, **{self.parameter: self.made(value)})
        return next(result) if inspect.isgenerator(result) else result

    def __str__(self) -> str:
        return f"{self.method}({self.parameter})" + (f"-{self.on}" if self.on else "")


def of_addresses(method: str, on: str, good: Mapping[str, object] = MappingProxyType({})) -> list[Bad]:
    return [
        Bad(method, "address", NO_ADDRESSES, on, good),
        Bad(method, "address", NO_HOSTS, on, good, lambda host: (host, 9)),
        Bad(method, "address", NO_PORTS, on, good, lambda port: ("127.0.0.1", port)),
    ]


def of_transfers(method: str, parameter: str, on: str) -> list[Bad]:
    """A scattering read or a gathering write."""
    no_buffers = NO_TARGETS if parameter == "targets" else NO_SOURCES
    alone = {TypeError: (*NO_INTS, 1, -1, 2**70)}
    return [
        Bad(method, parameter, no_buffers, on),
        Bad(method, "offset", NO_PARTS | {TypeError: (None, *NO_INTS)}, on, {parameter: Of("buffers")}),
        Bad(method, "length", NO_PARTS, on, {parameter: Of("buffers")}),
        Bad(method, "offset", alone, on, {parameter: Of("buffer")}),
        Bad(method, "length", alone, on, {parameter: bytearray(3)}),
    ]


def of_selectable(kind: str, on: str) -> list[Bad]:
    valid = {"ServerSocketChannel": 16, "SocketChannel": 13, "DatagramChannel": 5}
    valid |= {"Pipe.SourceChannel": 1, "Pipe.SinkChannel": 4, "DescriptorChannel": 5}
    others = tuple(op for op in (1, 2, 4, 8, 16, 32) if not op & valid[kind])
    no_ops = {TypeError: (None, *NO_INTS), IllegalArgumentError: (*NEGATIVE, *others, *HUGE)}
    no_selectors: Refused = {TypeError: (None, True, 1, "selector", [], object())}
    return [
        Bad(f"{kind}.configure_blocking", "blocking", {TypeError: NO_BOOLS}, on),
        Bad(f"{kind}.register", "ops", no_ops, on, {"selector": Of("selector")}),
        Bad(f"{kind}.register", "selector", no_selectors, on, {"ops": 0}),
    ]


def of_network(kind: str, on: str) -> list[Bad]:
    name_of = {TypeError: (None, True, 1, b"SO_RCVBUF", ["SO_RCVBUF"]), io.UnsupportedOperation: ("", "SO_NONSENSE")}
    numbers = {TypeError: (None, *NO_INTS), IllegalArgumentError: (*NEGATIVE, 2**31, *HUGE)}
    rows = [
        Bad(f"{kind}.open", "family", NO_FAMILIES),
        Bad(f"{kind}.adopt", "sock", {TypeError: (None, True, 1, "text", object())}),
        Bad(f"{kind}.adopt", "provider", NO_PROVIDERS, good={"sock": None}),
        Bad(f"{kind}.get_option", "option", name_of, on),
        Bad(f"{kind}.set_option", "option", name_of, on, {"value": 1}),
        Bad(f"{kind}.set_option", "value", numbers, on, {"option": "SO_RCVBUF"}),
        Bad(f"{kind}.set_option", "value", {TypeError: NO_BOOLS}, on, {"option": "SO_REUSEADDR"}),
    ]
    return rows + of_addresses(f"{kind}.bind", on) + of_selectable(kind, on)


def of_files() -> Iterator[Bad]:
    yield Bad(
        "FileChannel.open", "path", {TypeError: (None, True, 0, 1.5, ["f"]), IllegalArgumentError: ("a\0b", b"\0")}
    )
    no_options = {TypeError: ("READ", None, 1, True, {StandardOpenOption.READ})}
    yield Bad("FileChannel.open", "*options", no_options, good={"path": Of("path")})
    yield Bad("FileChannel.position", "=", NO_LONGS, "file")
    yield Bad("FileChannel.truncate", "size", NO_LONGS, "file")
    yield Bad("FileChannel.force", "metadata", {TypeError: NO_BOOLS}, "file")
    yield Bad("FileChannel.read_at", "target", NO_TARGETS, "file", {"position": 0})
    yield Bad("FileChannel.read_at", "position", NO_LONGS, "file", {"target": Of("buffer")})
    yield Bad("FileChannel.write_at", "source", NO_SOURCES, "file", {"position": 0})
    yield Bad("FileChannel.write_at", "position", NO_LONGS, "file", {"source": Of("buffer")})
    for way, peer, end in (("to", "target", "sink"), ("from", "source", "source")):
        method = f"FileChannel.transfer_{way}"
        yield Bad(method, peer, NO_SOURCES, "file", {"position": 0, "count": 1})
        yield Bad(method, "position", NO_LONGS, "file", {peer: Of(end), "count": 1})
        yield Bad(method, "count", NO_LONGS, "file", {peer: Of(end), "position": 0})
    mode = FileChannel.MapMode.READ_WRITE
    yield Bad("FileChannel.map", "mode", NO_FAMILIES, "file", {"position": 0, "size": 1})
    yield Bad("FileChannel.map", "position", NO_LONGS, "file", {"mode": mode, "size": 1})
    yield Bad("FileChannel.map", "size", NO_LONGS, "file", {"mode": mode, "position": 0})
    yield Bad("FileChannel.map", "size", {IllegalArgumentError: (2**31,)}, "file", {"mode": mode, "position": 0})
    for method in ("FileChannel.lock", "FileChannel.try_lock"):
        yield Bad(method, "position", NO_LONGS, "file", {"size": 1})
        yield Bad(method, "size", NO_LONGS, "file")
        yield Bad(method, "size", {IllegalArgumentError: (2**63 - 1,)}, "file", {"position": 1})
        yield Bad(method, "shared", {TypeError: NO_BOOLS}, "file")
    yield Bad("FileLock.overlaps", "position", {TypeError: (None, *NO_INTS)}, "lock", {"size": 1})
    yield Bad("FileLock.overlaps", "size", {TypeError: (None, *NO_INTS)}, "lock", {"position": 1})


def of_streams() -> Iterator[Bad]:
    no_names = {TypeError: (None, True, 1, b"utf-8"), LookupError: ("no such", "")}
    for way in ("input_stream", "output_stream", "reader", "writer"):
        yield Bad(way, "channel", {TypeError: (*NO_SOURCES[TypeError], b"bytes")})
    for way, end in (("reader", "source"), ("writer", "sink")):
        yield Bad(way, "encoding", no_names | {LookupError: ("no such", "hex", "")}, good={"channel": Of(end)})
        yield Bad(way, "errors", no_names, good={"channel": Of(end)})
    yield Bad("new_channel", "stream", {TypeError: (*NO_SOURCES[TypeError], io.StringIO("text"))})
    yield Bad("new_channel", "provider", NO_PROVIDERS, good={"stream": io.BytesIO()})


def rows() -> Iterator[Bad]:
    for kind in ("SocketChannel", "ServerSocketChannel", "DatagramChannel", "Pipe", "FileChannel"):
        yield Bad(f"{kind}.open", "provider", NO_PROVIDERS, good={"path": Of("path")} if kind == "FileChannel" else {})
    yield Bad("inherited_channel", "provider", NO_PROVIDERS)
    yield from of_network("SocketChannel", "stream")
    yield from of_network("ServerSocketChannel", "server")
    yield Bad("ServerSocketChannel.accept", "blocking", {TypeError: NO_BOOLS}, "server")
    yield from of_network("DatagramChannel", "datagrams")
    yield from of_selectable("Pipe.SourceChannel", "source")
    yield from of_selectable("Pipe.SinkChannel", "sink")
    yield from of_selectable("DescriptorChannel", "descriptor")
    yield Bad("DescriptorChannel.adopt", "fd", {TypeError: (None, *NO_INTS), OSError: (*NEGATIVE, *HUGE)})
    yield Bad("DescriptorChannel.adopt", "provider", NO_PROVIDERS, good={"fd": 0})
    yield from of_transfers("DescriptorChannel.read", "targets", "descriptor")
    yield from of_transfers("DescriptorChannel.write", "sources", "descriptor")
    for kind, on in (("SocketChannel", "near"), ("DatagramChannel", "talk"), ("FileChannel", "file")):
        yield from of_transfers(f"{kind}.read", "targets", on)
        yield from of_transfers(f"{kind}.write", "sources", on)
    yield from of_transfers("Pipe.SourceChannel.read", "targets", "source")
    yield from of_transfers("Pipe.SinkChannel.write", "sources", "sink")
    yield from of_transfers("StreamChannel.read", "targets", "over_stream")
    yield from of_transfers("StreamChannel.write", "sources", "over_stream")
    yield Bad("SocketChannel.open", "address", NO_ADDRESSES | {UnsupportedAddressTypeError: (True, 3, NAN, [1], ())})
    flow, scope = ({TypeError: NO_INTS, UnsupportedAddressTypeError: (-1, over, *HUGE)} for over in (2**20, 2**32))
    yield Bad("ServerSocketChannel.bind", "address", flow, "server6", made=lambda number: ("::1", 0, number, 0))
    yield Bad("ServerSocketChannel.bind", "address", scope, "server6", made=lambda number: ("::1", 0, 0, number))
    yield from of_addresses("SocketChannel.connect", "stream")
    yield from of_addresses("DatagramChannel.connect", "datagrams")
    yield from of_addresses("DatagramChannel.send", "datagrams", {"source": Of("buffer")})
    yield Bad(
        "ServerSocketChannel.bind", "backlog", {TypeError: NO_INTS, IllegalArgumentError: (2**31, *HUGE)}, "server"
    )
    yield Bad("ServerSocketChannel.bind", "replace_stale", {TypeError: NO_BOOLS}, "server")
    yield Bad("DatagramChannel.send", "source", NO_SOURCES, "datagrams", {"address": ("127.0.0.1", 9)})
    yield Bad(
        "DatagramChannel.receive",
        "target",
        NO_SOURCES | {TypeError: (None, 7, "text", []), IllegalArgumentError: (b"x", READ_ONLY)},
        "datagrams",
    )
    interface = {TypeError: (None, True, 1.5, b"lo"), IllegalArgumentError: (-1, 2**70, "no such", "192.0.2.1")}
    no_groups = {
        TypeError: (None, True, 1, b"x"),
        UnresolvedAddressError: ("group", ""),
        IllegalArgumentError: ("10.0.0.1",),
    }
    no_sources = {
        TypeError: (True, 1, b"x"),
        UnresolvedAddressError: ("me",),
        IllegalArgumentError: ("::1", "239.0.0.1"),
    }
    yield Bad("DatagramChannel.join", "group", no_groups, "talk", {"interface": "lo"})
    yield Bad("DatagramChannel.join", "interface", interface, "talk", {"group": "239.1.1.1"})
    yield Bad("DatagramChannel.join", "source", no_sources, "talk", {"group": "239.1.1.1", "interface": "lo"})
    yield Bad("DatagramChannel.set_option", "value", interface, "talk", {"option": "IP_MULTICAST_IF"})
    yield Bad("Selector.open", "provider", NO_PROVIDERS)
    yield Bad("Selector.select", "timeout", NO_TIMEOUTS, "selector")
    yield Bad("Selector.select", "action", {TypeError: (True, 1, "text", [])}, "selector", {"timeout": 0})
    yield Bad("Selector.select_now", "action", {TypeError: (True, 1, "text", [])}, "selector")
    yield Bad("Selector.dispatch", "timeout", NO_TIMEOUTS, "selector", {"action": print})
    yield Bad("Selector.dispatch", "action", {TypeError: (None, True, 1, "text", [])}, "selector", {"timeout": 0})
    yield Bad("Selector.on_lost_key", "=", {TypeError: (True, 1, "text", [])}, "selector")
    yield Bad("Selector.serve", "timeout", NO_TIMEOUTS, "selector", {"take": None})
    yield Bad("Selector.watch_faults", "call", {TypeError: (None, True, 1, "text", [])}, "selector")
    yield Bad("Selector.ready_keys", "timeout", NO_TIMEOUTS, "selector")
    no_ops = {TypeError: (None, *NO_INTS), IllegalArgumentError: (*NEGATIVE, 2, 16, 32, *HUGE)}
    yield Bad("SelectionKey.interest_ops", "=", no_ops, "key")
    yield Bad("SelectionKey.interest_ops_or", "ops", no_ops, "key")
    yield Bad("SelectionKey.interest_ops_and", "ops", {TypeError: (None, *NO_INTS)}, "key")
    yield from of_files()
    yield from of_streams()


BAD = list(rows())

# Parameters that take anything.
ANYTHING = {
    "register(attachment)",
    "attach(attachment)",
    "set_interest(ops)",  # the form that is not checked, for a reactor
    "serve(take)",  # unchecked in the same way: it is asked for in each turn
    "serve(end)",
    "key_for(selector)",  # a registration with something else is as unknown as one with another selector
}


def says(error: BaseException, value: object) -> bool:
    """The message has the value; of what is of the wrong type its type will do, of a buffer what is wrong with it."""
    message = str(error)
    if isinstance(value, (int, float)) and not isinstance(error, TypeError):
        return repr(value) in message
    return any(word in message for word in (repr(value), str(value), type(value).__name__, "read-only"))


@pytest.mark.parametrize("row", BAD, ids=str)
def test_bad_input_is_refused_by_name_and_number(row: Bad, world: World) -> None:
    before = world.state()
    for error, values in row.refused.items():
        for value in values:
            with pytest.raises(error) as caught:
                row.call(world, value)
            assert type(caught.value) is error, f"{value!r}: {caught.value!r}"
            assert says(caught.value, value), f"{value!r}: {caught.value!r}"
    assert world.state() == before


def test_a_selector_of_another_provider(world: World) -> None:
    before = world.state()
    for channel in (world.stream, world.server, world.datagrams, world.pipe.source, world.pipe.sink):
        with pytest.raises(IllegalSelectorError, match=r"is of .*, Selector\(.* of "):
            channel.register(world.stranger, 0)
    assert world.state() == before


def parameters() -> Iterator[str]:
    """Every parameter of every public method and function, ``=`` for what a property is set to."""
    for kind_name, kind in concrete().items():
        for name in public(kind):
            member = inspect.getattr_static(kind, name)
            if isinstance(member, property):
                if member.fset is not None:
                    yield f"{kind_name}.{name}(=)"
            elif inspect.isroutine(getattr(kind, name)):
                found = list(inspect.signature(getattr(kind, name)).parameters.values())
                for parameter in found if isinstance(member, classmethod) else found[1:]:
                    star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
                    yield f"{kind_name}.{name}({star}{parameter.name})"
    for name in nio.channels.__all__:
        if inspect.isfunction(function := getattr(nio.channels, name)):
            yield from (f"{name}({parameter})" for parameter in inspect.signature(function).parameters)


def test_no_parameter_is_left_out() -> None:
    rows = {f"{row.method}({row.parameter})" for row in BAD}
    assert len(rows) > 80
    assert {name for name in parameters() if name not in rows and not name.endswith(tuple(ANYTHING))} == set()
