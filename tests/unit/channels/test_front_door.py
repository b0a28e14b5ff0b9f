"""``import nio`` is enough for a Java-style program: it has the classes of java.nio and java.nio.channels."""

from __future__ import annotations

import nio
import nio.buffers
import nio.channels
from nio.spi import ProtocolFamily, SelectorProvider


def test_the_front_door_has_every_class_below_it() -> None:
    every = {name: getattr(package, name) for package in (nio.buffers, nio.channels) for name in package.__all__}
    classes = {name for name, value in every.items() if isinstance(value, type)} - {"Ops"}  # no name of Java
    assert set(nio.__all__) == classes | {"EOF", "ProtocolFamily", "SelectorProvider"}
    assert all(getattr(nio, name) is every[name] for name in classes)
    assert (nio.ProtocolFamily, nio.SelectorProvider, nio.EOF) == (ProtocolFamily, SelectorProvider, -1)
