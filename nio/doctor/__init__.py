"""nio.doctor: names the mistakes of a program on nio, with the line and the fix.

Layer: above everything that serves. ``python3 -m nio.doctor PROGRAM`` runs a program in strict mode; see
``docs/how-to/doctor.md``. What is known of a program stands in ``_facts.py``, what is concluded in ``_rules.py``, how
strict mode comes and goes in ``_strict.py``.
"""

from __future__ import annotations

from nio.doctor._examine import Examination as Examination
from nio.doctor._examine import examine as examine
from nio.doctor._facts import ChannelFacts as ChannelFacts
from nio.doctor._facts import TurnFacts as TurnFacts
from nio.doctor._finding import Finding as Finding
from nio.doctor._finding import MistakeWarning as MistakeWarning
from nio.doctor._place import Place as Place
from nio.doctor._records import Diagnosis as Diagnosis
from nio.doctor._records import diagnose as diagnose
from nio.doctor._rules import Rule as Rule
from nio.doctor._strict import Strict as Strict
from nio.doctor._strict import current as current
from nio.doctor._strict import strict as strict
from nio.doctor._table import Mistake as Mistake
from nio.doctor._table import mistakes as mistakes
from nio.doctor._ward import add_rule as add_rule
from nio.doctor._ward import remove_rule as remove_rule

__all__ = [
    "ChannelFacts",
    "Diagnosis",
    "Examination",
    "Finding",
    "Mistake",
    "MistakeWarning",
    "Place",
    "Rule",
    "Strict",
    "TurnFacts",
    "add_rule",
    "current",
    "diagnose",
    "examine",
    "mistakes",
    "remove_rule",
    "strict",
]
