"""The only door to the operating system.

Everything nio asks of the outside goes through a :class:`SelectorProvider`: sockets, pipes, readiness, the wake-up
of a sleeping selection, the clock, threads and locks. Code above this package imports neither ``socket`` nor
``select``, ``threading``, ``time`` or ``signal``; whoever hands it another provider has swapped the kernel.

**What a back end must offer** (:class:`Poller`, one file per kernel: ``_epoll``, ``_kqueue``, ``_poll``, ``_select``):

1. ``add(fd, mask)`` watches a descriptor, ``modify(fd, mask)`` changes what for, ``remove(fd)`` forgets it. A mask is
   ``READABLE`` (1), ``WRITABLE`` (4) or both; a mask of 0 is not allowed, because kernels differ in what they then
   still report: whoever wants nothing of a descriptor removes it. All three are called between two waits, by the
   thread that waits. A descriptor is removed before it is closed.
2. ``wait(timeout)`` returns ``[(fd, mask), ...]``: seconds as float, rounded *up* to the kernel's grain, None for ever,
   0 polls. It is level-triggered: a descriptor is reported again as long as it is ready. Besides the bits asked for a
   mask may hold ``BROKEN`` (8) and ``HUNG_UP`` (16), which are reported whatever was asked. The values are those of
   poll(2), so that epoll and poll pass on what the kernel said. A signal does not end the wait early.
3. The order of the answer is the kernel's; its start is rotated above. Where one answer cannot hold all that is ready,
   the next ones hold the rest first.
4. ``limit`` is None, or the first descriptor number that cannot be watched; ``close()`` may be called twice.

**Wake-up** (:class:`Wakeup`): an eventfd, else a pipe; ``set()`` never blocks and takes no lock, so that a signal
handler may call it. Coalescing is the caller's flag (see ``channels/_selector.py``); even without it nothing grows.

**Sockets** are non-blocking and not inheritable from birth. They, pipes and wake-ups never have a descriptor below 3,
so that a closed standard stream cannot make one of them stdout. Blocking is made from
``wait_for(fd, mask, wakeup, timeout)``, which a close in another thread releases.
Datagram sockets hear no group but those they join; groups, interfaces and disconnecting stand in ``_datagrams.py``, the
socket that a process is started with in ``_inherited.py``.

**Addresses** are ``(host, port)`` tuples with a numeric host, or a path for Unix-domain sockets; the resolver, which
blocks, is never asked.
"""

from __future__ import annotations

from nio.spi._base import BROKEN as BROKEN
from nio.spi._base import HUNG_UP as HUNG_UP
from nio.spi._base import READABLE as READABLE
from nio.spi._base import WRITABLE as WRITABLE
from nio.spi._base import Address as Address
from nio.spi._base import Condition as Condition
from nio.spi._base import Event as Event
from nio.spi._base import File as File
from nio.spi._base import Inherited as Inherited
from nio.spi._base import Lock as Lock
from nio.spi._base import OptionSpec as OptionSpec
from nio.spi._base import PipeEnd as PipeEnd
from nio.spi._base import Poller as Poller
from nio.spi._base import ProtocolFamily as ProtocolFamily
from nio.spi._base import Queue as Queue
from nio.spi._base import Socket as Socket
from nio.spi._base import Thread as Thread
from nio.spi._base import Wakeup as Wakeup
from nio.spi._options import OPTIONS as OPTIONS
from nio.spi._options import OPTIONS6 as OPTIONS6
from nio.spi._provider import SelectorProvider as SelectorProvider
from nio.spi._system import SystemProvider as SystemProvider

__all__ = [
    "BROKEN",
    "HUNG_UP",
    "OPTIONS",
    "OPTIONS6",
    "READABLE",
    "WRITABLE",
    "Address",
    "Condition",
    "Event",
    "File",
    "Inherited",
    "Lock",
    "OptionSpec",
    "PipeEnd",
    "Poller",
    "ProtocolFamily",
    "Queue",
    "SelectorProvider",
    "Socket",
    "SystemProvider",
    "Thread",
    "Wakeup",
]
