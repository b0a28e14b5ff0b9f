"""Programs over selectors and what they watch: streams, servers, pipes, datagrams, under a handful of fixed names.

Each program is about a few of them, so that its operations have to do with one another.
What is closed is mostly opened again before it is used, so a program of any length goes on saying something. What is
left to the kernel is avoided here, not explained away:

- A selection sees what a write, a close or a connection did only when the kernel has delivered it: a short ``settle``
  stands before whatever could see it. TCP over loopback delivers within the call of the sender, so it is very short.
- Which of several ready keys an action gets first is up to the kernel. An action that ends the selection is given
  only to a selector with one key.
- Where TCP_NODELAY is off the kernel may hold a small segment back until the one before it is acknowledged: where it
  is on it stays on.
- How much fits into a full connection depends on the moment. Only pipes are filled, whose size is fixed.
- A full backlog drops connections: a server is opened anew before it has that many waiting.
- A blocking channel is used only in ways that do not wait, which holds for the parts of a program too (``playable``).
- A thread blocks in a selection while one operation is done, and is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.jdk import _scenarios
from tests.jdk._fuzz import Drawn, Kind, Program
from tests.jdk._fuzz_buffers import T
from tests.jdk._java import Jdk
from tests.jdk._scenarios import Scenario
from tests.jdk._words import letters

LENGTH = 80  # operations of a program
AT_ONCE = 12  # programs, which mostly sleep
SETTLE = "settle 2"
WAITING = 20  # connections that a server is left with

SELECTORS = "SQ"
FAMILIES = (("a", "b"), ("a", "b"), ("p.src", "p.snk"), ("k", "L", "x"), ("u", "w"), ("c", "d"), ("U", "v", "x"))
STREAMS = ("a", "b", "c", "d", "k", "x", "v")
READABLE = (*STREAMS, "p.src", "u", "w")
WRITABLE = (*STREAMS, "p.snk", "u", "w")
CHANNELS = (*STREAMS, "p.src", "p.snk", "L", "U", "u", "w")
DATAGRAMS = ("u", "w")

OPENERS: dict[str, Sequence[str]] = {
    **dict.fromkeys("ab", ("pair a b",)),
    **dict.fromkeys("cd", ("pair c d",)),
    **dict.fromkeys(("p.src", "p.snk"), ("pipe p", "block p.src F", "block p.snk F")),
    **dict.fromkeys(SELECTORS, ("sel {}",)),
    **dict.fromkeys(DATAGRAMS, ("dc {}", "bind {}", "block {} F")),
    "k": ("sc k", "block k F"),
    "x": ("accept L x", "block x F"),
    "L": ("listen L",),
    "U": ("uds U", "block U F"),
    "v": ("udsconnect v U", "block v F"),
}

WORDS = ("-", "x", "hello", "0123456789")
ODD_OPS = ("#2", "#0", "#-1", "#32", "a", "c", "rw", "rwc", "-")
OPTIONS = ("TCP_NODELAY", "SO_KEEPALIVE", "SO_REUSEADDR", "SO_BROADCAST", "SO_LINGER", "SO_OTHER")
NET = frozenset(  # what others may see of it needs a moment
    {"write", "gather", "close", "shutout", "fill", "drain", "read", "scatter", "connect", "connectnb", "accept"}
    | {"send", "receive", "nowc", "selectc", "iterclose", "finish", "udsconnect"}
)
SEES = frozenset(
    {"select", "now", "nowc", "selectc", "iterselect", "read", "scatter", "write", "gather", "accept", "finish"}
    | {"receive", "send", "fill", "drain", "async", "remote", "readro"}
)
WAITS = frozenset(  # for ever, on a blocking channel
    {"read", "readro", "scatter", "drain", "write", "gather", "fill", "accept", "receive", "finish"}
)


def draw(random: Random, size: int) -> Drawn:
    """A program of that many operations."""
    with Scenario() as scenario:
        programmer = Programmer(random, scenario)
        while len(programmer.drawn) < size:
            programmer.step()
        return programmer.drawn[:size]


def playable(program: Program) -> bool:
    """Whether nothing in it waits for ever, or races with a thread."""
    blocking: set[str] = set()
    for number, line in enumerate(program):
        word, name, *rest = [*line.split(), ""]
        if word == "async" and not any(later.startswith(f"join {name}") for later in program[number + 1 : number + 3]):
            return False
        if word in WAITS and name in blocking:
            return False
        if word == "pipe":
            blocking |= {f"{name}.src", f"{name}.snk"}
        elif word in ("sc", "dc", "uds", "udsconnect"):
            blocking.add(name)
        elif word == "accept":
            blocking.add(rest[0])
        elif word == "block" and rest[0] == "T":
            blocking.add(name)
        elif word in ("block", "close", "listen"):
            blocking.discard(name)
    return True


class Programmer:
    """Writes operations for a scenario that executes them as they come."""

    def __init__(self, random: Random, scenario: Scenario) -> None:
        self.random, self.scenario = random, scenario
        self.chance = random.random
        self.unsettled = False
        self.waiting = {"L": 0, "U": 0}
        self.selectors = SELECTORS if self.chance() < 0.4 else SELECTORS[0]
        families = random.sample(FAMILIES, self.pick((1, 2, 2, 3)))
        self.names = {name for family in families for name in family}
        self.drawn: Drawn = []
        self.steps: tuple[Callable[[], None], ...] = tuple(getattr(self, name) for name in WEIGHTS)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.chance() * len(choices))]

    def run(self, line: str) -> str:
        word, *arguments = line.split()
        if self.unsettled and word in SEES:
            self.drawn.append((SETTLE, self.scenario.run(*SETTLE.split())))
            self.unsettled = False
        answer = self.scenario.run(word, *arguments)
        self.drawn.append((line, answer))
        self.unsettled |= word in NET
        return answer

    def step(self) -> None:
        self.random.choices(self.steps, list(WEIGHTS.values()))[0]()

    # what an operation is about

    def is_open(self, name: str) -> bool:
        thing: Any = self.scenario.get(name)
        return thing is not None and thing.is_open

    def usable(self, name: str) -> str:
        """The name; what it stands for is mostly open then."""
        if not self.is_open(name) and self.chance() < (0.5 if self.scenario.get(name) else 0.98):
            self.open(name)
        return name

    def open(self, name: str) -> None:
        if name == "x":
            self.connect_to("L")
        elif name == "v":
            self.server("U")
        for line in OPENERS[name]:
            if not (line.startswith("bind") and self.chance() < 0.2):
                self.run(line.format(name))

    def server(self, name: str) -> str:
        """A server, opened anew when too many wait at it."""
        self.waiting[name] += 1
        if self.waiting[name] > WAITING:
            self.run(f"close {name}")
            self.waiting[name] = 0
        return self.usable(name)

    def connect_to(self, server: str) -> None:
        if self.is_open("k"):
            self.run("close k")
        self.open("k")
        self.run(f"connectnb k {self.server(server)}")
        self.run("finish k")

    def one_of(self, names: Sequence[str]) -> str:
        """Of those names one that the program is about or, when there is none or one time in fifty, any."""
        few = [name for name in names if name in self.names]
        return self.usable(self.pick(few if few and self.chance() < 0.98 else names))

    def selector(self) -> str:
        return self.usable(self.pick(self.selectors))

    def key(self) -> str:
        """A key that there is, where there is any, and mostly one whose channel is still open."""
        keys = self.scenario.keys
        if not keys:
            self.register()
        valid = [name for name, key in keys.items() if key.is_valid]
        names = valid if valid and self.chance() < 0.9 else list(keys)
        return self.pick(names) if names and self.chance() < 0.99 else "k@Z"

    def selected(self, selector: str) -> str:
        """Mostly one of its selected keys."""
        thing: Any = self.scenario.get(selector)
        if thing is None or not thing.is_open or self.chance() < 0.3:
            return self.key()
        selected = set(thing.selected_keys)
        return self.pick([name for name, key in self.scenario.keys.items() if key in selected] or [self.key()])

    def ops(self, channel: Any) -> str:
        """Some of what the channel can do or, one time in ten, anything."""
        if channel is None or self.chance() < 0.1:
            return self.pick(ODD_OPS)
        return "".join([letter for letter in letters(channel.valid_ops) if self.chance() < 0.6]) or "-"

    def alone(self, selector: str) -> bool:
        return self.is_open(selector) and len(self.scenario.get(selector).keys) <= 1

    # keys

    def register(self) -> None:
        selector, name = self.selector(), self.one_of(CHANNELS)
        attachment = self.pick(("", "", " att1", " att2"))
        self.run(f"reg {name} {selector} {self.ops(self.scenario.get(name))}{attachment}")

    def interest(self) -> None:
        key = self.key()
        if self.chance() < 0.15:
            self.run(f"iops {key}")
            return
        known = self.scenario.key(key)
        self.run(f"{self.pick(('iops', 'iops', 'ior', 'iand'))} {key} {self.ops(known and known.channel)}")

    def cancel(self) -> None:
        self.run(f"cancel {self.key()}")

    def about_key(self) -> None:
        word = self.pick(("valid", "rops", "att", "keych", "attach", "isreadable"))
        self.run(f"{word} {self.key()}{self.pick((' null', ' word')) if word == 'attach' else ''}")

    # selections

    def select(self) -> None:
        self.run(self.pick(("now {}", "now {}", "select {} 2")).format(self.selector()))

    def select_with_action(self) -> None:
        selector = self.selector()
        acts: tuple[str, ...] = ("", "", "cancel", "closech", "wake")
        if self.alone(selector):
            acts = (*acts, "throw", "reenter", "closesel")
        self.run(f"{self.pick(('nowc {}', 'selectc {} 2'))} {self.pick(acts)}".format(selector).strip())

    def wake(self) -> None:
        """A wake-up, and sometimes the selection that it ends."""
        selector = self.selector()
        self.run(f"wakeup {selector}")
        if self.chance() < 0.2:
            self.run(f"time 200 select {selector} 400")

    def block(self) -> None:
        """A thread in a selection, what is done meanwhile, and its end."""
        selector = self.selector()
        self.run(f"async t select {selector} 250")
        meanwhile = ("wakeup {}", "wakeup {}", "close {}", "now {}", f"close {self.pick(sorted(self.names))}")
        words = (f"write {self.pick(sorted(self.names))} x", f"cancel {self.pick(list(self.scenario.keys) or ['k@Z'])}")
        line = self.pick((*meanwhile, *words)).format(selector)
        if line.split()[0] in SEES:
            self.unsettled = False  # it is not to settle now, there is a thread at work
        self.run(line)
        self.run("join t 3000")

    def of_sets(self) -> None:
        word = self.pick(("dump",) * 6 + ("sclear", "sclear", "sremove", "sremove", "iterremove", "iterselect", "sets"))
        selector = self.selector()
        if word == "sets":
            word = self.pick(("sadd", "kremove", "kclear", "sameset", "iterkeys"))
        if word in ("sremove", "sadd", "kremove"):
            self.run(f"{word} {selector} {self.selected(selector)}")
        else:
            self.run(f"{word} {selector}" + (f" {self.one_of(CHANNELS)}" if word == "iterkeys" else ""))

    # bytes

    def write(self) -> None:
        name = self.one_of(WRITABLE)
        if self.sends(name):
            return
        words = f"{self.pick(WORDS)},{self.pick(WORDS)}"
        self.run(f"write {name} {self.pick(WORDS)}" if self.chance() < 0.8 else f"gather {name} {words}")

    def read(self) -> None:
        name = self.one_of(READABLE)
        if self.sends(name):
            return
        lines = ("read {} 0", "read {} 1", "read {} 3", *("read {} 100",) * 3, "scatter {} 0,0", "scatter {} 2,0,100")
        self.run(self.pick((*lines, "readro {}")).format(name))

    def sends(self, name: str) -> bool:
        """Datagrams are mostly sent and received: only a connected channel can do more."""
        if name not in DATAGRAMS or not self.is_open(name):
            return False
        if self.scenario.get(name).is_connected or self.chance() < 0.1:
            return False
        self.datagram()
        return True

    def fill(self) -> None:
        if "p.snk" not in self.names:
            return
        self.run(f"fill {self.usable('p.snk')}")
        if self.chance() < 0.7:
            self.run("drain p.src")

    def datagram(self) -> None:
        if "u" not in self.names:
            return
        name, other = self.one_of(DATAGRAMS), self.one_of(DATAGRAMS)
        moves = (f"send {name} {other} x", f"send {name} {other} hello", f"receive {name} 100", f"receive {name} 2")
        rare = (f"connect {name} {other}", f"connect {name} refused", f"disconnect {name}", f"bind {name} null")
        self.run(self.pick((*moves, *moves, *rare)))

    # connections

    def connect(self) -> None:
        if "k" not in self.names and self.chance() < 0.8:
            return
        if self.is_open("k") and self.chance() < 0.7:
            self.run("close k")
        name = self.usable("k") if self.chance() < 0.9 else self.one_of(STREAMS)
        if self.chance() < 0.15:
            server = self.server("L")
            for line in ("sc k", f"connect k {server}", "block k F"):
                self.run(line)
            return
        self.run(f"connectnb {name} {self.pick(('refused', 'a', 'unresolved', 'U', *[self.server('L')] * 6))}")
        if self.chance() < 0.3:
            self.run(f"{self.pick(('remote', 'local', 'isconn', 'ispend'))} {name}")
        if self.chance() < 0.4:
            self.run(f"finish {name}")

    def accept(self) -> None:
        if "x" not in self.names:
            return
        server = self.pick([name for name in "LU" if name in self.names])
        answer = self.run(f"accept {self.usable(server)} x")
        self.run("block x F")
        self.waiting[server] = max(0, self.waiting[server] - 1) if answer.startswith("ok") else 0

    def finish(self) -> None:
        self.run(f"finish {self.pick(('k', 'k', 'a', 'x'))}")

    def half_close(self) -> None:
        name = self.one_of(STREAMS)
        if self.chance() < 0.2:
            self.run(f"linger0 {name}")
            self.run(f"close {name}")
        else:
            self.run(f"{self.pick(('shutin', 'shutout', 'shutout', 'linger0'))} {name}")

    def close(self) -> None:
        names = sorted(self.names)
        self.run(f"close {self.pick(self.selectors) if self.chance() < 0.05 else self.pick(names)}")
        if self.chance() < 0.04:
            self.run(f"iterclose {self.pick(self.selectors)}")

    def mode(self) -> None:
        name = self.one_of(CHANNELS)
        self.run(f"block {name} T")
        if self.chance() < 0.2:
            self.run(f"close {name}")
            lines = ("read {} 3", "write {} x", "gather {} x,y", "scatter {} 1,2", "accept {} x", "connect {} a")
            self.run(self.pick(lines).format(name))
        if self.chance() < 0.4:
            self.run(f"reg {name} {self.selector()} {self.ops(self.scenario.get(name))}")
        self.run(f"block {name} F")

    def bind(self) -> None:
        self.run(self.pick(("bind {}", "bind {} null", "bind {} L", "bind {} a")).format(self.one_of(CHANNELS)))

    def option(self) -> None:
        option = self.pick(OPTIONS)
        value = self.pick({"SO_LINGER": ("-1", "0", "-7"), "TCP_NODELAY": "T"}.get(option, "TF"))
        self.run(f"setopt {self.one_of(CHANNELS)} {option} {value}")

    def about_channel(self) -> None:
        if self.chance() < 0.5:
            word = self.pick(("isconn", "ispend", "local", "remote"))
            self.run(f"{word} {self.one_of(STREAMS if word == 'ispend' else (*STREAMS, *DATAGRAMS))}")
            return
        name, word = self.one_of(CHANNELS), self.pick(("isopen", "isreg", "isblocking", "validops", "keyfor"))
        self.run(f"{word} {name}" + (f" {self.pick(self.selectors)}" if word == "keyfor" else ""))


WEIGHTS = {
    "register": 13,
    "interest": 11,
    "cancel": 4,
    "about_key": 5,
    "select": 16,
    "select_with_action": 8,
    "wake": 2,
    "block": 0.15,
    "of_sets": 16,
    "write": 9,
    "read": 9,
    "fill": 0.5,
    "datagram": 4,
    "connect": 2,
    "accept": 2,
    "finish": 1,
    "half_close": 3,
    "close": 4,
    "mode": 1.5,
    "bind": 0.5,
    "option": 2,
    "about_channel": 6,
}

SELECTING = Kind(
    "selectors", "SelectorDriver", _scenarios, draw, Jdk.scenarios, LENGTH, at_once=AT_ONCE, playable=playable
)
