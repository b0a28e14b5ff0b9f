"""The channel that a process is started with, by inetd or by a socket unit of systemd."""

from __future__ import annotations

from nio.channels._datagram_channel import DatagramChannel
from nio.channels._interruptible_channel import chosen
from nio.channels._options import peer_of
from nio.channels._server_socket_channel import ServerSocketChannel
from nio.channels._socket_channel import SocketChannel
from nio.spi import Inherited, Lock, SelectorProvider

_INHERITED: dict[SelectorProvider, ServerSocketChannel | SocketChannel | DatagramChannel | None] = {}
_GUARDS: dict[SelectorProvider, Lock] = {}


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
    with _GUARDS.setdefault(provider, provider.rlock()):
        if provider not in _INHERITED:
            inherited = provider.inherited_socket()
            _INHERITED[provider] = None if inherited is None else _channel(provider, inherited)
        return _INHERITED[provider]


def _channel(provider: SelectorProvider, inherited: Inherited) -> ServerSocketChannel | SocketChannel | DatagramChannel:
    sock, family = inherited.socket, inherited.family
    if inherited.is_datagram:
        return DatagramChannel._of_bound(provider, sock, family, peer_of(sock))
    if inherited.is_listening:
        return ServerSocketChannel._of_listening(provider, sock, family)
    peer = peer_of(sock)
    return SocketChannel._of_connected(provider, sock, family, None if peer is None else provider.told_address(peer))
