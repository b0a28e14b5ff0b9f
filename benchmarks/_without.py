"""The hello server with a part of its safety taken out: ``python3 -m benchmarks._without NAME,... KIND``.

The loop of ``nio/reactor/streams/_steady.py`` is compiled from its source with some of its text replaced, before
anybody imports it. It is for measuring what the parts cost; a server without them is of no other use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

MODULE = "nio.reactor.streams._steady"
SAFETY: dict[str, tuple[tuple[str, str], ...]] = {
    "statistics": (
        ("received, handler._heard = received + count, heard\n", "handler._heard = heard\n"),
        ("requests, step, process = requests + 1, 1,", "step, process = 1,"),
        ("sent += (took := wire.send(data, NO_SIGNAL))\n", "took = wire.send(data, NO_SIGNAL)\n"),
        ("tally.bytes_in + received, tally", "tally.bytes_in + 1, tally"),  # or else the turns are taken for a spin
    ),
    "the reply's type and delimiters": (("if kind(reply) is not plain or lf in reply or cr in reply or ", "if "),),
    "the length of a name": (("if count > handler._longest or line is data", "if line is data"),),
    "the key's validity and interest": (
        (
            "steady = handler._steady is handler and key._valid if mask == readable == key._interest else False",
            "steady = handler._steady is handler",
        ),
        ("wire, step, key._ready = handler._wire, 0, mask\n", "wire, step = handler._wire, 0\n"),
    ),
    "the time for deadlines": (("handler._heard = ", "_ = "),),
}
EVERYTHING = "all of it"


def replaced(source: str, names: Iterable[str]) -> str:
    """ValueError where a text does not stand in the source exactly once: whoever changed the loop changes it here."""
    for name in names:
        for old, new in SAFETY[name]:
            if source.count(old) != 1:
                raise ValueError(f"{name}: {old.strip()!r} stands {source.count(old)} times in {MODULE}")
            source = source.replace(old, new)
    return source


class Loader(SourceFileLoader):
    """Of the changed source; nothing of it is kept on disk."""

    names: Sequence[str] = ()

    def get_code(self, fullname: str) -> CodeType:
        text = replaced(Path(self.path).read_text(encoding="utf-8"), self.names)
        code: CodeType = compile(text, self.path, "exec")
        return code


class Finder(MetaPathFinder):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        loader = Loader(fullname, spec.origin)
        loader.names = self._names
        spec.loader = loader
        return spec


def main(words: str, kind: str) -> None:
    names = list(SAFETY) if words in (EVERYTHING, "nio-bare") else [word for word in words.split(",") if word]
    sys.meta_path.insert(0, Finder(names))
    from benchmarks import _servers

    _servers.main("nio", kind)


if __name__ == "__main__":
    main(*sys.argv[1:])
