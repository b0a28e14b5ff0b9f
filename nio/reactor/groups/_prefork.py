"""Prefork: several processes, each a reactor with many connections, and a parent that looks after them.

**Forked before anything is there.** Whatever the parent has, each child has, too: a lock that another thread holds is
held for ever in the child, and a selector's descriptor is shared with it. So the parent has neither threads nor
selectors, and ``run()`` refuses to begin otherwise. It waits for one descriptor, the pipe that all children report
through, and for signals; it forks again whenever a child is lost.

**The listeners are the parent's**, and stay open in it. So no connection is refused while children come and go: it
waits in the kernel for whoever is next. Usually all children accept from one listener, and Linux wakes one of them for
each connection. With ``reuse_port`` each place has a listener of its own. Then the kernel deals the connections, and a
new child takes over its predecessor's listener with all that wait there.

**A child that is lost** costs its connections, is named in the log, and has a successor after 0.1 s, then after twice
as long each time up to 5 s, and no more than ten times a minute in each place.

**Signals**, unless the program handles them itself: SIGTERM and SIGINT drain all children, a second one ends them at
once; SIGHUP replaces them. Each place gets a new child, and when that is ready the old one stops listening,
answers what it has, and goes.

**Children die with the parent**: each holds one end of a pipe, and leaves when the other end is closed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Self

from nio._numbers import check_count, check_seconds
from nio.channels import SelectableChannel, Selector, ServerSocketChannel
from nio.channels._per_kernel import shared_by_fork
from nio.errors import IllegalArgumentError, IllegalStateError
from nio.reactor.groups._child import Plan, Registration
from nio.reactor.groups._nursery import Nursery
from nio.reactor.groups._place import Place
from nio.reactor.loop._checks import check_callable, check_period, check_registration
from nio.reactor.loop._event_handler import EventHandler
from nio.reactor.loop._hand_off import Workers
from nio.reactor.loop._progress import ReactorStatistics
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._timers import Timer
from nio.spi import READABLE, SelectorProvider, Wakeup

_MEANT = ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD")
_LOOK = 0.01  # seconds between two looks at children that are to leave at once


class Prefork:
    """``processes`` children, each a Reactor; this process looks after them.

    What is registered is registered anew in each child; ``setup(reactor)``, if given, is called there, too, for what
    else a child needs. ``processes`` is as many as there are processors unless told otherwise. ``workers`` is a number
    of threads, or a function that makes an executor, for each child. ``max_connections`` is that of all together.
    ``drain`` is how many seconds SIGTERM and SIGHUP leave the children to answer what they have. ``start_timeout`` is
    how many a child may take until it serves, ``respawns`` how often a minute a lost one is replaced, in each place.
    ``on_reload()`` is called in this process before SIGHUP makes new children, to read the configuration again.

    With ``reuse_port`` each child has a listener of its own: set ``SO_REUSEPORT`` before you bind the one you register.

    Concurrency: ``stop``, ``reload`` and ``execute`` from any thread and signal handler, all else in the main thread.
    """

    def __init__(
        self,
        setup: Callable[[Reactor], object] | None = None,
        *,
        processes: int | None = None,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        reuse_port: bool = False,
        drain: float = 10.0,
        start_timeout: float = 10.0,
        respawns: int = 10,
        on_reload: Callable[[], object] | None = None,
        provider: SelectorProvider | None = None,
    ) -> None:
        self.provider: SelectorProvider = SelectorProvider.default() if provider is None else provider
        count = self.provider.cpu_count() if processes is None else check_count("processes", processes, 1)
        if isinstance(workers, Executor):
            raise IllegalArgumentError("an executor does not survive a fork: give workers a function that makes one")
        if not callable(workers):
            check_count("workers", workers, 0)
        share = None if max_connections is None else -(-check_count("max_connections", max_connections, 1) // count)
        self._plan = Plan(self.provider, setup, workers, share, check_seconds("drain", drain))
        self._places = [Place(number, check_count("respawns", respawns, 1)) for number in range(count)]
        self._on_reload = on_reload
        self._reuses_port = reuse_port
        self._signals: deque[str] = deque()
        self._ends: deque[float | None] = deque()  # what stop() was told
        self._calls: deque[Callable[[], object]] = deque()
        self._due: deque[Timer] = deque()
        self._on_start: list[Callable[[], object]] = []
        self._on_stop: list[Callable[[], object]] = []
        self._has_started = False
        self._wakeup: Wakeup | None = None
        self._wants_reload = self._wants_counts = self._is_over = False
        self._thread: int | None = None  # that is in run()
        self._nursery = Nursery(self._plan, self._places, check_seconds("start_timeout", start_timeout))

    @classmethod
    def open(
        cls,
        setup: Callable[[Reactor], object] | None = None,
        *,
        processes: int | None = None,
        workers: int | Workers = 0,
        max_connections: int | None = None,
        reuse_port: bool = False,
        drain: float = 10.0,
        provider: SelectorProvider | None = None,
    ) -> Self:
        """A parent without children yet; the arguments are those of the class, which has some more."""
        return cls(
            setup,
            processes=processes,
            workers=workers,
            max_connections=max_connections,
            reuse_port=reuse_port,
            drain=drain,
            provider=provider,
        )

    # for users

    def register(self, channel: SelectableChannel, ops: int, handler: EventHandler) -> None:
        """Have every child register its copy of ``channel`` and ``handler``; before ``run()``."""
        check_registration(channel, ops, handler)
        if self._nursery.children or self._is_over:
            raise IllegalStateError("register() belongs before run(), or after it: children are there")
        channels: list[SelectableChannel] = [channel]
        if self._reuses_port and isinstance(channel, ServerSocketChannel):
            if not channel.get_option("SO_REUSEPORT"):
                raise IllegalArgumentError(
                    f"reuse_port needs a listener that was bound with it, not {channel!r}: "
                    'ServerSocketChannel.open().set_option("SO_REUSEPORT", True).bind(...)'
                )
            for _ in self._places[1:]:
                channels.append(_sibling(channel))
        self._plan.registrations.append(Registration(tuple(channels), ops, handler))

    def run(self) -> None:
        """Fork the children and look after them until ``stop()``; in the main thread. Then it can be called again.

        IllegalStateError where a fork is not safe, with the reason. In a child this call does not return: the process
        ends.
        """
        if self._is_over:
            return
        if self._thread is not None:
            raise IllegalStateError("run() was called from inside itself")
        if self._ends and not self._nursery.children:
            self._ends.clear()
            return
        self._check_forkable()
        with self.provider.signal_wakeup() as wakeup:
            if wakeup is None:
                raise IllegalStateError("run() belongs in the main thread, which hears of signals")
            self._wakeup, self._thread = wakeup, self.provider.thread_id()
            try:
                with self.provider.handling_signals(_MEANT, self._signals.append):
                    self._look_after(wakeup)
            finally:
                self._wakeup = self._thread = None
        self._ends.clear()
        self._nursery.reopen()
        self._has_started = False

    def stop(self, drain: float | None = None) -> None:
        """End ``run`` and all children: at once, or with ``drain`` when what was received is answered.

        After so many seconds what is left is cut, and a child that does not end then is killed.
        """
        self._ends.append(None if drain is None else check_seconds("drain", drain))
        self._wake()

    def execute(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` in the parent's ``run()``, soon; what it raises is logged."""
        check_callable("execute", fn)
        self._calls.append(partial(fn, *args))
        self._wake()

    def call_every(self, period: float, fn: Callable[..., object], /, *args: object) -> Timer:
        """Call ``fn(*args)`` in the parent every ``period`` seconds while it runs; what it raises is logged."""
        check_callable("call_every", fn)
        nanoseconds = check_period(period)
        return self._nursery.timers.repeat(self.provider.clock() + nanoseconds, nanoseconds, fn, *args)

    def on_start(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` in the parent when every place has a child that serves, once in each ``run()``."""
        check_callable("on_start", fn)
        self._on_start.append(partial(fn, *args))

    def on_stop(self, fn: Callable[..., object], /, *args: object) -> None:
        """Call ``fn(*args)`` in the parent when the end begins."""
        check_callable("on_stop", fn)
        self._on_stop.append(partial(fn, *args))

    def reload(self) -> None:
        """Replace every child, as SIGHUP does."""
        self._wants_reload = True
        self._wake()

    def statistics(self) -> ReactorStatistics:
        """The counters of all children, added up.

        Those of a child are as of its last report. While ``run()`` runs, a call in its thread (a signal handler's, say)
        asks for a new one and waits for it; a call in another thread asks for a new one, too, which is there for the
        next call. What a child that was killed has done since its last report is not counted.
        """
        nursery = self._nursery
        if self._thread is not None and self._thread != self.provider.thread_id():
            self._wants_counts = True
            self._wake()
        elif self._thread is not None and not nursery.is_reading and not nursery.is_ending:
            nursery.ask()
        return nursery.statistics()

    @property
    def max_connections(self) -> int | None:
        """How many connections there may be in all, rounded up to equal shares; None: each child decides."""
        share = self._plan.max_connections
        return None if share is None else share * len(self._places)

    @property
    def processes(self) -> int:
        """How many children serve at a time."""
        return len(self._places)

    @property
    def pids(self) -> tuple[int, ...]:
        """The children there are now."""
        return tuple(self._nursery.children)

    def close(self) -> None:
        """End what children there are, and close the listeners; again is nothing."""
        self._is_over = True
        self._nursery.end(None)
        while self._nursery.children:
            self.provider.wait_for(self._nursery.descriptor, READABLE, None, _LOOK)
            self._nursery.turn()
        self._nursery.close()
        for item in self._plan.registrations:
            for channel in item.channels:
                channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "over" if self._is_over else "stopping" if self._nursery.is_ending else "open"
        return f"Prefork({state}, processes={len(self._places)}, pids={list(self._nursery.children)})"

    # the loop

    def _look_after(self, wakeup: Wakeup) -> None:
        nursery = self._nursery
        while True:
            self._hear()  # first: of an end that is asked for nobody has died
            nursery.turn()
            self._hear()
            if nursery.is_ending and not nursery.children:
                return
            self._look_at_places()
            nursery.spawn_due()
            self.provider.wait_for(nursery.descriptor, READABLE, wakeup.fileno(), nursery.time_left())
            wakeup.clear()

    def _wake(self) -> None:
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.set()

    def _hear(self) -> None:
        """Do what signals and other threads ask for."""
        while self._calls:
            self._call(self._calls.popleft())
        while self._signals:
            name = self._signals.popleft()
            if name == "SIGHUP":
                self._wants_reload = True
            elif name != "SIGCHLD":
                self._ends.append(None if self._nursery.is_ending or self._ends else self._plan.drain)
        if self._wants_counts and not self._nursery.is_ending:
            self._wants_counts = False
            self._nursery.order_counts()
        while self._nursery.asked_to_stop:
            self._ends.append(self._nursery.asked_to_stop.pop())
        if self._ends and not self._nursery.is_ending:
            for call in self._on_stop:
                self._call(call)
        while self._ends:
            self._nursery.end(self._ends.popleft())
        if self._wants_reload and not self._nursery.is_ending and not any(place.fresh for place in self._places):
            self._wants_reload = False
            self._replace_all()

    def _look_at_places(self) -> None:
        if not self._has_started and all(place.child and place.child.is_ready for place in self._places):
            self._has_started = True
            for call in self._on_start:
                self._call(call)
        self._nursery.timers.take_due(self.provider.clock(), self._due)
        while self._due:
            taken = self._due.popleft().take()
            if taken is not None:
                self._call(partial(taken[0], *taken[1]))

    def _call(self, call: Callable[[], object]) -> None:
        try:
            call()
        except LEAVING:
            raise
        except BaseException as error:
            self._nursery.report("call", logging.ERROR, "a call of the parent's raised", error=error)

    def _replace_all(self) -> None:
        self._nursery.report("reload", logging.INFO, "reload: every process gets a successor")
        try:
            if self._on_reload is not None:
                self._on_reload()
        except LEAVING:
            raise
        except BaseException as error:
            self._nursery.report("reload", logging.ERROR, "on_reload raised, the old processes serve on", error=error)
            return
        self._nursery.replace_all()

    def _check_forkable(self) -> None:
        threads = self.provider.thread_count()
        if threads > 1:
            raise IllegalStateError(
                f"Prefork forks, and of the {threads} threads here a child would have one, with the locks of the "
                "others held for ever: start threads and worker pools in setup(reactor), which each child calls"
            )
        selectors = shared_by_fork(self.provider).count(Selector)
        if selectors:
            raise IllegalStateError(
                f"Prefork forks, and a child would share {selectors} open selectors with this process: "
                "open reactors and selectors in setup(reactor), which each child calls, or close them before run()"
            )


def _sibling(listener: ServerSocketChannel) -> ServerSocketChannel:
    """Another listener at the same address."""
    another = ServerSocketChannel.open(listener._family, provider=listener.provider)
    try:
        return another.set_option("SO_REUSEPORT", True).bind(listener.local_address)
    except BaseException:
        another.close()
        raise
