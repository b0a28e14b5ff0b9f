"""The buttons: the loop is held, makes one turn, is slow; clients are played."""

from __future__ import annotations

import socket
import threading

import pytest

from nio.errors import IllegalArgumentError
from nio.inspector import _site, inspect
from nio.inspector._gate import Gate
from nio.inspector._inject import Puppet
from nio.reactor import Reactor
from nio.spi import SelectorProvider
from nio.trace import TracingProvider
from tests.helpers import until
from tests.unit.inspector.support import Server, serving


def turns(server: Server) -> int:
    return server.reactor.statistics().turns


def test_a_loop_is_held_between_two_turns_and_goes_on() -> None:
    with serving("teach") as server, server.events() as events, server.client() as client:
        events.until(lambda tick: len(tick["keys"]) == 2)
        assert server.do("pause").status == 200
        assert events.until(lambda tick: tick["held"])["control"] is True
        client.sendall(b"Ann\n")
        server.reactor.wakeup()  # the turn under way ends, and the next one does not begin
        client.settimeout(0.2)
        seen = b""
        try:
            seen = client.recv(100)  # by the turn that was under way
            client.sendall(b"Bob\n")
            with pytest.raises(TimeoutError):
                client.recv(100)
        except TimeoutError:
            pass
        assert server.do("resume").status == 200
        client.settimeout(10)
        wanted = b"Hello Bob\n" if seen else b"Hello Ann\n"
        assert client.recv(100) == wanted


def test_one_turn_at_a_time() -> None:
    with serving("teach") as server, server.events() as events:
        assert server.do("step").status == 200
        events.until(lambda tick: tick["held"])
        server.reactor.wakeup()
        before = turns(server)
        for _ in range(3):
            server.reactor.wakeup()
            assert server.do("step").status == 200
        until(lambda: turns(server) > before)
        assert server.do("slow").status == 200
        assert events.until(lambda tick: tick["slow"])
        assert server.do("resume").status == 200
        assert server.greets()
        assert server.do("dance").status == 404


def test_the_loop_goes_on_when_the_last_page_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_site, "_GRACE", 0.05)
    with serving("teach") as server:
        with server.events() as events:
            server.do("pause")
            events.until(lambda tick: tick["held"])
            server.reactor.wakeup()
        assert server.greets()


def test_the_loop_goes_on_when_the_page_is_closed() -> None:
    with serving("teach") as server:
        server.do("pause")
        server.reactor.wakeup()
        server.page.close()
        assert server.greets()


def test_a_gate_counts_steps() -> None:
    gate = Gate(SelectorProvider.default())
    passed: list[int] = []
    gate.hold()

    def loop() -> None:
        for number in range(3):
            gate.pass_through()
            passed.append(number)

    thread = threading.Thread(target=loop)
    thread.start()
    gate.step()
    until(lambda: passed == [0])
    gate.step()
    until(lambda: passed == [0, 1])
    gate.open()
    thread.join(10)
    assert passed == [0, 1, 2]


def test_clients_are_played() -> None:
    with serving("teach") as server, server.events() as events:
        assert server.do("inject/fin").json == {"problem": "no client is connected"}
        assert server.do("inject/connect").status == 200
        events.until(lambda tick: tick["clients"] == 1 and tick["stats"]["open"] == 1)
        assert server.do("inject/send?text=Bob").status == 200
        events.until(lambda tick: (tick["stats"]["requests"], tick["stats"]["bytes_in"]) == (1, 4))
        assert server.do("inject/split?text=Christopher").status == 200
        events.until(lambda tick: (tick["stats"]["requests"], tick["stats"]["bytes_in"]) == (2, 16))
        assert server.do("inject/fin").status == 200
        events.until(lambda tick: tick["stats"]["closed"].get("PEER_FIN") == 1 and not tick["clients"])
        server.do("inject/connect")
        events.until(lambda tick: tick["clients"] == 1 and tick["stats"]["open"] == 1)
        assert server.do("inject/rst").status == 200
        events.until(lambda tick: tick["stats"]["closed"].get("PEER_RST") == 1)
        assert server.do("inject/20").status == 200
        assert events.until(lambda tick: tick["clients"] == 20)["stats"]
        events.until(lambda tick: tick["stats"]["requests"] == 22)
        assert server.do("inject/slow-reader?text=x").status == 200
        events.until(lambda tick: any(key["unsent"] for key in tick["keys"]))
        answer = server.do("inject/dance")
        assert (answer.status, answer.json["problem"]) == (409, "there is no 'dance' to inject")


def test_there_is_a_limit_to_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nio.inspector._inject.MOST", 1)
    with serving("teach") as server, server.events() as events:
        server.do("inject/connect")
        events.until(lambda tick: tick["clients"] == 1)
        assert server.do("inject/connect").json == {"problem": "1 clients are enough"}


def test_nobody_listens() -> None:
    provider = TracingProvider(level="teach")
    with Reactor.open(provider=provider) as reactor, inspect(reactor, say=str) as page:
        server = Server(page, reactor, provider, 0)
        assert server.do("inject/connect").json == {"problem": "nobody listens"}


def test_control_is_for_teach_on_loopback() -> None:
    provider = TracingProvider(level="io")
    with (
        Reactor.open(provider=provider) as reactor,
        pytest.raises(IllegalArgumentError, match="control is for level 'teach'"),
    ):
        inspect(reactor, control=True)
    with serving("teach", control=False) as server:
        assert server.do("pause").status == 403
    with serving("teach", host="::1") as server:
        assert server.do("slow").status == 200
    with serving("teach", host="0.0.0.0") as server:
        with socket.create_connection(("127.0.0.1", server.place[1]), 10) as sock:
            sock.sendall(server.request("/healthz", f"Host: 127.0.0.1:{server.place[1]}"))
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert server.ask("/do/pause", f"X-Nio-Token: {server.token}", method="POST").status == 403


def test_a_slow_reader_that_is_owed_much_asks_no_more() -> None:
    class Puppets:
        unsent = 1 << 20

    Puppet._ask_on(Puppets())  # type: ignore[arg-type]  # nothing else of it is looked at
