from __future__ import annotations

import io
import os
import resource
import select
import socket
import subprocess
import sys
import time

import pytest

from nio.errors import ProviderUnavailableError, UnresolvedAddressError, UnsupportedAddressTypeError
from nio.spi import OPTIONS, ProtocolFamily, SelectorProvider, SystemProvider, _machine, _system

INET, INET6, UNIX = ProtocolFamily.INET, ProtocolFamily.INET6, ProtocolFamily.UNIX
SYSTEMS = {INET: socket.AF_INET, INET6: socket.AF_INET6, UNIX: socket.AF_UNIX}


@pytest.fixture
def provider() -> SystemProvider:
    return SystemProvider(SelectorProvider.default().name)


# names


def test_available_is_what_select_has() -> None:
    assert SelectorProvider.available() == tuple(
        name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name)
    )


def test_there_is_one_provider_of_each_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SelectorProvider.available():
        provider = SelectorProvider.named(name)
        assert provider is SelectorProvider.named(name)
        assert provider.name == name
        monkeypatch.setenv("NIO_PROVIDER", name)
        assert SelectorProvider.default() is provider
        assert repr(provider) == f"SystemProvider({name!r})"
    for unset in ("", None):
        monkeypatch.delenv("NIO_PROVIDER") if unset is None else monkeypatch.setenv("NIO_PROVIDER", unset)
        assert SelectorProvider.default().name == SelectorProvider.available()[0]


@pytest.mark.parametrize("name", ["nonsense", "EPOLL", " poll", "devpoll", "selectors", "POLLIN"])
def test_a_name_that_is_not_here_tells_those_that_are(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("NIO_PROVIDER", name)
    for ask in (SelectorProvider.default, lambda: SelectorProvider.named(name), lambda: SystemProvider(name)):
        with pytest.raises(ProviderUnavailableError) as caught:
            ask()
        assert repr(name) in str(caught.value)
        assert ", ".join(SelectorProvider.available()) in str(caught.value)


def test_a_known_name_that_this_system_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    monkeypatch.setattr(_machine.MACHINE, "_named", {})
    assert "poll" not in SelectorProvider.available()
    with pytest.raises(ProviderUnavailableError, match=r"one of: (epoll, )?select"):
        SelectorProvider.named("poll")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_environment_forces_a_back_end() -> None:
    code = "import nio; s = nio.Selector.open(); print(s.provider.name, s.select(0)); s.close()"
    for name in SelectorProvider.available():
        assert run(code, NIO_PROVIDER=name).stdout == f"{name} 0\n"
    failed = run(code, NIO_PROVIDER="nonsense")
    assert failed.returncode == 1
    assert failed.stdout == ""
    last = failed.stderr.strip().splitlines()[-1]
    assert "ProviderUnavailableError" in last
    assert "'nonsense'" in last
    assert ", ".join(SelectorProvider.available()) in last


# addresses


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (INET, ("127.0.0.1", 0)),
        (INET, ("0.0.0.0", 65535)),
        (INET, ("", 80)),
        (INET6, ("::1", 80)),
        (INET6, ("::1", 80, 0, 0)),
        (INET6, ("", 0)),
        (INET6, (f"fe80::1%{socket.if_nameindex()[0][1]}", 80)),
        (INET6, ("fe80::1%1", 80)),
        (UNIX, "/run/socket"),
        (UNIX, ""),
        (UNIX, "\0abstract"),
        (UNIX, "\0abstract\0more"),
    ],
)
def test_addresses_that_pass_as_they_are(provider: SystemProvider, family: ProtocolFamily, address: object) -> None:
    assert provider.check_address(family, address) is address


@pytest.mark.parametrize("host", ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:ffff:127.0.0.1"])
def test_ipv4_has_two_spellings_and_a_socket_takes_one_of_them(provider: SystemProvider, host: str) -> None:
    """Java's InetAddress, too, makes an Inet4Address of each."""
    assert provider.check_address(INET, (host, 80)) == ("127.0.0.1", 80)
    assert provider.check_address(INET6, (host, 80)) == ("::ffff:127.0.0.1", 80)
    assert provider.check_address(INET6, (host, 80, 7, 0)) == ("::ffff:127.0.0.1", 80, 7, 0)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (("127.0.0.1", 80), ("127.0.0.1", 80)),
        (("::ffff:127.0.0.1", 80, 0, 0), ("127.0.0.1", 80)),
        (("::ffff:127.0.0.1", 80), ("127.0.0.1", 80)),
        (("::1", 80, 0, 0), ("::1", 80, 0, 0)),
        (("::ffff:0:7f00:1", 80, 0, 0), ("::ffff:0:7f00:1", 80, 0, 0)),
        (("fe80::1%eth0", 80, 0, 2), ("fe80::1%eth0", 80, 0, 2)),
        ("/tmp", "/tmp"),
        ("", ""),
        (b"\x00abstract", "\0abstract"),
        (b"\x00\xff", "\0\udcff"),
    ],
)
def test_how_users_are_told_an_address(provider: SystemProvider, address: object, told: object) -> None:
    assert provider.told_address(address) == told  # type: ignore[arg-type]  # the kernel's bytes


def test_paths_become_text(provider: SystemProvider, tmp_path: os.PathLike[str]) -> None:
    assert provider.check_address(UNIX, tmp_path) == str(tmp_path)
    assert provider.check_address(UNIX, b"/run/\xff") == "/run/\udcff"


@pytest.mark.parametrize(
    ("family", "address", "error"),
    [
        (INET, "/run/socket", UnsupportedAddressTypeError),
        (INET, ("::1", 80), UnsupportedAddressTypeError),
        (INET, ("::1", 80, 0, 0), UnsupportedAddressTypeError),
        (INET, ("127.0.0.1", 80, 0, 0), UnsupportedAddressTypeError),
        (INET, ("127.0.0.1",), UnsupportedAddressTypeError),
        (INET, ("127.0.0.1", 80, 0), UnsupportedAddressTypeError),
        (INET, ["127.0.0.1", 80], UnsupportedAddressTypeError),
        (INET, (b"127.0.0.1", 80), UnsupportedAddressTypeError),
        (INET, (0x7F000001, 80), UnsupportedAddressTypeError),
        (INET, None, TypeError),
        (INET, ("127.0.0.1", -1), UnsupportedAddressTypeError),
        (INET, ("127.0.0.1", 65536), UnsupportedAddressTypeError),
        (INET, ("127.0.0.1", "80"), TypeError),
        (INET, ("127.0.0.1", True), TypeError),
        (INET, ("127.0.0.1", None), TypeError),
        (INET, ("localhost", 80), UnresolvedAddressError),
        (INET, ("127.1", 80), UnresolvedAddressError),
        (INET, ("127.0.0.1%lo", 80), UnresolvedAddressError),
        (INET, ("<broadcast>", 80), UnresolvedAddressError),
        (INET, ("127.0.0.1\0", 80), UnresolvedAddressError),
        (INET6, ("127.0.0.1%lo", 80), UnresolvedAddressError),
        (INET6, ("::ffff:127.0.0.1%lo", 80), UnresolvedAddressError),
        (INET6, ("fe80::1%", 80), UnresolvedAddressError),
        (INET6, ("fe80::1%4294967296", 80), UnresolvedAddressError),
        (INET6, ("localhost", 80), UnresolvedAddressError),
        (INET6, ("fe80::1%no-such-interface", 80), UnresolvedAddressError),
        (INET6, ("::1", 80, 0), UnsupportedAddressTypeError),
        (UNIX, ("127.0.0.1", 80), UnsupportedAddressTypeError),
        (UNIX, "/run/socket\0", UnsupportedAddressTypeError),
        (UNIX, b"/run\0/socket", UnsupportedAddressTypeError),
        (UNIX, 7, UnsupportedAddressTypeError),
        (UNIX, None, TypeError),
        (UNIX, "\ud800", UnsupportedAddressTypeError),
    ],
)
def test_A12_addresses_that_are_refused(
    provider: SystemProvider, family: ProtocolFamily, address: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        provider.check_address(family, address)


# sockets


@pytest.mark.parametrize("family", ProtocolFamily)
def test_A11_sockets_are_non_blocking_and_not_inheritable_from_birth(
    provider: SystemProvider, family: ProtocolFamily
) -> None:
    with provider.open_socket(family) as sock:
        assert sock.family == SYSTEMS[family]
        assert sock.type == socket.SOCK_STREAM
        assert not sock.getblocking()
        assert not sock.get_inheritable()


def test_accept_without_a_connection(provider: SystemProvider) -> None:
    with provider.open_socket(INET) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(BlockingIOError):
            provider.accept(listener)


def test_options(provider: SystemProvider) -> None:
    with provider.open_socket(INET) as sock:
        linger = OPTIONS["SO_LINGER"]
        for seconds in (5, 0, -1):
            provider.set_option(sock, linger, seconds)
            assert provider.get_option(sock, linger) == seconds
        provider.set_option(sock, linger, 100_000)
        assert provider.get_option(sock, linger) == 65_535
        provider.set_option(sock, linger, -7)
        assert provider.get_option(sock, linger) == -1
        for flag in (True, False):
            provider.set_option(sock, OPTIONS["TCP_NODELAY"], flag)
            assert provider.get_option(sock, OPTIONS["TCP_NODELAY"]) is flag
        provider.set_option(sock, OPTIONS["IP_TOS"], 16)
        assert provider.get_option(sock, OPTIONS["IP_TOS"]) == 16


def test_the_error_of_a_connect_is_told_once(provider: SystemProvider) -> None:
    with provider.open_socket(INET) as taken, provider.open_socket(INET) as sock:
        taken.bind(("127.0.0.1", 0))
        sock.connect_ex(taken.getsockname())
        assert provider.wait_for(sock.fileno(), 4, None, None)
        with pytest.raises(ConnectionRefusedError):
            raise OSError(provider.connect_error(sock), "")
        assert provider.connect_error(sock) == 0
        assert not provider.is_connected_to_itself(sock)


def test_B13_a_socket_that_is_its_own_peer(provider: SystemProvider) -> None:
    with provider.open_socket(INET) as sock:
        sock.bind(("127.0.0.1", 0))
        assert not provider.is_connected_to_itself(sock)
        sock.connect_ex(sock.getsockname())
        assert provider.wait_for(sock.fileno(), 4, None, None)
        assert provider.connect_error(sock) == 0
        assert provider.is_connected_to_itself(sock)


def test_shutdown_of_either_direction(provider: SystemProvider) -> None:
    near, far = socket.socketpair()
    with near, far:
        provider.shutdown_output(near)
        assert far.recv(1) == b""
        near.setblocking(False)
        provider.shutdown_input(near)
        assert near.recv(1) == b""


def test_A09_max_backlog(provider: SystemProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    def somaxconn(text: str | None) -> int:
        def fake_open(path: str, encoding: str) -> io.StringIO:
            assert path == "/proc/sys/net/core/somaxconn"
            if text is None:
                raise FileNotFoundError(path)
            return io.StringIO(text)

        with monkeypatch.context() as patch:
            patch.setattr(_system, "open", fake_open, raising=False)
            return provider.max_backlog()

    assert somaxconn("128\n") == 128
    assert somaxconn("many\n") == socket.SOMAXCONN
    assert somaxconn(None) == socket.SOMAXCONN
    assert provider.max_backlog() > 0


# time, threads, limits


def test_the_clock_is_monotonic_nanoseconds(provider: SystemProvider) -> None:
    before = time.monotonic_ns()
    assert before <= provider.clock() <= time.monotonic_ns()


def test_threads_and_what_keeps_them_apart(provider: SystemProvider) -> None:
    begun, results = provider.event(), provider.queue()
    lock, rlock, condition = provider.lock(), provider.rlock(), provider.condition(provider.lock())

    def work(number: int) -> None:
        begun.set()
        with lock, rlock, rlock, condition:
            results.put((number, provider.thread_id()))

    lock.acquire()
    thread = provider.start_thread(work, 7, name="worker")
    assert begun.wait(10)
    assert (thread.name, thread.daemon) == ("worker", True)
    lock.release()
    thread.join()
    assert results.get() == (7, thread.ident)
    assert thread.ident != provider.thread_id()


def test_descriptor_limit(provider: SystemProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert provider.descriptor_limit() == soft
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert provider.descriptor_limit() == sys.maxsize


def test_cpu_count(provider: SystemProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert provider.cpu_count() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert provider.cpu_count() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert provider.cpu_count() == 1
