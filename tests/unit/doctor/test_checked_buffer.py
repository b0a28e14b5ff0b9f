"""A checked buffer does what a plain one does, and says when it is used against its state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.doctor import Finding, strict
from nio.doctor._checked_buffer import CheckedByteBuffer
from tests.jdk import _values
from tests.jdk._replay import Case, replay_one
from tests.jdk.test_replay_buffers import CASES


@pytest.fixture
def said() -> Iterator[list[Finding]]:
    found: list[Finding] = []
    with strict(found.append):
        yield found


def codes(said: list[Finding]) -> list[str]:
    return [finding.code for finding in said]


@pytest.mark.parametrize("chunk", range(8))
def test_it_answers_as_the_jdk_does(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_values.KINDS, CheckedByteBuffer, "byte")
    with strict(None):
        assert isinstance(ByteBuffer.allocate(1), CheckedByteBuffer)
        failed = [case.name for case in CASES[chunk::8] if not passes(case)]
    assert failed == []


def passes(case: Case) -> bool:
    return bool(replay_one(case).passed)


ACTS: list[Callable[[ByteBuffer, random.Random], object]] = [
    lambda buffer, draw: buffer.put(draw.randrange(256)),
    lambda buffer, draw: buffer.put(draw.randbytes(draw.randrange(5))),
    lambda buffer, draw: buffer.put_int(draw.randrange(1000)),
    lambda buffer, draw: buffer.put_at(draw.randrange(9), draw.randrange(256)),
    lambda buffer, draw: buffer.get(),
    lambda buffer, draw: buffer.get(draw.randrange(9)),
    lambda buffer, draw: buffer.get_bytes(draw.randrange(5)),
    lambda buffer, draw: buffer.get_into(bytearray(draw.randrange(5))),
    lambda buffer, draw: buffer.get_into_at(draw.randrange(5), bytearray(draw.randrange(5))),
    lambda buffer, draw: buffer.get_short(),
    lambda buffer, draw: buffer.get_long(draw.randrange(5)),
    lambda buffer, draw: buffer.flip(),
    lambda buffer, draw: buffer.clear(),
    lambda buffer, draw: buffer.compact(),
    lambda buffer, draw: buffer.rewind(),
    lambda buffer, draw: buffer.mark(),
    lambda buffer, draw: buffer.reset(),
    lambda buffer, draw: setattr(buffer, "position", draw.randrange(18)),
    lambda buffer, draw: setattr(buffer, "limit", draw.randrange(18)),
    lambda buffer, draw: bytes(buffer),
    lambda buffer, draw: buffer.slice().put(b"x"),
    lambda buffer, draw: buffer.duplicate().put(b"y"),
    lambda buffer, draw: buffer.as_short_buffer().capacity,
    lambda buffer, draw: buffer.put(ByteBuffer.wrap(b"abc")),
    lambda buffer, draw: bytes(buffer.array()),
]


def outcome(act: Callable[..., object], buffer: ByteBuffer, draw: random.Random) -> Any:
    try:
        answer = act(buffer, draw)
    except Exception as error:
        return type(error), str(error)
    return "self" if answer is buffer else repr(answer)


def test_a_long_life_is_that_of_a_plain_buffer() -> None:
    for seed in range(60):
        plain = ByteBuffer.allocate(16)
        with strict(None):
            checked = ByteBuffer.allocate(16)
            acts = random.Random(seed)
            one, other = random.Random(seed), random.Random(seed)
            for _ in range(60):
                act = acts.choice(ACTS)
                assert outcome(act, checked, one) == outcome(act, plain, other)
                assert repr(checked) == repr(plain)
                assert checked.array() == plain.array()


def test_what_is_lost_is_shown(said: list[Finding]) -> None:
    buffer = ByteBuffer.allocate(40).put(b"0123456789" * 3).flip()
    buffer.flip()
    assert said[0].evidence == (
        "The second flip() set the limit to 0: 30 bytes are lost, b'012345678901234567890123' ...."
    )
    assert said[0].place.path == __file__


def test_a_get_without_flip_with_room_and_without(said: list[Finding]) -> None:
    ByteBuffer.allocate(8).put(b"abc").get()
    with pytest.raises(Exception, match="1 wanted"):
        ByteBuffer.allocate(3).put(b"abc").get()
    full = ByteBuffer.allocate(3).put(b"abc")
    bytes(full)
    ByteBuffer.allocate(9).put(ByteBuffer.allocate(8).put(b"ab"))
    assert codes(said) == ["B01", "B01", "B01", "B01"]
    assert "you take the 5 unused bytes 3..8 instead of b'abc'" in said[0].evidence
    assert "nothing remains instead of b'abc'" in said[1].evidence


def by_hand(buffer: ByteBuffer) -> None:
    buffer.put(b"ab")
    buffer.limit, buffer.position = buffer.position, 0
    buffer.get()


def looked_at(buffer: ByteBuffer) -> None:
    buffer.put(b"abc").flip().get()
    bytes(buffer)
    buffer.clear()


def twice_on_purpose(buffer: ByteBuffer) -> None:
    buffer.flip()
    buffer.flip().clear().put(b"ab").flip().get()
    buffer.rewind().get(1)
    buffer.clear()


def moved(buffer: ByteBuffer) -> None:
    target = ByteBuffer.allocate(8)
    buffer.put(b"abc").flip()
    target.put(buffer)
    buffer.clear()
    target.flip().get()
    target.compact().compact() if not target.has_remaining else target.compact().flip().get()


def marked(buffer: ByteBuffer) -> None:
    buffer.put(b"a").mark().put(b"b").reset()
    buffer.get()
    buffer.clear().put(b"abcd").flip().mark().get()
    buffer.reset().clear()


def filled_while_drained(buffer: ByteBuffer) -> None:
    buffer.put(b"abcd").flip().get()
    buffer.put(b"x").clear()


SOUND = [by_hand, looked_at, twice_on_purpose, moved, marked, filled_while_drained]


@pytest.mark.parametrize("use", SOUND)
def test_what_is_done_on_purpose_is_not_told(use: Callable[[ByteBuffer], None], said: list[Finding]) -> None:
    use(ByteBuffer.allocate(16))
    assert codes(said) == []


def test_a_line_that_minds_the_limit_is_not_told(said: list[Finding]) -> None:
    buffer = ByteBuffer.allocate(16).put(b"abcd").flip()
    assert bytes(buffer.array()[:4]) == b"abcd"
    assert len(buffer.array()) - buffer.remaining == 12
    assert codes(said) == []


def test_a_buffer_of_strict_mode_outlives_it() -> None:
    with strict(None) as watching:
        buffer = ByteBuffer.allocate(8)
    buffer.put(b"abc").flip().flip()
    assert watching.findings == []
    assert type(ByteBuffer.allocate(8)) is ByteBuffer
