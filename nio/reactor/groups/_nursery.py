"""Nursery: the children of a Prefork: how they are made, what they say, how they end."""

from __future__ import annotations

import logging

from nio.channels import Pipe
from nio.reactor.groups._accept_balance import Seat, Seats
from nio.reactor.groups._child import ChildMain, Plan
from nio.reactor.groups._place import Child, Place
from nio.reactor.groups._reports import READ_SIZE, Order, Told, Word, of_the_dead, reports
from nio.reactor.groups._shared import total
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._progress import ReactorStatistics
from nio.reactor.loop._report import Report
from nio.reactor.loop._timers import TimerQueue
from nio.spi import READABLE

_SECOND = 1_000_000_000
_GRACE = 0.5  # seconds from the end of the drain time to the kill
_AT_ONCE = 1.0  # seconds for leaving at once
_SEATS = 4  # for each place: a child, its successor, and those that still drain
_ANSWER = 1.0  # seconds for the children to tell their counters


class Nursery:
    """The places, the children in them, and those that are on their way out; for the thread that runs the Prefork."""

    def __init__(self, plan: Plan, places: list[Place], start_timeout: float) -> None:
        self.provider = plan.provider
        self.plan = plan
        self.places = places
        self.children: dict[int, Child] = {}
        self.is_ending: bool = False
        self.is_reading: bool = False
        self.asked_to_stop: list[float | None] = []  # by children: the drain time
        self.report: Report = Report(self.provider.clock)
        self._start_timeout = start_timeout
        self.timers: TimerQueue = TimerQueue(Owner(self.provider.thread_id))  # of the parent's, who is the only thread
        self._seats = Seats(self.provider, _SEATS * len(places))
        self._past: list[ReactorStatistics] = []
        self._reader, self._writer = self.provider.open_pipe()
        self._lifeline, self._hand = self.provider.open_pipe()  # the parent alone holds its writing end

    @property
    def descriptor(self) -> int:
        """Readable when a child says something."""
        return self._reader.fileno()

    def statistics(self) -> ReactorStatistics:
        """The last that was heard of everybody; in any thread, so a child that goes meanwhile is counted once."""
        past, children = self._past, tuple(self.children.values())
        while past is not self._past:
            past, children = self._past, tuple(self.children.values())
        return total((*past, *(child.counts for child in children)))

    def turn(self) -> None:
        """Hear what they say, and who has ended."""
        self.take_reports()
        self._reap()
        self._enforce()

    def end(self, drain: float | None) -> None:
        """Have all end; draining once begun is not begun anew."""
        if drain is not None and self.is_ending:
            return
        self.is_ending = True
        for child in self.children.values():
            child.is_planned = True
            if drain is None:
                child.sink.close()
                child.deadline = self._in(_AT_ONCE)
            else:
                child.order(Order.DRAIN, drain)
                child.deadline = self._in(drain + _GRACE)

    def replace_all(self) -> None:
        """Begin a successor for each."""
        for place in self.places:
            if place.child is not None:
                place.fresh = self._spawn(place)

    def reopen(self) -> None:
        """All children are gone: the next ``run()`` makes new ones at once."""
        self.is_ending = False
        for place in self.places:
            place.due = 0

    def close(self) -> None:
        """Give the pipes back; nobody is left to use them."""
        for end in (self._reader, self._writer, self._lifeline, self._hand):
            end.close()

    def spawn_due(self) -> None:
        """Make a child for every place whose time has come."""
        now = self.provider.clock()
        for place in self.places:
            if not self.is_ending and place.child is None and place.due is not None and now >= place.due:
                place.due = None
                place.child = self._spawn(place)
                if place.child is None:
                    place.lost(now)

    def time_left(self) -> float | None:
        """Seconds to the next thing to do unasked."""
        moments = [child.deadline for child in self.children.values() if child.deadline is not None]
        if not self.is_ending:
            moments += [place.due for place in self.places if place.child is None and place.due is not None]
        due = self.timers.next_due()
        if due is not None:
            moments.append(due)
        return max(0.0, (min(moments) - self.provider.clock()) / _SECOND) if moments else None

    def ask(self) -> None:
        """Have all that serve tell their counters, and wait for that, but not for ever."""
        asked = self.order_counts()
        end = self._in(_ANSWER)
        while not all(child.has_told for child in asked) and self.provider.clock() < end:
            self.provider.wait_for(self.descriptor, READABLE, None, max(0.0, (end - self.provider.clock()) / _SECOND))
            self.take_reports()

    def order_counts(self) -> list[Child]:
        """Have all that serve tell their counters, some time; who was asked."""
        asked = [child for child in self.children.values() if child.is_ready]
        for child in asked:
            child.has_told = False
            child.order(Order.COUNT)
        return asked

    # making one

    def _spawn(self, place: Place) -> Child | None:
        seat = self._seats.take()
        try:
            pipe = Pipe.open(provider=self.provider)
            try:
                pid = self.provider.fork()
            except BaseException:
                pipe.close()
                raise
        except OSError as error:
            self._seats.give_back(seat)
            self.report("fork", logging.ERROR, "no process can be made now: %s", str(error))
            return None
        if not pid:
            self._become(place, pipe, seat)
        pipe.source.close()
        pipe.sink.configure_blocking(False)
        child = self.children[pid] = Child(pid, place, pipe.sink, self._in(self._start_timeout), seat)
        return child

    def _become(self, place: Place, pipe: Pipe, seat: Seat) -> None:
        """In the child, which ends here."""
        code = 1
        try:
            for child in self.children.values():
                child.sink.close()
            pipe.sink.close()
            self._reader.close()
            self._hand.close()
            code = ChildMain(self.plan, place.number, pipe.source, self._writer, self._lifeline, seat).run()
        finally:
            self.provider.exit_process(code)

    # how they end

    def _reap(self) -> None:
        for child in tuple(self.children.values()):
            ended = self.provider.ended_child(child.pid)
            if ended is not None:
                self.take_reports()  # its last one is in the pipe
                self._gone(child, ended[1])

    def _gone(self, child: Child, how: str) -> None:
        past = [total((*self._past, of_the_dead(child.counts)))]
        del self.children[child.pid]
        self._past = past  # nothing is called between this and the one before
        child.sink.close()
        self._seats.give_back(child.seat)
        place = child.place
        if child is place.fresh:
            place.fresh = None
            if not child.is_planned:
                self.report("died", logging.ERROR, "%r has died before it served (%s): the old one goes on", child, how)
            return
        if child is place.child:
            place.child, place.fresh = place.fresh, None
        if child.is_planned:
            self.report("ended", logging.INFO, "%r has ended: %s", child, how)
        elif place.child is None:
            pause = place.lost(self.provider.clock(), child.ready_at)
            self.report(
                "died", logging.ERROR, "%r has died (%s), the next one comes in %s s", child, how, round(pause, 3)
            )
        else:
            self.report("died", logging.ERROR, "%r has died (%s), its successor is there", child, how)

    def _enforce(self) -> None:
        """Kill whoever is beyond its time."""
        now = self.provider.clock()
        for child in self.children.values():
            if child.deadline is not None and now >= child.deadline:
                child.deadline = None
                if child.is_planned:
                    child.was_cut()
                why = "has not ended" if child.is_planned else "is not ready"
                self.report("killed", logging.WARNING, "%r %s in time and is killed", child, why)
                self.provider.signal_process(child.pid, "SIGKILL")

    # what they say

    def take_reports(self) -> None:
        """Read all that the pipe has."""
        buffer = bytearray(READ_SIZE)
        self.is_reading = True
        try:
            while True:
                count = self.provider.wait_for(self.descriptor, READABLE, None, 0)
                if not count:
                    return
                for told in reports(bytes(buffer[: self._reader.recv_into(memoryview(buffer))])):
                    self._told(told)
        finally:
            self.is_reading = False

    def _told(self, told: Told) -> None:
        child = self.children.get(told.pid)
        if child is None:
            return
        child.counts, child.has_told = told.counts, True
        if told.word is Word.STOP:
            self.asked_to_stop.append(told.drain)
        if told.word is Word.READY and not child.is_ready:
            child.is_ready, child.ready_at = True, self.provider.clock()
            if not child.is_planned:
                child.deadline = None
            self.report("ready", logging.INFO, "%r serves", child)
            if child is child.place.fresh:
                self._succeed(child.place)

    def _succeed(self, place: Place) -> None:
        """The new child serves: the old one answers what it has, and goes."""
        old, place.child, place.fresh = place.child, place.fresh, None
        if old is not None and not old.is_planned:
            old.is_planned = True
            old.order(Order.RETIRE, self.plan.drain)
            old.deadline = self._in(self.plan.drain + _GRACE)

    def _in(self, seconds: float) -> int:
        return self.provider.clock() + round(seconds * _SECOND)
