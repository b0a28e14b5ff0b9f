"""A time service: python3 -m samples.udp_time, then echo "what time is it" | nc -u -w1 127.0.0.1 9903.

A datagram may carry a forged sender, so no answer is longer than its question.
"""

import sys
import time
from contextlib import suppress

from nio import Address, DatagramChannel, SelectionKey
from nio.reactor import DatagramHandler, Reactor


class TimeHandler(DatagramHandler):
    def process(self, data: bytes, peer: Address) -> bytes | None:
        answer = time.strftime("%H:%M:%S\n").encode()
        return answer if len(answer) <= len(data) else None


def main(port: int = 9903) -> None:
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        channel = DatagramChannel.open().bind(("127.0.0.1", port))
        reactor.register(channel, SelectionKey.OP_READ, TimeHandler())
        print(f"the time, by UDP on 127.0.0.1:{channel.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # the port is taken, or none
