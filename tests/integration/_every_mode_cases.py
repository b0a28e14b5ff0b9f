"""What a client sees of a StreamHandler, whatever reactor it is on: one list, and what the documentation says of each.

A case is a handler, what the client sends (piece by piece), what it reads, who ends the connection, and what both are
told of the end. The expectations are those of ``docs/handlers.md`` and ``docs/how-to/ends.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nio.reactor import CloseReason
from tests.integration import _every_mode_handlers as server
from tests.integration._every_mode_handlers import Telling

WAITS = "reads until the server ends the connection"
ENDS = "ends its output behind what it has sent, and reads to the end"
LEAVES = "ends its output when it has read all"
RESETS = "resets the connection when it has read all"


@dataclass(frozen=True)
class Case:
    """``sends`` in as many segments as there are pieces; ``how`` the client's stream ends, ``fin`` or ``reset``."""

    handler: type[Telling]
    sends: bytes | list[bytes]
    reads: bytes
    client: str
    reason: CloseReason
    how: str = "fin"

    @property
    def pieces(self) -> list[bytes]:
        return [self.sends] if isinstance(self.sends, bytes) else self.sends


def drips(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


FIN, RST, LOCAL, OVERLOAD = CloseReason.PEER_FIN, CloseReason.PEER_RST, CloseReason.LOCAL, CloseReason.OVERLOAD
HANDLER, PROTOCOL = CloseReason.HANDLER_ERROR, CloseReason.PROTOCOL_ERROR
LONG = b"x" * 63 + b"y"
WORDS = [b"word %d" % number for number in range(500)]

CASES: dict[str, Case] = {
    # bytes become records, replies keep their order
    "one record, one reply": Case(server.Mirror, b"abc\n", b"cba\n", LEAVES, FIN),
    "pipelined": Case(server.Mirror, b"abc\ndef\nghi\n", b"cba\nfed\nihg\n", LEAVES, FIN),
    "byte by byte": Case(server.Mirror, drips(b"abc\r\nd\r\r\n\nef\n"), b"cba\n\rd\n\nfe\n", LEAVES, FIN),
    "cut in the middle of a record": Case(server.Mirror, [b"ab", b"c\nde", b"f\n"], b"cba\nfed\n", LEAVES, FIN),
    "empty lines": Case(server.Mirror, b"\n\r\n\n", b"\n\n\n", LEAVES, FIN),
    "the longest line": Case(server.Mirror, LONG + b"\r\n" + LONG + b"\n", (LONG[::-1] + b"\n") * 2, LEAVES, FIN),
    "one byte longer": Case(server.Mirror, b"ab\n" + LONG + b"z\nab\n", b"ba\n", WAITS, CloseReason.FRAME_TOO_LONG),
    "too long, and no end of it": Case(server.Mirror, LONG + b"zz", b"", WAITS, CloseReason.FRAME_TOO_LONG),
    "no reply to some": Case(server.Faulty, b"a\nnone\nb\n", b"a\nb\n", LEAVES, FIN),
    "a record before the first one, and before each reply": Case(
        server.Greeting, b"a\nb\n", b"welcome\n1 a\n2 a\n3 a\n1 b\n2 b\n3 b\n", LEAVES, FIN
    ),
    "another framing in mid-stream": Case(
        server.Switching, b"a\nbody\n\nb\nc\nd\nbody\n12345e\n", b"a\n0a620a630a\nd\n3132333435\ne\n", LEAVES, FIN
    ),
    "another framing, byte by byte": Case(
        server.Switching, drips(b"body\n\nb\nc\nd\n"), b"0a620a630a\nd\n", LEAVES, FIN
    ),
    "suspended, and resumed by a timer": Case(server.Halting, b"a\nhalt\nb\n", b"a\nhalt\nawake\nb\n", LEAVES, FIN),
    # many at a time
    "a list of records": Case(server.Batches, b"abc\nnone\ndef\n", b"cba\nfed\n", LEAVES, FIN),
    "a list of records, byte by byte": Case(server.Batches, drips(b"abc\r\n\nde\n"), b"cba\n\ned\n", LEAVES, FIN),
    "many lists, and a half-close": Case(
        server.Batches, b"\n".join(WORDS) + b"\n", b"".join(word[::-1] + b"\n" for word in WORDS), ENDS, FIN
    ),
    "a list, and one line too long": Case(
        server.Batches, [b"ab\n", LONG + b"z\nab\n"], b"ba\n", WAITS, CloseReason.FRAME_TOO_LONG
    ),
    "a record of one's own before a list": Case(server.Batches, b"send\n", b"own\ndnes\n", LEAVES, FIN),
    "a bad reply in a list": Case(server.Batches, b"ab\ntext\ncd\n", b"ba\n", WAITS, HANDLER),
    "a reply in a list that holds an ending": Case(server.Batches, b"ab\ntwo\ncd\n", b"ba\n", WAITS, PROTOCOL),
    "a list that is too short": Case(server.Batches, b"lost\n", b"", WAITS, HANDLER),
    "process_batch raises": Case(server.Batches, [b"value\n"], b"", WAITS, HANDLER),
    "finish() in process_batch": Case(server.Batches, b"finish\n", b"hsinif\n", WAITS, LOCAL),
    "close() in process_batch": Case(server.Batches, b"close\n", b"", WAITS, LOCAL),
    "a block of records": Case(server.Blocks, b"abc\r\n\ndef\n", b"> abc\r\n> \n> def\n", LEAVES, FIN),
    "a block, byte by byte": Case(server.Blocks, drips(b"abc\n\nde\n"), b"> abc\n> \n> de\n", LEAVES, FIN),
    "many blocks, and a half-close": Case(
        server.Blocks, b"\n".join(WORDS) + b"\n", b"".join(b"> " + word + b"\n" for word in WORDS), ENDS, FIN
    ),
    "a block, and one line too long": Case(
        server.Blocks,
        b"ab\n" + LONG + b"\r\n" + LONG + b"z\nab\n",
        b"> ab\n> " + LONG + b"\r\n",
        WAITS,
        CloseReason.FRAME_TOO_LONG,
    ),
    "a reply to a block that is text": Case(server.Blocks, b"text\n", b"", WAITS, HANDLER),
    "process_block raises": Case(server.Blocks, b"value\n", b"", WAITS, HANDLER),
    "finish() in process_block": Case(server.Blocks, b"finish\nab\n", b"> finish\n> ab\n", WAITS, LOCAL),
    # replies that come later
    "late replies keep the order": Case(server.Late, b"slow\nfast\nnone\nslow 2\n", b"slow\nfast\nslow 2\n", ENDS, FIN),
    "a late reply that fails": Case(server.Late, b"a\nfail\nb\n", b"a\n", WAITS, HANDLER),
    "a late reply that is cancelled": Case(server.Late, b"a\ncancel\nb\n", b"a\n", WAITS, OVERLOAD),
    "a late reply that never comes": Case(server.Never, b"a\nb\n", b"", WAITS, CloseReason.PROCESS_TIMEOUT),
    # the client's end
    "a half-close with replies owed": Case(
        server.Mirror, b"\n".join(WORDS) + b"\n", b"".join(word[::-1] + b"\n" for word in WORDS), ENDS, FIN
    ),
    "a half-close at once": Case(server.Mirror, b"", b"", ENDS, FIN),
    "a half-close inside a record": Case(server.Mirror, b"ab\ncd", b"ba\n", ENDS, PROTOCOL),
    "a half-close of a half-open one": Case(server.HalfOpen, b"a\nb\n", b"a\nb\nfarewell\n", ENDS, LOCAL),
    "the client's end is seen by a process that is busy": Case(server.Asking, b"?\n", b"it has ended\n", ENDS, FIN),
    "a reset": Case(server.Mirror, b"ab\n", b"ba\n", RESETS, RST),
    "a reset inside a record": Case(server.Mirror, b"ab\ncd", b"ba\n", RESETS, RST),
    "a reset while a reply is owed": Case(server.Late, b"a\nslow\nslow\n", b"a\n", RESETS, RST),
    # the handler's end
    "finish() in process": Case(server.Ending, b"a\nfinish\nb\n", b"a\nfinish\n", WAITS, LOCAL),
    "close() in process": Case(server.Ending, b"close\nb\n", b"", WAITS, LOCAL),
    "close() in process, with a reset": Case(server.Ending, b"cut\nb\n", b"", WAITS, LOCAL, "reset"),
    "end_output() in process": Case(server.Ending, b"a\nlast\nb\n", b"a\nlast\n", WAITS, FIN),
    "end_output() in process, no reply": Case(server.Ending, b"a\nmum\nb\n", b"a\n", WAITS, FIN),
    "finish() when opened": Case(server.Goodbye, b"", b"bye\n", WAITS, LOCAL),
    # whose error it is
    "process raises": Case(server.Faulty, b"a\nvalue\nb\n", b"a\n", WAITS, HANDLER),
    "process raises StopIteration": Case(server.Faulty, b"a\nstop\nb\n", b"a\n", WAITS, HANDLER),
    "process raises no Exception": Case(server.Faulty, b"a\nodd\nb\n", b"a\n", WAITS, HANDLER),
    "process raises it with the first record": Case(server.Faulty, b"odd\n", b"", WAITS, HANDLER),
    "process raises ProtocolError": Case(server.Faulty, b"a\npeer\nb\n", b"a\n", WAITS, PROTOCOL),
    "a reply that is text": Case(server.Faulty, b"a\ntext\nb\n", b"a\n", WAITS, HANDLER),
    "a reply that is a number": Case(server.Faulty, b"number\n", b"", WAITS, HANDLER),
    "a reply that holds an ending": Case(server.Faulty, b"a\ntwo\nb\n", b"a\n", WAITS, PROTOCOL),
    "a tick of a handler's method raises": Case(server.Ticking, b"tick\n", b"", WAITS, HANDLER),
    "a timer of a handler's method raises": Case(server.Ticking, b"timer\n", b"", WAITS, HANDLER),
    "on_open raises": Case(server.Refusing, b"", b"", WAITS, HANDLER),
    "on_close raises": Case(server.Parting, b"a\n", b"a\n", LEAVES, FIN),
    # what ends by itself
    "a record that takes too long": Case(server.Impatient, b"a\nb", b"a\n", WAITS, CloseReason.TOO_SLOW),
    "silence": Case(server.Idle, b"a\n", b"a\n", WAITS, CloseReason.IDLE_TIMEOUT),
}

OTHERWISE = {  # what a task does in its own way: it ends its own connection, and a future is no reply
    "a late reply that is cancelled",
    "a half-close of a half-open one",
}
CASES |= {
    f"task: {name}": replace(case, handler=server.TASKS[case.handler])
    for name, case in CASES.items()
    if case.handler in server.TASKS and name not in OTHERWISE
}
CASES |= {
    f"task with workers: {name}": replace(case, handler=server.TaskWorking)
    for name, case in CASES.items()
    if case.handler is server.Mirror
}
CASES["task: a half-close of a half-open one"] = Case(server.TaskHalfOpen, b"a\nb\n", b"a\nb\nfarewell\n", ENDS, FIN)
