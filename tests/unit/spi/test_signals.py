"""Catching a signal and giving it back, among others who want it, too."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from nio.errors import IllegalArgumentError, IllegalStateError
from nio.spi import SelectorProvider
from tests.faults.helpers import child
from tests.unit.reactor.support import PATIENCE, in_a_thread
from tests.unit.spi.memory_provider import MemoryProvider

USR1 = signal.SIGUSR1


class Diary:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_news = True

    def arrived(self, signum: int) -> bool:
        self.lines.append(signal.Signals(signum).name)
        return self.is_news

    def theirs(self, signum: int, frame: FrameType | None) -> None:
        self.lines.append("theirs")


@pytest.fixture
def diary() -> Iterator[Diary]:
    before = {signum: signal.getsignal(signum) for signum in (USR1, signal.SIGINT)}
    yield Diary()
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def provider() -> SelectorProvider:
    return SelectorProvider.default()


def send(signum: int) -> None:
    signal.raise_signal(signum)


def test_it_is_told_and_then_theirs_is_called_and_put_back(diary: Diary, provider: SelectorProvider) -> None:
    signal.signal(USR1, diary.theirs)
    release = provider.catch_signal(USR1, diary.arrived)
    send(USR1)
    assert diary.lines == ["SIGUSR1", "theirs"]
    release()
    assert signal.getsignal(USR1) == diary.theirs
    release()
    send(USR1)
    assert diary.lines == ["SIGUSR1", "theirs", "theirs"]


@pytest.mark.parametrize("previous", [signal.SIG_DFL, signal.SIG_IGN])
def test_what_is_no_function_is_put_back(diary: Diary, provider: SelectorProvider, previous: signal.Handlers) -> None:
    signal.signal(USR1, previous)
    release = provider.catch_signal(int(USR1), diary.arrived)
    send(USR1)
    release()
    assert diary.lines == ["SIGUSR1"]
    assert signal.getsignal(USR1) is previous


def test_one_that_was_set_meanwhile_stays_and_may_call_ours(diary: Diary, provider: SelectorProvider) -> None:
    signal.signal(USR1, diary.theirs)
    release = provider.catch_signal(USR1, diary.arrived)
    ours: Any = signal.getsignal(USR1)
    signal.signal(USR1, lambda signum, frame: ours(signum, frame))
    on_top = signal.getsignal(USR1)
    send(USR1)
    assert diary.lines == ["SIGUSR1", "theirs"]
    release()
    assert signal.getsignal(USR1) is on_top
    send(USR1)
    assert diary.lines == ["SIGUSR1", "theirs", "theirs"]


def test_two_who_leave_in_any_order(diary: Diary, provider: SelectorProvider) -> None:
    other = Diary()
    for turn in range(2):
        signal.signal(USR1, diary.theirs)
        releases = [provider.catch_signal(USR1, diary.arrived), provider.catch_signal(USR1, other.arrived)]
        send(USR1)
        releases.pop(turn)()
        send(USR1)
        releases.pop()()
        send(USR1)
        assert signal.getsignal(USR1) == diary.theirs
    assert diary.lines.count("theirs") == 6
    assert len(other.lines) == 3
    assert diary.lines.count("SIGUSR1") == 3


def test_a_release_in_another_thread_is_made_up_for_by_the_next_signal(
    diary: Diary, provider: SelectorProvider
) -> None:
    signal.signal(USR1, diary.theirs)
    release = provider.catch_signal(USR1, diary.arrived)
    in_a_thread(release)
    assert signal.getsignal(USR1) != diary.theirs
    send(USR1)
    assert diary.lines == ["theirs"]
    assert signal.getsignal(USR1) == diary.theirs


def test_a_released_signal_has_its_own_effect_again(provider: SelectorProvider) -> None:
    code = """
import os, signal, threading
from nio.spi import SelectorProvider
release = SelectorProvider.default().catch_signal(signal.SIGTERM, lambda signum: True)
os.kill(os.getpid(), signal.SIGTERM)
thread = threading.Thread(target=release)
thread.start()
thread.join()
print("alive", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("too long", flush=True)
"""
    with child(code) as process:
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (-signal.SIGTERM, b"alive\n")


def test_in_a_forked_child_a_signal_is_the_child_s(diary: Diary, provider: SelectorProvider) -> None:
    signal.signal(USR1, signal.SIG_DFL)
    release = provider.catch_signal(USR1, diary.arrived)
    pid = os.fork()
    if pid == 0:
        try:
            send(USR1)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -USR1
    release()
    assert diary.lines == []


def test_a_forked_child_does_not_put_back_what_it_has_not_set(
    diary: Diary, provider: SelectorProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = provider.catch_signal(USR1, diary.arrived)
    ours = signal.getsignal(USR1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        release()
    assert signal.getsignal(USR1) is ours
    signal.signal(USR1, diary.theirs)


def test_ctrl_c_is_no_exception_unless_the_last_one_was_not_taken_up(diary: Diary, provider: SelectorProvider) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    release = provider.catch_signal(signal.SIGINT, diary.arrived)
    send(signal.SIGINT)
    diary.is_news = False
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert diary.lines == ["SIGINT", "SIGINT"]
    release()
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_ctrl_c_is_no_exception_where_one_below_was_released(diary: Diary, provider: SelectorProvider) -> None:
    """Whoever is gone cannot tell whether it is news."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    releases = [provider.catch_signal(signal.SIGINT, diary.arrived) for _ in range(4)]
    top = releases.pop()
    releases.pop(1)()
    releases.pop(1)()
    send(signal.SIGINT)
    releases.pop()()
    send(signal.SIGINT)
    assert diary.lines == ["SIGINT"] * 3
    diary.is_news = False
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    top()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_after_the_end_is_passed_on_by_one_on_top(diary: Diary, provider: SelectorProvider) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    release = provider.catch_signal(signal.SIGINT, diary.arrived)
    ours: Any = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda signum, frame: ours(signum, frame))
    release()
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    assert diary.lines == []


@pytest.mark.parametrize(
    ("signum", "error", "message"),
    [
        (0, IllegalArgumentError, "0 is no signal of this system"),
        (4711, IllegalArgumentError, "4711 is no signal"),
        (-1, IllegalArgumentError, "-1 is no signal"),
        (signal.SIGKILL, IllegalArgumentError, "SIGKILL cannot be caught"),
        (signal.SIGSTOP, IllegalArgumentError, "SIGSTOP cannot be caught"),
        ("SIGTERM", TypeError, "signum must be an int"),
        (True, TypeError, "signum must be an int"),
        (None, TypeError, "signum must be an int"),
    ],
)
def test_what_is_no_signal_is_refused(
    provider: SelectorProvider, signum: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        provider.catch_signal(signum, lambda signum: True)


def test_H08_another_thread_than_the_main_one_is_told_where_to_call(provider: SelectorProvider) -> None:
    errors: list[str] = []

    def catch() -> None:
        try:
            provider.catch_signal(USR1, lambda signum: True)
        except IllegalStateError as error:
            errors.append(str(error))

    before = signal.getsignal(USR1)
    in_a_thread(catch)
    (error,) = errors
    assert error.startswith("signals are caught by the main thread")
    assert "call it there" in error
    assert signal.getsignal(USR1) is before


def test_a_handler_that_is_not_python_s_is_left_alone(
    provider: SelectorProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda signum: None)
    with pytest.raises(IllegalStateError, match="not Python's"):
        provider.catch_signal(USR1, lambda signum: True)


def test_a_provider_may_have_no_signals() -> None:
    with pytest.raises(OSError, match="has no signals"):
        MemoryProvider().catch_signal(USR1, lambda signum: True)
