"""``SelectorProvider.use``: any provider as the default."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import nio
from nio.errors import IllegalSelectorError
from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from nio.spi._addresses import FAMILIES

ROOT = Path(nio.__file__).parent.parent


@pytest.fixture
def one() -> SystemProvider:
    return SystemProvider("poll")


@pytest.fixture
def other() -> SystemProvider:
    return SystemProvider("poll")


def test_inside_the_block_it_is_the_default(one: SystemProvider) -> None:
    before = SelectorProvider.default()
    with SelectorProvider.use(one) as given, nio.Selector.open() as selector:
        assert given is one
        assert selector.provider is SelectorProvider.default() is one
    assert SelectorProvider.default() is before


def test_a_plain_call_lasts_until_its_end(one: SystemProvider) -> None:
    before = SelectorProvider.default()
    used = SelectorProvider.use(one)
    assert SelectorProvider.default() is one
    used.end()
    used.end()
    assert SelectorProvider.default() is before


def test_the_latest_that_has_not_ended_counts(one: SystemProvider, other: SystemProvider) -> None:
    before = SelectorProvider.default()
    with SelectorProvider.use(one):
        with SelectorProvider.use(other), SelectorProvider.use(one):
            assert SelectorProvider.default() is one
        assert SelectorProvider.default() is one
    first, second = SelectorProvider.use(one), SelectorProvider.use(other)
    first.end()
    assert SelectorProvider.default() is other
    second.end()
    assert SelectorProvider.default() is before


def test_an_exception_ends_it(one: SystemProvider) -> None:
    before = SelectorProvider.default()
    with pytest.raises(KeyError), SelectorProvider.use(one):
        raise KeyError
    assert SelectorProvider.default() is before


def test_it_goes_before_the_environment_and_leaves_names_alone(
    one: SystemProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIO_PROVIDER", "select")
    with SelectorProvider.use(one):
        assert SelectorProvider.default() is one
        assert SelectorProvider.named("poll") is not one
        assert "poll" in SelectorProvider.available()
    assert SelectorProvider.default().name == "select"


def test_every_thread_has_it(one: SystemProvider) -> None:
    seen: list[SelectorProvider] = []
    with SelectorProvider.use(one):
        thread = threading.Thread(target=lambda: seen.append(SelectorProvider.default()))
        thread.start()
        thread.join()
    assert seen == [one]


def test_threads_that_use_and_end_lose_nobody(eager_switches: None, one: SystemProvider) -> None:
    before = SelectorProvider.default()

    def many() -> None:
        for _ in range(300):
            with SelectorProvider.use(SystemProvider("poll")):
                SelectorProvider.default()

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SelectorProvider.default() is before


def test_what_is_open_keeps_its_provider(one: SystemProvider) -> None:
    with nio.Selector.open() as selector, SelectorProvider.use(one), nio.ServerSocketChannel.open() as server:
        server.configure_blocking(False)
        with pytest.raises(IllegalSelectorError):
            server.register(selector, nio.SelectionKey.OP_ACCEPT)


def test_a_forked_child_goes_on_with_it(one: SystemProvider) -> None:
    with SelectorProvider.use(one):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if SelectorProvider.default() is one else 1)
        assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("wrong", [None, "epoll", object(), SelectorProvider])
def test_only_a_provider_can_be_used(wrong: object) -> None:
    before = SelectorProvider.default()
    with pytest.raises(TypeError, match=r"use\(\) takes a SelectorProvider"):
        SelectorProvider.use(wrong)  # type: ignore[arg-type]
    assert SelectorProvider.default() is before


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_python_without_resource_and_without_the_unix_domain() -> None:
    hidden = "import socket; del socket.AF_UNIX; sys.modules['resource'] = None\n"
    work = """
import nio
from nio.reactor import Reactor
reader, writer = nio.Pipe.open()
writer.write(b"hello")
buffer = nio.ByteBuffer.allocate(8)
print(reader.read(buffer))
with Reactor.open() as reactor:
    print(reactor.turn(0).ticks)
try:
    nio.SocketChannel.open(family=nio.ProtocolFamily.UNIX)
except OSError as error:
    print(error.strerror)
reader.close(), writer.close()
"""
    done = run(hidden + work)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["5", "0", "Address family not supported by protocol: UNIX"]


def test_without_them_the_provider_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = SystemProvider(SelectorProvider.default().name)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert provider.descriptor_limit() == sys.maxsize
    monkeypatch.delitem(FAMILIES, ProtocolFamily.UNIX)
    with pytest.raises(OSError, match="Address family not supported by protocol: UNIX"):
        provider.open_socket(ProtocolFamily.UNIX)


def test_windows_is_told_in_one_sentence() -> None:
    done = run("sys.platform = 'win32'\nimport nio")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ImportError: nio needs a POSIX system, Linux or macOS; on Windows it runs inside WSL"
