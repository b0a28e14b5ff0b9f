"""Nine programs that a newcomer writes first: each is short, and a test of its own runs it with its real client.

What counts is a line with code on it: neither empty, nor a comment, nor a docstring. Imports count.
"""

from __future__ import annotations

import ast

import pytest

from tests.integration._how_to import program
from tests.integration.conversation import ROOT
from tests.test_feature_table import fault

# The sample, or the page of the guide and its program; how many lines it may have; the test with its client.
PROGRAMS = [
    ("samples/chat.py", "", 45, "test_small_samples.py::test_nc_is_in_the_chat"),
    ("samples/length_rpc.py", "", 60, "test_length_rpc.py::test_server_and_client_from_a_shell"),
    ("samples/tcp_proxy.py", "", 35, "test_small_samples.py::test_curl_through_the_proxy"),
    ("samples/udp_time.py", "", 20, "test_small_samples.py::test_nc_gets_the_time"),
    ("blocking-work", "notes.py", 35, "test_how_to_blocking_work.py::test_notes_are_kept"),
    (
        "timers",
        "ticker.py",
        25,
        "test_how_to_timers.py::test_everybody_hears_the_time_and_goes_on_when_others_leave",
    ),
    ("stop", "service.py", 30, "test_how_to_stop.py::test_it_finishes_what_it_owes_and_says_so"),
    ("several-addresses", "doors.py", 25, "test_how_to_several_addresses.py::test_nc_comes_by_the_path"),
    ("pytest", "test_in_a_thread.py", 20, "test_how_to_pytest.py::test_the_tests_of_the_page_pass"),
]


def lines_of_code(text: str) -> int:
    """Lines that are neither empty, nor a comment, nor a docstring."""
    prose: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            prose |= set(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and line.lstrip()[0] != "#" and number not in prose for number, line in lines)


@pytest.mark.parametrize(("where", "name", "most", "test"), PROGRAMS, ids=[each[1] or each[0] for each in PROGRAMS])
def test_it_is_short_and_has_its_client(where: str, name: str, most: int, test: str) -> None:
    text = program(where, name).code if name else (ROOT / where).read_text(encoding="utf-8")
    assert 10 < lines_of_code(text) <= most
    assert fault((where, f"`tests/integration/{test}`")) == ""


def test_what_counts_as_a_line() -> None:
    text = '"""Doc.\n\nMore.\n"""\n\nimport x  # this\n# no\n\nclass A:\n    """Doc."""\n\n    b = """one\n\ntwo"""\n'
    assert lines_of_code(text) == 4  # the import, the class, the first and the last line of the string
