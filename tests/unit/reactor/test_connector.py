"""reactor.connect: a connection that stands, one that fails, one that nobody answers; names and their addresses."""

from __future__ import annotations

import errno
import socket
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.channels import SelectionKey, ServerSocketChannel
from nio.errors import (
    IllegalStateError,
    RejectedExecutionError,
    UnresolvedAddressError,
    UnsupportedAddressTypeError,
)
from nio.reactor import (
    Acceptor,
    Backoff,
    CloseReason,
    State,
    StreamHandler,
)
from nio.reactor.handlers._targets import in_turns
from nio.spi import ProtocolFamily
from tests.unit.reactor.connecting import INET, INET6, Desk, Dialer, listener, refusing, silence, taken
from tests.unit.reactor.support import PATIENCE, Greeter, in_a_thread


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


def test_open_comes_when_the_connection_stands(desk: Desk) -> None:
    with listener() as server:
        dialer = Dialer()
        connecting = desk.reactor.connect(server.getsockname(), dialer)
        assert (connecting.is_pending, dialer.diary) == (True, [])
        desk.settled(connecting)
        assert dialer.diary == [server.getsockname()]
        assert (connecting.handler, connecting.reason, connecting.error) == (dialer, None, None)
        assert desk.reactor._registry.all() == (dialer,)  # and not its attempt
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            desk.until(lambda: b"hello" in dialer.diary)
            assert dialer.write(b"you too")
            desk.turns()
            peer.settimeout(PATIENCE)
            assert peer.recv(100) == b"you too"
        desk.until(lambda: dialer.state is State.CLOSED)
    assert dialer.diary[-1] is CloseReason.PEER_FIN
    statistics = desk.reactor.statistics()
    assert (statistics.connections, statistics.open) == (1, 0)
    assert desk.reactor.admission.taken == 0


def test_records_on_both_ends(workers: int) -> None:
    """A StreamHandler needs no changed line, whether it accepts or connects."""

    class Guest(Greeter):
        def on_open(self) -> None:
            self.send(b"Ann")

    with Desk(workers) as desk, ServerSocketChannel.open(provider=desk.kernel).bind(("127.0.0.1", 0)) as server:
        desk.reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Greeter))
        guest = Guest()
        desk.reactor.connect(("127.0.0.1", server.port or 0), guest)
        desk.until(lambda: getattr(guest, "seen", None))
        assert guest.seen[0] == b"Hello Ann"


def test_B13_refusal_ends_with_its_reason_and_error(desk: Desk) -> None:
    address = refusing()
    dialer = Dialer()
    connecting = desk.settled(desk.reactor.connect(address, dialer))
    assert dialer.diary == [CloseReason.CONNECT_FAILED]
    assert isinstance(dialer.close_error, ConnectionRefusedError)
    assert repr(address) in str(dialer.close_error)
    assert (connecting.reason, connecting.error) == (CloseReason.CONNECT_FAILED, dialer.close_error)
    assert dialer.close_error.__traceback__ is None  # it would keep the frames of the attempt
    assert desk.reactor.statistics().connections == 0


def test_B13_silence_ends_when_the_time_is_over_and_not_before(desk: Desk) -> None:
    with silence() as address:
        dialer = Dialer()
        connecting = desk.reactor.connect(address, dialer, timeout=5.0)
        desk.turns()
        desk.advance(4.9)
        assert (connecting.is_pending, dialer.diary) == (True, [])
        desk.advance(0.2)
        assert dialer.diary == [CloseReason.CONNECT_TIMEOUT]
        assert isinstance(dialer.close_error, TimeoutError)
        assert "in 5.0 s" in str(dialer.close_error)
        assert not desk.trying()


@pytest.mark.usefixtures("no_collector")
def test_K05_connect_that_is_over_is_freed_without_the_collector(desk: Desk) -> None:
    with listener() as server:
        for address in (server.getsockname(), refusing()):
            gone = weakref.ref(desk.settled(desk.reactor.connect(address, Dialer)))
            desk.turns()
            assert gone() is None


def test_without_a_timeout_it_waits_for_ever(desk: Desk) -> None:
    with silence() as address:
        connecting = desk.reactor.connect(address, Dialer(), timeout=None)
        desk.turns()
        desk.advance(1_000_000)
        assert connecting.is_pending


def test_half_open_server_ends_by_idle_time(desk: Desk) -> None:
    """It accepts and never says anything."""
    with listener() as server:
        dialer = Dialer()
        desk.settled(desk.reactor.connect(server.getsockname(), dialer))
        desk.advance(59)
        assert dialer.state is State.READING
        desk.advance(2)
        assert dialer.diary[1:] == [CloseReason.IDLE_TIMEOUT]


def test_reset_right_behind_the_connect(desk: Desk) -> None:
    with listener() as server:
        dialer = Dialer()
        connecting = desk.reactor.connect(server.getsockname(), dialer)
        desk.turns(1)  # it begins
        peer, _ = server.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        desk.settled(connecting)
        desk.until(lambda: dialer.state is State.CLOSED)
        assert dialer.diary[-1] in (CloseReason.PEER_RST, CloseReason.CONNECT_FAILED)
        assert isinstance(dialer.close_error, ConnectionResetError)


# names


def test_name_is_resolved_in_another_thread_and_all_its_addresses_are_tried(desk: Desk) -> None:
    with listener() as server:
        port = server.getsockname()[1]
        desk.kernel.names["db.example"] = [(INET6, refusing(socket.AF_INET6)), (INET, ("127.0.0.1", port))]
        dialer = Dialer()
        desk.settled(desk.reactor.connect(("db.example", port), dialer))
        assert dialer.diary == [("127.0.0.1", port)]
    [(host, asked, thread)] = desk.kernel.asked
    assert (host, asked) == ("db.example", port)
    assert thread != threading.get_ident()


def test_second_address_starts_after_250_ms_and_the_loser_is_closed(desk: Desk) -> None:
    with silence(socket.AF_INET6) as mute, listener() as server:
        desk.kernel.names["db.example"] = [(INET6, mute), (INET, server.getsockname())]
        dialer = Dialer()
        connecting = desk.reactor.connect(("db.example", 1), dialer)
        desk.until(desk.trying)
        desk.advance(0.24)
        assert [address and address[:2] for address in desk.trying()] == [mute]
        desk.advance(0.02)
        desk.settled(connecting)
        assert dialer.diary == [server.getsockname()]
        desk.turns()
        assert [key.attachment for key in desk.reactor._selector.keys] == [dialer]


def test_last_address_fails_while_an_earlier_one_is_under_way(desk: Desk) -> None:
    with silence() as mute:
        desk.kernel.names["db.example"] = [(INET, mute), (INET, refusing())]
        connecting = desk.reactor.connect(("db.example", 1), Dialer())
        desk.until(desk.trying)
        desk.advance(0.3)
        desk.turns(10)
        assert (connecting.is_pending, desk.trying()) == (True, [mute])


def test_families_take_turns() -> None:
    six, four = [(INET6, (f"::{n}", 1)) for n in range(3)], [(INET, (f"10.0.0.{n}", 1)) for n in range(2)]
    assert in_turns([*six, *four]) == [six[0], four[0], six[1], four[1], six[2]]
    assert in_turns([four[0], *six, four[0], four[1]]) == [four[0], six[0], four[1], six[1], six[2]]
    assert in_turns([]) == []


def test_error_of_the_first_address_names_the_others(desk: Desk) -> None:
    with taken() as first, taken() as second:
        desk.kernel.names["db.example"] = [(INET, first), (INET, second)]
        error = desk.settled(desk.reactor.connect(("db.example", 1), Dialer())).error
    assert repr(first) in str(error)
    assert error is not None
    assert [repr(second) in note for note in error.__notes__] == [True]


def test_time_out_names_the_addresses_that_failed_before(desk: Desk) -> None:
    gone = refusing()
    with silence() as mute:
        desk.kernel.names["db.example"] = [(INET, gone), (INET, mute)]
        connecting = desk.reactor.connect(("db.example", 1), Dialer())
        desk.until(lambda: desk.trying() == [mute])
        desk.advance(31)
        assert connecting.reason is CloseReason.CONNECT_TIMEOUT
        assert connecting.error is not None
        assert repr(gone) in connecting.error.__notes__[0]


@pytest.mark.parametrize("found", [socket.gaierror(socket.EAI_NONAME, "unknown"), []], ids=["unknown", "no address"])
def test_name_without_an_address(desk: Desk, found: socket.gaierror | list[object]) -> None:
    desk.kernel.names["db.example"] = found  # type: ignore[assignment]
    connecting = desk.settled(desk.reactor.connect(("db.example", 1), Dialer))
    assert connecting.reason is CloseReason.CONNECT_FAILED
    assert isinstance(connecting.error, OSError)


def test_resolver_that_hangs_costs_the_time_out_and_its_late_answer_nothing(desk: Desk) -> None:
    release, answered = threading.Event(), threading.Event()

    def late() -> list[tuple[ProtocolFamily, tuple[str, int]]]:
        assert release.wait(PATIENCE)
        answered.set()
        return [(INET, refusing())]

    desk.kernel.names["db.example"] = late  # type: ignore[assignment]
    dialer = Dialer()
    desk.reactor.connect(("db.example", 1), dialer, timeout=1.0)
    desk.until(lambda: desk.kernel.asked)
    desk.advance(1.1)
    assert dialer.diary == [CloseReason.CONNECT_TIMEOUT]
    release.set()
    assert answered.wait(PATIENCE)
    desk.turns(10)
    assert len(dialer.diary) == 1


def test_resolver_that_takes_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise RejectedExecutionError("full")

    monkeypatch.setattr("nio.executors.WorkerPool.execute", full)
    connecting = desk.settled(desk.reactor.connect(("db.example", 1), Dialer))
    assert isinstance(connecting.error, RejectedExecutionError)


# what is refused, and what the system refuses


@pytest.mark.parametrize("address", [None, 80, "host:80".encode, ("127.0.0.1",), ["127.0.0.1", 80], (80, "127.0.0.1")])
def test_A12_what_is_no_address_is_refused_at_once(desk: Desk, address: object) -> None:
    with pytest.raises((UnsupportedAddressTypeError, TypeError)):
        desk.reactor.connect(address, Dialer)  # type: ignore[arg-type]


def test_A12_port_is_checked_before_the_name(desk: Desk) -> None:
    with pytest.raises(UnsupportedAddressTypeError, match="a port must be 0 to 65535"):
        desk.reactor.connect(("db.example", 65536), Dialer)


def test_what_is_no_handler_is_refused_at_once(desk: Desk) -> None:
    class Empty(StreamHandler):
        pass

    connect = desk.reactor.connect
    with pytest.raises(TypeError, match="takes a handler, or what makes one"):
        connect(("127.0.0.1", 1), 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Empty has no process"):
        connect(("127.0.0.1", 1), Empty)
    with pytest.raises(TypeError, match="Empty has no process"):
        connect(("127.0.0.1", 1), Empty())
    with pytest.raises(TypeError, match=r"a class: Dialer, not Dialer\(\)"):
        connect(("127.0.0.1", 1), Dialer(), retry=Backoff())
    with pytest.raises(TypeError, match="retry is a Backoff or None, not 3"):
        connect(("127.0.0.1", 1), Dialer, retry=3)  # type: ignore[arg-type]


def test_handler_that_has_a_channel_is_refused(desk: Desk) -> None:
    with listener() as server:
        dialer = Dialer()
        desk.settled(desk.reactor.connect(server.getsockname(), dialer))
        with pytest.raises(IllegalStateError, match="make one Dialer for each channel"):
            desk.reactor.connect(server.getsockname(), dialer)
        dialer.close()
        desk.turns()
        desk.settled(desk.reactor.connect(server.getsockname(), dialer))
        assert dialer.state is State.READING


def test_failed_handler_may_be_connected_again(desk: Desk) -> None:
    dialer = Dialer()
    desk.settled(desk.reactor.connect(refusing(), dialer))
    with listener() as server:
        desk.settled(desk.reactor.connect(server.getsockname(), dialer))
        assert (dialer.state, dialer.close_error) == (State.READING, None)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
def test_A01_no_descriptors_are_left(desk: Desk, code: int) -> None:
    desk.kernel.opens = [OSError(code, "none left")]
    connecting = desk.settled(desk.reactor.connect(("127.0.0.1", 1), Dialer))
    assert connecting.reason is CloseReason.CONNECT_FAILED
    assert isinstance(connecting.error, OSError)
    assert connecting.error.errno == code


def test_from_another_thread_is_refused_while_the_reactor_runs(desk: Desk) -> None:
    errors: list[BaseException] = []

    def elsewhere() -> None:
        try:
            desk.reactor.connect(("127.0.0.1", 1), Dialer)
        except IllegalStateError as error:
            errors.append(error)

    desk.reactor.execute(in_a_thread, elsewhere)
    desk.turns(1)
    assert "use execute" in str(errors[0])


# local


def test_local_address_is_bound_first(desk: Desk) -> None:
    port = refusing()[1]
    with listener() as server:
        desk.settled(desk.reactor.connect(server.getsockname(), Dialer, local=("127.0.0.1", port)))
        peer, address = server.accept()
        peer.close()
    assert address == ("127.0.0.1", port)


def test_local_address_of_another_family(desk: Desk) -> None:
    with pytest.raises(UnsupportedAddressTypeError):
        desk.reactor.connect(("127.0.0.1", 1), Dialer, local=("::1", 0))
    with pytest.raises(UnresolvedAddressError):
        desk.reactor.connect(("db.example", 1), Dialer, local=("my.example", 0))
    with pytest.raises(UnsupportedAddressTypeError):
        desk.reactor.connect(("db.example", 1), Dialer, local="/tmp/path")


def test_local_address_chooses_among_the_addresses_of_a_name(desk: Desk) -> None:
    with listener(socket.AF_INET6) as server:
        address = ("::1", server.getsockname()[1])
        desk.kernel.names["db.example"] = [(INET, refusing()), (INET6, address)]
        connecting = desk.settled(desk.reactor.connect(("db.example", 1), Dialer, local=("::1", 0)))
        assert connecting.reason is None
    with listener() as server4:
        desk.kernel.names["db.example"] = [(INET6, ("::1", 1)), (INET, server4.getsockname())]
        connecting = desk.settled(desk.reactor.connect(("db.example", 1), Dialer, local=("127.0.0.1", 0)))
        assert connecting.reason is None


# the Unix domain


def test_unix_domain(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "s"
    near = tmp_path / "near"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        dialer = Dialer()
        desk.settled(desk.reactor.connect(path, dialer, local=near))
        assert dialer.diary == [str(path)]
        peer, address = server.accept()
        peer.close()
    assert address == str(near)
    assert isinstance(desk.settled(desk.reactor.connect(path, Dialer)).error, ConnectionRefusedError)
    assert isinstance(desk.settled(desk.reactor.connect(tmp_path / "no", Dialer)).error, FileNotFoundError)


def test_unix_domain_server_whose_queue_is_full_is_asked_again(desk: Desk, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        desk.kernel.connects = [errno.EAGAIN]
        connecting = desk.reactor.connect(tmp_path / "s", Dialer)
        desk.turns()
        assert connecting.is_pending
        desk.advance(0.06)
        assert (connecting.is_pending, connecting.reason, connecting.attempts) == (False, None, 1)


def test_no_port_is_free_for_this_side(desk: Desk) -> None:
    """The kernel says EAGAIN then; to ask again would help nobody."""
    desk.kernel.connects = [errno.EAGAIN]
    assert isinstance(desk.settled(desk.reactor.connect(("127.0.0.1", 1), Dialer)).error, BlockingIOError)
