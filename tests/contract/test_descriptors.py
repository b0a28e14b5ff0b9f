"""DescriptorChannel: pipes, terminals, files and other libraries' descriptors."""

from __future__ import annotations

import errno
import io
import os
import pty
import sys
import tempfile
from collections.abc import Iterator

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, DescriptorChannel, Selector
from nio.errors import AsynchronousCloseError, ClosedChannelError
from nio.spi import SelectorProvider
from tests.helpers import PATIENCE, Background, R, W, until

Ends = tuple[DescriptorChannel, DescriptorChannel]


@pytest.fixture
def ends(provider: SelectorProvider) -> Iterator[Ends]:
    reader, writer = os.pipe()
    source = DescriptorChannel.adopt(reader, provider=provider)
    with source, DescriptorChannel.adopt(writer, provider=provider) as sink:
        yield source, sink


def read(channel: DescriptorChannel) -> bytes | int:
    buffer = ByteBuffer.allocate(100)
    count = channel.read(buffer)
    return EOF if count == EOF else bytes(buffer.flip())


def test_bytes_go_through(ends: Ends) -> None:
    source, sink = ends
    assert sink.write(ByteBuffer.wrap(b"hello")) == 5
    assert read(source) == b"hello"
    sink.close()
    assert read(source) == EOF


def test_non_blocking_reads_and_scattered_ones(ends: Ends) -> None:
    source, sink = ends
    source.configure_blocking(False)
    assert read(source) == b""
    sink.write([ByteBuffer.wrap(b"ab"), ByteBuffer.wrap(b"cd")])
    first, second = ByteBuffer.allocate(3), ByteBuffer.allocate(3)
    assert source.read([first, second]) == 4
    assert (bytes(first.flip()), bytes(second.flip())) == (b"abc", b"d")


def test_selector_watches_it(selector: Selector, ends: Ends) -> None:
    source, sink = (end.configure_blocking(False) for end in ends)
    reading, writing = source.register(selector, R), sink.register(selector, W)
    assert selector.select(PATIENCE) == 1
    assert writing.is_writable
    selector.selected_keys.clear()
    sink.write(ByteBuffer.wrap(b"x"))
    writing.interest_ops = 0
    assert selector.select(PATIENCE) == 1
    assert reading.is_readable
    sink.close()
    read(source)
    selector.selected_keys.clear()
    assert selector.select(PATIENCE) == 1
    assert read(source) == EOF


def test_wrong_direction_is_the_kernels_error(ends: Ends) -> None:
    source, sink = ends
    with pytest.raises(OSError, match="Bad file descriptor") as failed:
        read(sink)
    assert failed.value.errno == errno.EBADF
    with pytest.raises(OSError, match="Bad file descriptor") as failed:
        source.write(ByteBuffer.wrap(b"x"))
    assert failed.value.errno == errno.EBADF


def test_reader_is_gone(ends: Ends) -> None:
    source, sink = ends
    source.close()
    with pytest.raises(BrokenPipeError):
        sink.write(ByteBuffer.wrap(b"x"))


def test_close_in_another_thread_releases_whoever_waits(ends: Ends) -> None:
    source, sink = ends
    reader = Background(source.read, ByteBuffer.allocate(1))
    until(lambda: source._wakeup is not None)
    source.close()
    with pytest.raises(AsynchronousCloseError):
        reader.result()
    sink.close()
    with pytest.raises(AsynchronousCloseError):
        read(source)
    with pytest.raises(AsynchronousCloseError):
        sink.write(ByteBuffer.wrap(b"x"))
    with pytest.raises(ClosedChannelError):
        source.configure_blocking(False)


def test_shutdown_output_closes(ends: Ends) -> None:
    source, sink = ends
    assert not sink.shutdown_output().is_open
    assert read(source) == EOF
    with pytest.raises(ClosedChannelError):
        sink.shutdown_output()


def test_mode_comes_back(provider: SelectorProvider) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb", buffering=0):
        channel = DescriptorChannel.adopt(reader, provider=provider)
        assert not os.get_blocking(reader)
        assert channel.detach() == reader
        assert os.get_blocking(reader)
        copy = os.dup(reader)
        with DescriptorChannel.adopt(reader, provider=provider):
            assert not os.get_blocking(copy)
        assert os.get_blocking(copy)
        os.close(copy)


def test_detach_leaves_nothing_in_the_selector(provider: SelectorProvider, selector: Selector, ends: Ends) -> None:
    source, sink = ends
    source.configure_blocking(False).register(selector, R)
    selector.select(0)
    fd = source.detach()
    sink.write(ByteBuffer.wrap(b"x"))
    assert selector.select(0) == 0
    assert not selector.keys
    assert (source.is_open, repr(source)) == (False, "DescriptorChannel(closed)")
    with pytest.raises(ClosedChannelError):
        source.detach()
    with DescriptorChannel.adopt(fd, provider=provider) as again:
        assert repr(again) == f"DescriptorChannel({fd})"
        assert read(again) == b"x"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a terminal's end is the end of the file")
def test_terminal_whose_other_side_is_gone_has_ended(provider: SelectorProvider) -> None:
    master, slave = pty.openpty()
    with DescriptorChannel.adopt(master, provider=provider) as terminal:
        with DescriptorChannel.adopt(slave, provider=provider) as shell:
            shell.write(ByteBuffer.wrap(b"$ "))
            assert read(terminal) == b"$ "
        assert read(terminal) == EOF
        assert terminal.socket.recv(10) == b""


def test_file_is_refused_by_name(provider: SelectorProvider) -> None:
    with tempfile.TemporaryFile() as file:
        with pytest.raises(io.UnsupportedOperation, match=f"descriptor {file.fileno()} cannot be waited for"):
            DescriptorChannel.adopt(file.fileno(), provider=provider)
        assert os.get_blocking(file.fileno())


def test_device_that_epoll_refuses_is_refused_by_name() -> None:
    with open(os.devnull, "rb") as null, pytest.raises(io.UnsupportedOperation, match="FileChannel reads files"):
        DescriptorChannel.adopt(null.fileno(), provider=SelectorProvider.named(SelectorProvider.available()[0]))


def test_what_is_no_descriptor(provider: SelectorProvider) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    for number in (reader, -1, 2**40):
        with pytest.raises(OSError, match="Bad file descriptor") as failed:
            DescriptorChannel.adopt(number, provider=provider)
        assert failed.value.errno == errno.EBADF
    with pytest.raises(TypeError, match="descriptor must be an int"):
        DescriptorChannel.adopt("0", provider=provider)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"DescriptorChannel is not called: use DescriptorChannel\.adopt"):
        DescriptorChannel()


def test_closed_descriptor_raises_and_closing_twice_is_nothing(provider: SelectorProvider) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    end = provider.adopt_descriptor(reader)
    end.close()
    end.close()
    for use in (lambda: end.recv(1), lambda: end.recv_into(memoryview(bytearray(1)))):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()
    assert "fd=-1" in repr(end)


def test_options_and_the_other_side(ends: Ends) -> None:
    source, sink = ends
    assert source.supported_options == frozenset()
    assert source.undelayed_socket() is source.socket
    if sys.platform == "linux":
        assert source.peer_has_ended is False
        sink.close()
        assert source.peer_has_ended is True
    source.close()
    assert source.peer_has_ended is True
