"""A turn's share, as ``docs/handlers.md`` tells it, is what the code keeps to."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from nio.reactor import Acceptor
from nio.reactor.loop import _agenda
from nio.reactor.streams import _connection, _stream_handler, _switching_handler
from tests.unit.reactor.support import Silent, World

PAGE = Path(__file__).parents[3] / "docs" / "handlers.md"
UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def shares() -> list[int]:
    section = PAGE.read_text(encoding="utf-8").partition("## A turn's share")[2].partition("\n## ")[0]
    return [int(n) * UNITS[unit] for n, unit in re.findall(r"^\| [^|]+ \| (\d+) ?(\w*) \|", section, re.MULTILINE)]


def test_the_table_says_what_the_code_does() -> None:
    accepts = inspect.signature(Acceptor).parameters["accepts_per_turn"].default
    records = _stream_handler._BATCH * _stream_handler._BATCHES_PER_TURN
    output = _stream_handler._BYTES_PER_TURN
    assert shares() == [accepts, _connection._READ_SIZE, records, output, 1, _agenda._TICKS_PER_TURN]
    assert _switching_handler._BATCH == _stream_handler._BATCH


def test_B08_no_more_records_than_its_share_are_processed_in_a_turn() -> None:
    share = shares()[2]
    with World(Silent) as world:
        peer = world.connect()
        peer.send(b"\n" * (65_000 + share))
        world.received(65_000)  # one read is filled from now on
        done = world.reactor.statistics().requests
        while done < 65_000:
            world.reactor.turn(0)
            before, done = done, world.reactor.statistics().requests
            assert done - before <= share
