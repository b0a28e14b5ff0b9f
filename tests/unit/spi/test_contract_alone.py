"""A reactor on a provider that knows the contract of ``nio.spi`` only: no socket of the system, no sleep.

The clients are sockets of the memory's own; whatever they wait for, they wait for by turning the reactor.
"""

from __future__ import annotations

import ast
import errno
import inspect
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import nio.spi
from nio.buffers import ByteBuffer
from nio.channels import (
    EOF,
    DatagramChannel,
    FileChannel,
    Pipe,
    SelectionKey,
    Selector,
    ServerSocketChannel,
    SocketChannel,
    StandardOpenOption,
    inherited_channel,
    new_channel,
)
from nio.framing import Lines
from nio.reactor import Acceptor, CloseReason, Reactor, State, StreamHandler
from nio.spi import OPTIONS, Lock, ProtocolFamily, SelectorProvider, _base, _in_use, _provider
from tests.unit.spi import memory_provider
from tests.unit.spi.memory_provider import MemoryProvider, MemorySocket

HERE = ("here", 9900)
INET = ProtocolFamily.INET
OF_THE_CONTRACT = {"nio.spi._base", "nio.spi._in_use", "nio.errors", "nio._record"}
SYSTEM = {"socket", "select", "selectors", "threading", "time", "signal", "resource", "fcntl", "mmap"}


def imported(module: ModuleType) -> dict[str, set[str]]:
    """What a module imports when it runs, imports for annotations left out: module to names."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Import):
            found |= {alias.name: set() for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found[node.module or ""] = {alias.name for alias in node.names}
    return found


def test_the_contract_asks_the_system_for_nothing() -> None:
    for module in (_base, _in_use, _provider):
        assert imported(module).keys() & SYSTEM == set()
        assert {name for name in imported(module) if name.startswith("nio.")} <= OF_THE_CONTRACT


def test_no_public_type_is_one_of_the_systems() -> None:
    """Whatever an annotation above this package names is then of this package."""
    types = {name: found for name in nio.spi.__all__ if isinstance(found := getattr(nio.spi, name), type)}
    assert len(types) > 10
    assert {name for name, found in types.items() if not found.__module__.startswith("nio.spi.")} == set()


def test_the_memory_knows_the_contract_only() -> None:
    names = imported(memory_provider)
    assert names.keys() & (SYSTEM - {"threading"}) == set()
    assert {name for name in names if name.startswith("nio")} == {"nio.errors", "nio.spi"}
    contract = {*vars(_base), *vars(_provider)}
    assert names["nio.spi"] <= contract


# a server


class Greeter(StreamHandler):
    """The hello-name handler, with a diary."""

    framing = Lines(max_length=256)
    low_mark, high_mark = 1024, 2048

    def process(self, record: bytes) -> bytes | None:
        return b"Hello " + record


class Server:
    """A reactor that listens in memory, its handlers, and clients of the memory's own."""

    def __init__(self, memory: MemoryProvider, workers: int = 0) -> None:
        self.memory = memory
        self.handlers: list[Greeter] = []
        self.clients: list[MemorySocket] = []
        self.reactor = Reactor.open(provider=memory, workers=workers)
        self.listener = ServerSocketChannel.open(provider=memory).bind(HERE)
        self.reactor.register(self.listener, SelectionKey.OP_ACCEPT, Acceptor(self._handler))

    def _handler(self) -> Greeter:
        self.handlers.append(Greeter())
        return self.handlers[-1]

    def connect(self) -> MemorySocket:
        client = self.memory.open_socket(INET)
        self.clients.append(client)
        assert client.connect_ex(HERE) == errno.EINPROGRESS
        assert self.memory.connect_error(client) == 0
        self.turn()
        return client

    def turn(self) -> None:
        """Until there is nothing more to do at this moment."""
        while any(self.reactor.turn(0)):
            pass

    def read(self, client: MemorySocket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                data += client.recv(count - len(data))
            except BlockingIOError:
                self.reactor.turn()
        return data

    @property
    def closed(self) -> dict[CloseReason, int]:
        return dict(self.reactor.statistics().closed)

    def close(self) -> None:
        self.reactor.close()
        self.listener.close()
        for client in self.clients:
            client.close()
        assert not self.memory.listeners
        assert all(isinstance(thing, memory_provider.MemoryWakeup) for thing in self.memory.things.values())


def try_send(client: MemorySocket, data: bytes) -> int:
    """How many bytes there was room for."""
    try:
        return client.send(data) if data else 0
    except BlockingIOError:
        return 0


@pytest.fixture
def memory() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
def server(memory: MemoryProvider) -> Iterator[Server]:
    server = Server(memory)
    try:
        yield server
    finally:
        server.close()


def test_lines_in_pieces_are_answered(server: Server) -> None:
    one, other = server.connect(), server.connect()
    assert server.reactor.statistics().open == 2
    for piece in (b"a", b"n", b"n\nb", b"ob\n\ncarol"):
        one.send(piece)
        server.turn()
    other.send(b"dave\n")
    server.turn()
    assert one.recv(100) == b"Hello ann\nHello bob\nHello \n"
    assert other.recv(100) == b"Hello dave\n"
    one.send(b"\n")
    server.turn()
    assert one.recv(100) == b"Hello carol\n"
    with pytest.raises(BlockingIOError):
        one.recv(100)


def test_with_a_worker_of_the_providers(memory: MemoryProvider) -> None:
    server = Server(memory, workers=1)
    try:
        client = server.connect()
        client.send(b"ann\nbob\n")
        assert server.read(client, 20) == b"Hello ann\nHello bob\n"
        assert [thread.name for thread in memory.threads] == ["worker-1"]
    finally:
        server.close()
    assert not memory.threads[0].is_alive()


def test_a_slow_reader_is_read_no_more(memory: MemoryProvider) -> None:
    memory.room = 4096
    server = Server(memory)
    try:
        client = server.connect()
        handler = server.handlers[0]
        names = b"".join(b"%05d\n" % number for number in range(10_000))
        sent = 0
        while handler.state is State.READING:
            sent += client.send(names[sent:])
            server.reactor.turn(0)
        server.turn()
        assert handler.state is State.SENDING
        while taken := try_send(client, names[sent:]):
            sent += taken
            server.turn()
        assert sent < len(names)
        assert handler.unsent < Greeter.high_mark + 12  # one reply beyond
        replies = b""
        while len(replies) < 2 * len(names):
            try:
                replies += client.recv(997)
            except BlockingIOError:
                server.reactor.turn(0)
            sent += try_send(client, names[sent:])
        assert replies == b"".join(b"Hello %05d\n" % number for number in range(10_000))
        assert server.closed == {}
    finally:
        server.close()


def test_the_end_of_the_stream_comes_after_the_last_reply(server: Server, memory: MemoryProvider) -> None:
    client = server.connect()
    client.send(b"ann\n")
    memory.shutdown_output(client)
    server.turn()
    assert client.recv(100) == b"Hello ann\n"
    for _ in range(2):
        assert client.recv(100) == b""
    assert server.closed == {CloseReason.PEER_FIN: 1}


def test_a_reset_ends_the_connection_at_once(server: Server, memory: MemoryProvider) -> None:
    client = server.connect()
    client.send(b"ann")
    server.turn()
    memory.set_option(client, OPTIONS["SO_LINGER"], 0)
    client.close()
    server.turn()
    assert server.closed == {CloseReason.PEER_RST: 1}


def test_a_close_with_an_unread_reply_is_a_reset(server: Server) -> None:
    client = server.connect()
    client.send(b"ann\n")
    server.turn()
    client.close()
    server.turn()
    assert server.closed == {CloseReason.PEER_RST: 1}


@pytest.mark.parametrize("by", ["the test", "the wait"])
def test_time_is_the_providers(server: Server, memory: MemoryProvider, by: str) -> None:
    client = server.connect()
    began = memory.now
    if by == "the test":
        memory.now += round((Greeter.idle_timeout or 0) * 1e9) - 1
        server.turn()
        assert server.closed == {}
        memory.now += 1
        server.turn()
    else:
        while server.closed == {}:
            server.reactor.turn()  # sleeps until the deadline
        assert memory.now - began == 60_000_000_000
    assert server.closed == {CloseReason.IDLE_TIMEOUT: 1}
    assert client.recv(100) == b""


def test_a_stop_that_drains_answers_what_was_received(server: Server, memory: MemoryProvider) -> None:
    busy, idle = server.connect(), server.connect()
    late = memory.open_socket(INET)  # waits to be accepted when the stop comes
    server.clients.append(late)
    late.connect_ex(HERE)
    assert memory.connect_error(late) == 0
    for client, name in ((busy, b"ann"), (late, b"bob")):
        client.send(name + b"\n")
        memory.shutdown_output(client)
    began = memory.now
    server.reactor.stop(drain=5.0)
    server.reactor.run()
    assert busy.recv(100) == b"Hello ann\n"
    assert late.recv(100) == b"Hello bob\n"
    for client in (busy, idle, late):
        assert client.recv(100) == b""
    assert server.reactor.statistics().abandoned == 0
    assert server.reactor.statistics().open == 0
    assert memory.now - began < 5_000_000_000
    refused = memory.open_socket(INET)
    refused.connect_ex(HERE)
    assert memory.connect_error(refused) == errno.ECONNREFUSED
    refused.close()


def test_a_drain_that_a_peer_holds_up_is_cut_by_the_providers_clock(memory: MemoryProvider) -> None:
    memory.room = 4
    server = Server(memory)
    try:
        client = server.connect()
        client.send(b"ann\n")
        server.turn()
        server.reactor.stop(drain=1.0)
        began = memory.now
        server.reactor.run()
        assert memory.now - began == 1_000_000_000
        assert server.reactor.statistics().abandoned == 1
        assert server.closed == {CloseReason.DRAIN: 1}
        assert client.recv(100) == b"Hell"  # there was room for no more
    finally:
        server.close()


# channels without a reactor


def test_channels_that_block(memory: MemoryProvider) -> None:
    with (
        ServerSocketChannel.open(provider=memory).bind(("", 0)) as listener,
        SocketChannel.open(listener.local_address, provider=memory) as near,
    ):
        far = listener.accept()
        assert far is not None
        with far:
            assert far.remote_address == near.local_address
            assert near.write([b"hello ", b"world"]) == 11
            head, tail = bytearray(6), bytearray(8)
            assert far.read([head, tail]) == 11
            assert (bytes(head), bytes(tail[:5])) == (b"hello ", b"world")
            assert near.shutdown_output().set_option("TCP_NODELAY", True).get_option("TCP_NODELAY") is True
            assert far.read(head) == EOF
            assert far.shutdown_input().read(head) == EOF
            assert far.get_option("SO_LINGER") == -1
            with pytest.raises(BrokenPipeError):
                near.socket.send(b"x")


def test_a_connection_that_nobody_takes_is_refused(memory: MemoryProvider) -> None:
    with pytest.raises(ConnectionRefusedError):
        SocketChannel.open(("nowhere", 1), provider=memory)
    with Selector.open(memory) as selector, SocketChannel.open(provider=memory) as channel:
        channel.configure_blocking(False).connect(("nowhere", 1))
        key = channel.register(selector, SelectionKey.OP_CONNECT)
        assert list(selector.ready_keys()) == [key]
        with pytest.raises(ConnectionRefusedError):
            channel.finish_connect()


def test_a_listener_that_closes_resets_those_that_wait(memory: MemoryProvider) -> None:
    with ServerSocketChannel.open(provider=memory).bind(HERE) as listener:
        with pytest.raises(OSError, match="in use"), ServerSocketChannel.open(provider=memory) as other:
            other.bind(HERE)
        near = SocketChannel.open(HERE, provider=memory)
    with near:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                near.read(bytearray(1))
    assert not listener.is_open


def test_a_pipe(memory: MemoryProvider) -> None:
    with Pipe.open(provider=memory) as (source, sink), Selector.open(memory) as selector:
        source.configure_blocking(False)
        assert source.read(bytearray(1)) == 0
        key = source.register(selector, SelectionKey.OP_READ)
        assert selector.select(0) == 0
        assert sink.write(b"hello") == 5
        assert list(selector.ready_keys()) == [key]
        target = bytearray(8)
        assert source.read(target) == 5
        assert target[:5] == b"hello"
        source.close()
        selector.select(0)  # gives the descriptor back
        with pytest.raises(BrokenPipeError):
            sink.write(b"x")
    assert list(memory.things) == []


def test_a_wait_without_a_channel_passes_the_providers_time(memory: MemoryProvider) -> None:
    with Selector.open(memory) as selector:
        began = memory.now
        assert selector.select(2.5) == 0
        assert memory.now - began == 2_500_000_000
        selector.wakeup()
        assert selector.select() == 0
        assert memory.now - began == 2_500_000_000


def test_kernels_are_kept_apart(memory: MemoryProvider, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"hello")
    with (
        FileChannel.open(tmp_path / "t", StandardOpenOption.READ) as file,  # the system's
        Pipe.open(provider=memory) as (source, sink),
    ):
        assert file.transfer_to(1, 4, sink) == 4
        target = bytearray(8)
        assert source.read(target) == 4
        assert target[:4] == b"ello"


def test_locks_come_from_the_provider_at_hand(memory: MemoryProvider) -> None:
    made: list[object] = []

    class Counting(MemoryProvider):
        def rlock(self) -> Lock:
            made.append(self)
            return super().rlock()

    provider = Counting()
    assert inherited_channel(provider) is None
    assert len(made) == 1
    with new_channel(io.BytesIO(b"x"), provider=provider) as channel:
        assert len(made) == 3
        assert channel.read(bytearray(2)) == 1


# what a provider leaves out

SOME = OPTIONS["SO_LINGER"]
LEFT_OUT: list[Callable[[SelectorProvider], object]] = [
    lambda provider: provider.open_datagram_socket(INET),
    lambda provider: provider.receive(None, []),
    lambda provider: provider.exact_address(None, HERE),
    lambda provider: provider.disconnect(None, HERE),
    lambda provider: provider.find_interface("lo"),
    lambda provider: provider.set_multicast_interface(None, 1),
    lambda provider: provider.check_group(INET, "224.0.0.1", None),
    lambda provider: provider.join_group(None, 1, "224.0.0.1", None),
    lambda provider: provider.resolve("localhost", 80),
    lambda provider: provider.adopt_socket(None),
    lambda provider: provider.adopt_descriptor(0),
    lambda provider: provider.leave_group(None, 1, "224.0.0.1", None),
    lambda provider: provider.open_file("t", {"READ"}),
    lambda provider: DatagramChannel.open(provider=provider),
    lambda provider: FileChannel.open("t", provider=provider),
]


@pytest.mark.parametrize("ask", LEFT_OUT)
def test_what_a_provider_does_not_write_it_does_not_have(
    memory: MemoryProvider, ask: Callable[[SelectorProvider], object]
) -> None:
    with pytest.raises(io.UnsupportedOperation, match=r"MemoryProvider\('memory'\) has no "):
        ask(memory)


def test_what_has_an_answer_that_fits(memory: MemoryProvider) -> None:
    assert memory.kernel is memory
    assert memory.send_file(1, 2, 0, 1) is None
    assert memory.inherited_socket() is None
    assert memory.cpu_count() == 1
    assert memory.random() == 0.5
    assert memory.is_served("/path") is None
    assert not memory.remove_stale("/path")
    assert memory.descriptor_limit() > 2**31
    assert not memory.is_connected_to_itself(memory.open_socket(INET))
    with memory.signal_wakeup() as wakeup:
        assert wakeup is None
    assert memory.watch_limit is None
    with SocketChannel.open(provider=memory) as channel:
        assert memory.peer_has_ended(channel.detach()) is None
    memory.after_fork(lambda: None)


def test_half_a_provider_cannot_be_made() -> None:
    class Half(SelectorProvider):
        name = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]  # what is refused


def test_the_system_is_one_kernel_whatever_its_readiness(memory: MemoryProvider) -> None:
    kernels = {id(SelectorProvider.named(name).kernel) for name in SelectorProvider.available()}
    assert len(kernels) == 1
    assert memory.kernel is not SelectorProvider.default().kernel
    assert memory.available() == SelectorProvider.available()


def test_a_buffer_may_be_reused_at_once(memory: MemoryProvider) -> None:
    with Pipe.open(provider=memory) as (source, sink):
        buffer = ByteBuffer.wrap(bytearray(b"hello"))
        sink.write(buffer)
        buffer.clear().put(b"wrong")
        target = bytearray(5)
        source.read(target)
        assert target == b"hello"
