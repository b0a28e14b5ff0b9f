"""``server``: the service on one of the four reactors, from READY to DONE.

**Signals** only set a word and an alarm and call what of the reactor takes no lock, for they may interrupt anything,
the reactor included; what there is to log, the loop logs. Two of them end the process on the spot: the second SIGINT,
and the alarm, which is for a ``process`` that still holds the reactor's own thread when the drain time is over.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
from concurrent.futures import Executor
from contextlib import ExitStack
from types import FrameType, ModuleType
from typing import TextIO

from nio import ProtocolFamily, SelectionKey, ServerSocketChannel
from nio.errors import WorkersLostError
from nio.reactor import Acceptor, Prefork, Reactor, ReactorGroup, open_reactor
from samples.hello_name import _workers
from samples.hello_name._console import Exit, Failure, reason_of, resolve, say, spell
from samples.hello_name.handler import configured

_GRACE = 1.0  # seconds from the end of the drain time to the alarm
_CLEANUP = 2.0  # seconds from DONE to the alarm, for an executor that waits for its work

logger = logging.getLogger("hello_name")


def main(options: argparse.Namespace) -> Exit:
    """Run until a signal; the options are those of the parser in ``_options.py``."""
    logging.basicConfig(
        level="ERROR" if options.quiet else options.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    handler = configured(options.max_name, options.idle_timeout or None, options.delay, options.delay_kind)
    with ExitStack() as stack:
        if options.inspect is not None:
            stack.enter_context(_page().recorded(options))
        listener = stack.enter_context(_listen(options))
        workers: int | Executor | None = options.workers
        if options.reactor == "pooled" or (options.reactor == "multi" and (workers or ":" in options.executor)):
            workers = stack.enter_context(_workers.started(options.executor, options.workers))
        reactor = open_reactor(
            options.reactor,
            workers=workers,
            reactors=options.reactors,
            processes=options.processes,
            reuse_port=options.reuse_port or None,
            max_connections=options.max_connections,
        )
        stack.callback(reactor.close)
        reactor.register(listener, SelectionKey.OP_ACCEPT, Acceptor(handler))
        if options.inspect is not None:
            stack.enter_context(_page().shown(reactor, options))
        return _Run(reactor, listener, options).to_the_end()


def _page() -> ModuleType:
    """Loaded by whoever wants to see: it brings the trace and the doctor."""
    return importlib.import_module("samples.hello_name._page")


def _listen(options: argparse.Namespace) -> ServerSocketChannel:
    listener = None
    try:
        if options.unix is not None:
            listener = ServerSocketChannel.open(ProtocolFamily.UNIX)
            return listener.bind(options.unix, options.backlog, replace_stale=True)
        family, address = resolve(options.host, options.port)[0]
        listener = ServerSocketChannel.open(family)
        if options.reuse_port:
            listener.set_option("SO_REUSEPORT", True)
        return listener.bind(address, options.backlog)
    except OSError as error:
        if listener is not None:
            listener.close()
        where = options.unix or spell((options.host, options.port))
        raise Failure(Exit.CANNOT_BIND, f"cannot listen on {where}: {reason_of(error)}") from None


class _Run:
    """One run of the server: what its first and last line say, and what its signals do."""

    def __init__(self, reactor: Reactor | Prefork, listener: ServerSocketChannel, options: argparse.Namespace) -> None:
        self._reactor = reactor
        self._options = options
        self._address = listener.local_address
        self._reason = ""
        self._interrupts = 0
        self._over = False

    def to_the_end(self) -> Exit:
        self._write_port_file()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, self._handle)
        lost: Failure | None = None
        try:
            self._announce()
            self._reactor.run()
        except WorkersLostError as error:
            self._reason = "WORKERS_LOST"
            lost = Failure(Exit.WORKERS_LOST, str(error))
        finally:
            self._over = True
            self._remove_files()
        signal.setitimer(signal.ITIMER_REAL, _CLEANUP)
        _say(self._last_line())
        code = self._verdict()
        if lost is not None:
            raise lost
        return code

    def _announce(self) -> None:
        options = self._options
        workers = options.workers or ("default" if options.reactor == "pooled" else 0)
        _say(
            f"READY hello_name {spell(self._address)} reactor={options.reactor} workers={workers}{self._loops()} "
            f"provider={self._reactor.provider.name} pid={os.getpid()}"
        )

    def _loops(self) -> str:
        if isinstance(self._reactor, ReactorGroup):
            return f" reactors={len(self._reactor.each_statistics())}"
        return f" processes={self._reactor.processes}" if isinstance(self._reactor, Prefork) else ""

    def _last_line(self) -> str:
        done = self._reactor.statistics()
        return (
            f"DONE connections={done.connections} requests={done.requests} bytes_in={done.bytes_in} "
            f"bytes_out={done.bytes_out} turns={done.turns} reason={self._reason}"
        )

    def _verdict(self) -> Exit:
        done = self._reactor.statistics()
        if done.closed:
            ends = sorted(done.closed.items(), key=lambda item: (-item[1], item[0].name))
            logger.info("connections ended: %s", ", ".join(f"{reason.name} {count}" for reason, count in ends))
        if done.abandoned:
            logger.warning("the %g s are over, connections cut: %d", self._options.drain, done.abandoned)
            return Exit.TIME_LIMIT
        return Exit.DONE

    # signals

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGALRM:
            self._leave(Exit.TIME_LIMIT, "the drain time is over, and a greeting still holds the reactor's thread")
        first = not self._reason
        self._reason = self._reason or signal.Signals(number).name
        self._interrupts += number == signal.SIGINT
        if self._interrupts > 1:
            self._leave(Exit.INTERRUPTED)
        if first:
            signal.setitimer(signal.ITIMER_REAL, self._options.drain + _GRACE)
            if not self._over:
                self._reactor.stop(self._options.drain)
                self._reactor.execute(self._tell_drain)

    def _tell_drain(self) -> None:
        count = self._reactor.statistics().open
        again = "; Ctrl-C again ends at once" if self._reason == "SIGINT" else ""
        logger.info("%s: ending, %g s at most, open connections: %d%s", self._reason, self._options.drain, count, again)

    def _leave(self, code: Exit, why: str = "") -> None:
        """End without a step that might wait for something."""
        if not self._over:
            self._over = True  # the next signal may find stdout stuck
            self._remove_files()
            _write_at_once(sys.stdout, self._last_line())
            _write_at_once(sys.stderr, f"hello_name server: {why}" if why else "")
        os._exit(code)

    # the port file, and the file of a Unix-domain listener

    def _write_port_file(self) -> None:
        path = self._options.port_file
        if path is None:
            return
        assert isinstance(self._address, tuple)
        draft = f"{path}.{os.getpid()}"
        try:
            with open(draft, "w", encoding="ascii") as file:
                file.write(f"{self._address[1]}\n")
            os.replace(draft, path)
        except OSError as error:
            _unlink(draft)
            raise Failure(Exit.UNEXPECTED, f"cannot write --port-file {path}: {reason_of(error)}") from None

    def _remove_files(self) -> None:
        for path in (self._options.port_file, self._options.unix):
            if path is not None:
                _unlink(path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _write_at_once(stream: TextIO | None, line: str) -> None:
    try:
        if stream is not None and line:
            os.write(stream.fileno(), line.encode() + b"\n")
    except OSError:
        pass


def _say(line: str) -> None:
    """To stdout, if anybody is there: a server does not end because nobody reads what it says."""
    try:
        say(line)
    except Failure as failure:
        logger.debug("stdout is closed %s", failure)
