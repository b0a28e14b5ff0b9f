"""Delegated tasks: NEED_TASK where the JDK says it, nothing done until the task is, and its error by the next call.

What JDK 17 does was asked of two of its engines that shake hands (EC certificate, TLS 1.2 and 1.3, with and without a
client's certificate): it delegates ClientHello, ServerHello, Certificate and the key exchange, in TLS 1.3 what comes
encrypted to the client, and to the server what has a certificate in it. It takes ChangeCipherSpec, Finished, alerts and
session tickets in the ``unwrap`` itself. While a task is due, ``wrap`` and ``unwrap`` return OK, NEED_TASK, 0, 0.
"""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.tls import HandshakeStatus, SSLEngineResult, Status, TlsContext
from tests.unit.reactor.support import in_a_thread
from tests.unit.tls.support import Pki
from tests.unit.tls.test_engine import EMPTY, FINISHED, NOT, UNWRAP, VERSIONS, WRAP, Side

TASK = HandshakeStatus.NEED_TASK
KINDS = {20: "change", 21: "alert", 23: "encrypted"}
MESSAGES = {
    1: "hello",
    2: "hello",
    4: "ticket",
    11: "certificate",
    12: "key",
    13: "request",
    14: "done",
    16: "key",
    15: "verify",
}


class Worker(Side):
    """An engine whose tasks are run when it says so; ``told`` has what each record has led to."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.told: list[tuple[str, HandshakeStatus]] = []
        self.changed = False

    def step(self) -> None:
        record = self.network.duplicate().flip().view()
        kind = KINDS.get(record[0]) or ("finished" if self.changed else MESSAGES[record[5]])
        self.changed = self.changed or kind == "change"
        self.told.append((kind, self.unwrap().handshake_status))

    def work(self) -> None:
        task = self.engine.get_delegated_task()
        assert task is not None
        assert self.engine.get_delegated_task() is None  # each is given out once
        assert self.engine.handshake_status is TASK
        nothing = SSLEngineResult(Status.OK, TASK, 0, 0)
        assert self.engine.wrap(EMPTY, ByteBuffer.allocate(20000)) == nothing
        assert self.engine.unwrap(ByteBuffer.wrap(b"\x16\x03\x03\x00\x01x"), ByteBuffer.allocate(20000)) == nothing
        assert (self.engine.application_protocol, self.engine.is_outbound_done) == (None, False)
        in_a_thread(task)
        task()
        assert self.engine.get_delegated_task() is None


def workers(pki: Pki, version: str, mutual: bool = False) -> tuple[Worker, Worker]:
    pair = pki.trusted.issue("ann").both if mutual else (None, None)
    client = TlsContext.client(ca=pki.trusted.certificate, certificate=pair[0], key=pair[1], protocols=["x"])
    client.context.minimum_version = client.context.maximum_version = ssl.TLSVersion[version]
    server = pki.server(client_ca=pki.trusted.certificate if mutual else None, protocols=["x"])
    return (
        Worker(client.create_ssl_engine("localhost", delegated_tasks=True)),
        Worker(server.create_ssl_engine(delegated_tasks=True)),
    )


def shake(near: Worker, far: Worker) -> None:
    near.engine.begin_handshake()
    far.engine.begin_handshake()
    assert (near.engine.handshake_status, far.engine.handshake_status) == (WRAP, UNWRAP)
    for _ in range(100):
        for side, other in ((near, far), (far, near)):
            status = side.engine.handshake_status
            if status is TASK:
                side.work()
            elif status is WRAP:
                other.network.put(side.wrap())
            elif side.network.position:
                side.step() if status is UNWRAP else side.unwrap()
    assert (near.engine.handshake_status, far.engine.handshake_status) == (NOT, NOT)


def delegated(side: Worker) -> list[tuple[str, bool]]:
    """The kinds of records in the order in which they came, and whether NEED_TASK was told; the same ones once."""
    told = [(kind, status is TASK) for kind, status in side.told]
    return [entry for number, entry in enumerate(told) if entry not in told[:number]]


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_1_2_delegates_what_the_jdk_does(pki: Pki, mutual: bool) -> None:
    near, far = workers(pki, "TLSv1_2", mutual)
    shake(near, far)
    kinds = dict(delegated(far))
    assert kinds == {"hello": True, **({"certificate": True, "verify": True} if mutual else {}), "key": True} | {
        "change": False,
        "finished": False,
    }
    kinds = dict(delegated(near))
    assert (kinds.pop("ticket", False), kinds.pop("change"), kinds.pop("finished")) == (False, False, False)
    assert set(kinds.values()) == {True}
    assert {"hello", "certificate", "key"} <= set(kinds)
    assert (near.said(FINISHED), far.said(FINISHED)) == (1, 1)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_1_3_delegates_what_the_jdk_does(pki: Pki, mutual: bool) -> None:
    near, far = workers(pki, "TLSv1_3", mutual)
    shake(near, far)
    assert delegated(far) == [("hello", True), ("change", False), ("encrypted", mutual)]
    assert delegated(near) == [("hello", True), ("change", False), ("encrypted", True)]
    assert (near.said(FINISHED), far.said(FINISHED)) == (1, 1)
    assert (near.engine.application_protocol, far.engine.application_protocol) == ("x", "x")


def test_a_second_hello_is_delegated_too(pki: Pki) -> None:
    """A server that wants another group asks for it, by RFC 8446 4.1.4, and both send a ChangeCipherSpec before."""
    near = workers(pki, "TLSv1_3")[0]
    server = pki.server()
    server.context.set_ecdh_curve("secp384r1")
    far = Worker(server.create_ssl_engine(delegated_tasks=True))
    shake(near, far)
    for side in (near, far):  # behind the change the helper takes a hello for a Finished
        assert [status for kind, status in side.told if kind in ("hello", "finished")] == [TASK, TASK]


@pytest.mark.parametrize("version", VERSIONS)
def test_data_goes_both_ways_afterwards(pki: Pki, version: str) -> None:
    near, far = workers(pki, version)
    shake(near, far)
    for side, other in ((near, far), (far, near)):
        other.network.put(side.wrap(b"hello"))
        other.unwrap_all()
        assert (other.got, other.engine.get_delegated_task()) == (b"hello", None)


def due(side: Worker, far: Worker) -> Any:
    """The server has its first task."""
    side.engine.begin_handshake()
    far.network.put(side.wrap())
    assert far.unwrap().handshake_status is TASK
    return far.engine.get_delegated_task()


def test_two_threads_run_a_task_once(pki: Pki) -> None:
    near, far = workers(pki, "TLSv1_3")
    task = due(near, far)
    gate = threading.Barrier(4)

    def run() -> None:
        gate.wait()
        task()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(run) for _ in range(4)]:
            future.result()
    assert far.engine.handshake_status is WRAP


def test_what_a_task_fails_with_is_raised_by_the_next_call_and_the_alert_comes_after_it(pki: Pki) -> None:
    """As JDK 17: NEED_WRAP, a wrap that throws, NEED_WRAP, CLOSED with the alert, NOT_HANDSHAKING."""
    stranger = TlsContext.client(ca=pki.stranger.certificate)
    near = Worker(stranger.create_ssl_engine("localhost", delegated_tasks=True))
    far = workers(pki, "TLSv1_3")[1]
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(near, far)
    assert (near.engine.handshake_status, near.engine.is_inbound_done, near.engine.is_outbound_done) == (
        WRAP,
        True,
        False,
    )
    while near.engine.handshake_status is WRAP:
        alert = near.wrap()
    assert near.results[-1].status is Status.CLOSED
    assert (near.engine.handshake_status, near.engine.is_outbound_done) == (NOT, True)
    far.network.clear()
    far.network.put(alert)
    while far.engine.handshake_status is WRAP:
        far.wrap()
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        far.unwrap()


@pytest.mark.parametrize("call", ["wrap", "unwrap"])
def test_either_call_tells(pki: Pki, call: str) -> None:
    near, far = workers(pki, "TLSv1_3")
    near.engine.begin_handshake()
    hello = bytearray(near.wrap())
    hello[9:11] = b"\x00\x00"  # a version that never was
    hello[43] = 255  # and a session id that is too long
    far.network.put(bytes(hello))
    assert far.unwrap().handshake_status is TASK
    task = far.engine.get_delegated_task()
    assert task is not None
    task()
    assert far.engine.handshake_status is WRAP
    with pytest.raises(ssl.SSLError):
        getattr(far, call)()


def test_a_task_that_a_ctrl_c_has_struck_is_given_out_again(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = workers(pki, "TLSv1_3")
    task = due(near, far)
    shake = far.engine._shake

    def struck() -> bytes:
        monkeypatch.setattr(far.engine, "_shake", shake)
        raise KeyboardInterrupt

    monkeypatch.setattr(far.engine, "_shake", struck)
    with pytest.raises(KeyboardInterrupt):
        task()
    assert far.engine.handshake_status is TASK
    again = far.engine.get_delegated_task()
    assert again is not None
    again()
    assert far.engine.handshake_status is WRAP


@pytest.mark.parametrize("given", [False, True])
def test_a_close_while_a_task_is_due(pki: Pki, given: bool) -> None:
    near, far = workers(pki, "TLSv1_3")
    near.engine.begin_handshake()
    far.network.put(near.wrap())
    far.unwrap()
    task = far.engine.get_delegated_task() if given else None
    far.engine.close_outbound()
    if task is not None:
        assert (far.engine.handshake_status, far.engine.is_outbound_done) == (TASK, False)
        task()
    for _ in range(9):
        far.wrap()
    assert (far.results[-1].status, far.engine.is_outbound_done) == (Status.CLOSED, True)
    assert (far.engine.handshake_status, far.engine.get_delegated_task()) == (NOT, None)


def test_an_end_of_tcp_while_a_task_is_due(pki: Pki) -> None:
    near, far = workers(pki, "TLSv1_3")
    task = due(near, far)
    with pytest.raises(ssl.SSLEOFError):
        far.engine.close_inbound()
    task()
    assert far.engine.is_inbound_done


def test_what_is_no_tls_needs_no_task(pki: Pki) -> None:
    far = workers(pki, "TLSv1_3")[1]
    far.network.put(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        far.unwrap()


def test_an_empty_record_of_a_handshake_is_dealt_with(pki: Pki) -> None:
    far = workers(pki, "TLSv1_3")[1]
    far.network.put(b"\x16\x03\x01\x00\x00")
    assert far.unwrap().handshake_status is TASK
    task = far.engine.get_delegated_task()
    assert task is not None
    task()
    assert far.engine.handshake_status is UNWRAP
