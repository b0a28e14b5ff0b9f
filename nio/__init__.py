"""java.nio for Python: buffers, channels, Selector and SelectionKey.

Here is every class of ``java.nio`` and ``java.nio.channels`` that there is, so that a Java-style program needs no
other import; the functions, whose names say too little without their package, are in ``nio.channels``. Importing
``nio`` loads nothing; a name loads the module it stands in (see ``_later.py``). Doug Lea's Reactor on top of the
channels is ``nio.reactor``, its framings ``nio.framing``, its worker pool ``nio.executors``.
"""

from __future__ import annotations

import sys
from os import environ

if sys.platform == "win32":
    raise ImportError("nio needs a POSIX system, Linux or macOS; on Windows it runs inside WSL")

from nio._later import door

__version__ = "0.1.0"

# Those packages stand above, so their names stand here as text.
_ABOVE = {
    "nio.charset": "Charset CharsetDecoder CharsetEncoder CoderResult CodingErrorAction StandardCharsets",
    "nio.executors": "Saturation WorkerPool",
    "nio.framing": "Decoder Framing Lines",
    "nio.reactor": "Acceptor CloseReason Connection Handler Progress Reactor State StreamHandler Timer Transport",
}


def _elsewhere(name: str) -> None:
    """Say where a name is that is not here; of an AttributeError ``from nio import ...`` would drop the words."""
    from nio import channels, errors, spi

    places = {package: names.split() for package, names in _ABOVE.items()}
    places |= {package.__name__: package.__all__ for package in (channels, spi)}
    places["nio.errors"] = [error for error in vars(errors) if error.endswith("Error")]
    for package, names in places.items():
        if name in names:
            raise ImportError(f"{name} is in {package}: from {package} import {name}")


__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "buffers": "Buffer ByteBuffer ByteOrder CharBuffer DoubleBuffer FloatBuffer IntBuffer LongBuffer "
        "MappedByteBuffer ShortBuffer",
        "channels": "EOF Channel DatagramChannel DescriptorChannel FileChannel FileLock MembershipKey MulticastChannel "
        "NetworkChannel Ops Pipe ReadableByteChannel SelectableChannel SelectionKey Selector ServerSocketChannel "
        "SocketChannel StandardOpenOption StandardSocketOptions WritableByteChannel",
        "errors": "",
        "spi": "Address ProtocolFamily SelectorProvider",
    },
    _elsewhere,
)
__all__ += ["__version__"]

if environ.get("NIO_STRICT", "0") not in ("", "0"):  # last: it loads what needs all of this
    from nio._strict import switch_on

    switch_on()
