"""SubReactor: one of a group's reactors that have the connections, each with a selector and a thread of its own.

To a handler it is the reactor. What a handler asks of *the server* (its end, its counters) it gets of the group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nio.channels import SocketChannel
from nio.reactor.groups._shared import GroupAdmission, OwnPlaces
from nio.reactor.loop._admission import Admission
from nio.reactor.loop._connection_info import ConnectionInfo
from nio.reactor.loop._hand_off import Workers
from nio.reactor.loop._progress import ReactorStatistics
from nio.reactor.loop._reactor import Reactor
from nio.reactor.loop._registry import LEAVING
from nio.reactor.loop._state import ReactorState
from nio.spi import SelectorProvider, Thread

Admit = Callable[[Reactor, SocketChannel], object]


class Main(Protocol):
    """The group, as a sub reactor sees it; all of this may be called from any thread."""

    @property
    def provider(self) -> SelectorProvider: ...

    @property
    def admission(self) -> GroupAdmission: ...

    def post(self, fn: Callable[..., object], /, *args: object) -> None: ...

    def deal(self, admit: Admit, channel: SocketChannel) -> None: ...

    def stop(self, drain: float | None = None) -> None: ...

    def statistics(self) -> ReactorStatistics: ...

    def sub_ended(self, sub: SubReactor, run: int, error: BaseException | None) -> None: ...


class SubReactor(Reactor):
    """A reactor that a group runs in a thread; ``name`` is the thread's."""

    def __init__(self, group: Main, name: str, workers: int | Workers) -> None:
        self.group: Main = group
        self.own: OwnPlaces
        self.name: str = name
        self.thread: Thread | None = None
        self.is_dead: bool = False  # it never runs again
        self.run_number: int = 0  # news of an earlier one is old
        self.dealt: int = 0  # connections; the main reactor's thread counts these,
        self.arrived: int = 0  # and this one's thread those
        self.cost: int = 0  # connections that have ended with its thread
        super().__init__(workers=workers, provider=group.provider)
        self.admission: Admission = group.admission

    # what handlers ask

    def stop(self, drain: float | None = None) -> None:
        """End the whole group."""
        self.group.stop(drain)

    def statistics(self) -> ReactorStatistics:
        """The counters of the whole group."""
        return self.group.statistics()

    # what the group asks

    @property
    def load(self) -> int:
        """Connections that are here or on their way."""
        return self.dealt - self.arrived + self.own.taken

    @property
    def is_running(self) -> bool:
        """Its thread is alive."""
        return self.thread is not None and self.thread.is_alive()

    def start(self) -> None:
        """Run in a thread of its own; a stop that came too late for the last run is not for this one."""
        self._reopen()
        self.run_number += 1
        self.thread = self.provider.start_thread(self._live, self.run_number, name=self.name)

    def join(self, seconds: float) -> None:
        """Wait so long for the end of its thread."""
        if self.thread is not None:
            self.thread.join(seconds)

    def hear_errors(self, fn: Callable[[BaseException, str], object] | None) -> None:
        """Of ticks, timers and callbacks."""
        self._registry.on_error = fn

    def end(self, drain: float | None = None) -> None:
        """As ``stop``, for this one alone."""
        super().stop(drain)

    def begin_telling(self) -> Callable[[int], tuple[ConnectionInfo, ...]]:
        """Ask its thread what connections there are; what is returned waits for the answer until a moment."""
        found: list[ConnectionInfo] = []
        told = self.provider.event()

        def tell() -> None:
            found.extend(self.connections())
            told.set()

        if self.is_running:
            self.post(tell)
        else:
            tell()

        def wait(until: int) -> tuple[ConnectionInfo, ...]:
            told.wait(max(0.0, (until - self.provider.clock()) / 1e9))
            return tuple(found)

        return wait

    def own_statistics(self) -> ReactorStatistics:
        """The counters of this one alone."""
        return super().statistics()

    def arrive(self, admit: Admit, channel: SocketChannel) -> None:
        """As a tick: a connection was dealt to this reactor, and its place is taken; back with it if this has died."""
        try:
            if self._state is ReactorState.CLOSED:
                self.group.post(self.group.deal, admit, channel)
            else:
                admit(self, channel)
        finally:
            self.arrived += 1
            self.group.admission.tell()

    def bury(self) -> None:
        """Close what a thread that is no more has left; on the thread of whoever has the group."""
        self.is_dead = True
        self.cost += self.tally.open
        self.owner.thread = None
        self.close()
        self._drop_ticks()  # what came after a close() of its own

    def _close(self) -> None:
        if self._selector.is_forked:  # what was on its way is the parent's
            for fn, args in self._ticks:
                if fn == self.arrive:
                    channel: Any = args[1]
                    self.guarded(channel.close)
        super()._close()

    def _live(self, number: int) -> None:
        error: BaseException | None = None
        try:
            self.run()
        except LEAVING as leaving:
            error = leaving
        except BaseException as raised:
            error = raised
            self.cost = self.tally.open
            self.guarded(self.close)  # here, where its handlers have always been called
        finally:
            self.group.post(self.group.sub_ended, self, number, error)

    def _places(self, wanted: int | None) -> Admission:
        self.own = OwnPlaces(self.group.admission)
        return self.own
