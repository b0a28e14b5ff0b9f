"""Framing without I/O: bytes in, records out. ``Lines`` is the framing by line endings.

The contract between a framing, its decoders and their callers stands at the head of ``_contract.py``.
"""

from __future__ import annotations

from nio.framing._contract import Decoder as Decoder
from nio.framing._contract import Framing as Framing
from nio.framing._lines import Lines as Lines
from nio.framing._lines import LinesDecoder as LinesDecoder

__all__ = ["Decoder", "Framing", "Lines", "LinesDecoder"]
