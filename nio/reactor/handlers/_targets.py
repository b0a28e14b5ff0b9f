"""What can be connected to, by what, and in which order: the checks of a Connector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain, zip_longest

from nio.channels import SelectionKey
from nio.errors import IllegalStateError, UnresolvedAddressError, UnsupportedAddressTypeError
from nio.reactor.handlers._handler import Handler
from nio.reactor.loop._backoff import Backoff
from nio.reactor.loop._checks import is_handler
from nio.reactor.loop._reactor import Reactor
from nio.spi import Address, ProtocolFamily, SelectorProvider

Found = tuple[ProtocolFamily, Address]


def in_turns(found: Sequence[Found]) -> list[Found]:
    """The addresses in the order in which they are tried: the families take turns, the first one's begins."""
    first = found[0][0] if found else None
    preferred = [one for one in dict.fromkeys(found) if one[0] is first]
    others = [one for one in dict.fromkeys(found) if one[0] is not first]
    return [one for one in chain.from_iterable(zip_longest(preferred, others)) if one is not None]


def numeric(provider: SelectorProvider, address: object) -> tuple[Found, ...]:
    """The address to connect to, checked; none if it has a host name that is to be resolved first."""
    if isinstance(address, (str, bytes, os.PathLike)):
        return ((ProtocolFamily.UNIX, provider.check_address(ProtocolFamily.UNIX, address)),)
    if not (isinstance(address, tuple) and len(address) in (2, 4)):
        raise UnsupportedAddressTypeError(f"connect() takes (host, port) or a path, not {address!r:.100}")
    family = ProtocolFamily.INET6 if ":" in str(address[0]) or len(address) == 4 else ProtocolFamily.INET
    try:
        return ((family, provider.check_address(family, address)),)
    except UnresolvedAddressError:
        return ()


def check_local(provider: SelectorProvider, local: object, addresses: Sequence[Found]) -> None:
    """A local address that fits none of the families is the caller's mistake, and said at once."""
    families = [family for family, _ in addresses] or [ProtocolFamily.INET, ProtocolFamily.INET6]
    for family in families[:-1]:
        try:
            provider.check_address(family, local)
        except UnsupportedAddressTypeError:
            continue
        return
    provider.check_address(families[-1], local)


def check_handler(reactor: Reactor, handler: object, retry: Backoff | None) -> None:
    kind = handler
    if is_handler(handler):
        kind = type(handler)
        if retry is not None:
            name = type(handler).__name__
            raise TypeError(f"with retry, connect() takes what makes a handler, a class: {name}, not {name}()")
        key = getattr(handler, "key", None)
        if isinstance(key, SelectionKey) and key.is_valid:
            name = type(handler).__name__
            raise IllegalStateError(f"this {name} handles {key.channel!r} already: make one {name} for each channel")
    elif not callable(handler):
        raise TypeError(f"connect() takes a handler, or what makes one, a class; got {handler!r:.100}")
    if isinstance(kind, type) and issubclass(kind, Handler):
        kind.check_class()
        kind.check_reactor(reactor)
