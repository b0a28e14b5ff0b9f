"""SSLEngine, by the contract of javax.net.ssl.SSLEngine: two engines that pass each other records through buffers."""

from __future__ import annotations

import ssl

import pytest

from nio.buffers import ByteBuffer
from nio.errors import IllegalStateError, ReadOnlyBufferError
from nio.tls import HandshakeStatus, SSLEngine, SSLEngineResult, Status, TlsContext
from tests.unit.tls.support import Pki

NOT, WRAP, UNWRAP, FINISHED = (
    HandshakeStatus.NOT_HANDSHAKING,
    HandshakeStatus.NEED_WRAP,
    HandshakeStatus.NEED_UNWRAP,
    HandshakeStatus.FINISHED,
)
EMPTY = ByteBuffer.allocate(0)
VERSIONS = ["TLSv1_2", "TLSv1_3"]


class Side:
    """An engine with its two buffers, used as in the Java documentation."""

    def __init__(self, engine: SSLEngine) -> None:
        self.engine = engine
        self.network = ByteBuffer.allocate(3 * engine.session.packet_buffer_size)  # received, and not unwrapped
        self.results: list[SSLEngineResult] = []
        self.got = b""

    def wrap(self, data: bytes = b"") -> bytes:
        out = ByteBuffer.allocate(self.engine.session.packet_buffer_size)
        source = ByteBuffer.wrap(data)
        result = self.engine.wrap(source, out)
        self.results.append(result)
        assert result.bytes_consumed == source.position
        assert result.bytes_produced == out.position
        return bytes(out.flip())

    def unwrap(self) -> SSLEngineResult:
        out = ByteBuffer.allocate(self.engine.session.application_buffer_size)
        self.network.flip()
        before = self.network.position
        result = self.engine.unwrap(self.network, out)
        assert result.bytes_consumed == self.network.position - before
        assert result.bytes_produced == out.position
        self.network.compact()
        self.got += bytes(out.flip())
        self.results.append(result)
        return result

    def unwrap_all(self) -> None:
        while self.network.position:
            self.unwrap()

    def said(self, status: HandshakeStatus) -> int:
        return sum(result.handshake_status is status for result in self.results)


def engines(pki: Pki, version: str = "") -> tuple[Side, Side]:
    client = TlsContext.client(ca=pki.trusted.certificate)
    if version:
        client.context.minimum_version = client.context.maximum_version = ssl.TLSVersion[version]
    return Side(client.create_ssl_engine("localhost")), Side(pki.server().create_ssl_engine())


def handshake(near: Side, far: Side) -> None:
    near.engine.begin_handshake()
    far.engine.begin_handshake()
    for _ in range(100):
        if near.engine.handshake_status is far.engine.handshake_status is NOT and not (
            near.network.position or far.network.position
        ):
            return
        for side, other in ((near, far), (far, near)):
            if side.engine.handshake_status is WRAP:
                other.network.put(side.wrap())
            elif side.network.position:
                side.unwrap()
    raise AssertionError("no end of the handshake")


def pass_on(side: Side, other: Side, data: bytes) -> None:
    other.network.put(side.wrap(data))
    other.unwrap()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_and_data_both_ways(pki: Pki, version: str) -> None:
    near, far = engines(pki, version)
    assert (near.engine.use_client_mode, far.engine.use_client_mode) == (True, False)
    assert (near.engine.handshake_status, far.engine.handshake_status) == (NOT, NOT)
    near.engine.begin_handshake()
    far.engine.begin_handshake()
    assert (near.engine.handshake_status, far.engine.handshake_status) == (WRAP, UNWRAP)
    handshake(near, far)
    for side in (near, far):
        assert side.said(FINISHED) == 1  # once, and in a result only
        assert side.engine.session.protocol == version.replace("_", ".")
        assert side.engine.application_protocol is None
        assert side.engine.get_delegated_task() is None
        with pytest.raises(IllegalStateError, match="no second one"):
            side.engine.begin_handshake()
    assert near.engine.session.peer_names == ["localhost", "127.0.0.1"]
    assert near.wrap() == b""  # there is nothing to be told
    pass_on(near, far, b"hello")
    pass_on(far, near, b"and you")
    assert (far.got, near.got) == (b"hello", b"and you")
    assert near.results[-1] == SSLEngineResult(Status.OK, NOT, near.results[-1].bytes_consumed, 7)


def test_the_first_wrap_or_unwrap_begins_the_handshake(pki: Pki) -> None:
    near, far = engines(pki)
    hello = near.wrap(b"not yet")
    assert hello[0] == 22  # a handshake record, RFC 8446 5.1
    assert near.results[-1].bytes_consumed == 0
    assert far.unwrap().status is Status.BUFFER_UNDERFLOW
    far.network.put(hello)
    assert far.unwrap().handshake_status is WRAP
    far.network.put(b"\x16\x03\x03\x00\x01x")
    assert far.unwrap() == SSLEngineResult(Status.OK, WRAP, 0, 0)  # one's own flight first


@pytest.mark.parametrize("version", VERSIONS)
def test_each_call_makes_or_takes_one_record(pki: Pki, version: str) -> None:
    near, far = engines(pki, version)
    handshake(near, far)
    data = bytes(range(256)) * 150  # 38 400 bytes: three records
    source = ByteBuffer.wrap(data)
    out = ByteBuffer.allocate(3 * near.engine.session.packet_buffer_size)
    lengths = []
    while source.has_remaining:
        lengths.append(near.engine.wrap(source, out).bytes_consumed)
    assert lengths == [16384, 16384, 5632]
    far.network.put(out.flip())
    for _ in range(3):
        assert far.unwrap().status is Status.OK
    assert far.unwrap().status is Status.BUFFER_UNDERFLOW
    assert far.got == data


def test_half_a_record_is_left_where_it_is(pki: Pki) -> None:
    near, far = engines(pki)
    handshake(near, far)
    record = near.wrap(b"hello")
    for cut in (0, 1, 4, 5, 6, len(record) - 1):
        result = far.engine.unwrap(ByteBuffer.wrap(record[:cut]), ByteBuffer.allocate(20000))
        assert result == SSLEngineResult(Status.BUFFER_UNDERFLOW, NOT, 0, 0)
    far.network.put(record)
    assert far.unwrap().bytes_produced == 5


def test_without_room_nothing_is_done(pki: Pki) -> None:
    near, far = engines(pki)
    small = ByteBuffer.allocate(10)
    result = near.engine.wrap(EMPTY, small)
    assert (result.status, result.bytes_produced, small.position) == (Status.BUFFER_OVERFLOW, 0, 0)
    handshake(near, far)
    source = ByteBuffer.wrap(b"hello")
    assert near.engine.wrap(source, ByteBuffer.allocate(16708)).status is Status.BUFFER_OVERFLOW
    assert source.position == 0
    record = ByteBuffer.wrap(near.wrap(b"hello"))
    result = far.engine.unwrap(record, ByteBuffer.allocate(4))
    assert result == SSLEngineResult(Status.BUFFER_OVERFLOW, NOT, 0, 0)
    assert far.engine.unwrap(record, ByteBuffer.allocate(record.remaining)).bytes_produced == 5


@pytest.mark.parametrize("version", VERSIONS)
def test_an_orderly_end_from_one_side(pki: Pki, version: str) -> None:
    near, far = engines(pki, version)
    handshake(near, far)
    near.engine.close_outbound()
    near.engine.close_outbound()
    assert (near.engine.handshake_status, near.engine.is_outbound_done) == (WRAP, False)
    far.network.put(near.wrap(b"too late"))
    assert near.results[-1].status is Status.CLOSED
    assert near.results[-1].bytes_consumed == 0
    assert (near.engine.handshake_status, near.engine.is_outbound_done) == (UNWRAP, True)
    assert far.unwrap().status is Status.CLOSED
    assert (far.engine.is_inbound_done, far.engine.handshake_status) == (True, WRAP)
    assert far.unwrap().status is Status.CLOSED
    near.network.put(far.wrap())
    assert far.results[-1].status is Status.CLOSED
    assert (far.engine.handshake_status, far.engine.is_outbound_done) == (NOT, True)
    assert near.unwrap().status is Status.CLOSED
    assert (near.engine.is_inbound_done, near.engine.handshake_status) == (True, NOT)
    for side in (near, far):
        side.engine.close_inbound()  # no truncation
        assert side.wrap(b"more") == b""
        assert side.results[-1].status is Status.CLOSED


@pytest.mark.parametrize("version", VERSIONS)
def test_a_half_closed_engine_still_receives(pki: Pki, version: str) -> None:
    near, far = engines(pki, version)
    handshake(near, far)
    near.engine.close_outbound()
    near.wrap()
    pass_on(far, near, b"late words")
    assert near.got == b"late words"


def test_truncation_is_told(pki: Pki) -> None:
    near, far = engines(pki)
    handshake(near, far)
    with pytest.raises(ssl.SSLEOFError, match="something may be missing"):
        near.engine.close_inbound()
    assert near.engine.is_inbound_done
    near.engine.close_inbound()
    assert near.unwrap().status is Status.CLOSED


def test_an_engine_that_was_never_used_may_be_closed(pki: Pki) -> None:
    near, _ = engines(pki)
    near.engine.close_inbound()
    assert near.engine.is_inbound_done
    near, _ = engines(pki)
    near.engine.close_outbound()
    assert near.wrap() == b""
    assert near.results[-1].status is Status.CLOSED
    assert (near.engine.is_outbound_done, near.engine.is_inbound_done) == (True, True)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(20000), b"\x16\x03\x01\x00\x05hello"])
def test_what_is_no_tls_raises_and_leaves_an_alert(pki: Pki, garbage: bytes) -> None:
    _, far = engines(pki)
    far.network.put(garbage)
    with pytest.raises(ssl.SSLError):
        far.engine.unwrap(far.network.flip(), ByteBuffer.allocate(20000))


def test_a_certificate_that_is_not_trusted_raises_and_leaves_an_alert(pki: Pki) -> None:
    client = TlsContext.client(ca=pki.stranger.certificate).create_ssl_engine("localhost")
    near, far = Side(client), engines(pki)[1]
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(near, far)
    assert near.engine.handshake_status is WRAP
    while far.engine.handshake_status is WRAP:
        far.wrap()
    far.network.clear()
    assert (near.engine.is_inbound_done, near.engine.is_outbound_done) == (True, False)
    while near.engine.handshake_status is WRAP:
        far.network.put(near.wrap())
    assert near.results[-1].status is Status.CLOSED
    assert (near.engine.handshake_status, near.engine.is_outbound_done) == (NOT, True)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        far.unwrap_all()
    assert near.engine.session.peer_certificates == []


def test_a_record_that_was_changed_raises_and_closes(pki: Pki) -> None:
    near, far = engines(pki)
    handshake(near, far)
    record = bytearray(near.wrap(b"hello"))
    record[-1] ^= 1
    far.network.put(bytes(record))
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        far.unwrap()
    near.network.put(far.wrap(b"nothing of this"))
    assert (far.results[-1].status, far.results[-1].bytes_consumed) == (Status.CLOSED, 0)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        near.unwrap()


def test_alpn_is_told_by_the_engine(pki: Pki) -> None:
    client = TlsContext.client("localhost", ca=pki.trusted.certificate, protocols=["h2", "x"]).create_ssl_engine()
    near, far = Side(client), Side(pki.server(protocols=["x"]).create_ssl_engine())
    handshake(near, far)
    assert (near.engine.application_protocol, far.engine.application_protocol) == ("x", "x")
    assert far.engine.session.server_name == "localhost"


def test_buffers_that_cannot_be(pki: Pki) -> None:
    near, _ = engines(pki)
    both = ByteBuffer.allocate(20000)
    for call in (near.engine.wrap, near.engine.unwrap):
        with pytest.raises(ValueError, match="one buffer"):
            call(both, both)
        with pytest.raises(ReadOnlyBufferError):
            call(EMPTY, both.as_read_only_buffer())
