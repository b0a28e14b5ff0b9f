"""Buffers of java.nio: ``ByteBuffer`` and the six others that look at bytes as numbers or text."""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_buffer": "Buffer",
        "_bytebuffer": "ByteBuffer",
        "_charbuffer": "CharBuffer",
        "_elements": "ByteOrder",
        "_mapped": "MappedByteBuffer",
        "_numberbuffers": "DoubleBuffer FloatBuffer IntBuffer LongBuffer ShortBuffer",
    },
)
