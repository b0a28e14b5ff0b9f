"""The gate: handshakes are a few steps in each turn, and who waits there may be written to, finished and gone."""

from __future__ import annotations

from nio.reactor import CloseReason, Needs
from tests.unit.reactor.support import World
from tests.unit.tls.support import Client, Hello, Pki, crowd, over


def test_L07_a_storm_of_handshakes_does_not_starve_who_is_there(pki: Pki) -> None:
    """Twelve hellos come in one turn, two steps are taken in each; whoever is established is served in each, too."""
    with World(over(pki.server(handshakes_per_turn=2), Hello)) as world:
        client = Client(world, pki.client()).shake()
        client.ask(b"ann")
        storm = crowd(world, pki, 12)
        for _ in range(5):
            client.send(b"bob\n")
            world.turns(1)
            client.pull()
            assert client.tls.read(100) == b"Hello bob\n"  # in one turn, not behind the storm
        for each in storm:
            each.pull()
        assert 2 <= sum(bool(each.incoming.pending) for each in storm) <= 10
        for each in storm:
            each.shake().ask(b"carl")


def test_who_waits_at_the_gate_may_be_written_to(pki: Pki) -> None:
    class Early(Hello):
        def on_open(self) -> None:
            self.send(b"welcome")

    with World(over(pki.server(handshakes_per_turn=1), Early)) as world:
        clients = crowd(world, pki, 5)
        world.turns(1)
        for handler in world.handlers:
            handler.send(b"again")
        world.turns(1)
        for client in clients:
            assert client.shake().read(14) == b"welcome\nagain\n"
            client.ask(b"ann")


def test_who_waits_at_the_gate_may_be_finished_with(pki: Pki) -> None:
    with World(over(pki.server(handshakes_per_turn=1), Hello)) as world:
        clients = crowd(world, pki, 4)
        world.turns(1)
        for handler in world.handlers:
            handler.finish()
        for client in clients:
            client.peer.read_to_end()
        for client in clients:
            client.peer.close()
        world.until(lambda: world.closed() == {CloseReason.LOCAL: 4})
        Client(world, pki.client()).shake().ask(b"ann")


def test_a_drain_with_a_crowd_at_the_gate(pki: Pki) -> None:
    with World(over(pki.server(handshakes_per_turn=1), Hello)) as world:
        served = Client(world, pki.client()).shake()
        served.send(b"ann\n")
        clients = crowd(world, pki, 5)
        world.turns(1)
        world.reactor.stop(drain=5)
        assert served.read(10) == b"Hello ann\n"
        for client in clients:
            client.peer.read_to_end()
            client.peer.close()
        served.peer.close()
        world.until(lambda: not world.reactor.statistics().open)
        assert world.closed() == {CloseReason.DRAIN: 6}


def test_who_waits_at_the_gate_may_be_gone_when_its_turn_comes(pki: Pki) -> None:
    with World(over(pki.server(handshakes_per_turn=1), Hello)) as world:
        storm = crowd(world, pki, 5)
        world.turns(1)
        for handler in world.handlers[1:4]:
            handler.close()
            handler.carry_on()  # its turn may have come a moment ago
        storm[4].shake().ask(b"ann")
        assert world.closed() == {CloseReason.LOCAL: 3}


def test_who_goes_while_it_waits_at_the_gate_takes_nobody_s_step(pki: Pki) -> None:
    """Else a peer that says hello and resets, again and again, fills the gate with connections that are long closed."""
    with World(over(pki.server(handshakes_per_turn=1), Hello)) as world:
        storm = crowd(world, pki, 6)
        world.turns(1)
        waiting = [index for index, each in enumerate(world.handlers) if each.carrier.needs == Needs.WAITS]
        assert len(waiting) >= 4
        for index in waiting[:-1]:
            world.handlers[index].close()
        last = storm[waiting[-1]]
        world.turns(1)
        assert last.pull()
        last.shake().ask(b"ann")
