from nio.spi._base import BROKEN as BROKEN
from nio.spi._base import HUNG_UP as HUNG_UP
from nio.spi._base import INVALID as INVALID
from nio.spi._base import READABLE as READABLE
from nio.spi._base import WRITABLE as WRITABLE
from nio.spi._base import Address as Address
from nio.spi._base import Condition as Condition
from nio.spi._base import Descriptor as Descriptor
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
from nio.spi._options import NO_SIGNAL as NO_SIGNAL
from nio.spi._options import OPTIONS as OPTIONS
from nio.spi._options import OPTIONS6 as OPTIONS6
from nio.spi._provider import SelectorProvider as SelectorProvider
from nio.spi._system import SystemProvider as SystemProvider

__all__ = [
    "BROKEN",
    "HUNG_UP",
    "INVALID",
    "NO_SIGNAL",
    "OPTIONS",
    "OPTIONS6",
    "READABLE",
    "WRITABLE",
    "Address",
    "Condition",
    "Descriptor",
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
