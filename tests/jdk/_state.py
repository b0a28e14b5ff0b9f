"""What a script of the scenario driver has named: channels, selectors, files, keys, threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, Self

from nio.channels import NetworkChannel, SelectionKey
from nio.errors import CancelledKeyError
from tests.jdk._words import JavaError, letters, order_of_names

LOOPBACK = ("127.0.0.1", 0)
THREAD_GRACE = 5.0  # seconds a thread may take to end once everything is closed


class State:
    """What a script has named so far; a context manager that closes all of it."""

    def __init__(self, pace: float = 1.0) -> None:
        self.pace = pace
        # Any: a script calls what it likes on what it named, and Java casts; here the attribute is missing.
        self.things: dict[str, Any] = {}
        self.keys: dict[str, SelectionKey] = {}
        self.tasks: dict[str, Future[str]] = {}
        self.threads: list[threading.Thread] = []
        self.opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.opened.close()
        for thread in self.threads:
            thread.join(THREAD_GRACE)
        stuck = [thread.name for thread in self.threads if thread.is_alive()]
        if stuck:
            raise AssertionError(f"everything is closed, and still blocked: {', '.join(stuck)}")

    def put(self, name: str, thing: Any) -> None:
        """Name what was opened, and close it in the end."""
        self.opened.callback(thing.close)
        self.things[name] = thing

    def get(self, name: str) -> Any:
        """What has that name; None, Java's null, when nothing has."""
        return self.things.get(name)

    def key(self, name: str) -> Any:
        """The key of that name or None."""
        return self.keys.get(name)

    def name(self, thing: object) -> str:
        return next((name for name, other in list(self.things.items()) if other is thing), "?")

    def key_name(self, key: SelectionKey) -> str:
        known = (name for name, other in list(self.keys.items()) if other is key)
        return next(known, f"{self.name(key.channel)}@{self.name(key.selector)}")

    def key_set(self, keys: Iterable[SelectionKey], attribute: str) -> str:
        shown = set()
        for key in keys:
            try:
                ops = letters(getattr(key, attribute))
            except CancelledKeyError:
                ops = "cancelled"
            shown.add(f"{self.key_name(key)}:{ops}")
        return "{" + ",".join(sorted(shown)) + "}"

    def address(self, name: str) -> Any:
        if name == "unresolved":
            return "no.such.host.invalid", 1
        if name == "refused":
            unused = self.opened.enter_context(socket.socket())  # bound but not listening: nobody else gets the port
            unused.bind(LOOPBACK)
            return unused.getsockname()
        address = self.get(name).local_address
        if isinstance(address, str):
            raise JavaError("ClassCastException")
        return address

    def peer(self, name: str) -> Any:
        """An address to connect or send to, which Java's null, that of an unbound channel, is not."""
        address = self.address(name)
        if address is None:
            raise JavaError("NullPointerException")
        return address

    def can(self, name: str, method: str) -> Any:
        """What has that name, cast to the interface of the method; null can be cast to anything."""
        thing = self.get(name)
        if thing is not None and not hasattr(thing, method):
            raise JavaError("ClassCastException")
        return thing

    def cast(self, name: str, kind: type) -> Any:
        """What has that name, cast to a class."""
        thing = self.get(name)
        if thing is not None and not isinstance(thing, kind):
            raise JavaError("ClassCastException")
        return thing

    def no(self, name: str, kind: type) -> Any:
        """What has that name, cast to an interface that this class does not have in Java."""
        thing = self.get(name)
        if isinstance(thing, kind):
            raise JavaError("ClassCastException")
        return thing

    def owner(self, address: object) -> str | None:
        """Whose local port that is."""
        if address is None:
            return None
        for name in order_of_names(self.things):
            thing = self.things[name]
            if isinstance(address, tuple) and isinstance(thing, NetworkChannel) and thing.is_open:
                local = thing.local_address
                if isinstance(local, tuple) and local[1] == address[1]:
                    return name
        return "other"
