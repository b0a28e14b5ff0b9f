from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nio.spi import ProtocolFamily, SelectorProvider, SystemProvider
from nio.spi._descriptors import above_standard
from nio.spi._wakeup import SystemWakeup


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_descriptor_above_the_standard_streams_stays() -> None:
    fd = os.open(os.devnull, os.O_RDONLY)
    assert above_standard(fd) == fd
    os.close(fd)


@pytest.mark.usefixtures("standard_input_is_closed")
def test_a_descriptor_of_a_standard_stream_moves_up() -> None:
    assert os.open(os.devnull, os.O_RDONLY) == 0
    fd = above_standard(0)
    assert fd >= 3
    assert not os.get_inheritable(fd)
    assert not is_open(0)
    os.close(fd)


@pytest.mark.usefixtures("standard_input_is_closed")
def test_O01_nothing_of_a_provider_lands_below_3() -> None:
    provider = SystemProvider(SelectorProvider.default().name)
    listener = provider.open_socket(ProtocolFamily.INET)
    assert listener.fileno() >= 3
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client = provider.open_socket(ProtocolFamily.INET)
    client.connect_ex(listener.getsockname())
    provider.wait_for(listener.fileno(), 1, None, None)
    accepted, address = provider.accept(listener)
    assert accepted.fileno() >= 3
    assert address == client.getsockname()
    assert not accepted.getblocking()
    assert not accepted.get_inheritable()
    pipe = provider.open_pipe()
    assert min(end.fileno() for end in pipe) >= 3
    for eventfd in (False, True):
        wakeup = SystemWakeup(eventfd=eventfd)
        assert min(wakeup._reader, wakeup._writer) >= 3
    assert not is_open(0)
    for end in (listener, client, accepted, *pipe):
        end.close()


SERVE = """
import sys
import nio
with nio.Selector.open() as selector, nio.ServerSocketChannel.open() as server:
    server.bind(("127.0.0.1", 0)).configure_blocking(False)
    server.register(selector, nio.SelectionKey.OP_ACCEPT)
    with nio.SocketChannel.open(server.local_address) as client, nio.Pipe.open() as pipe:
        assert selector.select(10) == 1
        with server.accept() as accepted:
            print("not for a client")
            client.write(b"hello")
            data = bytearray(16)
            assert accepted.read(data) == 5
            channels = (server, client, accepted, pipe.source, pipe.sink)
            with open(sys.argv[1], "w") as file:
                file.write(f"{data[:5].decode()} {min(channel._fd for channel in channels) >= 3}")
"""


@pytest.mark.needs("sh")
def test_O01_a_child_without_standard_streams_serves(tmp_path: Path) -> None:
    report = tmp_path / "report"
    script = f'exec "{sys.executable}" -c "$0" "{report}" <&- >&- 2>&-'
    result = subprocess.run(["sh", "-c", script, SERVE], timeout=30, check=False)
    assert result.returncode == 0
    assert report.read_text() == "hello True"
