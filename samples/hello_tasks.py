"""A hello-name server of coroutines: python3 -m samples.hello_tasks [port], then nc 127.0.0.1 9900."""

import sys

from nio.framing import Lines
from nio.tasks import Stream, listen, run


async def greet(client: Stream) -> None:
    """One task per client: each line in is a name, each line out is a greeting."""
    async with client.framed(Lines(max_length=256)) as names:
        async for name in names:
            await names.send(b"Hello " + name)


async def main(port: int = 9900) -> None:
    server = await listen(("127.0.0.1", port), greet)
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    try:
        run(main, *map(int, sys.argv[1:]))
    except KeyboardInterrupt:
        pass  # Ctrl-C is how one ends it
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
