"""A peer that is gone, in a program that has set SIGPIPE to its default: BrokenPipeError, and the process lives on.

Each case runs in a process of its own, because the signal would end this one.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nio.spi import NO_SIGNAL

ROOT = Path(__file__).parents[3]

HEAD = """\
import signal, sys
sys.path.insert(0, sys.argv[1])
import nio

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
"""
GONE = """\
server = nio.ServerSocketChannel.open(nio.ProtocolFamily.{family}).bind({address})
client = nio.SocketChannel.open(server.local_address)
end = server.accept()
client.close()
try:
    while True:
        {write}
except (BrokenPipeError, ConnectionResetError):
    pass
try:
    {write}  # a reset is told once; from then on the pipe is broken
except BrokenPipeError as error:
    print(type(error).__name__)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", HEAD + program, str(ROOT)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.skipif(not hasattr(socket, "MSG_NOSIGNAL"), reason="this kernel, or this Python, has no such flag")
@pytest.mark.parametrize("write", ["end.write(b'x')", "end.write([b'x', b'y'])", "end.socket.send(b'x', FLAG)"])
@pytest.mark.parametrize(("family", "address"), [("UNIX", "None"), ("INET", "('127.0.0.1', 0)")])
def test_writing_to_a_stream_whose_peer_is_gone_sends_no_signal(family: str, address: str, write: str) -> None:
    assert socket.MSG_NOSIGNAL == NO_SIGNAL
    ended = run("from nio.spi import NO_SIGNAL as FLAG\n" + GONE.format(family=family, address=address, write=write))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "BrokenPipeError\n", "")


def test_the_signal_would_have_ended_the_process() -> None:
    """The proof that the test above can fail; of pipes, which have no such flag, the docs say it."""
    ended = run("source, sink = nio.Pipe.open()\nsource.close()\nsink.write(b'x')\n")
    assert ended.returncode == -signal.SIGPIPE
