"""Descriptors and sockets of others under a reactor's handlers, given away again, and clients that leave meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nio.channels import DescriptorChannel, SelectionKey, SocketChannel
from nio.errors import ClosedChannelError, IllegalStateError, ProtocolError, RecordTooLongError
from nio.reactor import CloseReason, Connection, Handler, State
from tests.unit.reactor.connecting import Desk, Dialer
from tests.unit.reactor.support import PATIENCE, Echo, Gate, Greeter, Keeper, World, in_a_thread

READ, WRITE = SelectionKey.OP_READ, SelectionKey.OP_WRITE


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as desk:
        yield desk


def adopted(desk: Desk, fd: int, handler: Handler) -> None:
    desk.reactor.register(DescriptorChannel.adopt(fd, provider=desk.kernel), READ, handler)


def test_connection_on_a_childs_output(desk: Desk) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print('hello')"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    keeper = Keeper()
    adopted(desk, os.dup(child.stdout.fileno()), keeper)
    child.stdout.close()
    desk.until(lambda: keeper.reasons)
    assert (b"".join(keeper.got), keeper.reasons) == (b"hello\n", [CloseReason.PEER_FIN])
    assert child.wait(PATIENCE) == 0


def test_records_and_replies_on_a_terminal(desk: Desk) -> None:
    """Any descriptor with two directions will do; a socket is one, too."""
    near, far = socket.socketpair()
    with far:
        far.settimeout(PATIENCE)
        greeter = Greeter()
        adopted(desk, near.detach(), greeter)
        far.sendall(b"Ann\n")
        desk.until(lambda: greeter.seen)
        assert far.recv(100) == b"Hello Ann\n"
        far.shutdown(socket.SHUT_WR)
        desk.until(lambda: greeter.reasons)
        desk.turns()
        assert far.recv(100) == b""


def test_output_ends_at_once_when_it_is_finished(desk: Desk) -> None:
    reader, writer = os.pipe()
    keeper = Keeper()
    adopted(desk, writer, keeper)
    keeper.write(b"hello")
    keeper.finish()
    desk.until(lambda: keeper.reasons)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"hello"
    assert keeper.reasons == [CloseReason.LOCAL]


def test_reader_of_a_suspended_output_goes_away(desk: Desk) -> None:
    reader, writer = os.pipe()
    keeper = Keeper()
    adopted(desk, writer, keeper)
    desk.turns()
    keeper.suspend()
    desk.turns()
    os.close(reader)
    keeper.handle_fault()  # as the selector of Linux tells it
    assert keeper.reasons == [CloseReason.PEER_RST]
    assert isinstance(keeper.close_error, BrokenPipeError)


def test_drain_of_a_descriptor(desk: Desk) -> None:
    reader, writer = os.pipe()
    keeper = Keeper()
    adopted(desk, reader, keeper)
    os.write(writer, b"hello")
    desk.reactor.stop(drain=10)
    desk.reactor.run()
    os.close(writer)
    assert (keeper.got, keeper.reasons) == ([b"hello"], [CloseReason.DRAIN])


def test_adopted_socket_under_a_connection(desk: Desk) -> None:
    near, far = socket.socketpair()
    with far:
        echo = Echo()
        desk.reactor.register(SocketChannel.adopt(near, provider=desk.kernel), READ, echo)
        far.settimeout(PATIENCE)
        far.sendall(b"hello")
        desk.until(lambda: echo.got)
        assert far.recv(10) == b"hello"


# given away


class Switch(Connection):
    """Gives its socket away when it is told to."""

    def __init__(self) -> None:
        self.taken: list[socket.socket] = []
        self.reasons: list[CloseReason] = []

    def handle_data(self, data: bytes) -> None:
        self.taken.append(self.detach())

    def on_close(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


def test_connection_gives_its_socket_away(desk: Desk) -> None:
    near, far = socket.socketpair()
    with far:
        switch = Switch()
        desk.reactor.register(SocketChannel.adopt(near, provider=desk.kernel), READ, switch)
        far.sendall(b"go")
        desk.until(lambda: switch.taken)
        desk.turns()
        assert (switch.reasons, switch.state) == ([CloseReason.DETACHED], State.CLOSED)
        assert not desk.reactor._selector.keys
        with switch.taken[0] as sock:
            far.sendall(b"more")
            assert sock.recv(10) == b"more"
            with pytest.raises(ClosedChannelError):
                switch.detach()


def test_counted_connection_gives_its_place_back() -> None:
    with World(Switch) as world:
        peer = world.connect()
        peer.send(b"go")
        world.until(lambda: world.handler.taken)
        world.handler.taken[0].close()
        assert world.closed() == {CloseReason.DETACHED: 1}
        assert world.reactor.admission.taken == 0


def test_unsent_output_goes_first(desk: Desk) -> None:
    near, far = socket.socketpair()
    with far:
        keeper = Keeper()
        desk.reactor.register(SocketChannel.adopt(near, provider=desk.kernel), READ, keeper)
        keeper.write(b"x" * 1_000_000)
        with pytest.raises(IllegalStateError, match="bytes are not sent yet"):
            keeper.detach()
        assert keeper.state is not State.CLOSED
        while keeper.unsent:
            far.recv(1 << 20)
            desk.turns(1)
        keeper.detach().close()


def test_detach_belongs_to_the_reactors_thread(desk: Desk) -> None:
    near, far = socket.socketpair()
    errors: list[IllegalStateError] = []
    with far:
        plain = Handler()
        desk.reactor.register(SocketChannel.adopt(near, provider=desk.kernel), READ, plain)

        def elsewhere() -> None:
            try:
                plain.detach()
            except IllegalStateError as error:
                errors.append(error)

        desk.reactor.execute(in_a_thread, elsewhere)
        desk.turns(1)
        assert "use execute" in str(errors[0])
        plain.detach().close()


# a client that leaves while a worker has its record


class Asking(Greeter):
    """Asks whether its client has gone, before and after something happens."""

    gate: Gate
    answers: list[bool]

    def process(self, record: bytes) -> bytes:
        self.answers.append(self.peer_has_ended)
        self.gate()
        self.answers.append(self.peer_has_ended)
        return b"too late"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what was sent before hides the end")
@pytest.mark.parametrize("end", ["half_close", "reset", "close"])
def test_F09_worker_asks_whether_its_client_has_gone(end: str) -> None:
    Asking.gate, Asking.answers = Gate(), []
    with World(Asking, workers=1) as world, Asking.gate:
        peer = world.connect()
        peer.send(b"Ann\nand more")
        world.until(lambda: Asking.gate.begun.acquire(blocking=False))
        getattr(peer, end)()
        Asking.gate.release.set()
        world.until(lambda: len(Asking.answers) == 2)
        assert Asking.answers == [False, True]


def test_ended_connection_has_no_peer(desk: Desk, tmp_path: Path) -> None:
    dialer = Dialer()
    desk.settled(desk.reactor.connect(tmp_path / "no", dialer))
    assert dialer.peer_has_ended
    near, far = socket.socketpair()
    with far:
        keeper = Keeper()
        desk.reactor.register(SocketChannel.adopt(near, provider=desk.kernel), READ, keeper)
        asked: list[bool] = []
        thread = threading.Thread(target=lambda: asked.append(keeper.peer_has_ended))
        thread.start()
        thread.join(PATIENCE)
        assert asked == [False]
        keeper.close()
        assert keeper.peer_has_ended


def test_close_error_is_the_systems_or_the_peers_and_not_the_handlers_own() -> None:
    class Judge(Greeter):
        def process(self, record: bytes) -> bytes:
            raise {b"peer": ProtocolError("nonsense"), b"me": ZeroDivisionError()}[record]

    for record, kind in ((b"peer\n", ProtocolError), (b"x" * 300, RecordTooLongError), (b"me\n", type(None))):
        with World(Judge) as world:
            peer = world.connect()
            assert world.handler.close_error is None
            peer.send(record)
            peer.half_close()
            handler = world.handler
            world.until(handler.reasons.__len__)
            assert type(handler.close_error) is kind
    with World(Greeter) as world:
        world.connect().reset()
        world.until(lambda: world.handler.reasons)
        assert isinstance(world.handler.close_error, ConnectionResetError)
        assert world.handler.close_error.__traceback__ is None
