"""One word for each of the four designs, so that a program changes its reactor by a flag."""

from __future__ import annotations

from nio.errors import IllegalArgumentError
from nio.reactor.groups._prefork import Prefork
from nio.reactor.groups._reactor_group import ReactorGroup
from nio.reactor.loop._hand_off import Workers
from nio.reactor.loop._reactor import Reactor
from nio.spi import SelectorProvider

_WORKERS = 4
_FITTING: dict[str, tuple[str, ...]] = {
    "single": (),
    "pooled": ("workers",),
    "multi": ("reactors", "workers"),
    "prefork": ("processes", "workers", "reuse_port"),
}


def open_reactor(
    mode: str,
    *,
    workers: int | Workers | None = None,
    reactors: int | None = None,
    processes: int | None = None,
    reuse_port: bool | None = None,
    max_connections: int | None = None,
    provider: SelectorProvider | None = None,
) -> Reactor | Prefork:
    """The reactor that ``mode`` names: ``single``, ``pooled``, ``multi`` (threads) or ``prefork`` (processes).

    All have ``register``, ``run``, ``stop``, ``statistics`` and ``close``. What is None has its default: 4 workers for
    ``pooled`` and none else, as many reactors or processes as processors. IllegalArgumentError for a word that is none
    of the four, and for an argument that does not fit it.
    """
    if mode not in _FITTING:
        raise IllegalArgumentError(f"mode is one of {', '.join(_FITTING)}, not {mode!r:.60}")
    given = {"workers": workers, "reactors": reactors, "processes": processes, "reuse_port": reuse_port}
    for name, value in given.items():
        if value is not None and name not in _FITTING[mode]:
            fitting = " and ".join(other for other, names in _FITTING.items() if name in names)
            raise IllegalArgumentError(f"{name} fits {fitting}, not {mode}")
    if mode == "multi":
        return ReactorGroup.open(
            reactors=reactors, workers=workers or 0, max_connections=max_connections, provider=provider
        )
    if mode == "prefork":
        return Prefork.open(
            processes=processes,
            workers=workers or 0,
            reuse_port=bool(reuse_port),
            max_connections=max_connections,
            provider=provider,
        )
    if workers is None:
        workers = _WORKERS if mode == "pooled" else 0
    return Reactor.open(workers=workers, max_connections=max_connections, provider=provider)
