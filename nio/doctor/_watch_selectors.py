"""Watches selectors and keys: where a turn begins and ends, who changes what, and from which thread."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, ref

from nio.channels import SelectableChannel, SelectionKey, Selector
from nio.channels._key_sets import SelectedKeySet
from nio.channels._watch import Watch
from nio.doctor import _clocks
from nio.doctor._facts import ACCEPT, CONNECT, READ, WRITE, ChannelFacts, Facts, LateChange, Work
from nio.doctor._patches import Patches
from nio.doctor._place import NOWHERE, Place, here, is_users
from nio.doctor._rules import LONG
from nio.doctor._ward import Ward, snapshot
from nio.doctor._watchdog import Stretch, Watchdog
from nio.errors import ForkedSelectorError
from nio.spi import INVALID

_LOST = 256  # turns without a word of a channel whose key was cancelled


class Loop:
    """What is known of one selector."""

    def __init__(self) -> None:
        self.facts = Facts()
        self.thread = 0
        self.is_asleep = self.is_new = False  # inside a selection; whose turn has begun
        self.place = NOWHERE
        self.is_select_0 = False
        self.changes: list[tuple[str, Place, str, int]] = []
        self.keys = 0  # that were registered when the turn began
        self.wakeups = 0
        self.wakeup_place = NOWHERE
        self.looked = NOWHERE
        self.before: _clocks.Clocks | None = None
        self.stretch = Stretch(0)
        self.cancelled: dict[int, tuple[int, ref[Any], ChannelFacts]] = {}  # turn, channel, facts, by number


class SelectorWatch:
    """Strict mode's eyes on selectors."""

    def __init__(self, ward: Ward, watchdog: Watchdog) -> None:
        self.ward, self.watchdog = ward, watchdog
        self.loops: WeakKeyDictionary[Selector, Loop] = WeakKeyDictionary()
        self.selections = 0

    def install(self, patches: Patches) -> None:
        """Put the watching functions in place."""
        patches.put(Selector, "serve", self._serve)
        patches.put(Selector, "select", self._select)
        patches.put(Selector, "wakeup", self._wakeup)
        patches.put(Selector, "close", self._close)
        patches.put(Watch, "sort", self._sort)
        patches.put(Watch, "hand_over", self._hand_over)
        patches.put(Watch, "_report", self._report)
        patches.put(SelectedKeySet, "__iter__", self._iter)
        patches.put(SelectionKey, "_replace_interest", self._replace_interest)
        patches.put(SelectionKey, "cancel", self._cancel)
        patches.put(SelectableChannel, "register", self._register)
        patches.put(Selector, "_enroll", lambda plain: _enroll)
        patches.put(Selector, "_dismiss", lambda plain: _dismiss)

    def loop(self, selector: Selector) -> Loop:
        """What is known of that selector."""
        known = self.loops.get(selector)
        if known is None:
            known = self.loops[selector] = Loop()
        return known

    def finish(self) -> None:
        """Nobody selects any more: the last turns are over."""
        for loop in snapshot(self.loops):
            self._end(loop)

    # selections

    def _serve(self, plain: Callable[..., int]) -> Callable[..., int]:
        def serve(selector: Selector, timeout: float | None, take: Any, end: float | None = None) -> int:
            loop = self.loop(selector)
            if loop.is_asleep or selector._selecting:
                return plain(selector, timeout, take, end)
            self._enter(loop, here())
            try:
                count = plain(selector, timeout, take, end)
            except ForkedSelectorError:
                self.ward.tell("P01", "A selector was used in a child of the process that opened it.", loop.place)
                raise
            finally:
                loop.is_asleep = False
                if not loop.is_new:
                    self._begin(loop)
            loop.facts.turn.is_poll, loop.is_select_0 = loop.is_select_0 and not count, False
            loop.keys = len(selector._keys)
            return count

        return serve

    def _select(self, plain: Callable[..., int]) -> Callable[..., int]:
        def select(selector: Selector, timeout: Any = None, action: Any = None) -> int:
            by_user = is_users(_caller(2))
            if type(timeout) is int and timeout >= 1000:
                text = f"select({timeout}) waits for {timeout // 60} minutes: the timeout is in seconds."
                self.ward.tell("S04", text, here())
            self.loop(selector).is_select_0 = by_user and timeout is not None and timeout == 0
            return plain(selector, timeout, action)

        return select

    def _close(self, plain: Callable[..., None]) -> Callable[..., None]:
        def close(selector: Selector) -> None:
            loop = self.loops.get(selector)
            if loop is not None and loop.thread == threading.get_ident():
                self._end(loop)
            plain(selector)

        return close

    def _enter(self, loop: Loop, place: Place) -> None:
        """A selection begins, and the turn before it is over."""
        self.selections += 1
        for other in snapshot(self.loops):
            if other is not loop and other.thread == threading.get_ident():
                self._forget_work(other)  # a thread with several loops: it waits for all of them
        self._end(loop, selects_again=True)
        loop.thread, loop.place, loop.is_asleep = threading.get_ident(), place, True
        loop.changes.clear()

    def _end(self, loop: Loop, *, selects_again: bool = False) -> None:
        """The turn is over; how long it took counts only if another follows: after the loop a thread may wait."""
        turn, now = loop.facts.turn, time.monotonic_ns()
        if loop.is_new:
            loop.is_new = False
            turn.late = [LateChange(what, place, name, now - t) for what, place, name, t in loop.changes]
            turn.wakeups, turn.wakeup_place, turn.looked = loop.wakeups, loop.wakeup_place, loop.looked
            if selects_again:
                self._stop_counting(loop)
            self.ward.end_turn(loop.facts)
            self._look_for_lost(loop)
        loop.wakeups, loop.looked = 0, NOWHERE
        self._forget_work(loop)

    def _stop_counting(self, loop: Loop) -> None:
        """The thread has done what the turn brought: how long did it take?"""
        before = loop.before
        is_long = before is not None and time.monotonic_ns() - before.wall >= LONG
        if before is not None and is_long and threading.get_ident() == loop.thread:
            loop.facts.turn.work = self._work(before, loop.stretch)
        self._forget_work(loop)

    def _work(self, before: _clocks.Clocks, stretch: Stretch) -> list[Work]:
        wall, cpu, others, queued = _clocks.now().since(before)
        since_seen = self.watchdog.queued() - stretch.queued if stretch.queued >= 0 else queued  # it may be late
        queued = max(queued, since_seen)
        place, inside = stretch.blamed
        return [Work(wall, cpu, others, queued, place, inside)] if place.path else []

    def _forget_work(self, loop: Loop) -> None:
        loop.before = None
        self.watchdog.working.pop(id(loop), None)

    def turn(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        """What is done between two calls of ``reactor.turn()`` is no handler's affair."""

        def turn(reactor: Any, timeout: float | None = None) -> Any:
            try:
                return plain(reactor, timeout)
            finally:
                loop = self.loops.get(reactor._selector)
                if loop is not None:
                    self._stop_counting(loop)

        return turn

    def _begin(self, loop: Loop) -> None:
        loop.is_new = True
        loop.facts.begin(loop.place)
        loop.before, loop.stretch = _clocks.now(), Stretch(loop.thread)

    def _ready(self, watch: Any, events: list[tuple[int, int]], selected: Any) -> Loop | None:
        """The kernel's answer, before it is gone through; whose it is, if a key's."""
        loop = None
        for fd, mask in events:
            key = watch.by_fd.get(fd)
            if key is None or not key._valid:
                continue
            if loop is None:
                loop = self.loop(key._selector)
                if not loop.is_new:
                    self._begin(loop)
                elif loop.before is None:
                    loop.before, loop.stretch = _clocks.now(), Stretch(loop.thread)
            facts = self._facts_of(key)
            facts.trusted = facts.shown or _is_own(key._attachment)
            loop.facts.reported(facts, mask & ~INVALID, key in selected)
        if loop is not None:
            loop.is_asleep = False
            self.watchdog.guard(id(loop), loop.stretch)
        return loop

    def _sleeps_on(self, watch: Any, events: list[tuple[int, int]], loop: Loop | None) -> None:
        """Events of an interest given up are nobody's: the selection goes on, and the turn has not begun to work."""
        if loop is not None and watch.stale >= len(events):
            loop.is_asleep = True
            self._forget_work(loop)

    def _facts_of(self, key: Any) -> ChannelFacts:
        facts = self.ward.channel(key._channel)
        facts.interest = key._interest
        facts.connected = getattr(key._channel, "is_connected", True)
        facts.pending = getattr(key._channel, "is_connection_pending", False)
        return facts

    def _sort(self, plain: Callable[..., int]) -> Callable[..., int]:
        def sort(watch: Any, events: list[tuple[int, int]], selected: Any) -> int:
            loop = self._ready(watch, events, selected)
            updated = plain(watch, events, selected)
            self._sleeps_on(watch, events, loop)
            return updated

        return sort

    def _hand_over(self, plain: Callable[..., int]) -> Callable[..., int]:
        def hand_over(watch: Any, events: list[tuple[int, int]], action: Any) -> int:
            loop = self._ready(watch, events, ())
            handed = plain(watch, events, action)
            self._sleeps_on(watch, events, loop)
            return handed

        return hand_over

    def _report(self, plain: Callable[..., None]) -> Callable[..., None]:
        def report(watch: Any, key: Any, error: OSError) -> None:
            if error.errno == errno.EBADF:
                text = (
                    f"Descriptor {key._fd} of {self.ward.channel(key._channel).name} was closed behind "
                    "the selector's back."
                )
                self.ward.tell("S14", text, here())
            plain(watch, key, error)

        return report

    # what wakes them

    def _wakeup(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def wakeup(selector: Selector) -> Any:
            loop = self.loops.get(selector)
            if loop is not None:
                loop.changes.clear()
                if is_users(_caller(2)):
                    loop.wakeups += 1
                    loop.wakeup_place = here()
            return plain(selector)

        return wakeup

    def changed(self, selector: Selector, what: str) -> None:
        """Something was changed that the selection under way does not see."""
        loop = self.loops.get(selector)
        if loop is not None and loop.is_asleep and threading.get_ident() != loop.thread and len(loop.changes) < 64:
            name = threading.current_thread().name
            loop.changes.append((what, here(), name, time.monotonic_ns()))

    # keys

    def _iter(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def iterate(selected: Any) -> Any:
            caller = sys._getframe(1)
            if is_users(caller.f_code.co_filename):
                for loop in snapshot(self.loops):
                    if loop.thread == threading.get_ident():
                        loop.looked = Place(caller.f_code.co_filename, caller.f_lineno)
            return plain(selected)

        return iterate

    def _register(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def register(channel: Any, selector: Selector, ops: Any, attachment: object = None) -> Any:
            known = channel._key_of(selector)
            before = None if known is None or not known._valid else known._attachment
            previous = 0 if known is None else known._interest
            key = plain(channel, selector, ops, attachment)
            if before is not None and attachment is None:
                text = (
                    f"The attachment, a {type(before).__name__}, was replaced by None: the channel was "
                    "registered before."
                )
                self.ward.tell("S09", text, here())
            self._arm(key, previous if before is not None else 0)
            self.used(channel)
            self.changed(selector, "register")
            return key

        return register

    def _arm(self, key: Any, previous: int) -> None:
        facts = self.ward.channel(key._channel)
        facts.interest = key._interest
        new = key._interest & ~previous
        place = here() if new else NOWHERE
        for op in (READ, WRITE, CONNECT, ACCEPT):
            if new & op:
                facts.armed[op] = place

    def _replace_interest(self, plain: Callable[..., int]) -> Callable[..., int]:
        def replace_interest(key: Any, change: Callable[[int], int]) -> int:
            previous = plain(key, change)
            self._arm(key, previous)
            self.changed(key._selector, "interest")
            return previous

        return replace_interest

    def _cancel(self, plain: Callable[..., None]) -> Callable[..., None]:
        def cancel(key: Any) -> None:
            was_valid = key._valid
            plain(key)
            facts = self.ward.channel(key._channel)
            if was_valid:
                facts.cancelled = here()
                loop = self.loops.get(key._selector)
                if loop is not None and key._channel._open and is_users(_caller(2)):
                    loop.cancelled[facts.number] = (loop.facts.turn.number, ref(key._channel), facts)

        return cancel

    def used(self, channel: object) -> None:
        """A cancelled channel is used after all."""
        facts = self.ward.known(channel)
        if facts is not None:
            for loop in snapshot(self.loops):
                loop.cancelled.pop(facts.number, None)

    def _look_for_lost(self, loop: Loop) -> None:
        """Channels that were cancelled long ago; a pool may keep one, but not while its peer says something."""
        for number, (since, known, facts) in tuple(loop.cancelled.items()):
            channel = known()
            if channel is None or not channel._open:
                del loop.cancelled[number]
                continue
            age = loop.facts.turn.number - since
            if age and age % _LOST == 0 and _is_waited_for(channel):
                del loop.cancelled[number]
                text = (
                    f"The key of {facts.name} was cancelled {age} turns ago, and the channel is still open: "
                    "its peer has said something since, and nobody reads it."
                )
                self.ward.tell("S11", text, facts.cancelled)


def _enroll(selector: Selector, channel: SelectableChannel, ops: int, attachment: object) -> SelectionKey:
    """By the way that is watched."""
    return channel.register(selector, ops, attachment)


def _dismiss(selector: Selector, channel: SelectableChannel) -> None:
    channel.release()


def _is_waited_for(channel: Any) -> bool:
    """The peer has sent something, or has ended."""
    return bool(getattr(channel, "peer_has_ended", False) or channel.provider.unread(channel._end))


def _caller(depth: int) -> str:
    frame: FrameType = sys._getframe(depth)
    return frame.f_code.co_filename


def _is_own(attachment: object) -> bool:
    """A handler that reads and writes past the channel, or one of the library's own."""
    if getattr(attachment, "reports_bytes", False) is True:
        return True
    return type(attachment).__module__.startswith("nio.") and not type(attachment).__module__.startswith("nio.buffers")
