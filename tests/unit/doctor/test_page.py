"""The page of the doctor has its table, as the doctor has it.

``python -m tests.unit.doctor.test_page`` writes the table into the page anew.
"""

from __future__ import annotations

from nio.doctor import mistakes
from nio.doctor._rules import own_rules
from tests.test_readme import ROOT

PAGE = ROOT / "docs" / "how-to" / "doctor.md"
BEGIN = "<!-- made from the table of the doctor: python -m tests.unit.doctor.test_page -->\n"
END = "<!-- end of what is made -->\n"


def table() -> str:
    lines = ["| code | mistake | told by | what to do |", "|---|---|---|---|"]
    lines += [f"| {row.code} | {row.mistake} | {row.how} | {row.fix} |" for row in mistakes() if row.is_found]
    lines += ["", "Not told, and why:", "", "| code | mistake | why |", "|---|---|---|"]
    lines += [f"| {row.code} | {row.mistake} | {row.lesson} |" for row in mistakes() if not row.is_found]
    return "\n".join(lines) + "\n"


def test_the_page_has_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


def test_every_rule_over_facts_is_a_row_that_says_so() -> None:
    rules = {rule.code for rule in own_rules()}
    facts = {row.code for row in mistakes() if row.how == "facts"}
    told_together = {"S06", "S15", "T02"}  # with S05 and T01
    assert rules <= {row.code for row in mistakes() if row.is_found}
    assert facts <= rules | told_together


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
