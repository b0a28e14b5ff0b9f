"""Strict mode: buffers, selectors, keys, channels and executors that look at how they are used.

They behave as the plain ones do, and are slower. While it is off nothing of it is there: it puts its own functions into
the classes when it is switched on and takes them out again (``_patches.py``). It is one for the whole process; who
switches it on a second time shares it, and it ends with the last.

**Forked children** tell their findings through a pipe that the parent reads in the end.
"""

from __future__ import annotations

import atexit
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from nio.buffers import ByteBuffer
from nio.charset import Charset
from nio.doctor._checked_buffer import CheckedByteBuffer
from nio.doctor._children import Children
from nio.doctor._finding import Finding, MistakeWarning
from nio.doctor._patches import Patches
from nio.doctor._place import here
from nio.doctor._raised import diagnosis
from nio.doctor._ward import Ward
from nio.doctor._watch_channels import ChannelWatch
from nio.doctor._watch_jobs import JobWatch
from nio.doctor._watch_selectors import SelectorWatch
from nio.doctor._watchdog import Watchdog
from nio.reactor import Reactor
from nio.spi import SystemProvider


class Strict:
    """Strict mode, switched on; ``findings`` tells what it has found so far."""

    def __init__(self) -> None:
        self._children = Children()
        self._ward = Ward()
        self._watchdog = Watchdog()
        self._selectors = SelectorWatch(self._ward, self._watchdog)
        self._channels = ChannelWatch(self._ward, self._selectors)
        self._jobs = JobWatch(self._ward, self._channels.current)
        self._patches = Patches()
        self.users: int = 0
        self._sees_errors = False
        self._selectors.install(self._patches)
        self._channels.install(self._patches)
        self._jobs.install(self._patches)
        self._install_buffers()
        self._patches.put(Reactor, "turn", self._selectors.turn)
        self._patches.put(Reactor, "serve_by", lambda plain: _not_served)
        self._patches.put(SystemProvider, "thread_count", self._watchdog.uncounted)
        self._patches.put(Reactor, "_start_stopping", self._with_errors)
        self._patches.put(Ward, "report", self._children.reporting)

    @property
    def findings(self) -> list[Finding]:
        """What was found, in the order in which it was first seen."""
        self._children.collect(self._ward)
        return self._ward.findings

    def raised(self, error: BaseException) -> None:
        """The program has ended with this error: name the mistake, if it is one."""
        if (finding := diagnosis(error, self._channels.none_accepted, self._selectors, self._ward)) is not None:
            self._ward.report(finding)

    def finish(self) -> None:
        """The program is over: nobody will select, send or look at a future any more."""
        self._selectors.finish()
        self._jobs.finish()
        self._channels.finish()

    def enter(self, say: Callable[[Finding], object] | None) -> None:
        """One user more, who is told of findings in this way."""
        self.users += 1
        if say is not None:
            self._ward.says.append(say)

    def leave(self, say: Callable[[Finding], object] | None) -> int:
        """One user less; how many are left."""
        self.users -= 1
        if say is not None and say in self._ward.says:
            self._ward.says.remove(say)
        return self.users

    def stop(self) -> None:
        """Take everything out again."""
        self._children.collect(self._ward)
        self._patches.undo()
        CheckedByteBuffer.listener.clear()
        self._channels.finish()
        self._watchdog.stop()
        self._children.close()

    def _install_buffers(self) -> None:
        CheckedByteBuffer.listener.append(lambda code, evidence: self._ward.tell(code, evidence, here()))
        for name in ("allocate", "allocate_direct", "wrap"):
            self._patches.put(ByteBuffer, name, _checked if name == "wrap" else _fresh)
        self._patches.put(Charset, "decode", self._decode)

    def _decode(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def decode(charset: Charset, source: Any) -> Any:
            if isinstance(source, CheckedByteBuffer) and source.use.filler and charset.name == "UTF-8":
                tail = _cut(source.view().tobytes())
                if tail:
                    text = (
                        f"The last {len(tail)} bytes, {tail!r}, are the beginning of a letter that the next read ends."
                    )
                    self._ward.tell("B07", text, here())
            return plain(charset, source)

        return decode

    def _with_errors(self, plain: Callable[..., None]) -> Callable[..., None]:
        """The first reactor that is opened shows the class that has its handlers' errors."""

        def start_stopping(reactor: Any, drain: Any) -> None:
            if not self._sees_errors:
                self._sees_errors = True
                self._patches.put(type(reactor._registry), "failed", self._failed)
            plain(reactor, drain)

        return start_stopping

    def _failed(self, plain: Callable[..., None]) -> Callable[..., None]:
        def failed(registry: Any, key: Any, attachment: object, error: BaseException) -> None:
            finding = diagnosis(error, [], self._selectors, self._ward)
            if finding is not None and finding.code not in ("P09", "I12"):  # the reactor has contained it
                self._ward.report(finding)
            plain(registry, key, attachment, error)

        return failed


def _not_served(reactor: Reactor, make: Callable[..., object]) -> None:
    """Every key goes through dispatch, so that it is seen."""
    reactor.serves = True


def _checked(plain: Callable[..., Any]) -> Callable[..., Any]:
    def make(cls: type[ByteBuffer], *args: Any, **named: Any) -> Any:
        return plain(CheckedByteBuffer if cls is ByteBuffer else cls, *args, **named)

    return make


def _fresh(plain: Callable[..., Any]) -> Callable[..., Any]:
    def make(cls: type[ByteBuffer], *args: Any, **named: Any) -> Any:
        return CheckedByteBuffer.fresh(plain(CheckedByteBuffer if cls is ByteBuffer else cls, *args, **named))

    return make


def _cut(data: bytes) -> bytes:
    """The beginning of a letter of several bytes at the end of ``data``, if its rest is missing."""
    for back in range(1, min(3, len(data)) + 1):
        lead = data[-back]
        if lead >= 0xC0:
            wanted = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return data[-back:] if back < wanted else b""
        if lead < 0x80:
            break
    return b""


_on: list[Strict] = []  # the one that is on, if it is


def warn(finding: Finding) -> None:
    """Say a finding as a Python warning, at the line of the mistake."""
    warnings.warn_explicit(str(finding), MistakeWarning, finding.place.path or "nio", finding.place.line or 1)


def switch_on(say: Callable[[Finding], object] | None = warn) -> Strict:
    """Switch strict mode on; each call asks for a ``switch_off`` with the same ``say``."""
    if not _on:
        _on.append(Strict())
    _on[0].enter(say)
    return _on[0]


def current() -> Strict | None:
    """Strict mode, while it is on."""
    return _on[0] if _on else None


def switch_off(say: Callable[[Finding], object] | None = warn) -> None:
    """Strict mode ends with the last who has asked for it."""
    if _on and not _on[0].leave(say):
        _on.pop().stop()


def switch_on_for_good() -> None:
    """Until the process ends; what nobody catches is diagnosed before it is shown."""
    on, show = switch_on(), sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        on.raised(error)
        show(kind, error, trace)

    sys.excepthook = hook
    atexit.register(on.finish)


_kinds: dict[type[Reactor], type[Reactor]] = {}


def strict_class(plain: type[Reactor]) -> type[Reactor]:
    """A subclass of ``plain`` whose reactors have strict mode on while they are open."""
    kind = _kinds.get(plain)
    if kind is None:
        kind = _kinds.setdefault(plain, type(f"Strict{plain.__name__}", (StrictLoop, plain), {}))
    return kind


class StrictLoop(Reactor):
    """The loop class of a reactor that is opened with ``strict=True``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._is_strict = True
        switch_on()
        try:
            super().__init__(*args, **options)
        except BaseException:
            self._relax()
            raise

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self._is_closed:
                self._relax()

    def _relax(self) -> None:
        if self._is_strict:
            self._is_strict = False
            switch_off()


@contextmanager
def strict(say: Callable[[Finding], object] | None = warn) -> Iterator[Strict]:
    """Strict mode inside the block, in all threads, for what is opened in it.

    ``say(finding)`` is called with each finding that is worth a word, by default as a :class:`MistakeWarning`; None is
    silence. ``findings`` of what the block gets tells them all. Where strict mode is on already, each who has asked for
    it is told in his own way, and what is everybody's ``say`` is called once.
    """
    here_on = switch_on(say)
    try:
        yield here_on
    finally:
        switch_off(say)
