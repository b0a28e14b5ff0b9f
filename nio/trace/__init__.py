"""What a program on nio does, recorded at the door.

    with nio.trace.recording() as log:
        serve()
    for record in log.take(): ...

:class:`TracingProvider` stands before any provider and sees whatever program runs on it. A record is a tuple of ints
and short strings; ``FIELDS`` names what stands where. See ``docs/how-to/trace.md``.
"""

from __future__ import annotations

from nio.trace._buffers import TracedByteBuffer as TracedByteBuffer
from nio.trace._chrome import as_chrome_json as as_chrome_json
from nio.trace._file import Trace as Trace
from nio.trace._file import read as read
from nio.trace._file import write as write
from nio.trace._html import as_html as as_html
from nio.trace._provider import TracingProvider as TracingProvider
from nio.trace._provider import recording as recording
from nio.trace._reactor import TracedReactor as TracedReactor
from nio.trace._recording import Recording as Recording
from nio.trace._records import ACCEPT as ACCEPT
from nio.trace._records import BUFFER as BUFFER
from nio.trace._records import CHANNEL as CHANNEL
from nio.trace._records import CLOSED as CLOSED
from nio.trace._records import CONNECT as CONNECT
from nio.trace._records import DISPATCH as DISPATCH
from nio.trace._records import DONE as DONE
from nio.trace._records import END as END
from nio.trace._records import FIELDS as FIELDS
from nio.trace._records import FINDING as FINDING
from nio.trace._records import HANDOFF as HANDOFF
from nio.trace._records import INTEREST as INTEREST
from nio.trace._records import LEVELS as LEVELS
from nio.trace._records import NAMES as NAMES
from nio.trace._records import READ as READ
from nio.trace._records import READY as READY
from nio.trace._records import RECORD as RECORD
from nio.trace._records import SIGNAL as SIGNAL
from nio.trace._records import SKIPPED as SKIPPED
from nio.trace._records import THREAD as THREAD
from nio.trace._records import TICK as TICK
from nio.trace._records import TIMER as TIMER
from nio.trace._records import TURN as TURN
from nio.trace._records import WAKEUP as WAKEUP
from nio.trace._records import WORK as WORK
from nio.trace._records import WOULD_BLOCK as WOULD_BLOCK
from nio.trace._records import WRITE as WRITE
from nio.trace._records import Record as Record
from nio.trace._records import as_dict as as_dict
from nio.trace._records import fits as fits
from nio.trace._text import as_lines as as_lines
from nio.trace._text import in_order as in_order

__all__ = [
    "ACCEPT",
    "BUFFER",
    "CHANNEL",
    "CLOSED",
    "CONNECT",
    "DISPATCH",
    "DONE",
    "END",
    "FIELDS",
    "FINDING",
    "HANDOFF",
    "INTEREST",
    "LEVELS",
    "NAMES",
    "READ",
    "READY",
    "RECORD",
    "SIGNAL",
    "SKIPPED",
    "THREAD",
    "TICK",
    "TIMER",
    "TURN",
    "WAKEUP",
    "WORK",
    "WOULD_BLOCK",
    "WRITE",
    "Record",
    "Recording",
    "Trace",
    "TracedByteBuffer",
    "TracedReactor",
    "TracingProvider",
    "as_chrome_json",
    "as_dict",
    "as_html",
    "as_lines",
    "fits",
    "in_order",
    "read",
    "recording",
    "write",
]
