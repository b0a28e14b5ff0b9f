"""One of each thing of nio.channels, and what can be seen of them."""

from __future__ import annotations

import enum
import io
import socket
from contextlib import ExitStack
from pathlib import Path

import nio.channels
from nio.buffers import ByteBuffer
from nio.channels import (
    DatagramChannel,
    DescriptorChannel,
    FileChannel,
    Pipe,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
    new_channel,
)
from nio.spi import ProtocolFamily, SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import R, connected_pair


class World:
    """One of each, and what can be seen of them."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.path = directory / "f"
        self.path.write_bytes(b"hello")
        self.file = stack.enter_context(FileChannel.open(self.path, StandardOpenOption.READ, StandardOpenOption.WRITE))
        self.file.position = 2
        self.lock = self.file.lock(100, 5)
        self.server = stack.enter_context(ServerSocketChannel.open()).configure_blocking(False)
        self.server6 = stack.enter_context(ServerSocketChannel.open(ProtocolFamily.INET6))
        self.stream = stack.enter_context(SocketChannel.open()).configure_blocking(False)
        self.near, self.far = (stack.enter_context(end) for end in connected_pair())
        self.datagrams = stack.enter_context(DatagramChannel.open()).configure_blocking(False)
        self.talk = stack.enter_context(DatagramChannel.open()).configure_blocking(False).connect(("127.0.0.1", 9))
        self.membership = self.talk.join("239.1.2.3", "lo")
        self.pipe = stack.enter_context(Pipe.open())
        self.pipe.source.configure_blocking(False)
        self.pipe.sink.configure_blocking(False)
        descriptor, self.other_end = socket.socketpair()
        stack.enter_context(self.other_end)
        self.descriptor = stack.enter_context(DescriptorChannel.adopt(descriptor.detach())).configure_blocking(False)
        self.over_stream = stack.enter_context(new_channel(io.BytesIO(b"stream")))
        self.selector = stack.enter_context(Selector.open())
        self.stranger = stack.enter_context(Selector.open(WatchedProvider(SelectorProvider.default())))
        self.key = self.near.register(self.selector, R, "attachment")
        self.buffer = ByteBuffer.allocate(4).put(b"x")
        self.buffers = [ByteBuffer.allocate(4), ByteBuffer.allocate(4)]

    def things(self) -> dict[str, object]:
        return vars(self) | {"source": self.pipe.source, "sink": self.pipe.sink}

    def state(self) -> dict[str, object]:
        """Every public property of everything, every option, and what has been written."""
        seen: dict[str, object] = {}
        for name, thing in self.things().items():
            seen[name] = repr(thing)
            for member in public(type(thing)):
                if isinstance(getattr(type(thing), member), property) and member != "has_changes":  # until the next one
                    seen[f"{name}.{member}"] = repr(getattr(thing, member))
            if isinstance(thing, (SocketChannel, ServerSocketChannel, DatagramChannel)):
                steady = thing.supported_options - {"TCP_QUICKACK"}  # the kernel changes that by itself
                seen |= {f"{name}:{option}": thing.get_option(option) for option in steady}
        seen["content"] = self.path.read_bytes()
        seen["selected"] = self.selector.select_now()
        seen["in the pipe"] = self.pipe.source.read(bytearray(9))
        seen["at the peer"] = self.far.read(bytearray(9))
        return seen


def public(owner: type) -> list[str]:
    """The names that nio gives it; a ``Pipe`` is a tuple, too."""
    ours = [vars(base) for base in owner.__mro__ if base.__module__.partition(".")[0] == "nio"]
    return sorted({name for names in ours for name in names if not name.startswith("_")})


def concrete() -> dict[str, type]:
    """The public classes that things are made of, by the names users know."""
    kinds = {name: kind for name in nio.channels.__all__ if isinstance(kind := getattr(nio.channels, name), type)}
    left_out = {"SelectableChannel", "NetworkChannel", "MulticastChannel", "StandardSocketOptions", "ProtocolFamily"}
    ends: dict[str, type] = {"Pipe.SourceChannel": Pipe.SourceChannel, "Pipe.SinkChannel": Pipe.SinkChannel}
    return ends | {
        name: kind
        for name, kind in kinds.items()
        if name not in left_out and not getattr(kind, "_is_protocol", False) and not issubclass(kind, enum.Enum)
    }
