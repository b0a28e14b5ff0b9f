"""Doug Lea's Reactor on ``nio.channels``: Reactor, Acceptor, Handlers, with or without workers.

Four wings; imports run down only: ``streams`` -> ``handlers`` -> ``loop``, and ``groups`` on the latter two.
``loop/_reactor.py`` says what a turn is, ``loop/_hand_off.py`` how requests go to workers and replies come back,
``streams/_connection.py`` how a connection lives and ends, ``streams/_stream_handler.py`` what records add to that,
``groups/_reactor_group.py`` how several reactors are one, ``groups/_prefork.py`` how several processes are. Whoever
calls names what it calls in a Protocol of its own, so that no wing knows the one above.
"""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "groups._modes": "open_reactor",
        "groups._prefork": "Prefork",
        "groups._reactor_group": "Balance ReactorGroup",
        "groups._service_manager": "ServiceManager",
        "handlers._acceptor": "Acceptor",
        "handlers._assa": "AssaEvents AssaHandler AssaReactor",
        "handlers._connector": "Connector",
        "handlers._datagram_handler": "DatagramHandler",
        "handlers._datagram_outlet": "DatagramStatistics",
        "handlers._handler": "Handler",
        "loop._backoff": "Backoff",
        "loop._close_reason": "CloseReason",
        "loop._connecting": "Connecting",
        "loop._connection_info": "ConnectionInfo",
        "loop._drain_record": "DrainRecord",
        "loop._event_handler": "EventHandler",
        "loop._progress": "Progress ReactorStatistics",
        "loop._reactor": "Reactor",
        "loop._signals": "SignalWatch",
        "loop._state": "ReactorState",
        "loop._timers": "Timer",
        "loop._urgent": "UrgentWatch",
        "streams._connection": "Connection",
        "streams._group": "Group SlowMember",
        "streams._link": "Link",
        "streams._state": "State",
        "streams._stream_handler": "StreamHandler",
        "streams._switching_handler": "SwitchingHandler",
        "streams._transport": "Transport",
    },
    first="handlers._connector",  # Reactor.connect
)
