"""Doug Lea's Reactor on ``nio.channels``: Reactor, Acceptor, Handlers, with or without workers.

``_reactor.py`` says what a turn is, ``_stream_handler.py`` how a connection lives and ends, ``_hand_off.py`` how
requests go to workers and replies come back.
"""

from __future__ import annotations

from nio.reactor._acceptor import Acceptor as Acceptor
from nio.reactor._close_reason import CloseReason as CloseReason
from nio.reactor._deadlines import State as State
from nio.reactor._handler import Handler as Handler
from nio.reactor._progress import Progress as Progress
from nio.reactor._progress import ReactorStatistics as ReactorStatistics
from nio.reactor._reactor import Reactor as Reactor
from nio.reactor._stream_handler import StreamHandler as StreamHandler
from nio.reactor._timers import Timer as Timer

__all__ = [
    "Acceptor",
    "CloseReason",
    "Handler",
    "Progress",
    "Reactor",
    "ReactorStatistics",
    "State",
    "StreamHandler",
    "Timer",
]
