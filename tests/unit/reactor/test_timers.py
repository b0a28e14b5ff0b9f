from __future__ import annotations

import random
import threading
import weakref
from collections import deque

import pytest

from nio.reactor import Reactor, Timer
from nio.reactor.loop._owner import Owner
from nio.reactor.loop._timers import TimerQueue
from tests.unit.reactor.support import START, Kernel, World


def timer_queue() -> TimerQueue:
    return TimerQueue(Owner(threading.get_ident))


def kept(queue: TimerQueue) -> int:
    return len(queue.heap) + len(queue.new)


def fire(timer: Timer) -> None:
    call = timer.take()
    if call is not None:
        call[0](*call[1])


def fire_all(queue: TimerQueue, now: int) -> None:
    due: deque[Timer] = deque()
    queue.take_due(now, due)
    for timer in due:
        fire(timer)


def test_a_timer_fires_once_with_its_arguments() -> None:
    queue, calls = timer_queue(), list[tuple[object, ...]]()
    timer = queue.schedule(10, lambda *args: calls.append(args), 1, "two")
    assert timer.is_active
    assert timer.when == 10
    fire_all(queue, 10)
    fire_all(queue, 99)
    fire(timer)
    assert calls == [(1, "two")]
    assert not timer.is_active


def test_the_earliest_fires_first_and_only_what_is_due() -> None:
    queue, calls = timer_queue(), list[int]()
    for when in (30, 10, 20, 40):
        queue.schedule(when, calls.append, when)
    fire_all(queue, 9)
    assert calls == []
    assert queue.next_due() == 10
    fire_all(queue, 30)
    assert calls == [10, 20, 30]
    assert len(queue) == 1
    assert queue.next_due() == 40


def test_G10_equal_deadlines_fire_in_the_order_they_were_made() -> None:
    queue, calls = timer_queue(), list[int]()
    for number in range(100):
        queue.schedule(5, calls.append, number)
    fire_all(queue, 5)
    assert calls == list(range(100))


def test_a_cancelled_timer_is_not_counted_and_never_fires() -> None:
    queue, calls = timer_queue(), list[int]()
    first, second = queue.schedule(1, calls.append, 1), queue.schedule(2, calls.append, 2)
    first.cancel()
    assert not first.is_active
    assert len(queue) == 1
    assert queue.next_due() == 2
    fire_all(queue, 5)
    assert calls == [2]
    assert queue.next_due() is None
    assert len(queue) == 0
    second.cancel()
    assert len(queue) == 0


def test_a_cancelled_timer_lets_go_of_its_arguments() -> None:
    class Big:
        pass

    for end in (lambda timer: timer.cancel(), fire):
        big = Big()
        timer, kept = timer_queue().schedule(1, print, big), weakref.ref(big)
        del big
        assert kept() is not None
        end(timer)
        assert kept() is None


def test_G11_cancel_twice_after_firing_and_from_its_own_callback() -> None:
    queue, calls = timer_queue(), list[Timer]()

    def fired() -> None:
        own.cancel()
        calls.append(own)

    own = queue.schedule(1, fired)
    fire_all(queue, 1)
    own.cancel()
    own.cancel()
    other = queue.schedule(2, fired)
    other.cancel()
    other.cancel()
    assert calls == [own]
    assert len(queue) == 0


def test_G11_a_timer_cancelled_by_an_earlier_one_of_the_same_batch_does_not_fire() -> None:
    queue, calls = timer_queue(), list[str]()
    timers: list[Timer] = []
    queue.schedule(1, lambda: timers[0].cancel())
    timers.append(queue.schedule(1, calls.append, "cancelled"))
    queue.schedule(1, calls.append, "stays")
    fire_all(queue, 1)
    assert calls == ["stays"]
    assert len(queue) == 0


def test_G06_cancelled_timers_do_not_pile_up() -> None:
    queue, live = timer_queue(), list[Timer]()
    chance = random.Random(6)
    for number in range(20_000):
        timer = queue.schedule(chance.randrange(1 << 40), print)
        if number % 200 == 0:
            live.append(timer)
        else:
            timer.cancel()
        assert kept(queue) <= 2 * len(queue) + 65  # the timer just made may be dead
    assert len(queue) == len(live) == 100
    due: deque[Timer] = deque()
    queue.take_due(1 << 40, due)
    assert [timer.when for timer in due] == sorted(timer.when for timer in live)


def test_G06_a_sweep_keeps_order_and_count() -> None:
    queue, calls = timer_queue(), list[int]()
    timers = [queue.schedule(when % 7, calls.append, when) for when in range(700)]
    for when, timer in enumerate(timers):
        if when % 5:
            timer.cancel()
    assert len(queue) == 140
    fire_all(queue, 6)
    assert calls == sorted(range(0, 700, 5), key=lambda when: when % 7)


def test_a_random_history_agrees_with_a_sorted_list() -> None:
    chance = random.Random(42)
    queue, calls = timer_queue(), list[int]()
    model: dict[int, tuple[int, Timer]] = {}  # number -> when; a dict keeps the order of making
    now = 0
    for number in range(5000):
        act = chance.randrange(10)
        if act < 6:
            when = now + chance.randrange(50)
            model[number] = (when, queue.schedule(when, calls.append, number))
        elif act < 8 and model:
            model.pop(chance.choice(list(model)))[1].cancel()
        else:
            now += chance.randrange(10)
            due = sorted((when, index) for index, (when, _) in model.items() if when <= now)
            fire_all(queue, now)
            assert calls == [index for _, index in due]
            calls.clear()
            for _, index in due:
                del model[index]
        assert len(queue) == len(model)
        assert queue.next_due() == min((when for when, _ in model.values()), default=None)


def test_timers_are_equal_to_themselves_alone() -> None:
    one, other = timer_queue(), timer_queue()
    timers = [queue.schedule(5, print, "x") for queue in (one, one, other, other)]
    for queue in (one, other):
        timers.append(queue.repeat(5, 1, print, "x"))

    def tell_apart() -> None:
        for index, timer in enumerate(timers):
            assert [timer == other for other in timers] == [number == index for number in range(len(timers))]
            assert timers.index(timer) == index
            assert hash(timer) == object.__hash__(timer)
            assert repr(timer) == object.__repr__(timer)
        assert len(set(timers)) == len(timers)

    tell_apart()
    assert one.next_due() == other.next_due() == 5
    tell_apart()
    for queue in (one, other):
        fire_all(queue, 5)
    tell_apart()
    for timer in timers:
        timer.cancel()
    tell_apart()


@pytest.mark.parametrize("already", [0, 3, 1000])
@pytest.mark.parametrize("count", [1, 16, 17, 18, 200])
def test_few_and_many_that_are_new_come_among_those_that_wait(already: int, count: int) -> None:
    chance = random.Random(already + count)
    queue, calls, model = timer_queue(), list[int](), list[tuple[int, int]]()
    for number in range(already + count):
        when = chance.randrange(100)
        timer = queue.schedule(when, calls.append, number)
        if number % 3:
            model.append((when, number))
        else:
            timer.cancel()
        if number == already - 1:
            assert queue.next_due() == min(model)[0]  # these stand on the heap now
    assert len(queue) == len(model)
    assert queue.next_due() == min(model, default=(None, 0))[0]
    fire_all(queue, 100)
    assert calls == [number for _, number in sorted(model)]
    assert kept(queue) == len(queue) == 0


def test_the_first_is_asked_for_between_all_that_can_change_it() -> None:
    queue, calls = timer_queue(), list[int]()
    late = queue.schedule(50, calls.append, 50)
    assert queue.next_due() == queue.next_due() == 50
    first, second = (queue.schedule(when, calls.append, when) for when in (10, 20))
    assert queue.next_due() == queue.next_due() == 10
    first.cancel()
    assert queue.next_due() == queue.next_due() == 20
    fire_all(queue, 20)
    assert not second.is_active
    assert queue.next_due() == 50
    queue.sweep()
    assert queue.next_due() == 50
    late.cancel()
    assert queue.next_due() is None
    assert queue.next_due() is None
    assert calls == [20]


class Waiting:
    """What has a deadline."""

    def __init__(self) -> None:
        self.came = 0

    def deadline_has_come(self) -> None:
        self.came += 1


def test_nothing_is_due_before_what_a_queue_of_deadlines_says() -> None:
    queue, waiting = timer_queue(), [Waiting() for _ in range(4)]
    late, first, second, last = (queue.expect(when, one) for when, one in zip((50, 10, 20, 60), waiting, strict=True))
    assert queue.next_due() == 10
    earlier = queue.expect(5, waiting[1])
    assert queue.next_due() == 5
    earlier.cancel()
    earlier.cancel()
    first.cancel()
    assert len(queue) == 3
    fire_all(queue, 5)  # one look for nothing, and all is exact again
    assert queue.next_due() == 20
    fire_all(queue, 20)
    assert not second.is_active
    assert queue.next_due() == 50
    fire_all(queue, 60)
    assert [one.came for one in waiting] == [1, 0, 1, 1]
    assert not late.is_active
    assert not last.is_active
    assert kept(queue) == len(queue) == 0


def test_a_deadline_that_is_cancelled_while_it_fires_does_not() -> None:
    queue, waiting = timer_queue(), Waiting()
    deadline = queue.expect(10, waiting)
    due: deque[Timer] = deque()
    queue.take_due(10, due)
    deadline.cancel()
    fire(deadline)
    assert not waiting.came
    assert kept(queue) == len(queue) == queue.dead == 0


def test_many_that_are_cancelled_by_the_first_of_their_batch_are_counted_once() -> None:
    queue, calls = timer_queue(), list[int]()
    waiting = queue.schedule(200, calls.append, 200)
    due: deque[Timer] = deque()
    for number in range(300):
        queue.schedule(100, calls.append, number)
    queue.take_due(100, due)
    for timer in [*due][1:]:
        timer.cancel()
    assert len(queue) == kept(queue) == 1
    for timer in due:
        fire(timer)
    assert calls == [0]
    assert queue.next_due() == waiting.when


def test_cancelled_deadlines_do_not_pile_up() -> None:
    queue = timer_queue()
    kept_alive = queue.expect(7, Waiting())
    assert queue.next_due() == 7
    for when in range(1000):
        queue.expect(1000 + when, Waiting()).cancel()
        assert kept(queue) < 100
    assert queue.next_due() == 7
    assert kept_alive.is_active
    assert len(queue) == 1


# on a reactor


def test_G03_a_timer_is_never_early() -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        calls: list[int] = []
        reactor.call_later(0.5, lambda: calls.append(kernel.now))
        kernel.now += 499_999_999
        assert reactor.turn(0).timers == 0
        assert calls == []
        kernel.now += 1
        assert reactor.turn(0).timers == 1
        assert calls == [START + 500_000_000]


def test_call_at_takes_the_clock_s_own_nanoseconds() -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        calls: list[str] = []
        assert reactor.call_at(START + 5, calls.append, "x").when == START + 5
        kernel.now = START + 4
        reactor.turn(0)
        assert calls == []
        kernel.now = START + 5
        reactor.turn(0)
        assert calls == ["x"]


def test_G02_a_timer_costs_at_most_two_turns() -> None:
    kernel = Kernel(real_time=True)
    with Reactor.open(provider=kernel) as reactor:
        for delay in (0.0001, 0.0011, 0.003, 0.0101):
            fired: list[bool] = []

            def fire(fired: list[bool] = fired) -> None:
                fired.append(True)
                reactor.wakeup()  # the turn that runs the timer selects after it

            reactor.call_later(delay, fire)
            turns = 0
            while not fired:
                reactor.turn()
                turns += 1
            assert turns <= 2


def test_the_reactor_sleeps_until_the_next_timer_or_the_timeout_whichever_comes_first() -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        reactor.wakeup()  # so that nothing below really sleeps
        reactor.turn(7)
        timer = reactor.call_later(2, print)
        reactor.wakeup()
        reactor.turn()
        reactor.wakeup()
        reactor.turn(1)
        kernel.now += 1_500_000_000
        reactor.wakeup()
        reactor.turn(1)
        timer.cancel()
        reactor.wakeup()
        reactor.turn()
        assert kernel.waits == [7, 2, 1, 0.5, None]


def test_a_timer_that_became_due_during_the_turn_s_own_timers_is_not_slept_on() -> None:
    kernel = Kernel()

    def late() -> None:
        reactor.call_later(1, print)
        kernel.now += 2_000_000_000

    with Reactor.open(provider=kernel) as reactor:
        reactor.call_later(0, late)
        reactor.turn()
        assert kernel.waits == [0]


def test_G09_a_timer_without_delay_that_sets_itself_again_runs_once_a_turn_and_starves_nobody() -> None:
    calls: list[int] = []
    with World() as world:

        def again() -> None:
            calls.append(1)
            world.reactor.call_later(0, again)

        peer = world.connect()
        again()
        for turn in range(1, 5):
            world.reactor.turn(0)
            assert len(calls) == turn + 1
        peer.send(b"ann\n")
        assert peer.read(10) == b"Hello ann\n"


def test_G07_a_timer_that_raises_does_not_cost_the_others() -> None:
    kernel = Kernel()
    with Reactor.open(provider=kernel) as reactor:
        calls: list[int] = []
        reactor.call_later(0, calls.append, 1)
        reactor.call_later(0, lambda: 1 // 0)
        reactor.call_later(0, calls.append, 2)
        assert reactor.turn(0).timers == 3
        assert calls == [1, 2]
