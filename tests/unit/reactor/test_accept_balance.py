"""A child of Prefork that has more connections than another one leaves the next ones to that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.reactor import Acceptor
from nio.reactor.groups._accept_balance import Seats
from nio.reactor.groups._child import ChildReactor, Plan
from tests.faults.helpers import Client
from tests.unit.reactor.group_support import dial
from tests.unit.reactor.support import Greeter, Kernel

ACCEPT = int(SelectionKey.OP_ACCEPT)
LOOK = 0.001


class Family:
    """A child's reactor that this test turns, on a clock that stands still, and the seat of a brother."""

    def __init__(self, limit: int | None = None) -> None:
        self.kernel = Kernel()
        self.seats = Seats(self.kernel, 4)
        self.brother = self.seats.take()
        self.seat = self.seats.take()
        plan = Plan(self.kernel, None, 0, limit, 0.0)
        self.acceptor = Acceptor(Greeter, accepts_per_turn=1)
        self.reactor = ChildReactor(plan, lambda word, drain: None, self.seat, [self.acceptor])
        self.balance = self.reactor.balance
        self.listener = ServerSocketChannel.open(provider=self.kernel).bind(("127.0.0.1", 0))
        self.reactor.register(self.listener, ACCEPT, self.acceptor)
        self.clients: list[Client] = []

    def accept(self, count: int = 1) -> None:
        for _ in range(count):
            self.clients.append(dial(self.listener))
            self.reactor.turn(0)

    def wait(self, looks: int) -> None:
        for _ in range(looks):
            self.kernel.now += round(LOOK * 1e9)
            self.reactor.turn(0)

    @property
    def is_waiting(self) -> bool:
        return self.acceptor.key.interest_ops == ACCEPT

    def taken(self) -> int:
        return self.reactor.admission.taken

    def close(self) -> None:
        self.reactor.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def family() -> Iterator[Family]:
    family = Family()
    yield family
    family.close()


def test_who_is_ahead_waits_for_no_more_until_the_others_have_caught_up(family: Family) -> None:
    family.brother.tell(0, 0)
    family.accept()
    assert family.is_waiting  # one more than the other is nothing
    family.accept()
    assert not family.is_waiting
    family.accept()
    assert family.taken() == 2  # the third is for the brother
    family.brother.tell(1, 1)
    family.wait(1)
    family.reactor.turn(0)
    assert family.taken() == 3
    assert not family.is_waiting
    family.brother.tell(9, 9)
    family.wait(1)
    family.accept(5)
    assert family.taken() == 8
    assert family.is_waiting


def test_the_more_there_are_the_more_one_may_have_ahead(family: Family) -> None:
    family.brother.tell(64, 64)
    family.reactor.admission.taken = 66
    family.accept()
    assert family.is_waiting
    family.accept()
    assert not family.is_waiting


def test_an_end_of_its_own_lets_it_wait_again_at_once(family: Family) -> None:
    family.brother.tell(0, 0)
    family.accept(2)
    assert not family.is_waiting
    family.clients.pop().close()
    while family.taken() == 2:
        family.reactor.turn(None)
    assert family.is_waiting
    family.wait(3)  # the look that was planned finds nothing to do
    assert family.is_waiting


def test_others_that_accept_nothing_are_not_counted_until_they_do(family: Family) -> None:
    family.brother.tell(0, 7)
    family.accept(2)
    family.wait(9)
    assert not family.is_waiting
    family.wait(1)
    assert family.is_waiting
    family.accept(5)
    assert family.taken() == 7
    assert family.is_waiting
    family.brother.tell(1, 8)
    family.accept()
    assert not family.is_waiting


def test_while_others_accept_it_has_patience(family: Family) -> None:
    family.brother.tell(0, 0)
    family.accept(4)
    for accepted in range(1, 5):
        family.brother.tell(0, accepted)  # its connections are short
        family.wait(8)
        assert not family.is_waiting
    family.wait(2)
    assert family.is_waiting


def test_who_has_gone_is_not_counted(family: Family) -> None:
    third = family.seats.take()
    third.tell(5, 5)
    family.brother.tell(0, 0)
    family.accept(2)
    assert not family.is_waiting
    family.seats.give_back(family.brother)
    family.wait(1)
    assert family.is_waiting


def test_one_without_others_takes_all(family: Family) -> None:
    family.accept(5)
    assert family.is_waiting


def test_after_it_has_left_it_is_counted_no_longer(family: Family) -> None:
    family.accept()
    assert family.brother.others() == {family.seat.place: (1, 1)}
    family.balance.leave()
    assert family.brother.others() == {}
    family.clients[0].close()
    while family.taken():
        family.reactor.turn(None)
    assert family.brother.others() == {}


def test_a_listener_that_was_closed_or_told_to_wait_stays_so(family: Family) -> None:
    family.brother.tell(0, 0)
    family.accept()
    family.acceptor.key.interest_ops = 0
    family.balance.has_accepted()
    family.reactor.admission.taken += 1
    family.balance.has_accepted()
    family.reactor.admission.taken -= 1
    family.brother.tell(9, 9)
    family.wait(2)
    assert not family.is_waiting
    family.acceptor.resume()
    family.brother.tell(0, 9)
    family.accept(2)
    family.acceptor.close()
    family.wait(12)
    assert not family.acceptor.key.is_valid


def test_a_child_for_which_no_seat_is_free_is_alone(family: Family) -> None:
    family.seat.tell(3, 3)
    seats = [family.seats.take() for _ in range(3)]
    for seat in seats:
        seat.tell(1, 1)
    assert [len(seat.others()) for seat in seats] == [2, 2, 0]
    assert len(family.brother.others()) == 3
    for seat in reversed(seats):
        family.seats.give_back(seat)
    assert [family.seats.take() for _ in range(2)] == seats[:2]


def test_I07_who_is_full_waits_for_no_more_before_another_connection_wakes_it() -> None:
    family = Family(limit=2)
    family.accept()
    assert family.is_waiting
    family.accept()
    assert not family.is_waiting
    family.close()
