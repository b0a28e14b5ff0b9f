"""``python3 -m nio.trace``: run a program and write down what it does; read a trace; convert it.

The program runs in this process as Python itself would run it: its arguments, its directory, its ``__main__``, its exit
code. It is recorded as long as the interpreter calls anything of it, threads and ``atexit`` functions with it.
"""

from __future__ import annotations

import argparse
import atexit
import os
import pkgutil
import runpy
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from nio.errors import IllegalArgumentError
from nio.spi import WRITABLE, SelectorProvider
from nio.trace._buffers import telling_buffers
from nio.trace._chrome import as_chrome_json
from nio.trace._file import Trace, read
from nio.trace._html import as_html
from nio.trace._keeper import FileSink, FollowSink, Keeper, Sink, header_for
from nio.trace._provider import TracingProvider
from nio.trace._records import LEVELS, TEACH
from nio.trace._stdio import leave_stdout, tell
from nio.trace._text import as_lines, in_order

_USAGE = 2
_WITH_A_VALUE = ("--level", "--out", "-m")
_NAME = "python3 -m nio.trace"
_USES = f"""{_NAME} [options] PROGRAM [arguments]
       {_NAME} [options] -m MODULE [arguments]
       {_NAME} read FILE
       {_NAME} convert FILE [--to text|chrome|html] [--out OUT]"""
_DESCRIPTION = "Run a program on nio and write down what it does; or print a trace, or convert it."
_EPILOG = "Without --out, --follow or --inspect the lines go to stderr, as with --follow."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. SystemExit is the traced program's own."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["read"], ["convert"]):
        return _show(given)
    ours, rest = _split(given)
    options = _parser().parse_args(ours)
    if options.module is None:
        if not rest:
            _parser().error("a PROGRAM is needed, or -m MODULE")
        options.program, *rest = rest
    return _run(options, rest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME, usage=_USES, description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False
    )
    parser.add_argument("--level", choices=LEVELS[1:], help="how much (default io, with --inspect events)")
    parser.add_argument("--out", metavar="FILE", help="write a trace file")
    parser.add_argument("--follow", action="store_true", help="print each record as a line on stderr")
    parser.add_argument("--inspect", metavar="[PORT]", type=int, help="show it in a page on this port (0: any)")
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module instead of a file")
    return parser


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """What is for us, and the program with its own arguments. After ``--inspect`` a number is the port."""
    ours, left = list[str](), list(given)
    while left and left[0].startswith("-"):
        word = left.pop(0)
        if word == "--inspect":
            word += "=" + (left.pop(0) if left and left[0].isdecimal() else "0")
        ours.append(word)
        if word in _WITH_A_VALUE and left:
            ours.append(left.pop(0))
        if word.startswith("-m"):
            break
    return ours, left


# running


def _run(options: argparse.Namespace, args: list[str]) -> int:
    level = options.level or ("events" if options.inspect is not None else "io")
    program = options.program if options.module is None else options.module
    try:
        if options.module is None:
            _check_readable(program)
        provider = TracingProvider(level=level)
        sinks = _sinks(options, provider, program)
        if options.inspect is not None:
            sinks.append(_page()(provider, options.inspect, program))
    except (OSError, IllegalArgumentError, ImportError) as error:
        tell(str(error))
        return _USAGE
    keeper = Keeper(provider, sinks)
    atexit.register(_close_at_exit, keeper)
    _close_before_exit(provider, keeper)
    SelectorProvider.use(provider)
    if provider.recording.level >= TEACH:
        teaching = ExitStack()
        teaching.enter_context(telling_buffers(provider.recording))
        atexit.register(teaching.close)  # which keeps it
    try:
        return _run_program(program, args, is_module=options.module is not None)
    except KeyboardInterrupt:
        keeper.close(hurry=True)
        raise


def _check_readable(program: str) -> None:
    """OSError, before anything is written, where there is nothing to run; a directory may have a ``__main__``."""
    if not os.path.isdir(program):
        with open(program, "rb"):
            pass


def _sinks(options: argparse.Namespace, provider: TracingProvider, program: str) -> list[Sink]:
    sinks: list[Sink] = []
    if options.out is not None:
        sinks.append(FileSink(options.out, header_for(provider, program)))
    if options.follow or (options.out is None and options.inspect is None):
        sinks.append(FollowSink(*_to_stderr(provider)))
    return sinks


def _to_stderr(provider: TracingProvider) -> tuple[Callable[[str], None], int, Callable[[float], bool]]:
    """How to write on stderr as it is now: the program may give that name to something of its own."""
    stream = sys.stderr

    def put(text: str) -> None:
        stream.write(text)
        stream.flush()

    def has_room(seconds: float) -> bool:
        try:
            return provider.wait_for(stream.fileno(), WRITABLE, None, seconds)
        except (AttributeError, OSError, ValueError):
            return True  # it has no descriptor; put() says what is wrong, if anything is

    return put, provider.recording.began, has_room


def _page() -> Callable[[TracingProvider, int, str], Sink]:
    """By its name: it stands above this package."""
    try:
        found: Callable[[TracingProvider, int, str], Sink] = pkgutil.resolve_name("nio.inspector._inspect:page_of")
    except (ImportError, AttributeError):
        raise ImportError("there is no nio.inspector here, so --inspect shows nothing: use --follow or --out") from None
    return found


def _close_at_exit(keeper: Keeper) -> None:
    try:
        keeper.close()
    except KeyboardInterrupt:
        pass  # the program has ended: nobody else is to hear of it


def _close_before_exit(provider: TracingProvider, keeper: Keeper) -> None:
    """A forked child leaves past ``atexit``."""
    leave: Any = provider.inner.exit_process

    def exit_process(code: int) -> None:
        try:
            keeper.close(hurry=True)
        finally:
            leave(code)

    provider.exit_process = exit_process  # type: ignore[method-assign,assignment]


def _run_program(program: str, args: list[str], *, is_module: bool) -> int:
    sys.argv = [program, *args]
    # The other thread that Python warns of is the trace's own, which stands still around a fork.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded, use of fork", DeprecationWarning)
    if not is_module and not sys.flags.safe_path:
        sys.path[0] = str(Path(program).resolve().parent)
    try:
        if is_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program, run_name="__main__")
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, ImportError) and _is_of_runpy(error.__traceback__):
            tell(f"cannot run {program!r}: {error}")
            return _USAGE
        error.__traceback__ = _of_the_program(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _is_of_runpy(trace: TracebackType | None) -> bool:
    """Nothing of the program has run: there is no such module, or no ``__main__`` in that directory."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in ("<frozen runpy>", runpy.__file__)


def _of_the_program(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's own first frame on; None where it is no Python."""
    ours = ("<frozen runpy", __file__, runpy.__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ours):
        trace = trace.tb_next
    return trace


# reading


def _show(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"{_NAME} {given[0]}")
    parser.add_argument("file", metavar="FILE")
    if given[0] == "convert":
        parser.add_argument("--to", choices=("text", "chrome", "html"), default="text")
        parser.add_argument("--out", metavar="OUT")
    options = parser.parse_args(given[1:])
    try:
        trace = read(options.file)
        _put(_converted(trace, getattr(options, "to", "text")), getattr(options, "out", None))
    except BrokenPipeError:
        leave_stdout()
        return 0
    except (OSError, IllegalArgumentError) as error:
        tell(str(error))
        return _USAGE
    if trace.problem:
        tell(trace.problem)
    return 1 if trace.problem else 0


def _converted(trace: Trace, form: str) -> str:
    clock, process = trace.header.get("clock", 0), trace.header.get("process", 0)
    if form == "chrome":
        return as_chrome_json(trace.records, clock, process)
    if form == "html":
        return as_html(trace.records, trace.header)
    return "".join(f"{line}\n" for line in as_lines(in_order(trace.records), clock))


def _put(text: str, path: str | None) -> None:
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        Path(path).write_text(text, encoding="utf-8")
