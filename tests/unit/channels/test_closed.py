"""What every public name of nio.channels does on a closed thing: it refuses, by the named error, or it works.

Every public name is tried. That ``CLOSED`` leaves no kind of thing out is tested, too, so a new one needs its rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from nio.buffers import ByteBuffer
from nio.channels import FileChannel
from nio.errors import CancelledKeyError, ClosedChannelError, ClosedSelectorError
from tests.helpers import W
from tests.unit.channels.things import World, concrete, public

READ_ONLY = ByteBuffer.allocate(4).as_read_only_buffer()


class Closed(NamedTuple):
    """Something in the world, how it is closed, and which of its names then raise what."""

    on: str
    by: str
    error: type[Exception]
    refused: str


SELECTABLE = "configure_blocking register "
NETWORK = SELECTABLE + "local_address port get_option set_option bind detach "
CLOSED = [
    Closed("stream", "close", ClosedChannelError, NETWORK + "remote_address connect finish_connect read write "),
    Closed("near", "close", ClosedChannelError, NETWORK + "remote_address connect finish_connect read write "),
    Closed("server", "close", ClosedChannelError, NETWORK + "accept"),
    Closed("datagrams", "close", ClosedChannelError, NETWORK + "remote_address connect receive send read write join"),
    Closed("talk", "close", ClosedChannelError, NETWORK + "remote_address connect receive send read write join"),
    Closed("source", "close", ClosedChannelError, SELECTABLE + "read"),
    Closed("sink", "close", ClosedChannelError, SELECTABLE + "write"),
    Closed("descriptor", "close", ClosedChannelError, SELECTABLE + "read write detach"),
    Closed("pipe", "close", ClosedChannelError, ""),
    Closed(
        "file",
        "close",
        ClosedChannelError,
        "read write read_at write_at position size truncate force transfer_to transfer_from map lock try_lock",
    ),
    Closed("over_stream", "close", ClosedChannelError, "read write"),
    Closed("lock", "release", ClosedChannelError, ""),
    Closed("membership", "drop", ClosedChannelError, ""),
    Closed(
        "selector",
        "close",
        ClosedSelectorError,
        "keys selected_keys select select_now dispatch ready_keys fileno serve waking_on_signals",
    ),
    Closed(
        "key",
        "cancel",
        CancelledKeyError,
        "interest_ops interest_ops_or interest_ops_and set_interest "
        "ready_ops is_readable is_writable is_connectable is_acceptable",
    ),
]
SHUTDOWNS = {"shutdown_input", "shutdown_output"}
ARGUMENTS: dict[str, Callable[[World], tuple[object, ...]]] = {
    "watch_faults": lambda world: (print,),
    "dispatch": lambda world: (0, print),
    "serve": lambda world: (0, print),
    "set_interest": lambda world: (1,),
    "configure_blocking": lambda world: (False,),
    "register": lambda world: (world.selector, 0),
    "key_for": lambda world: (world.selector,),
    "bind": lambda world: (None,),
    "connect": lambda world: (("127.0.0.1", 9),),
    "get_option": lambda world: ("SO_RCVBUF",),
    "set_option": lambda world: ("SO_RCVBUF", 4096),
    "read": lambda world: (world.buffers,),
    "write": lambda world: (world.buffers,),
    "receive": lambda world: (world.buffer,),
    "send": lambda world: (world.buffer, ("127.0.0.1", 9)),
    "join": lambda world: ("239.1.1.1", "lo"),
    "read_at": lambda world: (world.buffer, 0),
    "write_at": lambda world: (world.buffer, 0),
    "truncate": lambda world: (0,),
    "transfer_to": lambda world: (0, 1, world.pipe.sink),
    "transfer_from": lambda world: (world.pipe.source, 0, 1),
    "map": lambda world: (FileChannel.MapMode.READ_ONLY, 0, 1),
    "overlaps": lambda world: (0, 1),
    "attach": lambda world: (world.key.attachment,),
    "interest_ops_or": lambda world: (W,),
    "interest_ops_and": lambda world: (W,),
}


def use(thing: Any, name: str, world: World) -> None:
    """Read a property, or call a method with arguments that are good ones of something open."""
    found = getattr(thing, name)
    is_method = inspect.isfunction(inspect.getattr_static(type(thing), name))
    arguments = ARGUMENTS[name](world) if name in ARGUMENTS else ()
    result = found(*arguments) if is_method else found
    if inspect.isgenerator(result):
        next(result)


@pytest.mark.parametrize("row", CLOSED, ids=lambda row: row.on)
def test_a_closed_thing_says_so_and_stays_as_it_is(row: Closed, world: World) -> None:
    thing = world.things()[row.on]
    getattr(thing, row.by)()
    before = repr(thing), repr([world.buffer, *world.buffers])
    refused = set(row.refused.split()) | SHUTDOWNS & set(public(type(thing)))
    assert refused <= set(public(type(thing)))
    for name in public(type(thing)):
        if name in refused:
            with pytest.raises(row.error):
                use(thing, name, world)
        else:
            use(thing, name, world)
    assert (repr(thing), repr([world.buffer, *world.buffers])) == before
    assert world.path.read_bytes() == b"hello"


@pytest.mark.parametrize("row", [row for row in CLOSED if "read" in row.refused or "write" in row.refused], ids=str)
def test_a_part_that_is_none_is_refused_before_a_closed_channel_is(row: Closed, world: World) -> None:
    """As JDK 17: IndexOutOfBoundsException, for a channel that is not connected too."""
    thing: Any = world.things()[row.on]
    for _ in ("open", "closed"):
        for name in {"read", "write"} & set(public(type(thing))):
            for part in ((-1, 1), (1, 2), (0, -1), (3, 0), (0, 3), (3, None)):
                with pytest.raises(IndexError, match=f"offset {part[0]} and length"):
                    getattr(thing, name)(world.buffers, *part)
        getattr(thing, row.by)()


def test_a_file_s_position_cannot_be_set_once_it_is_closed(world: World) -> None:
    world.file.close()
    with pytest.raises(ClosedChannelError):
        world.file.position = -1  # the number is looked at second, as in the JDK


def test_no_kind_of_thing_is_left_out(world: World) -> None:
    closed = {type(world.things()[row.on]) for row in CLOSED}
    assert len(closed) > 10
    assert set(concrete().values()) - closed == set()
