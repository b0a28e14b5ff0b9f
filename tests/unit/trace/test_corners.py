"""Ways through the provider that a healthy run seldom takes."""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from nio.buffers import ByteBuffer
from nio.channels import (
    DatagramChannel,
    DescriptorChannel,
    FileChannel,
    Pipe,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
)
from nio.reactor import CloseReason, Handler, Reactor
from nio.spi import ProtocolFamily, SelectorProvider
from nio.trace import CHANNEL, CLOSED, CONNECT, INTEREST, READ, THREAD, WRITE, TracingProvider
from nio.trace._provider import _begin_anew
from nio.trace._reactor import TracedReactor, traced_class
from nio.trace._sockets import failure, spelled
from tests.helpers import LOOPBACK, R, connected_pair
from tests.unit.trace.test_provider import taken


@pytest.fixture
def events() -> TracingProvider:
    return TracingProvider(level="events")


def test_how_an_address_is_spelled() -> None:
    assert spelled(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert spelled(("::1", 80, 0, 0)) == "[::1]:80"
    assert spelled("/tmp/s") == "/tmp/s"
    assert spelled(None) == spelled(b"") == ""
    assert spelled(b"\0abstract") == "b'\\x00abstract'"


def test_a_failure_is_a_number() -> None:
    assert failure(BlockingIOError()) == -2
    assert failure(OSError(errno.ECONNRESET, "reset")) == -errno.ECONNRESET
    assert failure(OSError("without a number")) == -errno.EIO


def test_at_level_events_io_goes_past_everywhere(events: TracingProvider, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(10))
    near, far = connected_pair(events)
    with near, far, DatagramChannel.open(provider=events).bind(LOOPBACK) as datagrams:
        with FileChannel.open(tmp_path / "f", StandardOpenOption.READ, provider=events) as file:
            assert file.transfer_to(0, 10, near) == 10
            while near.write(bytes(1 << 20)):
                pass
            assert file.transfer_to(0, 10, near) == 0
        datagrams.configure_blocking(False)
        assert datagrams.receive(ByteBuffer.allocate(4)) is None
        datagrams.send(b"x", ("127.0.0.1", datagrams.port or 0))
        assert datagrams.configure_blocking(True).receive(ByteBuffer.allocate(4)) is not None
        with ServerSocketChannel.open(provider=events).bind(LOOPBACK) as server:
            assert server.configure_blocking(False).accept() is None
    assert taken(events, READ, WRITE, CONNECT) == []


def test_a_file_that_the_kernel_cannot_send_is_no_write(
    provider: TracingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(provider.inner), "send_file", lambda *args: None)
    assert provider.send_file(1, 2, 0, 10) is None
    assert taken(provider, WRITE) == []


def test_a_descriptor_of_somebody_elses(provider: TracingProvider) -> None:
    reader, writer = os.pipe()
    channel = DescriptorChannel.adopt(reader, provider=provider)
    os.write(writer, b"abc")
    assert channel.read(ByteBuffer.allocate(8)) == 3
    assert channel.detach() == reader
    os.close(reader)
    os.close(writer)
    records = taken(provider, CHANNEL, READ, CLOSED)
    assert [(record[0], record[2]) for record in records] == [(CHANNEL, 1), (READ, 1), (CLOSED, 1)]


def test_what_a_traced_thing_does_not_have_is_the_inner_ones(provider: TracingProvider) -> None:
    reader, writer = provider.open_pipe()
    sock = provider.open_socket(ProtocolFamily.INET)
    assert sock.gettimeout() == 0.0
    assert repr(sock).startswith("TracedSocket(<socket.socket fd=")
    wakeup: object = provider.open_wakeup()
    assert wakeup.writer >= 0  # type: ignore[attr-defined]
    for end in (reader, writer, sock):
        end.close()
        end.close()
    assert len(taken(provider, CLOSED)) == 3


def test_every_call_of_a_socket_that_fails_is_told(provider: TracingProvider) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    with far:
        traced: Any = provider.adopt_socket(near).socket
        room = memoryview(bytearray(4))
        for call, *arguments in (
            (traced.recv, 4),
            (traced.recv, 4, socket.MSG_PEEK),
            (traced.recv_into, room),
            (traced.recvmsg_into, [room, room]),
        ):
            with pytest.raises(BlockingIOError):
                call(*arguments)
        far.close()
        for call, argument in ((traced.send, b"abc"), (traced.sendmsg, [b"ab", b"c"])):
            with pytest.raises(BrokenPipeError):
                call(argument)
        assert traced.recv(4) == b""
        assert traced.recv(0) == b""
        traced.close()
    assert [(record[0], *record[3:]) for record in taken(provider, READ, WRITE)] == [
        *[(READ, -2, 4)] * 3,
        (READ, -2, 8),
        *[(WRITE, -errno.EPIPE, 3)] * 2,
        (READ, -1, 4),
        (READ, 0, 0),
    ]


def test_a_socket_without_a_name_is_told_without_one(provider: TracingProvider) -> None:
    class Nameless:
        def fileno(self) -> int:
            return 77

        def connect_ex(self, address: object) -> int:
            return errno.ECONNREFUSED

        def getsockname(self) -> object:
            raise OSError(errno.EBADF, "gone")

        recv_into = recvmsg_into = send = sendmsg = connect_ex

    from nio.trace._sockets import TracedSocket

    sock = TracedSocket(Nameless(), provider.recording, "stream")
    assert sock.connect_ex(("127.0.0.1", 1)) == errno.ECONNREFUSED
    records = taken(provider, CHANNEL, CONNECT)
    assert records[1][4:] == ("connecting", "", "127.0.0.1:1")
    assert records[2][3] == -errno.ECONNREFUSED


def test_urgent_data_and_what_a_provider_is(provider: TracingProvider) -> None:
    assert provider.urgent_signal == signal.SIGURG
    assert provider.kernel is provider.inner.kernel
    assert provider.watch_limit == provider.inner.watch_limit
    assert TracingProvider(provider).inner is provider


def test_signals_wake_a_selection_in_the_main_thread_alone(provider: TracingProvider) -> None:
    with provider.signal_wakeup() as wakeup:
        assert wakeup is not None
        assert wakeup.fileno() in provider.recording.wakeups
    assert provider.recording.wakeups == set()
    seen: list[object] = []

    def elsewhere() -> None:
        with provider.signal_wakeup() as wakeup:
            seen.append(wakeup)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [None]


def test_a_poller_without_a_descriptor(provider: TracingProvider) -> None:
    without = TracingProvider(SelectorProvider.named("select"), recording=provider.recording)
    poller = without.open_poller()
    assert not hasattr(poller, "fileno")
    poller.close()


def test_a_wait_that_is_woken_by_none_of_the_first_descriptors(provider: TracingProvider) -> None:
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        pipe.source.configure_blocking(False).register(selector, R)
        pipe.sink.write(b"x")
        assert selector.wakeup().select() == 1


def test_a_key_of_another_provider_tells_nothing() -> None:
    from nio.trace._call_sites import TracedKey

    with Selector.open() as selector, Pipe.open() as pipe:
        key = TracedKey(pipe.source.configure_blocking(False), selector, R, None)
        key.set_interest(0)
        assert key._recording is None


def test_what_a_loop_changes_has_no_line(provider: TracingProvider) -> None:
    with Reactor.open(provider=provider) as reactor, Pipe.open(provider=provider) as pipe:
        key = pipe.source.configure_blocking(False).register(reactor._selector, R)
        reactor.call_later(0, key.set_interest, 0)
        reactor.turn(0)
    asked = [record for record in taken(provider, INTEREST) if record[6]]
    assert str(asked[0][5]).startswith(__file__)
    assert asked[1][3:] == (R, 0, "", 1)


def test_where_there_is_nothing_but_nio_there_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from nio.trace import _call_sites

    assert _call_sites.call_site().startswith(__file__)
    seen: list[str] = []
    monkeypatch.setattr(_call_sites, "_NIO", "")
    thread = threading.Thread(target=lambda: seen.append(_call_sites.call_site()))
    thread.start()
    thread.join()
    monkeypatch.setattr(_call_sites, "_THREADS", "")
    monkeypatch.setattr(_call_sites, "_LOOPS", set[str]())
    assert [_call_sites.call_site(), *seen] == ["", ""]


def test_what_is_nobodys_changes_nothing(provider: TracingProvider) -> None:
    provider.recording.channels[5] = 7
    provider.recording.drop_channel(5, 6)
    assert provider.recording.channels == {5: 7}
    near, far = connected_pair(provider)
    with near, far:
        near.shutdown_input()
    with Reactor.open(workers=1, provider=provider) as reactor, Pipe.open(provider=provider) as pipe:
        assert isinstance(reactor, TracedReactor)
        assert reactor._run_timers() == 0
        key = reactor.register(pipe.source, R, Handler())
        reactor.forget(key, CloseReason.LOCAL)
        reactor.forget(key, CloseReason.LOCAL)
        reactor._jobs[1] = 1
        reactor.next_tick(int)
        reactor.next_tick(Handle().handle_reply)
        reactor.turn(0)
    assert [record[3] for record in taken(provider, CLOSED) if record[3]] == ["LOCAL"]


class Handle:
    """Of nobody's that has a job."""

    def handle_reply(self) -> None:
        """Nothing."""


def test_a_line_on_stderr(
    provider: TracingProvider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nio.trace._command import _to_stderr

    put, _, has_room = _to_stderr(provider)
    assert has_room(0)
    put("a line\n")
    assert capsys.readouterr().err == "a line\n"
    monkeypatch.setattr("sys.stderr", None)
    _, _, has_room = _to_stderr(provider)
    assert has_room(0)  # and whoever writes hears what is wrong


def test_a_forked_recording_begins_anew(provider: TracingProvider) -> None:
    log = provider.recording
    log.put((READ, 1, 1, 1, 1))
    log.forget()
    log.put((READ, 2, 1, 1, 1))
    assert [record[1] for record in log.take() if record[0] != THREAD] == [2]


def test_a_recording_that_nobody_has_is_let_go_with_its_records(provider: TracingProvider) -> None:
    log = provider.recording
    log.put((READ, 1, 1, 1, 1))
    known = weakref.ref(log)
    del log, provider.recording
    gc.collect()
    assert known() is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_every_recording_of_a_forked_child_begins_anew(provider: TracingProvider) -> None:
    logs = [provider.recording, TracingProvider(provider.inner).recording]
    for log in logs:
        log.put((READ, 1, 1, 1, 1))
    _begin_anew()  # what the child below calls, out of sight of who counts the lines
    assert [list(log.take()) for log in logs] == [[], []]
    for log in logs:
        log.put((READ, 1, 1, 1, 1))
    child = os.fork()
    if not child:
        os._exit(sum(record[0] == READ for log in logs for record in log.take()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [sum(record[0] == READ for record in log.take()) for log in logs] == [1, 1]


def test_two_readers_at_a_time(provider: TracingProvider) -> None:
    log = provider.recording
    for number in range(4):
        log.put((READ, number, 1, 1, 1))
    first = log.take()
    assert next(first)[0] == THREAD
    assert next(first)[1] == 0
    second = [record[1] for record in log.take() if record[0] == READ]
    assert second + [record[1] for record in first] == [1, 2, 3]  # each is seen once


def test_two_readers_of_a_thread_that_has_ended(provider: TracingProvider) -> None:
    """Both find that it has, and each would take its ring away: a program's own new thread may be the second one."""
    log = provider.recording
    thread = threading.Thread(target=log.put, args=((READ, 1, 1, 1, 1),))
    thread.start()
    thread.join()
    slow = log.take()
    first = next(slow)
    quick = list(log.take())
    assert [first[0], *(record[0] for record in quick), *(record[0] for record in slow)] == [THREAD, THREAD, READ]


def test_a_thread_that_lives_keeps_its_ring(provider: TracingProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.trace._recording._MOST_RINGS", 1)
    log = provider.recording
    log.put((READ, 1, 1, 1, 1))
    thread = threading.Thread(target=log.put, args=((READ, 2, 1, 1, 1),))
    thread.start()
    thread.join()
    assert sorted(record[1] for record in log.take() if record[0] == READ) == [1, 2]
    assert log.skipped == 0


def test_a_class_is_traced_once(provider: TracingProvider) -> None:
    assert traced_class(Reactor) is TracedReactor
    assert traced_class(TracedReactor) is TracedReactor


def test_jobs_that_nobody_ends_are_not_kept_for_ever(
    provider: TracingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nio.trace._reactor._MOST_JOBS", 2)
    with Reactor.open(workers=1, provider=provider) as reactor:
        assert isinstance(reactor, TracedReactor)
        for _ in range(5):
            reactor.defer(int)
        assert len(reactor._jobs) <= 3


def test_a_job_whose_connection_is_gone_and_one_that_leaves_the_process(provider: TracingProvider) -> None:
    from types import SimpleNamespace

    with Reactor.open(workers=1, provider=provider) as reactor:
        hand_off = reactor.hand_off
        assert hand_off is not None
        plain = hand_off.jobs
        gone = SimpleNamespace(process=None, submitter=SimpleNamespace(), record=b"")
        hand_off.add(gone)  # type: ignore[arg-type]
        assert gone.process is None
        hand_off.leaves_process = True
        away = SimpleNamespace(process=int, submitter=SimpleNamespace(), record=b"")
        hand_off.add(away)  # type: ignore[arg-type]
        assert away.process is int
        plain.clear()


def test_a_channel_opened_by_the_path_of_an_inherited_socket(
    provider: TracingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert provider.inherited_socket() is None
    near, far = socket.socketpair()
    with near, far:
        found = provider.inner.adopt_socket(near)
        monkeypatch.setattr(type(provider.inner), "inherited_socket", lambda self: found)
        taken_over = provider.inherited_socket()
        assert taken_over is not None
        assert provider.shown_socket(taken_over.socket) is near
        assert provider.release_socket(near) is near


def test_a_group_of_channels_from_accept(provider: TracingProvider) -> None:
    near, far = connected_pair(provider)
    with near, far:
        assert isinstance(near, SocketChannel)
        assert provider.peer_has_ended(near._end) is False
