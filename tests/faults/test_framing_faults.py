"""M: what a peer may do to the framing, on real sockets."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import ExitStack

import pytest

from nio.framing import Delimiter, Framing, LengthPrefix, Lines, ProxyPrefix
from nio.reactor import CloseReason
from tests.faults.helpers import Server
from tests.unit.reactor.support import Greeter


class Prefixed(Greeter):
    framing = LengthPrefix(4, max_length=1000)  # type: ignore[assignment]  # any framing will do


class Many(Greeter):
    framing = Delimiter(b"\n", b"\0", max_length=100)  # type: ignore[assignment]  # any framing will do


def framed(record: bytes) -> bytes:
    return struct.pack(">I", len(record)) + record


def test_M03_a_binary_record_with_zero_bytes_first_is_whole(workers: int) -> None:
    with Server(Prefixed, workers=workers) as server, server.client() as client:
        for record in (b"\0", b"\0\0\0\x09", bytes(range(256)), b"\0" * 900):
            client.send(framed(record))
            assert client.read(10 + len(record)) == framed(b"Hello " + record)


@pytest.mark.parametrize("made", [Prefixed, Many])
def test_M04_a_record_of_the_maximum_is_answered_and_one_byte_more_refused(made: type[Greeter], workers: int) -> None:
    longest = {Prefixed: 1000, Many: 100}[made]
    with Server(made, workers=workers) as server:
        with server.client() as client:
            client.send(made.framing.encode(b"a" * longest))
            expected = made.framing.encode(b"Hello " + b"a" * longest)
            assert client.read(len(expected)) == expected
            client.send(made.framing.encode(b"a" * (longest + 1)))
            assert client.read_to_end() == b""
        server.until(lambda: server.reasons())
        assert server.reasons() == [CloseReason.FRAME_TOO_LONG]


@pytest.mark.parametrize("length", [1001, 2**31, 2**32 - 5, 2**32 - 1])
def test_M05_a_length_above_the_maximum_ends_the_connection_before_its_bytes_come(length: int) -> None:
    with Server(Prefixed) as server, server.client() as client:
        client.send(framed(b"ann") + struct.pack(">I", length))
        assert client.read_to_end() == framed(b"Hello ann")
        assert server.handlers[0].reason is CloseReason.FRAME_TOO_LONG


def test_M05_hundreds_of_fake_lengths_claim_no_memory() -> None:
    class Roomy(Greeter):
        framing = LengthPrefix(4, max_length=1 << 30)  # type: ignore[assignment]  # any framing will do

    with Server(Roomy) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(200)]
        server.until(lambda: len(server.handlers) == 200)
        tracemalloc.start()
        try:
            for client in clients:
                client.send(struct.pack(">I", 1 << 30) + b"abc")
            server.until(lambda: server.reactor.statistics().bytes_in == 200 * 7)
            assert tracemalloc.get_traced_memory()[1] <= 200 * 4096
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "framing", [Lines(), Delimiter(b"\r\n", b"\n", b"\0"), LengthPrefix("varint")], ids=["lines", "several", "varint"]
)
def test_M07_K03_a_flood_of_empty_records_stays_bounded_and_the_others_are_served(
    framing: Framing, workers: int
) -> None:
    class Counting(Greeter):
        def process(self, record: bytes) -> bytes | None:
            self.opened += 1
            return record or None

    Counting.framing = framing  # type: ignore[assignment]  # any framing will do
    empty, count = framing.encode(b""), 500 if workers else 4000
    with Server(Counting, workers=workers) as server, server.client() as flood, server.client() as other:
        for _ in range(3):
            flood.send(empty * count)
            other.send(framing.encode(b"ann"))
            expected = framing.encode(b"ann")
            assert other.read(len(expected)) == expected
        flood.send(framing.encode(b"end"))
        expected = framing.encode(b"end")
        assert flood.read(len(expected)) == expected
        assert sorted(handler.opened for handler in server.handlers) == [1 + 3, 2 + 3 * count]


def test_M11_a_character_that_is_cut_in_two_is_whole_and_what_is_no_text_costs_its_own_connection(
    workers: int,
) -> None:
    class Texts(Greeter):
        def process(self, record: bytes) -> bytes | None:
            return record.decode().upper().encode()

    with Server(Texts, workers=workers) as server, server.client() as good, server.client() as bad:
        line = "aé€😀\n".encode()
        for byte in line * 2:
            good.send(bytes([byte]))
        assert good.read(2 * len(line)) == "AÉ€😀\n".encode() * 2
        bad.send(b"ok\n\xf0\x9f\x98\nmore\n")
        assert bad.read_to_end() == b"OK\n"
        good.send(line)
        assert good.read(len(line)) == "AÉ€😀\n".encode()


def test_M12_a_forged_proxy_header_is_data(workers: int) -> None:
    class Behind(Greeter):
        framing = ProxyPrefix(Lines(), ("192.0.2.1",))  # type: ignore[assignment]  # any framing will do

    with Server(Behind, workers=workers) as server, server.client() as client:
        client.send(b"PROXY TCP4 192.0.2.9 192.0.2.8 1 2\r\n")
        expected = b"Hello PROXY TCP4 192.0.2.9 192.0.2.8 1 2\n"
        assert client.read(len(expected)) == expected
        assert server.handlers[0].source == client.sock.getsockname()


def test_M12_a_carriage_return_of_its_own_ends_no_record_and_a_line_feed_in_one_is_not_dropped(workers: int) -> None:
    class Strict(Greeter):
        framing = Lines(ending=b"\r\n")

    with Server(Strict, workers=workers) as server, server.client() as client:
        client.send(b"a\nb\rc\r\n")
        assert client.read(13) == b"Hello a\nb\rc\r\n"
