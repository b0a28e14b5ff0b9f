from nio.buffers._buffer import Buffer as Buffer
from nio.buffers._bytebuffer import ByteBuffer as ByteBuffer
from nio.buffers._charbuffer import CharBuffer as CharBuffer
from nio.buffers._elements import ByteOrder as ByteOrder
from nio.buffers._mapped import MappedByteBuffer as MappedByteBuffer
from nio.buffers._numberbuffers import DoubleBuffer as DoubleBuffer
from nio.buffers._numberbuffers import FloatBuffer as FloatBuffer
from nio.buffers._numberbuffers import IntBuffer as IntBuffer
from nio.buffers._numberbuffers import LongBuffer as LongBuffer
from nio.buffers._numberbuffers import ShortBuffer as ShortBuffer

__all__ = [
    "Buffer",
    "ByteBuffer",
    "ByteOrder",
    "CharBuffer",
    "DoubleBuffer",
    "FloatBuffer",
    "IntBuffer",
    "LongBuffer",
    "MappedByteBuffer",
    "ShortBuffer",
]
