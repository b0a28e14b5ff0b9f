"""A delayed HTTP response, read by a suspended task: python3 -m samples.delayed_http

Three clients ask a slow server and are suspended until it answers, in the time of one. With a port it is that server:

    python3 -m samples.delayed_http 8080
    curl -i http://127.0.0.1:8080/delay/1000/url/http://www.example.org

It is the example of the book on the Reactor-Executor, whose client by hand is ``samples/minimio.py``.
"""

from __future__ import annotations

import sys

from nio.errors import ProtocolError
from nio.framing import Lines
from nio.tasks import Stream, TaskGroup, connect, listen, run, sleep, timeout

LINES = Lines(max_length=1024, ending=b"\r\n")
MOST_LINES, LONGEST = 100, 10.0  # of a request; seconds of a delay


class Slow(Stream):
    """``GET /delay/MILLISECONDS/url/URL``: waits, then says where the page is."""

    framing = LINES
    process_timeout = LONGEST + 1

    async def serve(self) -> None:
        first = await self.receive()
        if first is None:
            return
        for _ in range(MOST_LINES):
            if not await self.receive():
                break
        else:
            raise ProtocolError(f"a request has more than {MOST_LINES} lines")
        seconds, url = delay_of(first)
        if seconds is None:
            await self.answer(b"HTTP/1.1 404 Not Found")
            return
        await sleep(seconds)
        await self.answer(b"HTTP/1.1 302 Found", b"Server: nio", b"Location: " + url)

    async def answer(self, *lines: bytes) -> None:
        for line in (*lines, b"Content-Length: 0", b"Connection: close", b""):
            await self.send(line)


def delay_of(request: bytes) -> tuple[float | None, bytes]:
    """The seconds to wait, None for a request of something else, and the page."""
    method, _, rest = request.partition(b" ")
    path, _, version = rest.rpartition(b" ")
    match path.split(b"/", 4):
        case [b"", b"delay", number, b"url", url] if method == b"GET" and version.startswith(b"HTTP/1."):
            if number.isdigit() and len(number) < 6 and int(number) <= LONGEST * 1000:
                return int(number) / 1000, url
    return None, b""


async def fetch(port: int | None, milliseconds: int) -> bytes:
    """The response, which the server keeps for so long."""
    request = f"GET /delay/{milliseconds}/url/http://www.example.org HTTP/1.1\r\nHost: localhost\r\n\r\n"
    response = bytearray()
    async with timeout(LONGEST + 1), await connect(("127.0.0.1", port or 0)) as stream:
        await stream.send(request.encode())
        while data := await stream.receive():  # suspended here until the response comes
            response += data
    return bytes(response)


async def show(port: int | None, milliseconds: int) -> None:
    response = await fetch(port, milliseconds)
    print(f"after {milliseconds} ms:", response.split(b"\r\n", 1)[0].decode())


async def demo(*delays: int) -> None:
    async with await listen(("127.0.0.1", 0), Slow) as server, TaskGroup() as group:
        for milliseconds in delays:
            group.spawn(show, server.port, milliseconds)


async def serve(port: int) -> None:
    server = await listen(("127.0.0.1", port), Slow)
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    try:
        run(serve, int(sys.argv[1])) if sys.argv[1:] else run(demo, 300, 200, 100)
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one ends the server
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")
