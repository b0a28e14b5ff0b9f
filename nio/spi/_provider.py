"""SelectorProvider: what a provider must offer, as an abstract class. The rules stand at the head of the package.

Nothing here asks the operating system for anything, and no module of it is imported. What
``default()``, ``named()`` and ``available()`` answer for stands in ``_machine.py``.
"""

from __future__ import annotations

import io
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NoReturn

from nio.spi._base import (
    Address,
    Condition,
    Descriptor,
    Event,
    File,
    Inherited,
    Lock,
    OptionSpec,
    OwnSocket,
    PipeEnd,
    Poller,
    ProtocolFamily,
    Queue,
    Socket,
    Thread,
    Wakeup,
)
from nio.spi._in_use import InUse, Machine


class SelectorProvider(ABC):
    """One kernel, seen through one kind of readiness: ``epoll``, ``kqueue``, ``poll`` or ``select``, or none of them.

    ``SelectorProvider.default()`` is the best this machine has, or the one that the environment variable
    ``NIO_PROVIDER`` names; ``SelectorProvider.named("poll")`` asks for one by name. A provider can be passed to every
    ``open()``, or be made the default (``use``); channels and selectors of two providers do not mix
    (:class:`~nio.errors.IllegalSelectorError`).

    A provider of your own is a subclass. It sets ``name`` and writes every abstract method; what it does not write of
    the others is a thing that it does not have. The rules of each are numbered at the head of ``nio.spi``.

    Concurrency: every method may be called from any thread.
    """

    _machine: ClassVar[Machine[SelectorProvider]]  # set when nio.spi is imported
    _in_use: ClassVar[list[InUse[SelectorProvider]]] = []  # the latest is the default

    name: str

    @staticmethod
    def available() -> tuple[str, ...]:
        """The names this machine has, best first."""
        return SelectorProvider._machine.available()

    @staticmethod
    def named(name: str) -> SelectorProvider:
        """The one provider of that name; ProviderUnavailableError names those there are."""
        return SelectorProvider._machine.named(name)

    @staticmethod
    def default() -> SelectorProvider:
        """What ``use`` was given last, else what ``NIO_PROVIDER`` names, else the best one; asked at each open()."""
        for used in reversed(tuple(SelectorProvider._in_use)):
            return used.provider
        return SelectorProvider._machine.default()

    @staticmethod
    def use(provider: SelectorProvider) -> InUse[SelectorProvider]:
        """Make ``provider`` the default of this process, before ``NIO_PROVIDER`` and in all threads.

        As a context manager until the end of the block, else until ``end()`` of what is returned. Of several uses the
        latest counts that has not ended. What is open keeps its provider; a forked child goes on with its parent's.
        """
        if not isinstance(provider, SelectorProvider):
            raise TypeError(f"use() takes a SelectorProvider, not {provider!r:.100}")
        return InUse(provider, SelectorProvider._in_use)

    @property
    def kernel(self) -> object:
        """Where descriptors, files and threads live; the same object for two providers that share them."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def loop_opened(self, loop: object) -> None:  # noqa: B027  # most providers do not care
        """A reactor was made over this provider; it calls this once, before anybody has it."""

    def key_class(self, plain: type) -> type:
        """The class of a selector's keys: ``plain``, or a subclass of it."""
        return plain

    # readiness

    @abstractmethod
    def open_poller(self) -> Poller:
        """What a selector waits with."""

    @property
    def watch_limit(self) -> int | None:
        """The first descriptor number that a selector of this provider cannot watch, None where there is no bound."""
        return None

    @abstractmethod
    def open_wakeup(self) -> Wakeup:
        """What ends a sleep from outside. Nobody closes it: it is given back when the last reference goes."""

    @abstractmethod
    def wait_for(self, fd: int, mask: int, wakeup: int | None, timeout: float | None, /) -> bool:
        """Sleep until ``fd`` answers to ``mask`` (True), ``wakeup`` is set or ``timeout`` seconds are over (False)."""

    def signal_wakeup(self) -> AbstractContextManager[Wakeup | None]:
        """A context manager with a wake-up that every signal sets, or with None where no handler runs: the default."""
        return nullcontext()

    # sockets and pipes

    @abstractmethod
    def open_socket(self, family: ProtocolFamily) -> Socket:
        """A stream socket, non-blocking, not inheritable."""

    @abstractmethod
    def accept(self, listener: OwnSocket) -> tuple[Socket, Address]:
        """The next connection and the peer's address; BlockingIOError when none waits."""

    @abstractmethod
    def open_pipe(self) -> tuple[PipeEnd, PipeEnd]:
        """Reading end and writing end."""

    @abstractmethod
    def check_address(self, family: ProtocolFamily, address: object) -> Address:
        """The address as the sockets take it; refuses one of another family or one that would need the resolver."""

    def is_served(self, path: str) -> bool | None:
        """Whether a socket is bound to that file now; None if it is no file of a socket, or nobody can tell."""
        return None

    def remove_stale(self, path: str) -> bool:
        """Remove the file of a socket that nobody serves any more, and nothing else; whether it was one."""
        return False

    def unread(self, sock: OwnSocket) -> int | None:
        """Bytes that wait to be received; None where nobody can tell."""
        return None

    def unacknowledged(self, sock: OwnSocket) -> int | None:
        """Bytes that were sent and that the peer's system has not acknowledged; None where nobody can tell."""
        return None

    def told_address(self, address: Address) -> Address:
        """An address that ``accept``, ``receive``, ``getsockname`` or ``check_address`` gave, as users are told it."""
        return address

    @abstractmethod
    def connect_error(self, sock: OwnSocket) -> int:
        """How the connect under way ended: 0 or an errno (reading it clears it)."""

    @abstractmethod
    def shutdown_input(self, sock: OwnSocket) -> None:
        """From now on there is nothing to read but the end of the stream."""

    @abstractmethod
    def shutdown_output(self, sock: OwnSocket) -> None:
        """Let the peer read what was sent, and then the end of the stream."""

    @abstractmethod
    def get_option(self, sock: OwnSocket, spec: OptionSpec) -> bool | int:
        """The option's value; linger is -1 when off."""

    @abstractmethod
    def set_option(self, sock: OwnSocket, spec: OptionSpec, value: bool | int) -> None:
        """Set the option; the value has been checked against ``spec.kind``."""

    def is_connected_to_itself(self, sock: OwnSocket) -> bool:
        """Whether a connection that has just come about has this socket at both ends."""
        return False

    def resolve(self, host: str, port: int) -> list[tuple[ProtocolFamily, Address]]:
        """The addresses of a host name for streams, the best first, by the resolver, which waits; OSError if none."""
        raise self._lacks("a resolver")

    def max_backlog(self) -> int:
        """The longest queue of pending connections that ``listen`` grants."""
        return sys.maxsize

    # time, threads, locks

    @abstractmethod
    def clock(self) -> int:
        """Nanoseconds since some moment; it never goes back."""

    @abstractmethod
    def lock(self) -> Lock:
        """A lock that its owner must not take again."""

    @abstractmethod
    def rlock(self) -> Lock:
        """A lock that its owner may take again."""

    @abstractmethod
    def condition(self, lock: Any, /) -> Condition:
        """A condition over a lock that ``lock()`` or ``rlock()`` made."""

    @abstractmethod
    def event(self) -> Event:
        """A flag that is not set."""

    @abstractmethod
    def queue(self) -> Queue:
        """An unbounded queue between threads."""

    @abstractmethod
    def thread_id(self) -> int:
        """The number of the calling thread, which no other living thread has."""

    @abstractmethod
    def start_thread(self, target: Callable[..., object], *args: object, name: str) -> Thread:
        """Run ``target(*args)`` in a daemon thread that is already started; whoever needs its end joins it."""

    def thread_time(self) -> int:
        """Nanoseconds of a processor that the calling thread has used; always 0 where nobody counts."""
        return 0

    def random(self) -> float:
        """A number from 0 up to but not 1, for what is to differ from one process to the next."""
        return 0.5

    def descriptor_limit(self) -> int:
        """How many descriptors this process may have open."""
        return sys.maxsize

    def cpu_count(self) -> int:
        """How many processors this process may use."""
        return 1

    # datagrams

    def open_datagram_socket(self, family: ProtocolFamily) -> Socket:
        """A datagram socket, non-blocking, not inheritable, member of no group."""
        raise self._lacks("datagram sockets")

    def receive(self, sock: OwnSocket, targets: Sequence[memoryview]) -> tuple[int, Address, bool]:
        """Take one datagram: how many bytes had room, who sent it, and whether there were more; they are lost."""
        raise self._lacks("datagram sockets")

    def exact_address(self, sock: OwnSocket, address: Address) -> Address:
        """The address as ``receive`` would tell it, so that two ways to write one compare equal."""
        raise self._lacks("datagram sockets")

    def disconnect(self, sock: OwnSocket, local: Address) -> None:
        """Undo ``connect``; the socket is at ``local`` again, where it was before. OSError when the port was taken."""
        raise self._lacks("datagram sockets")

    def find_interface(self, interface: object) -> tuple[int, str]:
        """Number and name of the network interface with this name, number or address."""
        raise self._lacks("network interfaces")

    def set_multicast_interface(self, sock: OwnSocket, index: int) -> None:
        """The interface that datagrams to groups leave by, and whose address they come from."""
        raise self._lacks("groups of receivers")

    def check_group(self, family: ProtocolFamily, group: object, source: object | None) -> tuple[str, str | None]:
        """Both addresses in their usual spelling; refuses what cannot be a group, or a source of it."""
        raise self._lacks("groups of receivers")

    def join_group(self, sock: OwnSocket, index: int, group: str, source: str | None) -> None:
        """Become a member on that interface; the addresses have been checked."""
        raise self._lacks("groups of receivers")

    def leave_group(self, sock: OwnSocket, index: int, group: str, source: str | None) -> None:
        """Undo ``join_group`` with the same arguments."""
        raise self._lacks("groups of receivers")

    # files and processes

    def open_file(self, path: str | bytes | os.PathLike[str] | os.PathLike[bytes], options: Set[str]) -> File:
        """Open by the names of java.nio's StandardOpenOption; what creates or empties a file counts when writing only.

        A new file can be read and written by all whom the umask does not exclude. With ``DELETE_ON_CLOSE`` the name
        goes at once, the file with its last descriptor; a symbolic link is then refused.
        """
        raise self._lacks("files")

    def send_file(self, target: int, file: int, position: int, count: int) -> int | None:
        """From a file to a socket or pipe inside the kernel: how many bytes, None where it cannot do that.

        BlockingIOError when the target takes none now.
        """
        return None

    def catch_signal(self, signum: int, arrived: Callable[[int], bool]) -> Callable[[], object]:
        """Have ``arrived(signum)`` called in the main thread whenever the signal comes, until the answer is called.

        ``arrived`` says whether that is news: False if the last one was not taken up yet. A handler that somebody else
        has set is called after it, and put back at the end. IllegalStateError outside the main thread,
        IllegalArgumentError for what is no signal or cannot be caught.
        """
        raise self._lacks("signals")

    @property
    def urgent_signal(self) -> int:
        """The signal that tells of urgent data."""
        raise self._lacks("urgent data")

    def announce_urgent(self, sock: OwnSocket) -> None:
        """Have ``urgent_signal`` come to this process when urgent data comes to the socket."""
        raise self._lacks("urgent data")

    def has_urgent(self, sock: OwnSocket) -> bool:
        """Whether there is urgent data that nobody has taken."""
        raise self._lacks("urgent data")

    def after_fork(self, call: Callable[[], object]) -> None:  # noqa: B027  # what never forks has nothing to do
        """Have ``call()`` run first in every child that this process forks."""

    def inherited_socket(self) -> Inherited | None:
        """The socket that this process was started with, non-blocking; None when there is none that has a channel."""
        return None

    def process_id(self) -> int:
        """The number of this process."""
        raise self._lacks("processes")

    def thread_count(self) -> int:
        """How many threads this process has; a fork leaves all but one of them behind."""
        raise self._lacks("processes")

    def fork(self) -> int:
        """Twice: the child's number here, 0 in the child, where signals wait until it enters ``handling_signals``."""
        raise self._lacks("processes")

    def exit_process(self, code: int) -> NoReturn:
        """End this process here and now: a forked child must not run what its parent has left to do."""
        raise self._lacks("processes")

    def ended_child(self, pid: int) -> tuple[int, str] | None:
        """Exit code (a signal's number negative) and how to say it; None while the child lives. Asked once after."""
        raise self._lacks("processes")

    def signal_process(self, pid: int, name: str) -> None:
        """Send a signal (``SIGTERM``); nothing if there is no such process."""
        raise self._lacks("processes")

    def handling_signals(
        self, names: Iterable[str], handler: Callable[[str], object], *, overrule: bool = False
    ) -> AbstractContextManager[None]:
        """Inside, ``handler(name)`` is called for these signals; for the main thread.

        One that the program handles already stays as it is, unless ``overrule``.
        """
        raise self._lacks("signals")

    def share_listener(self, listener: OwnSocket) -> None:  # noqa: B027  # without processes there is nobody to share with
        """Other processes wait at this listener, too: where the kernel can, let a connection wake one of them only.

        For pollers that are opened from now on.
        """

    def shared_memory(self, size: int) -> memoryview:
        """So many bytes, all zero, that this process has in common with the children it forks from now on."""
        raise self._lacks("processes")

    def notify(self, path: str, message: bytes) -> None:
        """Send a datagram to a socket of the Unix domain, as a service manager reads it; ``@`` is an abstract name."""
        raise self._lacks("datagram sockets of the Unix domain")

    # what somebody else has opened

    def adopt_socket(self, sock: object) -> Inherited:
        """Take over a socket of the user's; TypeError for what is none, UnsupportedOperation if it has no channel."""
        raise self._lacks("sockets that others have opened")

    def shown_socket(self, sock: OwnSocket) -> Any:
        """The socket as ``channel.socket`` shows it; every method here takes that, too."""
        return sock

    def release_socket(self, sock: OwnSocket) -> Any:
        """What the user gets for the socket, in the mode that is usual for one."""
        return sock

    def adopt_descriptor(self, fd: int) -> Descriptor:
        """Take over a descriptor; OSError for what is not open, UnsupportedOperation for what is always ready."""
        raise self._lacks("descriptors that others have opened")

    def peer_has_ended(self, sock: OwnSocket) -> bool | None:
        """The other side sends no more: it has ended its output, or all; None where nobody can tell."""
        return None

    def _lacks(self, what: str) -> io.UnsupportedOperation:
        return io.UnsupportedOperation(f"{self!r} has no {what}")
