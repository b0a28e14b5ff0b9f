"""AcceptBalance: a child that has more connections than another one leaves the next ones to that.

The kernel wakes some child for each connection, and does not know how many each has. Of a burst of 50, one of two
children got 31. Where handlers compute, all then wait for that one: two processes did 1.65 times the work of one.

So the children tell each other, in memory that all of them share. Each has a seat there and writes its own numbers
only; the parent clears the seat of a child that has gone. A child that is ahead when it has accepted a connection stops
waiting at the listener, and the kernel wakes others. It does so after an accept, never before: it was the only one
that was woken for that connection.

It waits again once it is not ahead any more. It looks every millisecond, and whenever a connection of its own ends.
Others may be stuck, or have no room. So when they have accepted nothing for ten milliseconds, the child counts them no
longer, until they accept again.
"""

from __future__ import annotations

from nio.channels import SelectionKey
from nio.reactor.handlers._acceptor import Acceptor
from nio.reactor.loop._reactor import Reactor
from nio.spi import SelectorProvider

_ACCEPT = int(SelectionKey.OP_ACCEPT)
_LOOK = 0.001  # seconds
_LOOKS = 10  # without an accept of the others, until they are counted no longer
_NUMBERS = 2  # of each seat: connections open, or FREE; connections accepted so far
_SIZE = 8  # bytes of a number
_FREE = -1


class Seat:
    """One child's numbers, and its view of the others'."""

    __slots__ = ("numbers", "place")

    def __init__(self, numbers: memoryview, place: int) -> None:
        self.numbers: memoryview = numbers
        self.place: int = place  # in them
        self.leave()

    def tell(self, taken: int, accepted: int) -> None:
        """So many connections are open, so many were accepted until now."""
        self.numbers[self.place], self.numbers[self.place + 1] = taken, accepted

    def leave(self) -> None:
        """Nobody accepts here any more."""
        self.numbers[self.place] = _FREE

    def others(self) -> dict[int, tuple[int, int]]:
        """Connections open and accepted, of everybody else."""
        numbers = self.numbers.tolist()
        return {
            place: (numbers[place], numbers[place + 1])
            for place in range(0, len(numbers), _NUMBERS)
            if place != self.place and numbers[place] != _FREE
        }


class Seats:
    """The seats of all children, for the parent; ``count`` may be taken at a time."""

    def __init__(self, provider: SelectorProvider, count: int) -> None:
        self._numbers = provider.shared_memory(count * _NUMBERS * _SIZE).cast("q")
        self._free = [Seat(self._numbers, place) for place in range(0, count * _NUMBERS, _NUMBERS)]

    def take(self) -> Seat:
        """One for a child that is about to be made. When all are taken, that child sees and is seen by nobody."""
        return self._free.pop() if self._free else Seat(memoryview(bytearray(_NUMBERS * _SIZE)).cast("q"), 0)

    def give_back(self, seat: Seat) -> None:
        """That child has gone."""
        seat.leave()
        if seat.numbers is self._numbers:
            self._free.append(seat)


class AcceptBalance:
    """What a child does about it; for the reactor's thread."""

    def __init__(self, reactor: Reactor, seat: Seat, acceptors: list[Acceptor]) -> None:
        self._reactor = reactor
        self._seat = seat
        self._acceptors = acceptors
        self._accepted = 0
        self._resting: list[Acceptor] = []
        self._stuck: dict[int, int] = {}  # who is not counted, and what it had accepted then
        self._seen: dict[int, tuple[int, int]] = {}
        self._looks = 0
        self._has_left = False
        self._tell()

    def has_accepted(self) -> None:
        """A connection has come; wait for no more while others have fewer."""
        self._accepted += 1
        self._tell()
        if self._is_ahead() and not self._resting:
            self._rest()

    def has_lost(self) -> None:
        """A connection of this child has ended."""
        self._tell()
        if self._resting and not self._is_ahead():
            self._go_on()

    def leave(self) -> None:
        """This child accepts no more."""
        self._has_left = True
        self._seat.leave()

    def _tell(self) -> None:
        if not self._has_left:
            self._seat.tell(self._reactor.admission.taken, self._accepted)

    def _is_ahead(self) -> bool:
        mine = self._reactor.admission.taken
        if mine < 2:
            return False
        others = self._seat.others()
        counted = [taken for other, (taken, accepted) in others.items() if self._stuck.get(other) != accepted]
        least = min(counted, default=mine)
        return mine > least + 1 + least // 32

    def _rest(self) -> None:
        for acceptor in self._acceptors:
            if acceptor.key.is_valid and acceptor.key.interest_ops == _ACCEPT:
                acceptor.key.interest_ops = 0
                self._resting.append(acceptor)
        if self._resting:
            self._looks, self._seen = 0, self._seat.others()
            self._reactor.call_later(_LOOK, self._look)

    def _look(self) -> None:
        if not self._resting:
            return
        others = self._seat.others()
        if any(others[other][1] != seen[1] for other, seen in self._seen.items() if other in others):
            self._looks, self._seen = 0, others
        self._looks += 1
        if self._looks >= _LOOKS:
            self._stuck = {other: accepted for other, (_, accepted) in others.items()}
        if self._is_ahead():
            self._reactor.call_later(_LOOK, self._look)
        else:
            self._go_on()

    def _go_on(self) -> None:
        resting, self._resting = self._resting, []
        for acceptor in resting:
            acceptor.resume()
