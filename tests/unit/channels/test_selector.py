from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from nio.channels import Pipe, SelectionKey, Selector
from nio.errors import ClosedSelectorError, IllegalArgumentError
from nio.spi import READABLE, Poller, SelectorProvider, SystemProvider
from nio.spi._wakeup import SystemWakeup
from tests.contract.watched import WatchedProvider
from tests.helpers import R, W


class StandInPoller:
    """Answers from a list; ``limit`` and what happens during a wait are the test's."""

    def __init__(self, answers: list[list[tuple[int, int]]] | None = None) -> None:
        self.answers = answers if answers is not None else []
        self.waits: list[float | None] = []
        self.during_wait: Callable[[float | None], object] = lambda timeout: None
        self.on_limit: Callable[[], int | None] = lambda: None

    @property
    def limit(self) -> int | None:
        return self.on_limit()

    def add(self, fd: int, mask: int) -> None: ...

    def modify(self, fd: int, mask: int) -> None: ...

    def remove(self, fd: int) -> None: ...

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        self.during_wait(timeout)
        return self.answers.pop(0) if self.answers else []

    def close(self) -> None: ...


class StandInProvider(SystemProvider):
    """One stand-in poller, and a clock that only waiting moves."""

    def __init__(self, poller: StandInPoller) -> None:
        super().__init__(self.available()[0])
        self.now = 0
        self.poller = poller
        self.clock = lambda: self.now

    def open_poller(self) -> Poller:
        return self.poller


@pytest.fixture
def selector() -> Iterator[Selector]:
    with Selector.open() as selector:
        yield selector


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe.open() as pipe:
        pipe.source.configure_blocking(False)
        pipe.sink.configure_blocking(False)
        yield pipe


def test_open_takes_the_default_provider_or_the_one_given() -> None:
    provider = WatchedProvider(SelectorProvider.default())
    with Selector.open() as one, Selector.open(provider) as other:
        assert one.provider is SelectorProvider.default()
        assert other.provider is provider
    assert not one.is_open
    assert not other.is_open


def test_repr_shows_the_state(selector: Selector, pipe: Pipe) -> None:
    name = selector.provider.name
    assert repr(selector) == f"Selector(provider={name}, keys=0, selected=0)"
    pipe.source.register(selector, R)
    key = pipe.sink.register(selector, W)
    selector.select_now()
    assert repr(selector) == f"Selector(provider={name}, keys=2, selected=1)"
    assert repr(selector.selected_keys) == f"SelectedKeySet([{key!r}])"
    selector.close()
    assert repr(selector) == "Selector(closed)"


def test_the_sets_are_sets(selector: Selector) -> None:
    stranger: object = "x"
    assert stranger not in selector.keys
    selector.selected_keys.discard("x")  # type: ignore[arg-type]  # never there
    assert not selector.keys  # a set, unlike buffers and channels


def test_G05_a_long_timeout_is_slept_in_pieces() -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)

    def pass_time(timeout: float | None) -> None:
        assert timeout is not None
        provider.now += int(timeout * 1e9)

    poller.during_wait = pass_time
    with Selector.open(provider) as selector:
        assert selector.select(200_000) == 0
        assert poller.waits == [86_400, 86_400, 27_200]
        del poller.waits[:]
        assert selector.select(86_400) == 0
        assert poller.waits == [86_400]


def test_a_long_sleep_ends_when_something_is_ready(pipe: Pipe) -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    with Pipe.open(provider=provider) as own, Selector.open(provider) as selector:
        key = own.sink.configure_blocking(False).register(selector, W)
        poller.answers = [[], [(key._fd, 4)]]
        assert selector.select(10**400) == 1
        assert poller.waits == [86_400, 86_400]


def test_D12_an_answer_about_a_stranger_is_passed_over() -> None:
    poller = StandInPoller([[(12345, READABLE)], [(12345, READABLE)]])
    with Selector.open(StandInProvider(poller)) as selector:
        assert selector.select() == 0
        assert selector.select(None, print) == 0


@pytest.mark.parametrize("action", [None, print])
def test_readiness_without_a_bit_of_interest_is_no_news(action: Callable[[SelectionKey], object] | None) -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        key = pipe.sink.configure_blocking(False).register(selector, W)
        poller.answers = [[(key._fd, READABLE)]]
        assert selector.select(None, action) == 0
        assert len(selector.selected_keys) == 0
        assert key.ready_ops == 0


def test_D16_a_descriptor_beyond_the_limit_is_refused_with_advice() -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        pipe.sink.configure_blocking(False)
        poller.on_limit = lambda: pipe.sink._fd
        with pytest.raises(IllegalArgumentError, match=f"descriptor {pipe.sink._fd} is beyond .* use another of: "):
            pipe.sink.register(selector, W)
        assert len(selector.keys) == 0
        assert not pipe.sink.is_registered
        poller.on_limit = lambda: pipe.sink._fd + 1
        assert pipe.sink.register(selector, W).is_valid
        poller.on_limit = lambda: 3
        with pytest.raises(IllegalArgumentError, match="is beyond the 3 that"):
            Selector.open(provider)


def test_D07_a_registration_into_a_selector_that_is_being_closed() -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    selector = Selector.open(provider)
    with Pipe.open(provider=provider) as pipe:
        pipe.sink.configure_blocking(False)
        poller.on_limit = selector.close  # between the first look and the entry into the set
        with pytest.raises(ClosedSelectorError):
            pipe.sink.register(selector, W)
        assert not pipe.sink.is_registered
        assert len(selector._keys) == 0


def test_D07_a_close_from_inside_the_wait_leaves_the_rest_to_the_selection() -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    selector = Selector.open(provider)
    with Pipe.open(provider=provider) as pipe:
        key = pipe.sink.configure_blocking(False).register(selector, W)
        poller.answers = [[(key._fd, 4)]]
        poller.during_wait = lambda _: selector.close()
        seen: list[SelectionKey] = []
        assert selector.select(None, seen.append) == 0
        assert seen == []
        assert not key.is_valid
        assert not pipe.sink.is_registered
        assert not selector._waking.is_open


@pytest.mark.parametrize("action", [None, print])
def test_D05_a_key_cancelled_while_the_answer_is_sorted(action: Callable[[SelectionKey], object] | None) -> None:
    poller = StandInPoller()
    provider = StandInProvider(poller)
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        key = pipe.sink.configure_blocking(False).register(selector, W)

        class Answer(list[tuple[int, int]]):
            def __iter__(self) -> Iterator[tuple[int, int]]:
                key.cancel()  # after both flushes, before the key is looked at
                return super().__iter__()

        poller.answers = [Answer([(key._fd, 4)])]
        assert selector.select(None, action) == 0
        assert list(selector.keys) == [key]
        assert len(selector.selected_keys) == 0


class MeddlingWakeup(SystemWakeup):
    """Runs the test's code before and after the descriptor is cleared."""

    before: Callable[[], object]
    after: Callable[[], object]

    def clear(self) -> None:
        self.before()
        super().clear()
        self.after()


class MeddlingProvider(SystemProvider):
    def open_wakeup(self) -> SystemWakeup:
        return MeddlingWakeup()


@pytest.mark.parametrize("moment", ["before", "after", "both"])
def test_D03_a_wake_up_between_the_two_steps_loses_no_later_one(moment: str) -> None:
    with Selector.open(MeddlingProvider(SelectorProvider.available()[0])) as selector:
        wakeup = selector._waking._wakeup
        assert isinstance(wakeup, MeddlingWakeup)
        posted: list[str] = []

        def post() -> None:
            posted.append("job")
            selector.wakeup()

        wakeup.before = post if moment != "after" else lambda: None
        wakeup.after = post if moment != "before" else lambda: None
        selector.wakeup()
        assert selector.select(None) == 0
        assert posted  # whoever was told "already woken" is served after this selection
        wakeup.before = wakeup.after = lambda: None
        while selector._waking.is_set:
            assert selector.select(None) == 0
        for _ in range(3):
            selector.wakeup()
            assert selector.select(None) == 0


def test_D03_a_descriptor_set_without_the_flag_ends_one_selection(selector: Selector) -> None:
    assert selector._waking._wakeup is not None
    selector._waking._wakeup.set()  # two callers at once, the second still on its way when the selection cleared both
    assert selector.select(None) == 0
    assert selector._poller.wait(0) == []


def test_D03_a_wake_up_while_a_stray_descriptor_is_silenced_is_not_lost() -> None:
    with Selector.open(MeddlingProvider(SelectorProvider.available()[0])) as selector:
        wakeup = selector._waking._wakeup
        assert isinstance(wakeup, MeddlingWakeup)
        wakeup.before, wakeup.after = lambda: selector.wakeup() and None, lambda: None
        wakeup.set()
        assert selector.select(None) == 0
        wakeup.before = lambda: None
        assert selector.select(None) == 0  # it does not sleep
        assert selector._poller.wait(0) == []


def test_an_interest_that_changed_back_costs_no_call() -> None:
    provider = WatchedProvider(SelectorProvider.default())
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        key = pipe.sink.configure_blocking(False).register(selector, 0)
        selector.select_now()
        assert [line for line in provider.log if line[0] == "add"] == [("add", selector._waking.fd, READABLE)]
        provider.forget()
        key.interest_ops = 0
        selector.select_now()
        key.interest_ops = W
        key.interest_ops = 0
        selector.select_now()
        assert provider.log == []
        key.interest_ops = W
        selector.select_now()
        key.interest_ops = 0
        selector.select_now()
        assert provider.log == [("add", key._fd, 4), ("remove", key._fd)]


def test_the_kernel_forgets_a_key_before_its_descriptor_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = WatchedProvider(SelectorProvider.default())
    with Pipe.open(provider=provider) as pipe, Selector.open(provider) as selector:
        fds = [pipe.source._fd, pipe.sink._fd]
        pipe.source.configure_blocking(False).register(selector, R)
        pipe.sink.configure_blocking(False).register(selector, W)
        selector.select_now()
        pipe.source.close()
        selector.select_now()
        assert provider.log[-1] == ("remove", fds[0])
        pipe.sink.close()
        closed: list[int] = []
        close = selector._poller.close

        def note_close() -> None:
            os.fstat(fds[1])  # still open
            closed.append(fds[1])
            close()

        monkeypatch.setattr(selector._poller, "close", note_close)
        selector.close()
        assert closed == fds[1:]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fds[1])


def test_an_action_that_closes_the_selector_and_raises(selector: Selector, pipe: Pipe) -> None:
    def close_and_raise(key: SelectionKey) -> None:
        selector.close()
        raise LookupError

    key = pipe.source.register(selector, R)
    pipe.sink.write(b"x")
    with pytest.raises(LookupError):
        selector.select(0, close_and_raise)
    assert (key.is_valid, pipe.source.is_registered) == (False, False)
    with pytest.raises(ClosedSelectorError):
        selector.select(0)
