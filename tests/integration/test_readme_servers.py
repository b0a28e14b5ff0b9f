"""The hello servers of the README, as they stand there, hold the same conversations as the stages by hand."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.integration.conversation import CONVERSATIONS, Address, Child, client

SERVERS = ["hello_java.main()", "hello_classic.main()", "hello_lea.main()", "hello_lea.main(workers=2)"]

# They listen on the port that the README names. Here the kernel gives one, and it is told.
LAUNCHER = """
import nio
bind = nio.ServerSocketChannel.bind
def bind_anywhere(self, address, backlog=0):
    bind(self, (address[0], 0), backlog)
    print(f"{address[1]} became :{self.local_address[1]}", flush=True)
    return self
nio.ServerSocketChannel.bind = bind_anywhere
from samples import hello_classic, hello_java, hello_lea
"""


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Child]:
    child = Child("-c", LAUNCHER + request.param)
    yield child
    code, errors = child.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    assert errors == ""


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda conversation: str(conversation.__name__))
def test_conversation(server: Child, conversation: Callable[[Address], None]) -> None:
    conversation(server.address)


def test_the_port_is_the_one_of_the_readme(server: Child) -> None:
    assert server.first_line.startswith("9900 became")
    with client(server.address):
        pass
