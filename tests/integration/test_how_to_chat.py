"""``docs/how-to/chat.md``: what one says, the others hear."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.integration._how_to import program, started
from tests.integration.conversation import client, receive, receive_all


def test_what_one_says_the_others_hear(tmp_path: Path) -> None:
    child = started(program("chat"), tmp_path)
    with client(child.address) as ann:
        assert receive(ann, 9) == b"* 1 here\n"
        with client(child.address) as bob:
            assert receive(bob, 9) == b"* 2 here\n"
            bob.sendall(b"hello\n")
            assert receive(ann, 15) == b"* 2 here\nhello\n"
            ann.sendall(b"hello, bob\n")
            assert receive(bob, 11) == b"hello, bob\n"
        assert receive(ann, 15) == b"* one has left\n"
        child.process.send_signal(signal.SIGTERM)
        assert receive_all(ann) == b""
        assert child.process.communicate(timeout=10) == ("", "")
        assert child.process.returncode == 0
