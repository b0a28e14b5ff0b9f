"""Group: who is in it, what members hear, in which order, and what a slow one costs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from nio.errors import DelimiterInRecordError, IllegalStateError
from nio.framing import Lines
from nio.reactor import CloseReason, Group, SlowMember, State
from tests.unit.reactor.support import Greeter, Keeper, World, in_a_thread


class Member(Greeter):
    """Joins and answers nothing; the group is the test's."""

    group: Group[Any]

    def on_open(self) -> None:
        super().on_open()
        self.group.join(self)

    def process(self, record: bytes) -> bytes | None:
        self.group.broadcast(record)
        return None


class Other(Member):
    framing = Lines(ending=b"\r\n")


class Bytes(Keeper):
    group: Group[Any]

    def on_open(self) -> None:
        self.group.join(self)


def members_of(group: Group[Any], *bases: type, slow_output: int = 1 << 20) -> Any:
    """A maker of members, one class after the other."""
    made = iter(bases)

    def make() -> Any:
        base = next(made, bases[-1])
        return type(base.__name__, (base,), {"group": group, "max_output": slow_output})()

    return make


def test_members_hear_what_is_said_and_leave_by_themselves() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        ann, bob = world.connect(), world.connect()
        assert len(group) == 2
        assert list(group) == world.handlers
        assert world.handlers[0] in group
        assert repr(group) == "Group(members=2, slow=CLOSE)"
        ann.send(b"hello\n")
        assert (ann.read(6), bob.read(6)) == (b"hello\n", b"hello\n")
        bob.close()
        world.until(lambda: len(group) == 1)
        assert world.handlers[1] not in group
        assert 5 not in group
        ann.send(b"alone\n")
        assert ann.read(6) == b"alone\n"


def test_it_has_left_before_on_close() -> None:
    group: Group[Any] = Group()
    seen = []

    class Leaver(Member):
        def on_close(self, reason: CloseReason) -> None:
            seen.append((self in self.group, len(self.group)))
            self.group.join(self)  # too late: it is not taken

    with World(members_of(group, Leaver)) as world:
        world.connect()
        world.handler.close()
        assert seen == [(False, 0)]
        assert len(group) == 0


def test_joining_and_leaving_twice_is_nothing() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        ann = world.connect()
        group.join(world.handler)
        group.join(world.handler)
        assert len(group) == 1
        group.broadcast(b"once")
        assert ann.read(5) == b"once\n"
        group.leave(world.handler)
        group.leave(world.handler)
        group.leave(Greeter())
        assert (len(group), world.handler.state) == (0, State.READING)
        world.handler.close()


def test_a_member_of_several_groups_leaves_all() -> None:
    one: Group[Any] = Group()
    two: Group[Any] = Group()
    with World(members_of(one, Member)) as world:
        ann = world.connect()
        two.join(world.handler)
        two.broadcast(b"two")
        one.broadcast(b"one")
        assert ann.read(8) == b"two\none\n"
        world.handler.close()
        assert (len(one), len(two)) == (0, 0)


def test_a_handler_that_is_replaced_has_left() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        world.connect()
        world.reactor.register(world.handler.channel, 1, Keeper())
        assert len(group) == 0


def test_but_one() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        ann, bob = world.connect(), world.connect()
        group.broadcast(b"to bob", but=world.handlers[0])
        group.broadcast(b"to all")
        assert bob.read(14) == b"to bob\nto all\n"
        assert ann.read(7) == b"to all\n"


def test_a_record_is_encoded_once_for_each_framing() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member, Member, Other, Bytes)) as world:
        peers = [world.connect() for _ in range(5)]
        encoded: list[bytes] = []
        encode = Lines().encode
        same = encoded.append

        def noting(record: bytes) -> bytes:
            same(record)
            return encode(record)

        for handler in world.handlers[:2]:
            handler._encode = noting
        group.broadcast(b"hi")
        assert [peers[0].read(3), peers[1].read(3), peers[2].read(4)] == [b"hi\n", b"hi\n", b"hi\r\n"]
        assert [peers[3].read(2), peers[4].read(2)] == [b"hi", b"hi"]
        assert encoded == [b"hi"]


def test_what_no_framing_takes_is_the_callers_error_and_nobody_hears_it() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Bytes, Member)) as world:
        peers = [world.connect(), world.connect()]
        with pytest.raises(TypeError, match=r"Group.broadcast\(\) was given 'text': .*use .encode"):
            group.broadcast("text")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="leave the ending out, Lines adds it"):
            group.broadcast(b"text\n")
        with pytest.raises(DelimiterInRecordError):
            group.broadcast(b"a\nb")
        world.turns()
        assert [peer.pull() for peer in peers] == [0, 0]


def test_a_framing_that_leaves_leaves() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        world.connect()

        def leaving(record: bytes) -> bytes:
            raise SystemExit(3)

        world.handler._encode = leaving
        with pytest.raises(SystemExit):
            group.broadcast(b"x")
        with pytest.raises(SystemExit):
            group._deliver(world.reactor, b"x", {}, None)


def test_one_who_changed_its_framing_meanwhile_costs_itself_only(caplog: pytest.LogCaptureFixture) -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Bytes, Member)) as world:
        peer = world.connect()
        world.connect()
        group._deliver(world.reactor, b"a\nb", {}, None)
        assert peer.read(3) == b"a\nb"
        assert "a record cannot be sent to" in caplog.text


@pytest.mark.parametrize("rule", SlowMember)
def test_a_slow_member_costs_itself_only(rule: SlowMember) -> None:
    group: Group[Any] = Group(slow=rule)
    with World(members_of(group, Member, slow_output=100_000)) as world:
        slow, fast = world.connect(), world.connect()
        record = b"x" * 49_999
        world.kernel.room = 0
        group.broadcast(record)
        world.turns()
        group.broadcast(record)
        group.leave(world.handlers[1])
        group.broadcast(record)  # 150 000 bytes are more than the slow one may owe
        world.kernel.room = None
        world.turns()
        assert fast.read(100_000) == (record + b"\n") * 2
        if rule is SlowMember.SKIP:
            assert (group.skipped, len(group)) == (1, 1)
            assert slow.read(100_000) == (record + b"\n") * 2
        else:
            assert (group.skipped, len(group)) == (0, 0)
            assert world.handlers[0].reasons == [CloseReason.OVERLOAD]
        assert world.handlers[1].state is State.READING


def test_all_hear_the_same_order_whichever_threads_it_comes_from() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        peers = [world.connect() for _ in range(3)]

        def talk(name: bytes) -> None:
            for number in range(50):
                group.broadcast(b"%s %02d" % (name, number))

        threads = [threading.Thread(target=talk, args=(name,)) for name in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard = [peer.read(500) for peer in peers]
        assert heard[0] == heard[1] == heard[2]
        for name in (b"a", b"b"):
            mine = [line for line in heard[0].split(b"\n") if line.startswith(name)]
            assert mine == [b"%s %02d" % (name, number) for number in range(50)]


def test_join_broadcast_and_leave_of_another_thread_take_effect_in_order() -> None:
    group: Group[Any] = Group()
    with World() as world:
        ann = world.connect()

        def visit() -> None:
            group.join(world.handler)
            group.broadcast(b"in")
            group.leave(world.handler)
            group.broadcast(b"out")

        in_a_thread(visit)
        assert ann.read(3) == b"in\n"
        world.turns()
        assert (ann.pull(), len(group)) == (0, 0)


def test_members_may_live_on_several_reactors() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as one, World(members_of(group, Member)) as two:
        ann, bob = one.connect(), two.connect()
        assert len(group) == 2
        group.broadcast(b"both")
        assert (ann.read(5), bob.read(5)) == (b"both\n", b"both\n")


@pytest.mark.parametrize("look", [list, len, lambda group: group.broadcast(b"hello")], ids=["list", "len", "broadcast"])
def test_the_first_member_of_another_reactor_may_come_at_any_moment(look: Callable[[Group[Any]], object]) -> None:
    """As another thread would bring it: whenever a Python function is entered or left."""
    group: Group[Any] = Group()

    left = 0

    def joins(frame: FrameType, event: str, arg: object) -> None:
        nonlocal left
        left -= event in ("call", "return")
        if not left:
            sys.setprofile(None)
            group.join(late.handler)

    for moment in range(1, 40):
        left = moment
        with World(members_of(group, Member)) as one, World(members_of(Group(), Member)) as late:
            one.connect(), late.connect()
            sys.setprofile(joins)
            try:
                look(group)
            finally:
                sys.setprofile(None)


def test_a_member_may_come_and_go_while_somebody_iterates() -> None:
    group: Group[Any] = Group()
    with World(members_of(group, Member)) as world:
        for _ in range(3):
            world.connect()
        for member in group:
            group.leave(member)
        assert len(group) == 0


def test_slips_are_told_in_words() -> None:
    group: Group[Any] = Group()
    with pytest.raises(TypeError, match=r"slow is SlowMember\.CLOSE or SlowMember\.SKIP, not 'skip'"):
        Group(slow="skip")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give it an object, not the class Member"):
        group.join(Member)
    with pytest.raises(TypeError, match="members of a Group are connections, StreamHandlers for one, not 5"):
        group.join(5)
    with pytest.raises(IllegalStateError, match=r"this Greeter is not open yet: join in its on_open\(\)"):
        group.join(Greeter())
    group.broadcast(b"to nobody")
