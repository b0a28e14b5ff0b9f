"""The states of a connection: handlers keep to the tables, and the docs' drawing is made from them.

``python -m tests.unit.reactor.test_states`` prints what stands between the two marks in ``docs/architecture.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from nio.reactor import State
from nio.reactor.streams._state import INTEREST, TRANSITIONS
from tests.unit.reactor.support import Greeter, Manual, World

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"
BEGIN, END = "<!-- made from the tables of _state.py -->\n", "<!-- end of what is made -->\n"
LETTERS = {0: "nothing", 1: "`OP_READ`", 4: "`OP_WRITE`", 5: "`OP_READ` and `OP_WRITE`"}


def drawing() -> str:
    """The states as a Mermaid diagram, and the interest sets as a table."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> READING: on_open()"]
    lines += [f"    {before.name} --> {after.name}: {why}" for (before, after), why in TRANSITIONS.items()]
    lines += ["    CLOSED --> [*]: on_close(reason)", "```", ""]
    lines += ["| state | interest set | while output is left |", "|---|---|---|"]
    lines += [f"| {state.name} | {LETTERS[quiet]} | {LETTERS[busy]} |" for state, (quiet, busy) in INTEREST.items()]
    return "\n".join(lines) + "\n"


class Watched(Greeter):
    """Notes every change of state."""

    high_mark, low_mark = 40, 20

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[State, State]] = []
        self.now: State | None = None

    @property
    def _state(self) -> State:
        assert self.now is not None
        return self.now

    @_state.setter
    def _state(self, state: State) -> None:
        if self.now is not None and self.now is not state:
            self.changes.append((self.now, state))
        self.now = state

    def process(self, record: bytes) -> Any:
        if record.startswith(b"wait"):
            self.suspend()
        if record.startswith(b"quit"):
            self.finish()
        if record == b"bug":
            raise KeyError(record)
        reply = super().process(record)
        if not record.endswith(b"late"):
            return reply
        late: Future[bytes | None] = Future()
        late.set_result(reply)
        return late


SCRIPTS = [
    *(b"ann\n", b"ann\nbob\ncid\ndan\neve\n", b"wait\nann\n", b"ann\nquit\n", b"bug\n", b"x" * 300, b"ann\n" * 70),
    *(b"late\nann\nlate\n", b"wait late\nann\n", b"quit late\nann\n"),
]


@pytest.mark.parametrize("room", [None, 0, 15])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("end", ["close", "reset", "half_close", "drain", "finish", "silence"])
@pytest.mark.parametrize("script", range(len(SCRIPTS)))
def test_every_change_is_a_row_of_the_table(script: int, end: str, pooled: bool, room: int | None) -> None:
    manual = Manual()
    with World(Watched, workers=manual if pooled else 0) as world:
        peer = world.connect()
        handler = world.handler

        def turns() -> None:
            for _ in range(4):
                if manual.waiting:
                    manual.run_one()
                world.turns(2)
                if handler.key.is_valid:
                    unsent = 1 if handler.unsent else 0
                    assert handler.key.interest_ops == INTEREST[handler.state][unsent]

        world.kernel.room = room
        peer.send(SCRIPTS[script])
        turns()
        if end == "drain":
            world.reactor.stop(drain=1)
        elif end == "finish":
            handler.finish()
        elif end != "silence":
            getattr(peer, end)()
        turns()
        handler.resume()
        world.kernel.room = None
        turns()
        world.advance(100)
        for before, after in handler.changes:
            assert (before, after) in TRANSITIONS or after is State.CLOSED, f"{before} -> {after}"


# How each row comes to be; in each a worker has a record when ``manual.waiting``.


def handed_over(world: World, manual: Manual) -> None:
    world.peers[0].send(b"ann\n")
    world.until(lambda: manual.waiting)


def answered(world: World, manual: Manual) -> None:
    handed_over(world, manual)
    manual.run_one()
    world.peers[0].read(10)


def held_back(world: World, manual: Manual) -> None:
    world.kernel.room = 0
    world.handler.send(b"x" * 60)
    world.until_state(State.SENDING)


def taken(world: World, manual: Manual) -> None:
    held_back(world, manual)
    world.kernel.room = None
    world.peers[0].read(61)


def suspended(world: World, manual: Manual) -> None:
    world.handler.suspend()


def resumed(world: World, manual: Manual) -> None:
    suspended(world, manual)
    world.handler.resume()
    world.turns()


def suspended_meanwhile(world: World, manual: Manual) -> None:
    handed_over(world, manual)
    suspended(world, manual)
    manual.run_one()
    world.turns()


def taken_meanwhile(world: World, manual: Manual) -> None:
    held_back(world, manual)
    suspended(world, manual)
    world.kernel.room = None
    world.peers[0].read(61)


def finished(world: World, manual: Manual) -> None:
    world.handler.finish()
    world.turns()


def struck(world: World, manual: Manual) -> None:
    world.peers[0].send(b"bug\n")
    world.until(lambda: manual.waiting)
    manual.run_one()
    world.turns()


def finished_over_the_mark(world: World, manual: Manual) -> None:
    held_back(world, manual)
    finished(world, manual)


def finished_while_suspended(world: World, manual: Manual) -> None:
    suspended(world, manual)
    finished(world, manual)


def late(script: bytes) -> Callable[[World, Manual], None]:
    """Without a worker: the reply comes in the turn after this one."""

    def scene(world: World, manual: Manual) -> None:
        with World(Watched) as inline:
            peer = inline.connect()
            peer.send(script)
            inline.until(lambda: inline.handler.seen)
            inline.turns()
            world.handler.changes.extend(inline.handler.changes)

    return scene


def left_by_both(world: World, manual: Manual) -> None:
    finished(world, manual)
    world.peers[0].close()
    world.until_state(State.CLOSED)


def left_by_the_peer(world: World, manual: Manual) -> None:
    world.kernel.room = 0
    world.handler.send(b"x")
    world.turns()
    world.peers[0].half_close()
    world.until_state(State.CLOSING)
    world.kernel.room = None
    world.until_state(State.CLOSED)


SCENES: dict[tuple[State, State], Callable[[World, Manual], None]] = {
    (State.READING, State.PROCESSING): handed_over,
    (State.PROCESSING, State.READING): answered,
    (State.READING, State.SENDING): held_back,
    (State.SENDING, State.READING): taken,
    (State.READING, State.SUSPENDED): suspended,
    (State.SUSPENDED, State.READING): resumed,
    (State.PROCESSING, State.SUSPENDED): suspended_meanwhile,
    (State.SENDING, State.SUSPENDED): taken_meanwhile,
    (State.SUSPENDED, State.PROCESSING): late(b"wait late\n"),
    (State.CLOSING, State.PROCESSING): late(b"quit late\n"),
    (State.READING, State.CLOSING): finished,
    (State.PROCESSING, State.CLOSING): struck,
    (State.SENDING, State.CLOSING): finished_over_the_mark,
    (State.SUSPENDED, State.CLOSING): finished_while_suspended,
    (State.CLOSING, State.LINGERING): finished,
    (State.LINGERING, State.CLOSED): left_by_both,
    (State.CLOSING, State.CLOSED): left_by_the_peer,
}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: f"{row[0].name}-{row[1].name}")
def test_every_row_of_the_table_comes_to_be(row: tuple[State, State]) -> None:
    manual = Manual()
    with World(Watched, workers=manual) as world:
        world.connect()
        SCENES[row](world, manual)
        assert row in world.handler.changes
        assert set(world.handler.changes) <= set(TRANSITIONS)


def test_every_state_has_its_interest_and_its_way() -> None:
    assert set(INTEREST) == set(State)
    assert {before for before, _ in TRANSITIONS} == set(State) - {State.CLOSED}
    assert {after for _, after in TRANSITIONS} == set(State)


def test_the_drawing_in_the_docs_is_made_from_the_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == drawing()


if __name__ == "__main__":
    print(drawing(), end="")
