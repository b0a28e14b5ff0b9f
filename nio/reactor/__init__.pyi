from nio.reactor.groups._modes import open_reactor as open_reactor
from nio.reactor.groups._prefork import Prefork as Prefork
from nio.reactor.groups._reactor_group import Balance as Balance
from nio.reactor.groups._reactor_group import ReactorGroup as ReactorGroup
from nio.reactor.groups._service_manager import ServiceManager as ServiceManager
from nio.reactor.handlers._acceptor import Acceptor as Acceptor
from nio.reactor.handlers._assa import AssaEvents as AssaEvents
from nio.reactor.handlers._assa import AssaHandler as AssaHandler
from nio.reactor.handlers._assa import AssaReactor as AssaReactor
from nio.reactor.handlers._connector import Connector as Connector
from nio.reactor.handlers._datagram_handler import DatagramHandler as DatagramHandler
from nio.reactor.handlers._datagram_outlet import DatagramStatistics as DatagramStatistics
from nio.reactor.handlers._handler import Handler as Handler
from nio.reactor.loop._backoff import Backoff as Backoff
from nio.reactor.loop._close_reason import CloseReason as CloseReason
from nio.reactor.loop._connecting import Connecting as Connecting
from nio.reactor.loop._connection_info import ConnectionInfo as ConnectionInfo
from nio.reactor.loop._drain_record import DrainRecord as DrainRecord
from nio.reactor.loop._event_handler import EventHandler as EventHandler
from nio.reactor.loop._progress import Progress as Progress
from nio.reactor.loop._progress import ReactorStatistics as ReactorStatistics
from nio.reactor.loop._reactor import Reactor as Reactor
from nio.reactor.loop._signals import SignalWatch as SignalWatch
from nio.reactor.loop._state import ReactorState as ReactorState
from nio.reactor.loop._timers import Timer as Timer
from nio.reactor.loop._urgent import UrgentWatch as UrgentWatch
from nio.reactor.streams._connection import Connection as Connection
from nio.reactor.streams._group import Group as Group
from nio.reactor.streams._group import SlowMember as SlowMember
from nio.reactor.streams._link import Link as Link
from nio.reactor.streams._state import State as State
from nio.reactor.streams._stream_handler import StreamHandler as StreamHandler
from nio.reactor.streams._switching_handler import SwitchingHandler as SwitchingHandler
from nio.reactor.streams._transport import Transport as Transport

__all__ = [
    "Acceptor",
    "AssaEvents",
    "AssaHandler",
    "AssaReactor",
    "Backoff",
    "Balance",
    "CloseReason",
    "Connecting",
    "Connection",
    "ConnectionInfo",
    "Connector",
    "DatagramHandler",
    "DatagramStatistics",
    "DrainRecord",
    "EventHandler",
    "Group",
    "Handler",
    "Link",
    "Prefork",
    "Progress",
    "Reactor",
    "ReactorGroup",
    "ReactorState",
    "ReactorStatistics",
    "ServiceManager",
    "SignalWatch",
    "SlowMember",
    "State",
    "StreamHandler",
    "SwitchingHandler",
    "Timer",
    "Transport",
    "UrgentWatch",
    "open_reactor",
]
