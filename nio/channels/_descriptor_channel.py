"""DescriptorChannel: any descriptor that can be waited for: a pipe, a child's output, a terminal, inotify.

An addition to java.nio, which has no way to a descriptor that it did not open. A regular file is no such descriptor: it
is always ready, and epoll refuses it. ``FileChannel`` reads files.
"""

from __future__ import annotations

from typing import Self

from nio._numbers import check_int
from nio.channels._byte_channels import ReadingChannel, WritingChannel
from nio.channels._hand_over import GONE
from nio.channels._interruptible_channel import chosen
from nio.channels._opened import NOT_CALLED, not_called
from nio.channels._selection_key import OP_READ, OP_WRITE
from nio.errors import AsynchronousCloseError
from nio.spi import Descriptor, SelectorProvider


class DescriptorChannel(ReadingChannel, WritingChannel):
    """A descriptor that somebody else has opened; ``DescriptorChannel.adopt(fd)`` makes one.

    It reads and writes as a pipe does: in the directions that the descriptor has, the other one is an OSError with
    ``EBADF``. A terminal whose other side is gone reads as ended. A reactor takes it under a ``Handler``, and under a
    ``Connection`` or a ``StreamHandler``, too.
    """

    __slots__ = ("_descriptor",)

    _valid_ops = OP_READ | OP_WRITE
    _is_freed_early = True  # its peer hears of the end by the descriptor's close alone

    def __init__(self, provider: SelectorProvider = NOT_CALLED, end: Descriptor = NOT_CALLED) -> None:
        if not isinstance(provider, SelectorProvider):
            raise not_called(type(self), "DescriptorChannel.adopt(fd)")
        super().__init__(provider, end)
        self._descriptor = end
        self._mask_is_ready_set = True

    @classmethod
    def adopt(cls, fd: int, *, provider: SelectorProvider | None = None) -> Self:
        """A channel in blocking mode over an open descriptor, which is the channel's from now on: its close closes it.

        The descriptor itself does not block from now on; its mode comes back with ``close()`` and ``detach()``. That
        mode belongs to the open file: whoever shares a terminal sees it, too. To keep a standard stream open, adopt
        ``os.dup(0)``.

        Raises OSError with ``EBADF`` for what is not open, io.UnsupportedOperation for what cannot be waited for: a
        regular file, a directory, a disk. Nothing was adopted then.
        """
        provider = chosen(provider)
        return cls(provider, provider.adopt_descriptor(check_int("descriptor", fd)))

    def detach(self) -> int:
        """Give the descriptor back, open, in the blocking mode it came with; the channel is closed.

        Its keys are cancelled, and no selector's kernel knows the descriptor any more. ClosedChannelError once closed.
        """
        self._give_away()
        end, self._descriptor = self._descriptor, GONE
        return end.detach()

    @property
    def socket(self) -> Descriptor:
        """What a connection reads from and writes to."""
        return self._descriptor

    def undelayed_socket(self) -> Descriptor:
        """As ``socket``, for a reactor."""
        return self._descriptor

    @property
    def peer_has_ended(self) -> bool | None:
        """The other side writes no more; True once closed, None where the system cannot tell. From any thread."""
        with self._state_lock:
            return not self._open or self._provider.peer_has_ended(self._descriptor)

    @property
    def supported_options(self) -> frozenset[str]:
        """None: options are for sockets."""
        return frozenset()

    def shutdown_output(self) -> Self:
        """Write no more. A descriptor has no half that could be ended alone, so this is ``close()``."""
        self._ensure_open()
        self.close()
        return self

    def _input_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._input_ended()

    def _output_ended(self) -> bool:
        if not self._open and self._blocking:
            raise AsynchronousCloseError(f"{self!r}")
        return super()._output_ended()

    def __repr__(self) -> str:
        return f"DescriptorChannel({self._fd})" if self._open else "DescriptorChannel(closed)"
