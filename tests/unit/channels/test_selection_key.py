from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from nio.channels import Ops, Pipe, SelectionKey, Selector, ServerSocketChannel
from nio.channels._selection_key import check_ops
from nio.errors import CancelledKeyError, IllegalArgumentError
from nio.spi import SelectorProvider
from tests.contract.watched import WatchedProvider
from tests.helpers import LOOPBACK, Background, R, W, connected_pair


@pytest.fixture
def selector() -> Iterator[Selector]:
    with Selector.open() as selector:
        yield selector


def test_the_operations_have_the_values_of_the_jdk() -> None:
    assert [int(op) for op in Ops] == [1, 4, 8, 16]
    assert (SelectionKey.OP_READ, SelectionKey.OP_WRITE) == (Ops.OP_READ, Ops.OP_WRITE)
    assert (SelectionKey.OP_CONNECT, SelectionKey.OP_ACCEPT) == (Ops.OP_CONNECT, Ops.OP_ACCEPT)
    assert Ops(5) == SelectionKey.OP_READ | SelectionKey.OP_WRITE


def test_ops_are_checked_and_become_plain_ints() -> None:
    assert type(check_ops(Ops.OP_READ, 5)) is int
    assert check_ops(0, 0) == 0
    with pytest.raises(IllegalArgumentError, match="8: this channel has OP_READ and OP_WRITE, not OP_CONNECT"):
        check_ops(8, 5)
    for wrong in (True, False, 1.0, "r", None):
        with pytest.raises(TypeError, match="interest set must be an int"):
            check_ops(wrong, 5)


def test_repr_shows_the_state(selector: Selector) -> None:
    with ServerSocketChannel.open().bind(LOOPBACK).configure_blocking(False) as server:
        key = server.register(selector, 0)
        assert repr(key) == f"SelectionKey({server!r}, interest=-, ready=-)"
        key.interest_ops = Ops.OP_ACCEPT
        assert repr(key) == f"SelectionKey({server!r}, interest=a, ready=-)"
    assert repr(key) == "SelectionKey(ServerSocketChannel(closed), cancelled)"
    near, far = connected_pair()
    with near, far:
        key = near.register(selector, Ops.OP_READ | Ops.OP_WRITE | Ops.OP_CONNECT)
        selector.select_now()
        assert repr(key) == f"SelectionKey({near!r}, interest=rwc, ready=w)"
    selector.select_now()


def test_an_attachment_is_not_looked_into(selector: Selector) -> None:
    class Empty:
        def __bool__(self) -> bool:
            raise AssertionError("nobody asks")

    attachment = Empty()
    with Pipe.open() as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, W, attachment)
        assert key.attachment is attachment
        assert key.attach(None) is attachment
    selector.select_now()


def test_a_change_is_queued_once(selector: Selector) -> None:
    with Pipe.open() as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, W)
        for _ in range(1000):
            key.interest_ops = 0
            key.interest_ops_or(W)
            key.interest_ops_and(W)
        assert list(selector._updates) == [key]
        assert selector.select_now() == 1
        assert len(selector._updates) == 0
    selector.select_now()


def test_a_wrong_interest_is_refused_before_anything_changes(selector: Selector) -> None:
    with Pipe.open() as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, W)
        selector.select_now()
        with pytest.raises(IllegalArgumentError):
            key.interest_ops = R
        assert len(selector._updates) == 0
        key.cancel()
        with pytest.raises(CancelledKeyError, match=r"the key of .*SinkChannel\(open\) is cancelled"):
            key.interest_ops = W
    selector.select_now()


class MeddlingOps:
    """Runs the test's code while the operations are looked at, in the middle of ``interest_ops_or``."""

    def __init__(self, ops: int, during: Callable[[], object]) -> None:
        self.ops, self.during = ops, during

    def __index__(self) -> int:
        self.during()
        return self.ops


# statement 100
@pytest.mark.parametrize("method", ["interest_ops_or", "interest_ops_and"])
def test_an_interest_set_meanwhile_by_another_thread_is_not_lost(method: str) -> None:
    provider = WatchedProvider(SelectorProvider.default())
    near, far = connected_pair(provider)
    with near, far, Selector.open(provider) as selector:
        key = near.register(selector, R)
        setting: list[Background[None]] = []

        def set_elsewhere() -> None:
            setting.append(Background(setattr, key, "interest_ops", W))
            provider.until_queued()

        provider.forget()
        assert getattr(key, method)(MeddlingOps(R, set_elsewhere)) == R
        setting[0].result()
        assert key.interest_ops == W


# statement 102
def test_attachments_are_exchanged_one_by_one() -> None:
    with Pipe.open() as pipe, Selector.open() as selector:
        key = pipe.sink.configure_blocking(False).register(selector, W, -1)
        attaching = [Background(lambda ids: [key.attach(each) for each in ids], range(i, 1000, 2)) for i in (0, 1)]
        returned = [each for background in attaching for each in background.result()]
        assert sorted([*returned, key.attachment]) == list(range(-1, 1000))  # type: ignore[type-var]  # ints all
