"""Multicast: joining groups of receivers, and the key that stands for one membership.

A membership is a group on one network interface, open to all senders or to one source; several sources of a group are
several memberships. The kernel counts memberships by socket, so the channel keeps the list: joining again returns the
same key, and no channel joins a group for all senders and for one source at the same time. A forked child shares the
socket: there the keys are not valid, and dropping them leaves the parent's memberships alone.

Java's ``block`` and ``unblock`` are left out: to hear some senders only, join with a source.
"""

from __future__ import annotations

from typing import Self

from nio.channels._opened import NOT_CALLED
from nio.channels._options import NetworkChannel
from nio.channels._per_kernel import shared_by_fork
from nio.errors import IllegalStateError
from nio.spi import ProtocolFamily, SelectorProvider, Socket


class MulticastChannel(NetworkChannel):
    """A channel over datagrams that can join groups."""

    __slots__ = ("_interface", "_memberships")

    def __init__(
        self,
        provider: SelectorProvider = NOT_CALLED,
        sock: Socket = NOT_CALLED,
        family: ProtocolFamily = NOT_CALLED,
    ) -> None:
        super().__init__(provider, sock, family)
        self._interface = 0
        self._memberships: list[MembershipKey] = []

    def join(self, group: str, interface: str | int, source: str | None = None) -> MembershipKey:
        """Receive what is sent to ``group`` on ``interface``, from anybody or from ``source`` alone.

        Group and source are numeric addresses of one family (an IPv6 channel joins IPv4 groups too); the interface is a
        name, a number or an address. The channel receives the datagrams to the port it is bound to. Several channels on
        one machine can share that port if each sets ``SO_REUSEADDR`` before it binds. Joining again returns the same
        key.

        Raises IllegalArgumentError for what is no group, no possible source or no interface here,
        UnresolvedAddressError, ClosedChannelError, IllegalStateError for a source beside a membership open to all or
        the reverse, and what the system says (OSError with ``ENOBUFS``: Linux grants 20 groups, 10 sources of each).
        """
        group, source = self._provider.check_group(self._family, group, source)
        index, name = self._provider.find_interface(interface)
        with self._state_lock:
            self._ensure_open()
            for key in self._memberships:
                if (key._group, key._index) != (group, index):
                    continue
                if key._source == source:
                    return key
                if source is None or key._source is None:
                    raise IllegalStateError(f"{key!r} stands against joining for {source or 'all sources'}")
            shared_by_fork(self._provider).add(self)
            self._join(index, name, group, source)
            self._memberships.append(MembershipKey(self, group, source, index, name))
            return self._memberships[-1]

    def get_option(self, option: str) -> bool | int:
        """As for any channel; ``IP_MULTICAST_IF`` is the number of the interface, 0 until one is chosen."""
        if option != "IP_MULTICAST_IF":
            return super().get_option(option)
        with self._state_lock:
            self._check_option(option)
            return self._interface

    def set_option(self, option: str, value: bool | int | str) -> Self:
        """As for any channel; ``IP_MULTICAST_IF`` takes an interface by name, number or address."""
        if option != "IP_MULTICAST_IF":
            return super().set_option(option, value)
        with self._state_lock:
            self._check_option(option)
            index, _ = self._provider.find_interface(value)
            self._provider.set_multicast_interface(self._sock, index)
            self._interface = index
        return self

    def _join(self, index: int, name: str, group: str, source: str | None) -> None:
        try:
            self._provider.join_group(self._sock, index, group, source)
        except OSError as error:
            there = f"{group} on {name} beside {len(self._memberships)} memberships"
            raise OSError(error.errno, f"{error.strerror}: {there}") from None

    def _leave(self, key: MembershipKey) -> None:
        with self._state_lock:
            if key in self._memberships and self._open:
                self._memberships.remove(key)
                self._provider.leave_group(self._sock, key._index, key._group, key._source)

    def _forget(self) -> None:
        super()._forget()
        self._memberships.clear()

    def _announce_close(self) -> None:
        """Leave the groups now, although the descriptor stays open until the selectors release it."""
        for key in self._memberships:
            try:
                self._provider.leave_group(self._sock, key._index, key._group, key._source)
            except OSError:
                pass  # the interface is gone: the kernel has forgotten the membership with it


class MembershipKey:
    """One membership, from ``channel.join()`` until ``drop()`` or the close of the channel; a context manager.

    In a forked child it is not valid, and ``drop()`` does nothing.
    """

    __slots__ = ("_channel", "_group", "_index", "_name", "_source")

    def __init__(self, channel: MulticastChannel, group: str, source: str | None, index: int, name: str) -> None:
        self._channel = channel
        self._group = group
        self._source = source
        self._index = index
        self._name = name

    @property
    def is_valid(self) -> bool:
        """True until ``drop()`` or the close of the channel."""
        return self._channel._open and self in self._channel._memberships

    @property
    def channel(self) -> MulticastChannel:
        """The channel that joined; also after the membership has ended."""
        return self._channel

    @property
    def group(self) -> str:
        """The group's numeric address."""
        return self._group

    @property
    def interface(self) -> str:
        """The name of the network interface."""
        return self._name

    @property
    def source_address(self) -> str | None:
        """The one sender heard, None for all."""
        return self._source

    def drop(self) -> None:
        """Leave the group; received datagrams stay. A second call, or one after the close, does nothing."""
        self._channel._leave(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.drop()

    def __repr__(self) -> str:
        source = "" if self._source is None else f", source={self._source!r}"
        ended = "" if self.is_valid else ", ended"
        return f"MembershipKey(group={self._group!r}, interface={self._name!r}{source}{ended})"
