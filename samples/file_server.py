"""Files by name: python3 -m samples.file_server 9907 FOLDER, then echo NAME | nc -N 127.0.0.1 9907.

The answer is a line, "OK" and the number of bytes, then the bytes, which the kernel sends. Names that lead out of the
folder, also by a symbolic link, are refused.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler


class FileHandler(StreamHandler):
    framing = Lines(max_length=1024)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def process(self, name: bytes) -> bytes | None:
        path = self.find(name)
        if path is None:
            return b"ERROR no such file"
        size = path.stat().st_size
        self.send(b"OK %d" % size)
        self.send_file(path, 0, size)
        return None

    def find(self, name: bytes) -> Path | None:
        """The file of that name, if it is one, and inside the folder."""
        with suppress(OSError, ValueError):
            path = (self.folder / os.fsdecode(name)).resolve()
            if path.is_relative_to(self.folder) and path.is_file():
                return path
        return None


def main(port: int | str = 9907, folder: str = ".") -> None:
    top = Path(folder).resolve(strict=True)
    with suppress(KeyboardInterrupt), Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", int(port)))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(lambda: FileHandler(top)))
        print(f"the files of {top} on 127.0.0.1:{server.port}", flush=True)
        reactor.run()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"{error}\n{__doc__}")  # no port, or one that is taken; no folder
