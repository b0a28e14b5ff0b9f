"""Link: what one end reads the other writes, within the marks; ends and losses cross over."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from nio.channels import SelectionKey
from nio.errors import IllegalStateError
from nio.reactor import CloseReason, Link, Reactor, State
from tests.unit.reactor.links import End, Proxy
from tests.unit.reactor.support import Keeper, World

READ = SelectionKey.OP_READ
MIB = 1 << 20


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


def test_bytes_go_both_ways(proxy: Proxy) -> None:
    client, target = proxy.pair()
    client.send(b"question")
    assert target.read(8) == b"question"
    target.send(b"answer")
    assert client.read(6) == b"answer"
    near, far = proxy.ends
    assert (near.other, far.other) == (far, near)


def test_nothing_is_read_before_the_ends_are_joined(proxy: Proxy) -> None:
    client = proxy.connect()
    client.send(b"early")
    proxy.turns()
    assert proxy.handler.state is State.SUSPENDED
    assert proxy.reactor.statistics().bytes_in == 0
    channel, target = proxy.back()
    proxy.reactor.admit(channel, READ, End(proxy.handler))
    assert target.read(5) == b"early"


def test_a_subclass_may_change_what_passes() -> None:
    class Upper(End):
        def handle_data(self, data: bytes) -> None:
            super().handle_data(data.upper())

    with Proxy(Upper) as proxy:
        client, target = proxy.pair()
        client.send(b"abc")
        assert target.read(3) == b"ABC"


def test_the_end_of_one_direction_crosses_and_the_other_goes_on(proxy: Proxy) -> None:
    client, target = proxy.pair()
    near, far = proxy.ends
    client.send(b"all I ask")
    client.half_close()
    assert target.read_to_end() == b"all I ask"
    for word in (b"one", b"two"):
        target.send(word)
        assert client.read(3) == word
    target.send(b"end")
    target.half_close()
    assert client.read_to_end() == b"end"
    proxy.until(lambda: near.reasons and far.reasons)
    assert near.reasons == far.reasons == [CloseReason.PEER_FIN]


def test_both_peers_end_at_once(proxy: Proxy) -> None:
    client, target = proxy.pair()
    client.send(b"question")
    target.send(b"answer")
    client.half_close()
    target.half_close()
    assert (target.read_to_end(), client.read_to_end()) == (b"question", b"answer")
    proxy.until(lambda: proxy.closed() == {CloseReason.PEER_FIN: 2})


@pytest.mark.parametrize("side", [0, 1])
def test_an_abort_on_one_side_ends_the_other(proxy: Proxy, side: int) -> None:
    pair = proxy.pair()
    pair[side].send(b"a part")
    assert pair[1 - side].read(6) == b"a part"
    pair[side].reset()
    proxy.until(lambda: proxy.closed() == {CloseReason.PEER_RST: 2})
    with pytest.raises(ConnectionResetError):  # its peer must not take what it has got for the whole
        pair[1 - side].read_to_end()


def test_an_end_that_is_closed_here_ends_the_other_in_order(proxy: Proxy) -> None:
    client, target = proxy.pair()
    client.send(b"all there is")
    proxy.received(12)
    proxy.ends[0].close()
    assert target.read_to_end() == b"all there is"
    target.close()
    proxy.until(lambda: proxy.closed() == {CloseReason.LOCAL: 2})


def test_memory_is_bounded_by_the_marks_and_nothing_is_lost() -> None:
    with Proxy(buffers=16384) as proxy:
        client, target = proxy.pair()
        data = bytes(range(256)) * 4096 * 4
        sent, got, waited = memoryview(data), bytearray(), 0
        near, far = proxy.ends
        while len(got) < len(data):
            try:
                sent = sent[client.sock.send(sent[:65536]) :] if sent else sent
            except BlockingIOError:
                pass
            proxy.reactor.turn(0)
            waited += near.state is State.SUSPENDED
            try:
                got += target.sock.recv(20_000)  # the target is slower than the client
            except BlockingIOError:
                pass
            assert far.unsent <= far.high_mark + 65536
        assert got == data
        assert far.most <= far.high_mark + 65536
        assert near.most == 0
        assert waited > 10


def test_a_peer_that_sends_all_before_it_reads_does_not_wait_for_itself() -> None:
    """The client reads nothing, and the target sends until nothing goes any more; then the client sends."""
    with Proxy(buffers=16384) as proxy:
        client, target = proxy.pair()
        near, far = proxy.ends
        full = 0
        while full < 50:
            try:
                target.sock.send(b"x" * 65536)
                full = 0
            except BlockingIOError:
                full += 1
            proxy.reactor.turn(0)
        assert near.high_mark <= near.unsent <= near.high_mark + 65536
        assert far.state is State.SUSPENDED
        client.send(b"y" * MIB)
        assert target.read(MIB) == b"y" * MIB


def test_the_other_end_never_came_about(proxy: Proxy) -> None:
    client = proxy.connect()
    proxy.handler.close(CloseReason.OVERLOAD)
    channel, target = proxy.back()
    late = End(proxy.handlers[-1])
    proxy.reactor.admit(channel, READ, late)
    proxy.until(lambda: late.reasons == [CloseReason.OVERLOAD])
    assert client.read_to_end() == b""
    with pytest.raises(ConnectionResetError):
        target.read_to_end()


def test_an_end_that_is_alone_and_drained_closes(proxy: Proxy) -> None:
    proxy.connect()
    proxy.reactor.stop(drain=5)
    proxy.turns(5)
    assert proxy.handler.reasons == [CloseReason.DRAIN]


def test_joined_ends_live_on_while_the_reactor_drains(proxy: Proxy) -> None:
    client, target = proxy.pair()
    proxy.reactor.stop(drain=5)
    proxy.turns()
    client.send(b"question")
    assert target.read(8) == b"question"
    client.half_close()
    target.half_close()
    assert target.read_to_end() == b""
    assert client.read_to_end() == b""
    proxy.until(lambda: proxy.closed() == {CloseReason.PEER_FIN: 2})


def test_the_drain_time_is_over(proxy: Proxy) -> None:
    client, _ = proxy.pair()
    proxy.reactor.stop(drain=5)
    proxy.turns()
    proxy.advance(6)
    assert proxy.closed() == {CloseReason.DRAIN: 2}
    assert client.read_to_end() == b""


def test_an_idle_link_ends_both(proxy: Proxy) -> None:
    client, target = proxy.pair()
    proxy.turns()
    proxy.advance(61)
    proxy.advance(61)
    assert (client.read_to_end(), target.read_to_end()) == (b"", b"")


def test_an_end_that_gets_another_handler_ends_the_other(proxy: Proxy) -> None:
    _, target = proxy.pair()
    near, _ = proxy.ends
    proxy.reactor.register(near.channel, READ, Keeper())
    assert target.read_to_end() == b""
    alone = End()
    channel, _ = proxy.back()
    proxy.reactor.register(channel, READ, alone)
    proxy.reactor.register(channel, READ, Keeper())


def test_an_end_alone_takes_what_nobody_wants(proxy: Proxy) -> None:
    """Whatever a subclass calls before there is another end, nothing breaks."""
    proxy.connect()
    proxy.handler.handle_data(b"x")
    proxy.handler.on_writable(True)
    proxy.handler.on_writable(False)
    proxy.handler.on_peer_end()
    proxy.handler.close()
    proxy.handler._follow(CloseReason.LOCAL)


def test_a_subclass_need_not_call_our_init() -> None:
    class Own(Link):
        def __init__(self) -> None:
            self.own = True

    with World(Own) as world:
        world.connect()
        assert world.handler.other is None


def test_a_reset_that_the_system_refuses_is_a_close(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    client, target = proxy.pair()
    _, far = proxy.ends

    def refused(*_: object) -> None:
        raise OSError("no such option")

    monkeypatch.setattr(type(far.channel), "set_option", refused)
    client.reset()
    proxy.until(lambda: far.reasons == [CloseReason.PEER_RST])
    assert target.read_to_end() == b""


def test_slips_are_told_in_words(proxy: Proxy) -> None:
    with pytest.raises(TypeError, match="a Link is joined to a Link, not to Keeper"):
        Link(Keeper())  # type: ignore[arg-type]
    proxy.pair()
    near, _ = proxy.ends
    channel, _ = proxy.back()
    with pytest.raises(IllegalStateError, match="is joined already"):
        proxy.reactor.admit(channel, READ, Link(near))
    alone = proxy.connect()
    channel, _ = proxy.back()
    with Reactor.open(provider=proxy.kernel) as another, pytest.raises(IllegalStateError, match="on another reactor"):
        another.admit(channel, READ, Link(proxy.handler))
    alone.close()


def test_a_target_that_refuses_ends_the_client_by_that_name(proxy: Proxy) -> None:
    client = proxy.connect()
    proxy.target.close()
    proxy.reactor.connect(proxy.target_address, End(proxy.handler), timeout=5.0)
    with pytest.raises(ConnectionResetError):
        client.read_to_end()
    assert proxy.handler.reasons == [CloseReason.CONNECT_FAILED]


def test_a_connect_that_nobody_waits_for(proxy: Proxy) -> None:
    """One that is given up before the other end is there; and what an end without a connection answers."""
    alone = End()
    proxy.reactor.connect(proxy.target_address, alone).cancel()
    proxy.until(lambda: alone.reasons == [CloseReason.LOCAL])
    alone.end_output()
    alone.resume()
    assert (alone.half_closed, alone.write(b"x")) == (False, False)


class Leaving(End):
    def on_close(self, reason: CloseReason) -> None:
        super().on_close(reason)
        if self.leaves:
            raise KeyboardInterrupt

    leaves = False


def test_a_ctrl_c_in_on_close_does_not_leave_the_other_end_alone() -> None:
    with Proxy(Leaving) as proxy:
        _, target = proxy.pair()
        near, far = proxy.ends
        near.leaves = True
        proxy.reactor.call_later(0, near.close)
        with pytest.raises(KeyboardInterrupt):
            proxy.turns()
        assert near.reasons == [CloseReason.LOCAL]
        assert target.read_to_end() == b""
        target.close()
        proxy.until(lambda: far.reasons)
        assert far.reasons == [CloseReason.LOCAL]


@pytest.mark.parametrize("end", ["reset", "in order", "here"])
def test_K05_two_ends_are_freed_without_the_collector(proxy: Proxy, end: str) -> None:
    client, target = proxy.pair()
    ends = list(proxy.ends)
    alive = [weakref.ref(one) for one in ends]
    assert [one.other for one in ends] == ends[::-1]
    gc.collect()
    gc.disable()
    try:
        if end == "reset":
            client.reset()
        elif end == "in order":
            client.half_close()
        else:
            ends[0].close()
            ends[0].close()
        if end != "reset":
            target.half_close()
        proxy.until(lambda: all(one.reasons for one in ends))
        assert [one.other for one in ends] == [None, None]
        ends.clear()
        proxy.handlers.clear()
        proxy.turns()
        proxy.connect()  # the last that the loop had in its hands is another
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()
