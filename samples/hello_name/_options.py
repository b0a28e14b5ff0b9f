"""The command line: its options, the bounds of their values, and which option fits which.

An option that belongs to another one has no default while arguments are parsed (None or False: not given), so that one
that was given and does not fit can be told; its default is filled in afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from samples.hello_name.handler import IDLE_TIMEOUT, MAX_NAME

PROGRAM = "python3 -m samples.hello_name"
HOST = "127.0.0.1"
PORT = 9900
_WORKERS = 4
_DAY = 86_400

_SUMMARY = "The hello-name server, a client, a demo and a comparison of the reactors."

_EXIT_CODES = """\
exit codes:
  0  done                    4  cannot connect
  1  unexpected              5  a time limit or the drain limit was hit
  2  usage                   6  wrong reply, or the server ended too early
  3  cannot listen           7  the server's worker processes are lost
                           130  interrupted (server: the second SIGINT)

environment:
  NIO_PROVIDER  how the kernel is asked for readiness: epoll, kqueue, poll or
                select; the best this machine has if not set
"""

_SERVER = """\
Answer every line NAME with a line "Hello NAME".

LF ends a name, one CR before the LF is dropped. A name that is too long or not
UTF-8 ends its connection, after the replies that are owed.
"""

_SERVER_OUTPUT = """\
stdout has a line READY when clients can come and a line DONE at the end; logs
go to stderr. SIGTERM or SIGINT: take no more clients, answer what was received,
close, exit 0; connections left when the drain time is over are cut, exit 5. A
second SIGINT: exit 130 at once. A worker process that was killed breaks the
pool, as a scheduler that is gone does with dask, and nobody could be answered
any more: exit 7, for a supervisor to see. No scheduler at ADDRESS: exit 4.
SIGHUP, with --reactor prefork: new processes take over, no client notices it.
"""

_CLIENT = """\
Send names and print the replies, each of which is checked.

With names: every connection sends all of them, REPEAT times. One reply a line,
in order: the first connection's replies, then the second's, and so on.

Without: each line of stdin is a name, until "Bye" or the end of the input.
"""

_DEMO = """\
The four reactors in turn, on free ports of this machine, with a few clients
each: what they do, what comes back and why. Takes a few seconds.
"""

_COMPARE = """\
The same load on the four reactors, on a thread per connection and on a Protocol
of asyncio, in interleaved rounds, every reply checked. Workers are 4 threads (4
processes too where greetings compute), sub reactors and preforked processes as
many as there are processors. The servers are processes of their own.
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of one command, checked; ``command`` is its name. What is wrong ends the program, exit code 2."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=_SUMMARY,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, summary: str, description: str, epilog: str | None = None) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    complete = {
        "server": _server(command("server", "answer names until a signal comes", _SERVER, _SERVER_OUTPUT)),
        "client": _client(command("client", "send names, print and check the replies", _CLIENT)),
        "demo": _demo(command("demo", "see the four reactors at work", _DEMO)),
        "compare": _compare(command("compare", "measure all reactors under the same load", _COMPARE)),
    }
    options, unknown = parser.parse_known_args(arguments)
    if options.command is None:
        parser.error(f"which COMMAND? One of {', '.join(complete)}; --help tells what they do")
    if unknown:
        commands.choices[options.command].error(f"it knows no {' '.join(unknown)}; --help tells what it knows")
    complete[options.command](options)
    return options


Complete = Callable[[argparse.Namespace], None]

_FITTING = {
    "workers": ("pooled", "multi", "prefork"),
    "executor": ("pooled", "multi"),
    "reactors": ("multi",),
    "processes": ("prefork",),
    "reuse_port": ("prefork",),
}


def _server(parser: argparse.ArgumentParser) -> Complete:
    add = parser.add_argument
    add("--host", default=HOST, metavar="H", help=f"name or address to listen on ({HOST})")
    add("--port", type=_whole(0, 65_535), default=PORT, metavar="P", help=f"port, 0 for any free one ({PORT})")
    add("--unix", metavar="PATH", help="listen on this path instead; the file of a server that has ended is replaced")
    add(
        "--reactor",
        choices=("single", "pooled", "multi", "prefork"),
        default="single",
        metavar="R",
        help="single, pooled (workers greet), multi (several reactors), prefork (several processes) (single)",
    )
    add("--workers", type=_whole(1, 1024), metavar="N", help="pooled: how many workers (4); multi, prefork: some too")
    add("--reactors", type=_whole(1, 1024), metavar="N", help="multi: how many sub reactors (one per processor)")
    add("--processes", type=_whole(1, 1024), metavar="N", help="prefork: how many processes (one per processor)")
    add("--reuse-port", action="store_true", help="prefork: a listener for each process; the kernel deals")
    add(
        "--executor",
        type=_executor,
        metavar="E",
        help="pooled, multi: what works: thread, process, loky, dask:ADDRESS (of a scheduler), or PKG:FACTORY, which "
        "is called, with N if --workers is given, and returns a concurrent.futures.Executor (thread)",
    )
    add(
        "--max-name",
        type=_whole(1, 65_536),
        default=MAX_NAME,
        metavar="N",
        help=f"bytes of a name at most ({MAX_NAME})",
    )
    _add_delay(parser)
    add(
        "--idle-timeout",
        type=_seconds(0, _DAY),
        default=IDLE_TIMEOUT,
        metavar="S",
        help=f"seconds a client may say nothing; 0 is for ever ({IDLE_TIMEOUT:g})",
    )
    add(
        "--drain",
        type=_seconds(0, _DAY),
        default=10.0,
        metavar="S",
        help="seconds from the signal to the end at most (10)",
    )
    add("--max-connections", type=_whole(1, 1_000_000), metavar="N", help="clients at a time at most (10000)")
    add("--backlog", type=_whole(1, 65_535), default=0, metavar="N", help="clients that may wait to be accepted (1024)")
    add("--port-file", metavar="PATH", help="write the port into this file while clients can come")
    add("--inspect", type=_whole(0, 65_535), nargs="?", const=0, metavar="P", help="show a live page, on port P (any)")
    add("--inspect-level", choices=("events", "io", "teach"), default="events", metavar="L", help="... of that level")
    logs = parser.add_mutually_exclusive_group()
    levels = ("debug", "info", "warning", "error")
    log_help = f"{', '.join(levels)} (info)"
    logs.add_argument("--log-level", type=str.lower, choices=levels, default="info", metavar="L", help=log_help)
    logs.add_argument("--quiet", action="store_true", help="log errors only")

    def complete(options: argparse.Namespace) -> None:
        for option, fitting in _FITTING.items():
            if options.reactor not in fitting and getattr(options, option):
                parser.error(f"--{option.replace('_', '-')} fits --reactor {' or '.join(fitting)}")
        if options.reactor == "multi" and options.executor and ":" not in options.executor:
            options.workers = options.workers or _WORKERS
        if options.unix is not None and options.port_file is not None:
            parser.error("--port-file fits --port, not --unix")
        if options.unix is not None and options.reuse_port:
            parser.error("--reuse-port fits --port, not --unix")
        options.executor = options.executor or "thread"
        if options.reactor == "pooled" and ":" not in options.executor:
            options.workers = options.workers or _WORKERS
        if options.workers and options.executor.startswith("dask:"):
            parser.error("--workers does not fit --executor dask: the cluster has its own")
        _complete_delay(parser, options)

    return complete


def _client(parser: argparse.ArgumentParser) -> Complete:
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="what to send; none: a dialogue on stdin")
    add("--host", default=HOST, metavar="H", help=f"name or address of the server ({HOST})")
    add("--port", type=_whole(1, 65_535), default=PORT, metavar="P", help=f"its port ({PORT})")
    add("--unix", metavar="PATH", help="its path instead")
    add("--connections", type=_whole(1, 10_000), metavar="N", help="with names: connections at a time (1)")
    add(
        "--repeat", type=_whole(1, 10_000_000), metavar="N", help="with names: how often each connection sends them (1)"
    )
    add("--split", type=_whole(1, 65_536), metavar="N", help="with names: send in pieces of N bytes")
    add("--pipeline", action="store_true", help="with names: send all without waiting for replies")
    add("--half-close", action="store_true", help="with names: end the output after the last one, then read on")
    add(
        "--timeout",
        type=_seconds(0.001, _DAY),
        default=10.0,
        metavar="S",
        help="seconds without an answer until exit 5 (10)",
    )

    def complete(options: argparse.Namespace) -> None:
        if not options.names:
            for option in ("connections", "repeat", "split", "pipeline", "half_close"):
                if getattr(options, option):
                    parser.error(f"--{option.replace('_', '-')} fits NAME ...")
        for name in options.names:
            if "\n" in name or name.endswith("\r"):
                parser.error(f"{name!r} is not one line: a name has no LF and does not end in CR")
        options.connections = options.connections or 1
        options.repeat = options.repeat or 1

    return complete


def _demo(parser: argparse.ArgumentParser) -> Complete:
    return lambda options: None


def _compare(parser: argparse.ArgumentParser) -> Complete:
    add = parser.add_argument
    add("--connections", type=_whole(1, 5_000), metavar="N", help="connections at a time (50; fewer with much --delay)")
    add(
        "--repeat",
        type=_whole(1, 1_000_000),
        metavar="N",
        help="names each connection sends to each reactor (500; with --delay what takes the single one about 2 s)",
    )
    _add_delay(parser)
    add("--json", action="store_true", help="print the figures as JSON")
    return lambda options: _complete_delay(parser, options)


def _add_delay(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--delay", type=_seconds(0, 3600), metavar="S", help="seconds of work in each greeting (0)")
    add("--delay-kind", choices=("sleep", "cpu"), help="with --delay: the work waits, or it computes (sleep)")


def _complete_delay(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.delay_kind is not None and options.delay is None:
        parser.error("--delay-kind fits --delay")
    options.delay = options.delay or 0.0
    options.delay_kind = options.delay_kind or "sleep"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return value

    return convert


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:  # also false for nan
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from {low:g} to {high:g}")
        return value

    return convert


def _executor(text: str) -> str:
    package, colon, name = text.partition(":")
    if text not in ("thread", "process", "loky") and not (package and colon and name):
        raise argparse.ArgumentTypeError(f"{text!r} is none of thread, process, loky, dask:ADDRESS and PKG:FACTORY")
    return text
