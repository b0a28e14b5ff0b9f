"""Pipes: statements 170 to 172, and 82 and 151 where they speak of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from nio.buffers import ByteBuffer
from nio.channels import EOF, Pipe, SelectableChannel, Selector
from nio.errors import AsynchronousCloseError, ClosedChannelError, IllegalArgumentError
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import A, Background, C, R, W


@pytest.fixture
def pipe(provider: SelectorProvider) -> Iterator[Pipe]:
    with Pipe.open(provider=provider) as pipe:
        yield pipe


# statements 82, 170
def test_both_ends_of_a_new_pipe(selector: Selector, pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    assert tuple(pipe) == (source, sink)
    ends: list[tuple[SelectableChannel, int]] = [(source, R), (sink, W)]
    for end, ops in ends:
        assert end.is_open
        assert end.is_blocking
        assert not end.is_registered
        assert end.valid_ops == ops
        end.configure_blocking(False)
        for wrong in {R, W, C, A} - {ops}:
            with pytest.raises(IllegalArgumentError):
                end.register(selector, wrong)
        end.register(selector, ops)
    assert selector.select_now() == 1
    assert [key.channel for key in selector.selected_keys] == [sink]


def test_bytes_go_through(pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    assert source.configure_blocking(False).read(bytearray(4)) == 0
    assert sink.write(b"hello") == 5
    buffer = ByteBuffer.allocate(3)
    assert source.read(buffer) == 3
    assert bytes(buffer.flip()) == b"hel"
    assert source.read(bytearray(0)) == 0
    rest = bytearray(8)
    assert source.read(rest) == 2
    assert rest[:2] == b"lo"


# statement 151
def test_gather_and_scatter(pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    assert sink.write([b"ab", b"", b"cde"]) == 5
    targets = [bytearray(1), bytearray(0), bytearray(9)]
    assert source.read(targets) == 5
    assert bytes(targets[0]) == b"a"
    assert bytes(targets[2][:4]) == b"bcde"


def test_a_full_pipe_is_not_writable(selector: Selector, pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    key = sink.configure_blocking(False).register(selector, W)
    chunk = bytes(65536)
    total = sum(iter(lambda: sink.write(chunk), 0))
    assert total > 0
    assert selector.select_now() == 0
    assert source.read(bytearray(total)) == total
    assert selector.select_now() == 1
    assert key.is_writable


# statement 171
def test_closing_the_sink_ends_the_stream_after_what_was_written(selector: Selector, pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    key = source.configure_blocking(False).register(selector, R)
    assert selector.select_now() == 0
    sink.write(b"last")
    sink.close()
    assert selector.select_now() == 1
    assert key.ready_ops == R
    assert source.read(bytearray(8)) == 4
    for _ in range(2):
        selector.selected_keys.clear()
        assert selector.select_now() == 1
        assert key.ready_ops == R
        assert source.read(bytearray(8)) == EOF
        assert source.read(bytearray(0)) == 0
    assert source.is_open


# statement 172
def test_closing_the_source_breaks_the_sink(selector: Selector, pipe: Pipe) -> None:
    source, sink = pipe.source, pipe.sink
    key = sink.configure_blocking(False).register(selector, W)
    chunk = bytes(65536)
    while sink.write(chunk):
        pass
    assert selector.select_now() == 0
    source.close()
    assert selector.select_now() == 1
    assert key.ready_ops == W
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            sink.write(b"x")
    assert sink.is_open


# statement 92
def test_closing_a_registered_sink_keeps_it_open_for_the_source_until_the_selection(
    selector: Selector, pipe: Pipe
) -> None:
    source, sink = pipe.source, pipe.sink
    sink.configure_blocking(False).register(selector, W)
    source.configure_blocking(False)
    sink.close()
    assert source.read(bytearray(4)) == 0  # a pipe has nothing to shut down
    selector.select_now()
    assert source.read(bytearray(4)) == EOF


def test_blocking_ends(watched: WatchedProvider) -> None:
    with Pipe.open(provider=watched) as pipe:
        reading = Background(pipe.source.read, bytearray(4))
        watched.until_asleep()
        pipe.sink.write(b"x")
        assert reading.result() == 1
        writing = Background(pipe.sink.write, bytes(200_000))
        watched.until_asleep()
        total = 0
        while total < 200_000:
            total += pipe.source.read(bytearray(65536))
        assert writing.result() == 200_000


# statement 124
@pytest.mark.parametrize("blocking", [True, False])
def test_reading_and_writing_a_closed_end(pipe: Pipe, blocking: bool) -> None:
    pipe.source.configure_blocking(blocking).close()
    pipe.sink.configure_blocking(blocking).close()
    uses: list[Callable[[], object]] = [lambda: pipe.source.read(bytearray(4)), lambda: pipe.sink.write(b"x")]
    for use in uses:
        with pytest.raises(ClosedChannelError) as caught:
            use()
        assert isinstance(caught.value, AsynchronousCloseError) is blocking


# statement 124
@pytest.mark.parametrize(
    "use",
    [
        lambda pipe: pipe.source.read(bytearray(4)),
        lambda pipe: pipe.source.read(bytearray(0)),
        lambda pipe: pipe.sink.write(b"x"),
        lambda pipe: pipe.sink.write(b""),
        lambda pipe: pipe.source.configure_blocking(False),
        lambda pipe: pipe.sink.configure_blocking(False),
    ],
)
def test_a_closed_pipe_refuses(pipe: Pipe, use: Callable[[Pipe], object]) -> None:
    pipe.close()
    pipe.close()
    with pytest.raises(ClosedChannelError):
        use(pipe)
    assert not pipe.source.is_open
    assert not pipe.sink.is_open
