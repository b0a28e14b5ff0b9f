"""The only door to the operating system: the contract of a provider, and the system as one.

Everything nio asks of the outside goes through a :class:`SelectorProvider`: sockets, pipes, readiness, the wake-up of a
sleeping selection, the clock, threads and locks. Code above this package imports neither ``socket`` nor ``select``,
``threading``, ``time`` or ``signal``. Whoever hands it another provider has swapped the kernel.

``_base.py`` and ``_provider.py`` are the contract: types, and an abstract class. ``_system.py`` is the operating system
(:class:`SystemProvider`), with one file for each kind of readiness: ``_epoll``, ``_kqueue``, ``_poll``, ``_select``.
``_machine.py`` loads it when somebody first asks for one of its providers.

What a provider must offer
==========================

1. **A provider** is a subclass of :class:`SelectorProvider` that sets ``name`` and writes every abstract method. Any
   thread may call any of them. What it makes (sockets, locks ...) fits a type of this package by its methods; nothing
   is inherited. Where a method gets a socket, a lock or a descriptor, it is one that this provider made.
2. **Errors** are OSError with an ``errno``, of the class that Python has for that number: BlockingIOError for "not
   now", ConnectionResetError, BrokenPipeError ... Nothing else is caught above.
3. **Nobody waits** but in ``Poller.wait``, ``wait_for`` and the methods of 21 and 22. What would have to wait raises
   BlockingIOError.
4. **Bytes.** A buffer that is passed in belongs to its owner again when the call returns: it is copied, not kept.

Descriptors
-----------

5. Sockets, pipe ends, files and wake-ups have a number, ``fileno()``: an int from 0 up that no other open one has, and
   -1 from ``close()`` on. Closing again does nothing; any other use of a closed one is an OSError with ``EBADF``. A
   number that was closed may come again.
6. ``kernel`` is one object for all providers whose descriptors and files are the same: hashable, with weak references.
   It is the provider itself unless it says otherwise. Locks of files are kept apart by it.

Readiness
---------

7. A mask is ``READABLE`` (1), ``WRITABLE`` (4) or both. An answer may also hold ``BROKEN`` (8) and ``HUNG_UP`` (16),
   which come whatever was asked, or be ``INVALID`` (32) alone: no open descriptor has that number. The values are those
   of poll(2), so that epoll and poll pass on what the kernel said.
8. :class:`Poller`: ``add(fd, mask)`` watches a descriptor, ``modify(fd, mask)`` changes what for, ``remove(fd)``
   forgets it. A mask of 0 is never given, because kernels differ in what they then still report. The three are called
   between two waits, with the selector's lock held. A descriptor is removed before it is closed, or the poller is
   closed before. Where somebody else has closed it, ``remove`` may raise OSError or KeyError, ``modify`` OSError, and
   ``wait`` may report it as ``INVALID``, but still reports the others. ``add`` of what is watched already may raise
   FileExistsError. A signal handler's exception may come out of each of the three, before or after it did its work:
   what it is told next counts. ``limit`` is None, or the first number that cannot be watched; ``watch_limit`` of the
   provider says the same before there is a poller. ``close()`` may be called twice. A
   poller may have ``fileno()``: a descriptor that is readable while a ``wait`` would report something.
9. ``wait(timeout)`` returns ``[(fd, mask), ...]`` as soon as there is something to report: seconds, rounded *up* to the
   kernel's grain; None for ever; 0 polls. It is level-triggered: a descriptor is reported again as long as it is ready.
   Only the bits of its mask and those of a fault are reported. A wait that ends with an empty list has lasted
   ``timeout`` seconds of ``clock()``. A signal does not end it early.
10. The order of the answer is the kernel's; its start is rotated above. Where one answer cannot hold all that is ready,
    the next ones hold the rest first.
11. ``wait_for(fd, mask, wakeup, timeout)`` is the same for one descriptor and for another number, ``wakeup``, or None:
    it sleeps until ``fd`` is ready for ``mask`` or has a fault (True), ``wakeup`` is readable, or the time is over
    (False). Blocking channels sleep in it; closing one in another thread sets the wake-up.
12. :class:`Wakeup`: readable from ``set()`` until ``clear()``, however many calls. ``set()`` never blocks and takes no
    lock, so that a signal handler may call it. It has no ``close()``: it is given back with its last reference.
    ``signal_wakeup()`` may stay as it is where no signals come.

Streams
-------

13. A stream has two directions. In each the receiver gets the bytes in order, then one end. The receiver is
    ``READABLE`` while there are bytes, or the end or an error is there to be read. ``recv(size)`` gives 1 to ``size``
    bytes, ``b""`` at the end, now and on every later call; ``recv_into`` and ``recvmsg_into`` give their number. The
    sender is ``WRITABLE`` while there is room for a byte: buffers are bounded. ``send`` and ``sendmsg`` take what there
    is room for, from the first byte, at least one, and return the number. Their ``flags`` are ``NO_SIGNAL`` or 0, and
    mean nothing to a kernel without signals; ``ancillary`` is always empty.
14. ``shutdown_output(sock)`` and ``close()`` end the direction after what was sent; sending after the former raises
    BrokenPipeError. ``shutdown_input`` ends what can be read on this side. After a reset the two raise OSError with
    ``ENOTCONN``. Once both directions have ended the descriptor is ``HUNG_UP`` too.
15. **A reset** throws away what is under way in both directions. It comes of a ``close()`` with unread bytes or with a
    linger time of 0, and of bytes that arrive at a closed socket. The other side is then ready for all, with ``BROKEN``
    and ``HUNG_UP``; its next ``recv`` raises ConnectionResetError, once; a ``send`` raises that or BrokenPipeError.
16. **Connecting.** ``check_address(family, address)`` is asked before ``bind`` and ``connect_ex`` get an address: it
    returns the one to use, or raises TypeError, UnsupportedAddressTypeError or UnresolvedAddressError. Addresses are
    ``(host, port)`` tuples with a numeric host, or a path for Unix-domain sockets; the resolver, which blocks, is never
    asked. ``("", 0)`` is any host and a free port, ``""`` any path; only listeners are bound to the latter. An address
    may have one form for sockets and another for users: ``told_address`` turns the first into the second. ``bind`` may
    raise ``EADDRINUSE``. ``connect_ex`` returns 0 (connected), ``EINPROGRESS``, or the errno of its failure. The end of
    an attempt makes the socket ``WRITABLE``; ``connect_error`` is then 0 or the errno, and nothing is read, written or
    shut down before. A socket that is neither connected nor connecting is ready for all, with ``HUNG_UP``, or for
    nothing.
17. **Listening.** After ``bind`` and ``listen(backlog)`` a socket is ``READABLE`` while a connection waits; ``accept``
    gives it, and the peer's address. Its peer may send, end or reset before that. ``getsockname`` is the address bound
    to, from ``bind``, ``connect_ex`` or ``accept`` on. A listener that is closed resets those that wait.
18. **Options** are rows of ``OPTIONS`` and ``OPTIONS6``, by name. ``level`` and ``number`` are the system's; a provider
    without a system remembers the value under the row. It is a bool or an int as ``kind`` says; of the kind ``linger``
    it is -1 until it is set.
19. **A pipe** is one direction with two ends, and has neither options nor resets. A writer whose reader is closed is
    ``WRITABLE`` with ``BROKEN``, and gets BrokenPipeError.

Threads and time
----------------

20. ``clock()`` counts nanoseconds and never goes back. All waiting is by it.
21. ``lock()`` makes a lock for ``with``, ``rlock()`` one that its owner may take again, also in a signal handler;
    ``acquire(False)`` takes it only if nobody else has it.
    ``condition(lock)`` is waited for and notified with that lock held; ``wait`` lets go of it meanwhile. ``event()`` is
    a flag. ``queue()`` is unbounded; ``put`` never waits, so a signal handler may call it; ``get(timeout=...)`` raises
    ``queue.Empty`` when the time is over.
22. ``start_thread`` starts a thread that keeps no process alive; ``join`` waits for its end. ``thread_id()`` is an int.

What a provider may leave out
-----------------------------

23. **Datagrams**: without ``open_datagram_socket`` nothing of that part is ever asked. A datagram is sent and received
    whole (``send``, ``sendmsg``, ``sendto``, ``receive``); what has no room is lost. A socket hears no group but those
    it joins itself.
24. **Files**: without ``open_file`` nothing of that part is ever asked, but ``send_file``, which may answer None.
    ``identity()`` is equal for two descriptors of the same file of a kernel. ``map`` gives a mapping and where in it
    the position is. ``after_fork`` is for providers whose process can fork: selectors, file locks and sleeping channels
    are told by it that they are in a child now.
25. **Signals**: without ``catch_signal`` there are none. Urgent data, which a signal tells of, may be left out, too.
26. **Processes**: without ``fork`` nothing of that part is ever asked, but ``notify``. What the parent has open, the
    child has, too. Every signal that ``handling_signals`` names sets ``signal_wakeup``.
27. **Adoption**: ``adopt_socket`` and ``adopt_descriptor`` make a non-blocking socket or :class:`Descriptor` of what
    the user has opened, and raise, with nothing changed, for what cannot be a channel. ``shown_socket``
    is what users see of a socket, and ``release_socket`` what they get when it is given away. ``peer_has_ended`` says
    whether the other side sends no more, whatever waits to be read before its end; None where nobody can tell.
28. **The rest** has an answer that fits a simulation: ``unread`` and ``unacknowledged`` (nobody can tell),
    ``inherited_socket`` (none), ``is_connected_to_itself`` (no), ``max_backlog``, ``descriptor_limit`` and
    ``watch_limit`` (no bound), ``cpu_count`` (1), ``thread_time`` (0), ``random`` (0.5, always). Without ``resolve``
    there are no names; it is the one method besides those of 3 that may wait, and is called in a thread of its own.
    ``is_served`` and ``remove_stale`` are about the files of Unix-domain sockets. ``loop_opened`` is told of each
    reactor, ``key_class`` of the class of keys; both are for providers that watch.

Of the operating system
=======================

Sockets are not inheritable from birth. They, pipes and wake-ups never have a descriptor below 3, so that a closed
standard stream cannot make one of them stdout. How addresses are spelled stands in ``_addresses.py``; groups,
interfaces and disconnecting in ``_datagrams.py``; the socket that a process is started with in ``_inherited.py``. A
wake-up is an eventfd, else a pipe; coalescing is the caller's flag (see ``channels/_selector.py``), but even without it
nothing grows.
"""

from __future__ import annotations

from nio._later import door
from nio.spi import _machine as _machine  # which the class SelectorProvider asks for the default

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_base": "BROKEN HUNG_UP INVALID READABLE WRITABLE Address Condition Descriptor Event File "
        "Inherited Lock OptionSpec PipeEnd Poller ProtocolFamily Queue Socket Thread Wakeup",
        "_options": "NO_SIGNAL OPTIONS OPTIONS6",
        "_provider": "SelectorProvider",
        "_system": "SystemProvider",
    },
)
