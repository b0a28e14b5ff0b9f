"""The guide keeps its word: every page has a program, every program a test, and the index names every page."""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

import pytest

from tests.integration._how_to import PAGES, PROGRAM, Program, finished, program, programs, started
from tests.integration.conversation import ROOT, RUNNING, ask, client, end_all_but
from tests.test_readme import LINK, blocks, prose

HERE = Path(__file__).parent
LINES = 60  # of a program: what is longer is a sample
HELLO = """
import signal
from nio import SelectionKey, ServerSocketChannel
from nio.framing import Lines
from nio.reactor import Acceptor, Reactor, StreamHandler

class Hello(StreamHandler):
    framing = Lines(max_length=256)

    def process(self, name: bytes) -> bytes:
        return b"Hello " + name

def main(port: int = 9900) -> None:
    with Reactor.open() as reactor:
        server = ServerSocketChannel.open().bind(("127.0.0.1", port))
        reactor.register(server, SelectionKey.OP_ACCEPT, Acceptor(Hello))
        signal.signal(signal.SIGTERM, lambda *_: reactor.stop(drain=5))
        print(f"listening on 127.0.0.1:{server.port}", flush=True)
        reactor.run()

if __name__ == "__main__":
    main()
"""


def pages() -> list[Path]:
    return sorted(page for page in PAGES.glob("*.md") if page.name != "index.md")


def ends_as_a_script(code: str) -> bool:
    """The last statement is ``if __name__ == "__main__":``."""
    last = ast.parse(code).body[-1]
    return isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'"


def faults(page: Path, tests: Path) -> list[str]:
    """What the page lacks. A page without a program has a listing with a client of its own, which test_docs.py runs."""
    text = page.read_text(encoding="utf-8")
    there = programs(text)
    if not there and any(block.info == "python" for block in blocks(text)):
        return []
    found = [] if there else ["no block below a line <!-- program: name.py -->, and no listing"]
    for each in there:
        if not ends_as_a_script(each.code):
            found.append(f"{each.name} does not end in if __name__ == '__main__':")
        if each.code.count("\n") > LINES:
            found.append(f"{each.name} has more than {LINES} lines")
    test = tests / f"test_how_to_{page.stem.replace('-', '_')}.py"
    if not test.exists():
        found.append(f"no {test.name}")
    elif not re.search(rf'\b(program|programs)\("{re.escape(page.stem)}"', test.read_text(encoding="utf-8")):
        found.append(f'{test.name} has no program("{page.stem}")')
    return found


def test_every_page_has_a_program_and_every_program_a_test() -> None:
    assert {page.name: found for page in pages() if (found := faults(page, HERE))} == {}


def test_the_index_names_every_page() -> None:
    text = prose((PAGES / "index.md").read_text(encoding="utf-8"))
    linked = {match[1].partition("#")[0] for match in LINK.finditer(text) if match[1]}
    assert {page.name for page in pages()} - linked == set()


def test_programs_stand_in_the_guide_only() -> None:
    elsewhere = [page for page in ROOT.glob("docs/**/*.md") if page.parent != PAGES]
    assert [page.name for page in elsewhere if PROGRAM.search(page.read_text(encoding="utf-8"))] == []


def test_what_a_page_lacks_is_named(tmp_path: Path) -> None:
    page = tmp_path / "two-words.md"
    page.write_text("# Two words\n\n```python\nx = 1\n```\n")
    assert faults(page, tmp_path) == []  # a listing
    page.write_text("# Two words\n")
    assert faults(page, tmp_path) == [
        "no block below a line <!-- program: name.py -->, and no listing",
        "no test_how_to_two_words.py",
    ]
    page.write_text("<!-- program: x.py -->\n```python\n" + "x = 1\n" * 61 + "```\n")
    (tmp_path / "test_how_to_two_words.py").write_text("x = 2\n")
    assert faults(page, tmp_path) == [
        "x.py does not end in if __name__ == '__main__':",
        "x.py has more than 60 lines",
        'test_how_to_two_words.py has no program("two-words")',
    ]
    page.write_text('<!-- program: x.py -->\n```python\nif __name__ == "__main__":\n    pass\n```\n')
    (tmp_path / "test_how_to_two_words.py").write_text('WHOLE = program("two-words")\n')
    assert faults(page, tmp_path) == []


@pytest.mark.parametrize("call", ["", "main(port=9901)"])
def test_a_program_is_started_on_a_free_port(tmp_path: Path, call: str) -> None:
    child = started(Program("hello.py", HELLO), tmp_path, call=call)
    assert child.address[1] not in (9900, 9901)
    with client(child.address) as sock:
        ask(sock, b"ann")
    assert child.end(signal.SIGTERM) == (0, "")


def test_a_program_that_a_test_forgets_is_ended(tmp_path: Path) -> None:
    kept = set(RUNNING)
    child = started(Program("hello.py", HELLO), tmp_path)
    end_all_but({*kept, child.process})
    assert child.process.poll() is None
    end_all_but(kept)
    assert child.process.returncode == -signal.SIGKILL
    assert kept == RUNNING


def test_a_program_is_run_to_its_end(tmp_path: Path) -> None:
    code = (
        "import sys\n\ndef main(n):\n    print(n, sys.argv[1:], input())\n\nif __name__ == '__main__':\n    main(1)\n"
    )
    done = finished(Program("end.py", code), tmp_path, "x", given="y\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 ['x'] y\n", "")
    assert finished(Program("end.py", code), tmp_path, call="main(2)", given="z\n").stdout == "2 [] z\n"


def test_a_program_is_chosen_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration._how_to.PAGES", tmp_path)
    (tmp_path / "page.md").write_text(
        "<!-- program: a.py -->\n```python\na\n```\n```python\nno\n```\n<!-- program: b.py -->\n```python\nb\n```\n"
    )
    assert program("page", "b.py") == Program("b.py", "b\n")
    with pytest.raises(ValueError, match="too many values"):
        program("page")
