from __future__ import annotations

from typing import assert_type

from nio.channels import Pipe
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider


def test_the_ends_are_always_the_same_objects() -> None:
    with Pipe.open() as pipe:
        source, sink = pipe
        assert_type(source, Pipe.SourceChannel)
        assert_type(sink, Pipe.SinkChannel)
        assert (source, sink) == (pipe.source, pipe.sink)
        assert pipe.source is pipe.source
        assert isinstance(pipe.source, Pipe.SourceChannel)
        assert isinstance(pipe.sink, Pipe.SinkChannel)
        assert pipe.source.provider is SelectorProvider.default()


def test_open_takes_a_provider() -> None:
    provider = WatchedProvider(SelectorProvider.default())
    with Pipe.open(provider=provider) as pipe:
        assert {end.provider for end in pipe} == {provider}


def test_repr_shows_the_state() -> None:
    with Pipe.open() as pipe:
        assert repr(pipe.source) == "Pipe.SourceChannel(open)"
        assert repr(pipe.sink) == "Pipe.SinkChannel(open)"
        assert repr(pipe) == "Pipe(Pipe.SourceChannel(open), Pipe.SinkChannel(open))"
    assert repr(pipe.source) == "Pipe.SourceChannel(closed)"
    assert repr(pipe.sink) == "Pipe.SinkChannel(closed)"
