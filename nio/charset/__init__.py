"""Charsets of java.nio: bytes to text and back, in pieces, with every stop named by a CoderResult."""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_charset": "Charset CharsetDecoder CharsetEncoder StandardCharsets",
        "_coder_result": "CoderResult CodingErrorAction",
    },
)
