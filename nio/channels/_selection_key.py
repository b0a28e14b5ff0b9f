"""SelectionKey: one channel's registration with one selector."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from nio._numbers import check_int
from nio.errors import CancelledKeyError, IllegalArgumentError

if TYPE_CHECKING:
    from nio.channels._selectable_channel import SelectableChannel
    from nio.channels._selector import Selector


C = TypeVar("C")


class Ops(enum.IntFlag):
    """The four operations, with the JDK's values."""

    OP_READ = 1
    OP_WRITE = 4
    OP_CONNECT = 8
    OP_ACCEPT = 16


# The same as plain ints, which nio uses inside: arithmetic on members of an enum is slow.
OP_READ = Ops.OP_READ.value
OP_WRITE = Ops.OP_WRITE.value
OP_CONNECT = Ops.OP_CONNECT.value
OP_ACCEPT = Ops.OP_ACCEPT.value

_ALL = OP_READ | OP_WRITE | OP_CONNECT | OP_ACCEPT
_LETTERS = {OP_READ: "r", OP_WRITE: "w", OP_CONNECT: "c", OP_ACCEPT: "a"}


def check_ops(ops: object, valid: int) -> int:
    """``ops`` as a plain int; TypeError for what is no int, IllegalArgumentError for bits outside ``valid``."""
    bits = check_int("interest set", ops)
    if bits & ~valid:
        wrong = _names(bits & ~valid)
        raise IllegalArgumentError(f"interest set {bits}: this channel has {_names(valid)}, not {wrong}")
    return bits


def _names(ops: int) -> str:
    """The operations by name; bits that are none by their number."""
    names = [op.name for op in Ops if op.name and op & ops]
    rest = ops & ~_ALL
    return " and ".join(names + [f"{rest}, which is no operation"] * bool(rest))


def check_action(action: C) -> C:
    """``action`` as it is; TypeError for what cannot be called with a key."""
    if not callable(action):
        raise TypeError(f"an action is called with each ready key; {action!r} cannot be")
    return action


class SelectionKey:
    """The registration of one channel with one selector, made by ``channel.register(selector, ops, attachment)``.

    It holds two sets of operations, both plain ints made of ``OP_READ`` (1), ``OP_WRITE`` (4), ``OP_CONNECT`` (8) and
    ``OP_ACCEPT`` (16):

    - the *interest set*: what the next selection asks the kernel for. A change takes effect when a selection starts;
      one that is under way neither sees it nor ends for it: call ``selector.wakeup()``.
    - the *ready set*: what the last selection that reported this key found. It is a hint, never a promise, and
      only a selection changes it; somebody may have drained the channel meanwhile.

    A key is valid until it is cancelled, its channel is closed or its selector is closed. Cancelling takes effect in
    two steps: the key is invalid at once, and it leaves the selector's sets at that selector's next selection. Of an
    invalid key only ``attachment``, ``attach``, ``channel``, ``selector``, ``is_valid`` and ``cancel`` can be used;
    the rest raises :class:`~nio.errors.CancelledKeyError`, in a forked child ForkedSelectorError.

    Concurrency: every method may be called from any thread; ``attach`` and the ``interest_ops_or`` and
    ``interest_ops_and`` forms are atomic.
    """

    __slots__ = (
        "_attachment",
        "_channel",
        "_fd",
        "_interest",
        "_kernel_mask",
        "_queued",
        "_ready",
        "_selector",
        "_valid",
    )

    OP_READ = Ops.OP_READ
    OP_WRITE = Ops.OP_WRITE
    OP_CONNECT = Ops.OP_CONNECT
    OP_ACCEPT = Ops.OP_ACCEPT

    def __init__(self, channel: SelectableChannel, selector: Selector, ops: int, attachment: object) -> None:
        self._channel = channel
        self._selector = selector
        self._fd = channel._fd
        self._interest = ops
        self._ready = 0
        self._kernel_mask = 0  # what the poller watches for, 0: it does not know the descriptor
        self._queued = False  # waits in the selector's queue of changed interest sets
        self._valid = True
        self._attachment = attachment

    @property
    def channel(self) -> SelectableChannel:
        """The channel, also after the key is cancelled."""
        return self._channel

    @property
    def selector(self) -> Selector:
        """The selector, also after the key is cancelled."""
        return self._selector

    @property
    def is_valid(self) -> bool:
        """False once the key is cancelled, its channel closed or its selector closed."""
        return self._valid

    @property
    def interest_ops(self) -> int:
        """The interest set; a new one is checked against the channel's ``valid_ops``, the next selection sees it."""
        if not self._valid:
            self._ensure_valid()
        return self._interest

    @interest_ops.setter
    def interest_ops(self, ops: int) -> None:
        if not self._valid:
            self._ensure_valid()
        ops = check_ops(ops, self._channel._valid_ops)
        self._replace_interest(lambda _: ops)  # not between the two halves of an interest_ops_or

    def interest_ops_or(self, ops: int) -> int:
        """Add operations and return the previous set."""
        return self._replace_interest(lambda previous: previous | check_ops(ops, self._channel._valid_ops))

    def interest_ops_and(self, ops: int) -> int:
        """Keep only the operations in ``ops``, any int, and return the previous set."""
        return self._replace_interest(lambda previous: previous & check_ops(ops, -1))

    def set_interest(self, ops: int) -> None:
        """``interest_ops = ops`` for an owner that alone changes this key: ``ops`` is not checked, no lock is taken."""
        if not self._valid:
            self._ensure_valid()
        self._interest = ops
        if not self._queued:  # as in _changed, without the call
            try:
                self._queued = True
                self._selector._updates.append(self)
            except BaseException:
                self._queued = False
                raise

    @property
    def ready_ops(self) -> int:
        """The ready set as the last selection left it."""
        if not self._valid:
            self._ensure_valid()
        return self._ready

    @property
    def is_readable(self) -> bool:
        """The ready set holds ``OP_READ``: data, the end of the stream or an error."""
        self._ensure_valid()
        return self._ready & OP_READ != 0

    @property
    def is_writable(self) -> bool:
        """The ready set holds ``OP_WRITE``."""
        self._ensure_valid()
        return self._ready & OP_WRITE != 0

    @property
    def is_connectable(self) -> bool:
        """The ready set holds ``OP_CONNECT``: only ``finish_connect()`` tells success from failure."""
        self._ensure_valid()
        return self._ready & OP_CONNECT != 0

    @property
    def is_acceptable(self) -> bool:
        """The ready set holds ``OP_ACCEPT``."""
        self._ensure_valid()
        return self._ready & OP_ACCEPT != 0

    @property
    def attachment(self) -> object:
        """What was attached last, None when nothing was."""
        return self._attachment

    def attach(self, attachment: object) -> object:
        """Attach an object, None detaches; returns the previous one."""
        with self._channel._state_lock:
            previous, self._attachment = self._attachment, attachment
        return previous

    def detach(self) -> None:
        """``attach(None)`` for an owner that does not ask what was attached: no lock is taken."""
        self._attachment = None

    def cancel(self) -> None:
        """Make the key invalid; the channel stays open. A second call does nothing."""
        with self._channel._state_lock:
            if not self._valid:
                return
            try:
                self._valid = False
                self._selector._cancelled.append(self)
            except BaseException:  # interrupted: a key may stand twice in the queue, but must stand there
                self._selector._cancelled.append(self)
                raise
        if self._selector.on_cancel is not None:
            self._selector.on_cancel(self)

    def _replace_interest(self, change: Callable[[int], int]) -> int:
        self._ensure_valid()
        try:
            with self._channel._state_lock:
                previous = self._interest
                self._interest = change(previous)
            self._changed()
        except BaseException:  # interrupted: whatever the interest set is now, the next selection looks at it
            self._changed()
            raise
        return previous

    def _changed(self) -> None:
        if not self._queued:
            try:
                self._queued = True
                self._selector._updates.append(self)
            except BaseException:
                self._queued = False
                raise

    def _ensure_valid(self) -> None:
        if not self._valid:
            self._selector._ensure_not_forked()
            raise CancelledKeyError(f"the key of {self._channel!r} is cancelled")

    def __repr__(self) -> str:
        if not self._valid:
            return f"SelectionKey({self._channel!r}, cancelled)"
        return f"SelectionKey({self._channel!r}, interest={_letters(self._interest)}, ready={_letters(self._ready)})"


def _letters(ops: int) -> str:
    return "".join(letter for bit, letter in _LETTERS.items() if ops & bit) or "-"
