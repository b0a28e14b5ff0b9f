"""The part of the system's provider that makes processes, handles signals and shares listeners."""

from __future__ import annotations

import io
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from nio.spi import READABLE, SelectorProvider, SystemProvider, _epoll
from tests.unit.spi.memory_provider import MemoryProvider

needs_epoll = pytest.mark.skipif(not hasattr(select, "EPOLLEXCLUSIVE"), reason="needs EPOLLEXCLUSIVE")


@pytest.fixture
def provider() -> SystemProvider:
    return SystemProvider(SelectorProvider.default().name)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_I05_a_child_ends_with_its_code_and_repeats_no_output(
    provider: SystemProvider, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", closefd=False) as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        stdout.write("once")
        pid = provider.fork()
        if not pid:
            provider.exit_process(7)
    ended = None
    while ended is None:
        ended = provider.ended_child(pid)
    assert ended == (7, "exit code 7")
    assert provider.ended_child(pid) == (-1, "somebody else has heard how")
    assert capfd.readouterr().out == "once"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_killed(provider: SystemProvider) -> None:
    pid = provider.fork()
    if not pid:
        while True:
            signal.pause()
    assert provider.ended_child(pid) is None
    provider.signal_process(pid, "SIGKILL")
    ended = None
    while ended is None:
        ended = provider.ended_child(pid)
    assert ended == (-9, "SIGKILL")
    provider.signal_process(pid, "SIGTERM")  # nobody there


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_signal_to_a_new_child_waits_until_it_handles_signals(provider: SystemProvider) -> None:
    """Else it would run the handler that its parent has set."""
    heard: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append("the parent's"))
    try:
        pid = provider.fork()
        if not pid:
            signal.raise_signal(signal.SIGTERM)
            with provider.handling_signals(("SIGTERM",), heard.append, overrule=True):
                os._exit(7 if heard == ["SIGTERM"] else 1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    ended = None
    while ended is None:
        ended = provider.ended_child(pid)
    assert ended == (7, "exit code 7")


def test_the_child_s_side_of_a_fork_holds_signals(provider: SystemProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr(os, "fork", lambda: 0)
    assert provider.fork() == 0
    signal.raise_signal(signal.SIGUSR1)
    with provider.handling_signals(("SIGUSR1",), heard.append):
        assert heard == ["SIGUSR1"]
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    with provider.handling_signals(("SIGUSR1",), heard.append):
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_a_fork_that_fails_leaves_the_signals_as_they_were(
    provider: SystemProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def fail() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fail)
    with pytest.raises(BlockingIOError):
        provider.fork()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_the_end_of_this_process_empties_the_buffers_that_there_are(
    provider: SystemProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", closed)
    provider.exit_process(3)
    assert codes == [3]


def test_signals_by_name_and_those_that_the_program_handles_stay(provider: SystemProvider) -> None:
    heard: list[str] = []
    own: list[int] = []
    assert provider.process_id() == os.getpid()
    assert provider.thread_count() >= 1
    before = signal.signal(signal.SIGUSR1, lambda number, _: own.append(number))
    try:
        for overrule in (False, True):
            with provider.handling_signals(("SIGUSR1", "SIGUSR2"), heard.append, overrule=overrule):
                signal.raise_signal(signal.SIGUSR1)
                signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGUSR1)
        assert heard == ["SIGUSR2", "SIGUSR1", "SIGUSR2"]
        assert own == [signal.SIGUSR1] * 2
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_who_has_set_a_handler_meanwhile_keeps_it(provider: SystemProvider) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        with provider.handling_signals(("SIGUSR1",), print):
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_is_not_python_s_stays_and_cannot_be_put_back(
    provider: SystemProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that an embedding program has set before Python began: Python tells it as None."""
    heard: list[str] = []
    before = signal.getsignal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, lambda number, _: heard.append("theirs"))
    ask = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    try:
        with provider.handling_signals(("SIGUSR1",), heard.append):
            signal.raise_signal(signal.SIGUSR1)
        assert heard == ["theirs"]
        with provider.handling_signals(("SIGUSR1",), heard.append, overrule=True):
            monkeypatch.setattr(signal, "getsignal", ask)
            signal.raise_signal(signal.SIGUSR1)
        assert heard == ["theirs", "SIGUSR1"]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_word_to_the_service_manager(provider: SystemProvider, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        provider.notify(str(tmp_path / "notify"), b"READY=1")
        assert manager.recv(100) == b"READY=1"
    with pytest.raises(OSError, match="refused"):
        provider.notify(str(tmp_path / "notify"), b"READY=1")


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names")
def test_word_to_an_abstract_name(provider: SystemProvider) -> None:
    name = f"nio-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        provider.notify("@" + name, b"WATCHDOG=1")
        assert manager.recv(100) == b"WATCHDOG=1"


def test_a_provider_without_processes_says_so() -> None:
    memory = MemoryProvider()
    for call in (
        memory.process_id,
        memory.thread_count,
        memory.fork,
        lambda: memory.exit_process(0),
        lambda: memory.ended_child(1),
        lambda: memory.signal_process(1, "SIGTERM"),
        lambda: memory.handling_signals((), print),
        lambda: memory.notify("x", b""),
        lambda: memory.shared_memory(8),
    ):
        with pytest.raises(io.UnsupportedOperation):
            call()
    memory.share_listener(None)


# shared listeners


@needs_epoll
def test_I07_a_connection_wakes_one_of_two_that_wait_exclusively(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_epoll, "_shared", {})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert type(_epoll.open_poller()) is _epoll.EpollPoller
        SystemProvider("epoll").share_listener(listener)
        poller = SystemProvider("epoll").open_poller()
        assert type(poller) is _epoll.SharingEpollPoller
        poller.add(listener.fileno(), READABLE)
        with pytest.raises(OSError, match="Invalid argument"):  # as it is watched exclusively
            poller._epoll.modify(listener.fileno(), READABLE)
        with socket.create_connection(listener.getsockname()):
            assert poller.wait(10) == [(listener.fileno(), READABLE)]
            assert poller.wait(10) == [(listener.fileno(), READABLE)]  # level-triggered, as ever
        poller.modify(listener.fileno(), READABLE | 4)
        poller.modify(listener.fileno(), READABLE)
        poller.remove(listener.fileno())
        assert poller.wait(0) == []
        poller.close()


def asleep_in(thread: threading.Thread, fd: int) -> bool:
    """The thread waits in a system call on that descriptor, without an end in sight."""
    call = Path(f"/proc/self/task/{thread.native_id}/syscall").read_text(encoding="ascii").split()
    return len(call) > 4 and call[1] == hex(fd) and call[4] != "0x0"


@needs_epoll
@pytest.mark.skipif(not Path("/proc/self/syscall").exists(), reason="no /proc that tells where a thread waits")
def test_I07_connections_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has been woken waits behind the other; the connections come one by one, when both wait."""
    monkeypatch.setattr(_epoll, "_shared", {})
    got: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        _epoll.share(listener.fileno())
        accepted = threading.Semaphore(0)

        def serve(name: str) -> None:
            poller = _epoll.open_poller()
            waits_in[name] = poller.fileno()
            poller.add(listener.fileno(), READABLE)
            poller.add(ending.fileno(), READABLE)
            waiting.release()
            while ending.fileno() not in dict(poller.wait(10)):
                try:
                    listener.accept()[0].close()
                except BlockingIOError:
                    continue
                got.append(name)
                poller.wait(0)  # to the end of the queue, before the next one comes
                accepted.release()
            poller.close()

        waits_in: dict[str, int] = {}
        waiting = threading.Semaphore(0)
        ending, end = socket.socketpair()
        threads = {name: threading.Thread(target=serve, args=(name,)) for name in "ab"}
        for thread in threads.values():
            thread.start()
            assert waiting.acquire(timeout=10)
        for _ in range(40):
            while not all(asleep_in(thread, waits_in[name]) for name, thread in threads.items()):
                pass
            with socket.create_connection(listener.getsockname()):
                assert accepted.acquire(timeout=10)
        end.send(b"x")
        for thread in threads.values():
            thread.join(10)
        ending.close()
        end.close()
    assert got == ["a", "b"] * 20 or got == ["b", "a"] * 20


@needs_epoll
def test_a_listener_that_was_taken_out_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_epoll, "_shared", {})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _epoll.share(listener.fileno())
        poller = _epoll.open_poller()
        poller.add(listener.fileno(), READABLE)
        with socket.create_connection(listener.getsockname()):
            assert poller.wait(10)
            poller.remove(listener.fileno())
            assert poller.wait(0) == []
        poller.close()


@needs_epoll
def test_what_has_the_number_of_a_shared_listener_later_is_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_epoll, "_shared", {})
    with socket.socket() as later:
        _epoll._shared[later.fileno()] = 0  # its inode was another
        poller = _epoll.open_poller()
        poller.add(later.fileno(), READABLE)
        poller.modify(later.fileno(), READABLE)
        poller.remove(later.fileno())
        poller.close()
