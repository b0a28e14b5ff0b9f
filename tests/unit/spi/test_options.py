from __future__ import annotations

import _socket
import runpy
import socket

import pytest

from nio.spi import OPTIONS, OptionSpec, _options


def test_each_option_is_one_the_kernel_takes() -> None:
    with socket.socket() as sock:
        for spec in OPTIONS.values():
            assert sock.getsockopt(spec.level, spec.number) is not None


def test_the_kinds() -> None:
    assert OPTIONS["SO_LINGER"] == OptionSpec(socket.SOL_SOCKET, socket.SO_LINGER, "linger")
    assert OPTIONS["TCP_NODELAY"] == OptionSpec(socket.IPPROTO_TCP, socket.TCP_NODELAY, "bool")
    assert {spec.kind for spec in OPTIONS.values()} == {"bool", "int", "linger"}
    assert [name for name, spec in OPTIONS.items() if spec.number == socket.SO_RCVBUF and spec.kind == "int"]


def test_an_option_that_the_system_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_socket, "SO_REUSEPORT")
    names = set(runpy.run_path(str(_options.__file__))["OPTIONS"])
    assert names == set(OPTIONS) - {"SO_REUSEPORT"}
