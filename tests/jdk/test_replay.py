"""The judge judged: a replay must see every kind of difference, and say so in its last line and its exit status."""

from __future__ import annotations

import errno
import io
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from nio import SocketChannel
from nio.errors import AsynchronousCloseError, IllegalStateError, ReadOnlyBufferError
from tests.jdk import _buffers, _replay, _scenarios, _words
from tests.jdk.__main__ import main
from tests.jdk._replay import Case, replay, replay_one
from tests.jdk._words import java_name, order_of_names

Expected = str | list[str]


def a_case(ops: Sequence[str], expect: Iterable[Expected], name: str = "a_case") -> Case:
    answers = ((answer,) if isinstance(answer, str) else tuple(answer) for answer in expect)
    return Case(name, tuple(ops), tuple(answers))


def write(path: Path, *entries: object) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


SOUND = {"name": "sound", "ops": ["sel S", "now S"], "expect": ["ok", "0"], "covers": [66]}
WRONG = {"name": "wrong", "ops": ["sel S", "now S"], "expect": ["ok", "1"], "covers": [69, 70], "note": "a note"}
INTERRUPT = {"name": "interrupted", "ops": ["sel S", "selfinterrupt now S"], "expect": ["ok", "0 interrupted"]}


def test_replay_ends_with_the_count_and_exits_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "a.jsonl", SOUND, INTERRUPT)
    assert main(["replay", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 passed over: threads of Python cannot be interrupted (interrupted)",
        "1 passed, 0 failed",
    ]


def test_replay_prints_a_difference_with_its_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / "a.jsonl", WRONG), write(tmp_path / "b.jsonl", SOUND)]
    assert main(["replay", *map(str, files)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "wrong (statements 69, 70): a note",
        "    sel S => ok",
        "  - now S => 1",
        "  + now S => 0",
        "",
        "1 passed, 1 failed",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "no answers", "ops": ["sel S"]},
        {"name": "too few answers", "ops": ["sel S", "now S"], "expect": ["ok"]},
        {"name": "nothing", "ops": [], "expect": []},
        {"name": "no list", "ops": "sel S", "expect": "ok"},
        ["no object"],
    ],
)
def test_what_is_no_case_is_refused_with_its_line(
    tmp_path: Path, entry: object, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", SOUND, entry)
    with pytest.raises(SystemExit) as exit_status:
        main(["replay", str(file)])
    assert exit_status.value.code == 2
    assert f"{file}:2: not a case" in capsys.readouterr().err


@pytest.mark.parametrize("op", ["fly S", "time 100 fly S", "async T fly S", "holdlock S T time 5 fly S", " "])
def test_an_unknown_operation_is_a_failure_even_where_the_driver_would_say_so(op: str) -> None:
    outcome = replay_one(a_case(["sel S", op, "interrupt T"], ["ok", "?op fly", "ok"]))
    assert not outcome.passed
    assert "UnknownOperationError" in outcome.difference[-1]


def test_one_of_several_answers_is_enough() -> None:
    assert replay_one(a_case(["sel S", "now S"], ["ok", ["1", "0"]])).passed
    assert replay_one(a_case(["sel S", "now S"], ["ok", ["1", "2"]])).difference[2:] == (
        "  - now S => 1 | 2",
        "  + now S => 0",
    )


def test_slow_instead_of_fast_is_asked_for_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["ok", "0 slow"], ["ok", "0 fast"], ["ok", "0 slow"], ["ok", "0 slow"], ["ok", "1 slow"]]
    monkeypatch.setattr(_scenarios, "play", lambda script: answers.pop(0))
    case = a_case(["sel S", "time 400 now S"], ["ok", "0 fast"])
    assert replay_one(case).passed
    assert not replay_one(case).passed  # twice is no accident
    assert not replay_one(case).passed  # and another number is none at all
    assert answers == []


def test_what_differs_in_a_hurry_is_played_again_as_it_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    paces: list[float] = []

    def play(script: Sequence[str], pace: float = 1.0) -> list[str]:
        paces.append(pace)
        return ["ok", "0" if script[1] == "now S" and pace == 1 else "busy"]

    monkeypatch.setattr(_scenarios, "play", play)
    sound, wrong = a_case(["sel S", "now S"], ["ok", "0"]), a_case(["sel S", "now Q"], ["ok", "0"])
    assert [outcome.passed for outcome in replay([sound, wrong], hurry=True)] == [True, False]
    assert paces == [_replay.HURRY] * 2 + [1, 1]
    assert [outcome.passed for outcome in replay([sound])] == [True]


def test_in_a_hurry_only_pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scenarios, "PAUSE", 60)
    begin = time.monotonic()
    answers = _scenarios.play(["sel S", "async T select S", "join T 60", "settle 1000"], 0.1)
    assert answers == ["ok", "ok", "BLOCKED", "ok"]
    assert 0.116 < time.monotonic() - begin < 1
    begin = time.monotonic()
    answers = _scenarios.play(["sel S", "time 40 select S 40", "async T select S", "join T 61"], 0.1)
    assert answers == ["ok", "0 slow", "ok", "BLOCKED"]
    assert time.monotonic() - begin > 0.1


def test_a_thread_that_stays_blocked_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.jdk._state.THREAD_GRACE", 0.01)
    monkeypatch.setattr(_scenarios, "ASYNC_HEAD_START", 0.01)
    outcome = replay_one(a_case(["async T settle 100"], ["ok"]))
    assert "still blocked: T: settle 100" in outcome.difference[-1]


def test_scenarios_keep_their_order_and_buffers_go_to_their_own_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_replay, "BUFFERS", "tests.jdk.there_is_no_such_module")
    cases = [
        a_case(["sel S", "settle 50"], ["ok", "ok"], "slow"),
        a_case(["new 0 byte heap 8"], ["obj"], "buffer"),
        a_case(["=1 0 slice"], ["obj"], "result"),
        a_case(["sel S"], ["ok"], "quick"),
    ]
    outcomes = replay(cases)
    assert [outcome.case.name for outcome in outcomes] == ["slow", "buffer", "result", "quick"]
    assert [outcome.passed for outcome in outcomes] == [True, False, False, True]


def test_an_intended_difference_counts_only_for_its_operation_and_its_script() -> None:
    assert _scenarios.meant("join T 2000", "partial", "!AsynchronousCloseException")
    assert _scenarios.meant("bigwrite a 9", "partial", "!AsynchronousCloseException") is None
    assert _scenarios.meant("join T 2000", "partial", "BLOCKED") is None
    woken = ["wakeup S", "nowc S wake"]
    assert _scenarios.meant("time 150 select S 200", "0 slow", "0 fast", woken)
    assert _scenarios.meant("time 150 select S 200", "0 slow", "0 fast", woken[:1]) is None
    assert _scenarios.meant("time 150 select S 200", "0 slow", "0 fast", ["wakeup Q", *woken[1:]]) is None
    assert _scenarios.meant("time 150 select S 200", "0 slow", "1 fast", woken) is None
    early = ["listen L", "reg L S a", "connectnb k L", "close L"]
    assert _scenarios.meant("read k 3", "0:", "!SocketException:Connection reset", early)
    assert _scenarios.meant("valid L@S", "F", "T", early) is None
    assert _scenarios.meant("read k 3", "0:", "!SocketException:Connection reset", [early[0], *early[2:]]) is None
    assert _scenarios.meant("read k 3", "0:", "!SocketException:Connection reset", early[:3]) is None


@pytest.mark.parametrize("difference", _scenarios.DIFFERENCES.values(), ids=_scenarios.DIFFERENCES.keys())
def test_every_difference_is_of_one_kind_and_says_where_it_is_made(difference: _scenarios.Difference) -> None:
    if difference.words or difference.unseen:
        assert not difference.answers
        assert difference.where is None
    elif difference.answers:
        assert difference.op
    elif difference.where is None:
        module, _, name = difference.reason.rpartition("(")[2].rstrip(")").rpartition(".")
        assert hasattr({"": _scenarios.Scenario, "_words": _words}[module], name)


@pytest.mark.parametrize("name", [*_scenarios.DIFFERENCES, *_buffers.DIFFERENCES])
def test_every_difference_is_told_to_the_users(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "java-to-python.md").read_text(encoding="utf-8")
    assert f"\n| {TOLD[name]} |" in page


# By what the line of each difference starts with in docs/java-to-python.md.
TOLD = {
    "absolute": "absolute access",
    "append-null": "`null` as an argument",
    "char": "a `char`",
    "charsets": "charsets",
    "class-name": "`toString()`",
    "cut-short": "a blocking write that is cut short",
    "early-port": "the port of a listener or datagram channel that is closed while registered",
    "family": "default family of a channel",
    "in-place": "coding from a buffer into its own memory",
    "interrupt": "thread interrupts",
    "iterator": "the iterator's `remove`",
    "late-refusal": '"nobody is there" came for a datagram channel, and it is disconnected before anybody reads that',
    "left-out": "sizing hints, auto-detection of a charset, streams of characters",
    "lock-numbers": "`FileLock.overlaps` with numbers that add up to more than 2**63 - 1",
    "lock-size-0": "a lock of size 0",
    "many-buffers": "a file's or a blocking write of more than 1024 buffers",
    "monitor": "monitors",
    "names": "exceptions end in Error, with a builtin as second base",
    "null": "`null` as an argument",
    "one-char": "`canEncode(char)`",
    "order-null": "`order(null)`",
    "properties": "state that is only looked at is a property, also where the kernel is asked",
    "read-only-first": "checks on a read-only buffer",
    "read-only-target": "a coder with a read-only target",
    "remove": "`set.remove` of a key that is not in it",
    "same-file": "transfers between two channels on one file, where the ranges overlap",
    "seconds": "**time-outs**",
    "setter": "state that is only looked at is a property, also where the kernel is asked",
    "signalling": "a signalling NaN of type float",
    "string-index": "an index outside a text",
    "text-modes": "text over a channel in non-blocking mode",
    "unsigned": "bytes",
    "woken": "a wake-up from an action of a selection that was itself woken",
}


TO_THE_END = ["file d 0123456789", "fopen f d WRITE", "flock a f 4 0", "flock c f 4 1"]


@pytest.mark.parametrize(
    ("name", "script", "other"),
    [
        ("lock-size-0", TO_THE_END, [*TO_THE_END[:2], "flock a f 0 4", "flock c f 4 1", "flock d f"]),
        (
            "many-buffers",
            ["gather f " + ",".join("x" * 1025)],
            ["gather f " + ",".join("x" * 1024), "write f " + "," * 1025],
        ),
        (
            "same-file",
            ["fopen f d READ", "fopen g d WRITE", "fto f 0 5 g"],
            ["fopen f d READ", "fopen g e WRITE", "fto f 0 5 g", "fto f 0 5 f", "ffrom g p.src 0 3"],
        ),
        (
            "same-file",
            ["fopen f d READ", "fopen g d WRITE", "ffrom g f 0 5"],
            ["fopen g d WRITE", "ffrom g g 0 5", "fcat d"],
        ),
        ("family", ["dc u", "receive u 9", "connect u u"], ["dc u", "bind u", "connect u u", "dc w", "connect w u"]),
        ("family", ["dc u", "connect u x", "disconnect u"], ["dc u", "bind u", "connect u x", "disconnect u"]),
        (
            "late-refusal",
            ["connect w refused", "write w x", "disconnect w"],
            ["connect w refused", "disconnect w", "write w x", "connect u w", "write u x", "disconnect u"],
        ),
    ],
)
def test_a_difference_of_some_scripts_counts_in_no_other(name: str, script: list[str], other: list[str]) -> None:
    where = _scenarios.DIFFERENCES[name].where
    assert where is not None
    assert where(script)
    assert not where(other)


def test_a_lock_to_the_end_excuses_locks_only() -> None:
    granted, refused = "ok shared=F", "!OverlappingFileLockException"
    assert _scenarios.meant("flock c f 4 1", granted, refused, TO_THE_END)
    assert _scenarios.meant("flock c f 4 1", granted, refused, TO_THE_END[:2]) is None
    assert _scenarios.meant("flock c f 4 1", granted, "null", TO_THE_END) is None
    assert _scenarios.meant("fvalid a", granted, refused, TO_THE_END) is None


def test_errors_print_as_the_jdk_prints_them() -> None:
    with SocketChannel.open() as channel:
        reset, broken = ConnectionResetError(errno.ECONNRESET, "x"), BrokenPipeError(errno.EPIPE, "x")
        refused, in_use = ConnectionRefusedError(errno.ECONNREFUSED, "x"), OSError(errno.EADDRINUSE, "x")
        printed = [
            java_name(reset, channel, "read"),
            java_name(reset, channel, "write"),
            java_name(reset, channel, "finish"),
            java_name(broken, channel, "gather"),
            java_name(refused, channel, "connect"),
            java_name(in_use, channel, "bind"),
            java_name(FileExistsError(errno.EEXIST, "x"), None, "fopen"),
            java_name(AsynchronousCloseError("x"), channel, "read"),
            java_name(IllegalStateError("x"), None, "select"),
            java_name(ReadOnlyBufferError("x"), None, "mput"),
            java_name(io.UnsupportedOperation("x"), None, "sadd"),
            java_name(TypeError("x"), None, "read"),
            java_name(AttributeError(obj=None), None, "read"),
            java_name(AttributeError(obj=channel), channel, "accept"),
        ]
    assert printed == [
        "!SocketException:Connection reset",
        "!IOException:Connection reset by peer",
        "!SocketException:Connection reset by peer",
        "!IOException:Broken pipe",
        "!ConnectException",
        "!BindException",
        "!FileAlreadyExistsException",
        "!AsynchronousCloseException",
        "!IllegalStateException",
        "!ReadOnlyBufferException",
        "!UnsupportedOperationException",
        "!TypeError",
        "!NullPointerException",
        "!ClassCastException",
    ]


def test_names_are_listed_as_a_java_hash_table_lists_them() -> None:
    """Asked of JDK 17: the keys of a ConcurrentHashMap filled in this order; the 12th makes the table grow."""
    names = "S L c x p.src p.snk a b"
    assert " ".join(order_of_names(names.split())) == "a p.snk b S c p.src x L"
    assert " ".join(order_of_names(f"{names} d e f g Q".split())) == "a b c d e p.src f g L Q p.snk S x"
