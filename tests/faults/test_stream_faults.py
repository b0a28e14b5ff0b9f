"""Faults of reading and writing, each on a running server; the letters are those of the catalogue of faults."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

import pytest

from nio.reactor import CloseReason, State
from tests.faults.helpers import Client, Server
from tests.unit.reactor.support import NEVER, PATIENCE, Blob, Greeter, Kernel, World

# reading


def test_B01_half_a_line_stops_nobody(workers: int) -> None:
    with Server(workers=workers) as server, server.client() as half, server.client() as other:
        half.send(b"an")
        for _ in range(20):
            other.ask(b"bob")
        half.send(b"n\n")
        assert half.read(10) == b"Hello ann\n"


def test_B02_every_second_readiness_is_a_lie(workers: int) -> None:
    kernel = Kernel(real_time=True)
    kernel.recvs.extend([NEVER, 3] * 100)
    with Server(kernel=kernel, workers=workers) as server, server.client() as client:
        for _ in range(20):
            client.ask(b"ann")


def test_B03_the_end_of_the_stream_does_not_spin(workers: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.ask(b"ann")
        before = server.call(lambda: server.reactor.statistics().turns)
        client.half_close()
        assert client.read_to_end() == b""
        server.until(lambda: server.reasons() == [CloseReason.PEER_FIN])
        looks = 3  # turns of the asking itself
        assert server.call(lambda: server.reactor.statistics().turns) - before <= 3 + looks


@pytest.mark.parametrize("count", [1, 63, 64, 65, 129, 500])
def test_B04_requests_and_a_half_close(workers: int, count: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.send(b"ann\n" * count)
        client.half_close()
        assert client.read_to_end() == b"Hello ann\n" * count


def opened(server: Server, client: Client) -> None:
    pass


def half_a_record(server: Server, client: Client) -> None:
    client.send(b"an")


def answered(server: Server, client: Client) -> None:
    client.ask(b"ann")


def asked(server: Server, client: Client) -> None:
    client.send(b"ann\n")


def many_asked(server: Server, client: Client) -> None:
    client.send(b"ann\n" * 5000)


def much_owed(server: Server, client: Client) -> None:
    client.send(b"ann\n" * 5000)
    assert client.read(10) == b"Hello ann\n"


def finished(server: Server, client: Client) -> None:
    client.send(b"x" * 300)
    assert client.read_to_end() == b""


@pytest.mark.parametrize("point", [opened, half_a_record, answered, asked, many_asked, much_owed, finished])
def test_B05_a_reset_at_any_point_of_the_protocol(
    workers: int, point: Callable[[Server, Client], None], caplog: pytest.LogCaptureFixture
) -> None:
    with Server(workers=workers) as server, server.client() as good:
        for count in range(1, 6):
            client = server.client()
            point(server, client)
            client.reset()
            server.until(lambda count=count: len(server.reasons()) == count)  # type: ignore[misc]  # count is bound
        good.ask(b"ann")
        expected = CloseReason.FRAME_TOO_LONG if point is finished else CloseReason.PEER_RST
        assert server.reasons() == [expected] * 5
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_B06_a_reset_while_nothing_is_watched_does_not_spin() -> None:
    begun, release = threading.Event(), threading.Event()

    class Slow(Greeter):
        def process(self, record: bytes) -> bytes | None:
            begun.set()
            release.wait(PATIENCE)
            return super().process(record)

    with Server(Slow, workers=1) as server:
        try:
            client = server.client()
            client.send(b"ann\n")
            assert begun.wait(PATIENCE)
            server.call(int)
            before = server.call(lambda: server.reactor.statistics().turns)
            client.reset()
            for _ in range(10):
                server.call(int)
            assert server.call(lambda: server.reactor.statistics().turns) - before <= 15
        finally:
            release.set()
        server.until(lambda: server.reasons() == [CloseReason.PEER_RST])


def test_B07_urgent_data_is_no_part_of_the_stream() -> None:
    with Server() as server, server.client() as client:
        client.send(b"ann\n")
        client.sock.send(b"!", socket.MSG_OOB)
        client.send(b"bob\n")
        assert client.read(20) == b"Hello ann\nHello bob\n"
        before = server.call(lambda: server.reactor.statistics().turns)
        server.call(int)
        assert server.call(lambda: server.reactor.statistics().turns) - before <= 3


def test_B08_one_that_floods_does_not_starve_the_others() -> None:
    class Quiet(Greeter):
        def process(self, record: bytes) -> bytes | None:
            return None if record == b"flood" else super().process(record)

    with World(Quiet) as world:
        flooder = world.connect()
        others = [world.connect() for _ in range(10)]
        chunk = b"flood\n" * 50_000
        for _ in range(5):
            try:
                flooder.sock.send(chunk)
            except BlockingIOError:
                pass
            for other in others:
                other.send(b"ann\n")
            progress = world.reactor.turn(0)
            assert progress.bytes_in <= 65536 + 4 * len(others)
            for other in others:
                turns = world.reactor.statistics().turns
                assert other.read(10) == b"Hello ann\n"
                assert world.reactor.statistics().turns - turns <= 2


def test_B09_a_thousand_records_in_one_segment(workers: int) -> None:
    with Server(workers=workers) as server, server.client() as client:
        client.send(b"ann\n" * 1000)
        assert client.read(10_000) == b"Hello ann\n" * 1000
        client.ask(b"bob")


def test_B10_two_that_close_each_other_when_both_are_ready() -> None:
    pairs: list[list[Greeter]] = []

    class Rival(Greeter):
        def process(self, record: bytes) -> bytes | None:
            for pair in pairs:
                if self in pair:
                    pair[pair[0] is self].close(CloseReason.OVERLOAD)
            return super().process(record)

    with World(Rival) as world:
        for _ in range(100):
            first, second = world.connect(), world.connect()
            pairs.append(world.handlers[-2:])
            first.send(b"ann\n")
            second.send(b"ann\n")
            world.until(lambda: any(handler.reasons for handler in pairs[-1]))
            world.turns(1)
            assert sorted(len(handler.seen) for handler in world.handlers[-2:]) == [0, 1]
            first.close()
            second.close()


def test_B11_nothing_is_processed_after_a_handler_has_had_enough(workers: int) -> None:
    class OneOnly(Greeter):
        def process(self, record: bytes) -> bytes | None:
            if workers:
                self.reactor.execute(self.finish)
            else:
                self.finish()
            return super().process(record)

    with Server(OneOnly, workers=workers) as server, server.client() as client:
        client.send(b"ann\n" + b"bob\n" * 10)
        assert client.read_to_end() == b"Hello ann\n"
        client.send(b"carl\n")
        client.half_close()
        server.until(server.reasons)
        assert server.handlers[0].seen == [b"ann"]


# writing


def test_C01_a_long_reply_through_the_smallest_buffers(workers: int) -> None:
    with Server(Blob, workers=workers) as server, server.client(receive_buffer=1) as client:
        client.send(b"2\n")
        assert client.read(2) == b"x\n"
        server.call(lambda: server.handlers[0].channel.set_option("SO_SNDBUF", 1))
        client.send(b"262144\n" * 2)
        assert client.read(2 * 262_144) == (b"x" * 262_143 + b"\n") * 2


def test_C02_a_kernel_that_says_not_now_at_every_second_write(workers: int) -> None:
    kernel = Kernel(real_time=True)
    kernel.sends.extend([NEVER, 9] * 200)
    with Server(kernel=kernel, workers=workers) as server, server.client() as client:
        client.send(b"ann\n" * 150)
        assert client.read(1500) == b"Hello ann\n" * 150


def test_C03_a_request_costs_few_selections_and_idleness_none(workers: int) -> None:
    with Server(workers=workers) as server, server.client(receive_buffer=2304) as client:
        server.call(int)
        client.send(b"ann\n" * 2000)  # more than fits: write interest comes and goes
        assert client.read(20_000) == b"Hello ann\n" * 2000
        before = server.call(lambda: server.reactor.statistics().turns)
        for _ in range(20):
            client.ask(b"ann")
        turns = server.call(lambda: server.reactor.statistics().turns) - before
        assert turns <= 20 * 3 + 2
        idle = len(server.kernel.waits)
        client.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        assert len(server.kernel.waits) <= idle + 1  # the one it sleeps in


def test_C04_a_reader_that_stops_and_goes_on_gets_everything(workers: int) -> None:
    with Server(workers=workers) as server, server.client(receive_buffer=2304) as client:
        client.send(b"ann\n")
        client.read(10)
        server.call(lambda: server.handlers[0].channel.set_option("SO_SNDBUF", 4608))
        client.send(b"ann\n" * 3000)
        server.until(lambda: server.handlers[0].unsent)
        assert client.read(30_000) == b"Hello ann\n" * 3000
        server.until(lambda: server.handlers[0].unsent == 0)
        client.ask(b"bob")


@pytest.mark.parametrize("size", [10_000, 300_000])
def test_C05_peers_that_do_not_read_cost_a_bounded_amount(workers: int, size: int) -> None:
    with Server(Blob, workers=workers) as server:
        clients = [server.client(receive_buffer=2304) for _ in range(10)]
        for client in clients:
            client.send(b"2\n")
            client.read(2)
        for handler in server.handlers:
            server.call(lambda handler=handler: handler.channel.set_option("SO_SNDBUF", 4608))  # type: ignore[misc]  # bound
        for client in clients:
            client.send(b"%d\n" % size * 500)
        server.until(lambda: all(handler.state is State.SENDING for handler in server.handlers))
        assert max(handler.unsent for handler in server.handlers) < 64 * 1024 + size
        for client in clients:
            client.sock.close()
        server.until(lambda: server.reactor.statistics().open == 0)


def test_C06_a_slow_reader_gets_all_its_replies(workers: int) -> None:
    with Server(workers=workers) as server, server.client(receive_buffer=2304) as client:
        client.ask(b"ann")
        server.call(lambda: server.handlers[0].channel.set_option("SO_SNDBUF", 4608))
        name = b"n" * 250
        sender = threading.Thread(target=client.send, args=(b"%s\n" % name * 1000,))
        sender.start()
        server.until(lambda: server.handlers[0].state is State.SENDING)
        assert client.read(257_000) == b"Hello %s\n" % name * 1000
        sender.join(PATIENCE)
        client.ask(b"bob")


def test_C08_whoever_sends_too_late_is_told() -> None:
    with Server() as server, server.client() as client:
        client.ask(b"ann")
        handler = server.handlers[0]
        server.call(handler.finish)
        assert client.read_to_end() == b""
        for state in ("lingering", "closed"):
            assert handler.state.value == state
            assert handler.send(b"x") is False
            client.sock.close()
            server.until(lambda: handler.reasons)


def test_C09_records_from_several_threads_are_never_mixed() -> None:
    with Server() as server, server.client() as client:
        client.ask(b"ann")
        send = server.handlers[0].send

        def talk(number: int) -> None:
            for index in range(200):
                server.reactor.execute(send, b"%d " % number * 20 + b"%d" % index)

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        heard: dict[bytes, list[int]] = {}
        with client.sock.makefile("rb") as lines:
            for _ in range(800):
                *tags, index = lines.readline().split()
                assert len(tags) == 20
                assert len(set(tags)) == 1
                heard.setdefault(tags[0], []).append(int(index))
        for thread in threads:
            thread.join(PATIENCE)
        assert list(heard.values()) == [list(range(200))] * 4


def test_C10_a_reply_that_is_changed_afterwards_was_sent_as_it_was() -> None:
    class Reused(Greeter):
        buffer = bytearray(b"Hello ....")

        def process(self, record: bytes) -> bytes | None:
            self.buffer[6:] = record
            return self.buffer  # type: ignore[return-value]  # whoever does it gets what he meant

    with World(Reused) as world:
        peer = world.connect()
        world.kernel.room = 0
        peer.send(b"anna\nboba\n")
        world.until(lambda: world.handler.unsent == 22)
        world.kernel.room = None
        assert peer.read(22) == b"Hello anna\nHello boba\n"


def test_C14_a_long_reply_to_a_fast_reader_does_not_starve_the_others() -> None:
    with World(Blob) as world:
        greedy, other = world.connect(), world.connect()
        greedy.send(b"8000000\n")
        while len(greedy.got) < 8_000_000:
            greedy.pull()
            other.send(b"5\n")
            turns = world.reactor.statistics().turns
            assert other.read(5) == b"xxxx\n"
            assert world.reactor.statistics().turns - turns <= 2
        assert world.closed() == {}


def test_C11_the_last_reply_arrives_although_more_was_sent() -> None:
    class Once(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.finish()
            return super().process(record)

    with Server(Once) as server:
        for _ in range(100):
            with server.client() as client:
                client.send(b"ann\n" + b"more\n" * 2000)
                client.send(b"and more\n" * 100)
                assert client.read_to_end() == b"Hello ann\n"


def test_C12_one_that_takes_a_byte_now_and_then_is_cut() -> None:
    with World(Blob) as world:
        good = world.connect()
        slow = world.connect()
        world.kernel.room = 0
        slow.send(b"500000\n")
        world.until_state(State.SENDING)
        for _ in range(9):
            world.kernel.room = 1
            world.until(lambda: world.kernel.room == 0)
            world.advance(1)
        assert world.handler.reasons == []
        world.advance(1)
        assert world.handler.reasons == [CloseReason.TOO_SLOW]
        world.kernel.room = None
        good.send(b"5\n")
        assert good.read(5) == b"xxxx\n"


# overload by being slow


def test_N01_drips_are_cut_and_the_others_do_not_notice() -> None:
    with World() as world:
        drips = [world.connect() for _ in range(50)]
        good = world.connect()
        for second in range(10):
            for drip in drips:
                drip.send(b"x")
            world.received((second + 1) * 50 + second * 4)
            good.send(b"ann\n")
            assert good.read(10) == b"Hello ann\n"
            assert world.closed() == {}
            world.advance(1)
        assert world.closed() == {CloseReason.TOO_SLOW: 50}


def test_N03_silent_connections_are_closed_and_the_others_are_not() -> None:
    class Brief(Greeter):
        idle_timeout = 0.2

    with Server(Brief) as server:
        silent = [server.client() for _ in range(20)]
        with server.client() as good:
            while len(server.reasons()) < 20:
                good.ask(b"ann")
            assert set(server.reasons()) == {CloseReason.IDLE_TIMEOUT}
            good.ask(b"ann")
        for client in silent:
            with client:
                assert client.read_to_end() == b""


def test_O05_a_reactor_that_was_held_up_reads_before_it_judges() -> None:
    class Brief(Greeter):
        idle_timeout = 0.05

    with World(Brief) as world:
        peers = [world.connect() for _ in range(10)]
        for peer in peers:
            peer.send(b"ann\n")
        world.kernel.now += 10**9  # as after SIGSTOP and SIGCONT
        for peer in peers:
            assert peer.read(10) == b"Hello ann\n"
        world.advance(0.05)
        assert world.closed() == {CloseReason.IDLE_TIMEOUT: 10}
