"""The channel that a process is started with, by inetd or by a socket unit of systemd."""

from __future__ import annotations

from nio.channels._datagram_channel import DatagramChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._server_socket_channel import ServerSocketChannel
from nio.channels._socket_channel import SocketChannel
from nio.spi import Address, ProtocolFamily, SelectorProvider, Socket

_INHERITED: dict[SelectorProvider, ServerSocketChannel | SocketChannel | DatagramChannel | None] = {}
_guard = SelectorProvider.rlock()


def inherited_channel(
    provider: SelectorProvider | None = None,
) -> ServerSocketChannel | SocketChannel | DatagramChannel | None:
    """The channel over the socket that is this process's standard input; None when standard input is no socket.

    A socket that listens gives a ServerSocketChannel, any other stream a SocketChannel, datagrams a DatagramChannel:
    bound, in blocking mode, and connected if it has a peer. A second call returns the same object for the same
    provider, even after its close. Closing it redirects the standard streams that are this socket to the null device,
    which ends a connection.

    Raises TypeError for what is no provider.
    """
    provider = chosen(provider)
    with _guard:
        if provider not in _INHERITED:
            sock = provider.inherited_socket()
            _INHERITED[provider] = None if sock is None else _channel(provider, sock)
        return _INHERITED[provider]


def _channel(provider: SelectorProvider, sock: Socket) -> ServerSocketChannel | SocketChannel | DatagramChannel:
    family = ProtocolFamily(sock.family)
    if provider.is_datagram(sock):
        return DatagramChannel._of_bound(provider, sock, family, _peer(sock))
    if provider.is_listening(sock):
        return ServerSocketChannel._of_listening(provider, sock, family)
    return SocketChannel._of_connected(provider, sock, family, _peer(sock))


def _peer(sock: Socket) -> Address | None:
    try:
        peer: Address = sock.getpeername()
    except OSError:  # there is none, or it has reset the connection already
        return None
    return peer
