"""Framing without I/O: bytes in, records out, and what every framing promises.

======================  ===============================================================================
``Lines``               records that end with LF or CRLF
``Delimiter``           records that end with a delimiter, or with the first of several
``LengthPrefix``        records that are headed by their length
``Fixed``               records of one size
``Raw``                 no records: whatever has come
``ProxyPrefix``         a PROXY protocol header, from trusted peers, in front of another framing
``BufferedDecoder``     what a decoder of your own is made on: write ``cut``, and the contract is kept
======================  ===============================================================================

The contract
============

A *framing* is a value: immutable, comparable, shared by all connections. It makes one *decoder* per direction of a
connection, which holds that stream's state and nothing else: no socket, no clock, no thread. One thread at a time.

1. **The records do not depend on how the stream was cut.** Whatever the pieces, the same bytes give the same records in
   the same order and the same kind of error after the same record. A record is returned with its last byte.
2. **Peer data never raises.** When the stream breaks the rule of its framing, ``feed`` returns the records before the
   offence and ``error`` says what broke it. That is final: what was held is dropped, later input is ignored, ``feed``
   returns ``[]`` whatever comes. Only calls that are the caller's own mistake raise.
3. **A call returns at most ``limit`` records.** Fewer than ``limit`` means that the decoder wants input. Exactly
   ``limit`` means that there may be more, and that nothing behind the last of them has been judged yet: call
   ``feed(b"")`` again, now or when there is room, until it returns fewer.
4. **Memory is bounded by the caller and the framing together.** ``pending`` counts the bytes held: an unfinished record
   and whatever lies undecoded behind a full ``limit``. An unfinished record never grows beyond what the framing
   allows, and one that is announced as too long is refused before its bytes come. So a caller who drains (rule 3)
   before he reads on holds one record and one read at most. ``clean`` says in one look that nothing is held, nothing
   is wrong and nothing has ended.
5. **The end of the stream is told with ``end()``.** Bytes of an unfinished record then are an error
   (``TruncatedRecordError``). Complete records that a full ``limit`` left behind stay due: drain as in rule 3, and the
   error, if any, shows after the last of them. Feeding bytes after ``end()`` is the caller's mistake.
6. **``encode`` writes what such a decoder reads**: a record that would be read as another one, or as two, is refused
   (``DelimiterInRecordError``, or ``IllegalArgumentError`` for one of a wrong size). The limit on length is for what
   comes in; ``encode`` does not apply it.
7. **``rest()`` gives back what no record was returned for**, byte for byte as it came, for a decoder of another framing
   to go on with. Whoever wants to change the framing behind a certain record asks for one record at a time
   (``limit=1``). After ``rest()`` the decoder takes no more bytes.

Three things are left to a framing. With a method ``decoder_for(peer)`` it is told the peer's address, as a channel's
``remote_address`` has it, and is asked for its decoders that way. With an attribute ``source`` a decoder says for whom
the peer speaks. ``ProxyPrefix`` has both. With a method ``block_decoder()`` and an attribute ``ending``, which every
record ends with, it serves ``StreamHandler.process_block``: the records of that decoder are blocks, whole records with
their endings, and only where one block ends may depend on the cut. ``Lines`` and ``Delimiter`` have it.

A record is bytes in all framings here. One of your own may make something else of them, a tuple of words say: nobody
between its decoder and ``process`` looks into a record, and its ``encode`` gets what the handler returns. Where clients
pipeline, a ``feed`` in front of that of ``BufferedDecoder`` may cut a read of whole records at once. It is what
``process_batch`` gets, and the replies go out with one send; ``samples/resp_store.py`` does so.

One of your own
===============

Records of a type byte, a length byte and as many bytes::

    from dataclasses import dataclass

    from nio.errors import IllegalArgumentError
    from nio.framing import BufferedDecoder


    @dataclass(frozen=True)
    class TypeAndLength:
        def decoder(self):
            return TypeAndLengthDecoder()

        def encode(self, record):
            record = bytes(record)
            if not 1 <= len(record) <= 256:
                raise IllegalArgumentError(f"a record has 1 to 256 bytes, a type and a value, not {len(record)}")
            return record[:1] + bytes([len(record) - 1]) + record[1:]


    class TypeAndLengthDecoder(BufferedDecoder):
        def cut(self, held):
            if len(held) < 2 or len(held) < 2 + held[1]:
                return None
            end = 2 + held[1]
            record = bytes(held[:1] + held[2:end])
            del held[:end]
            return record

``nio.testing.verify_framing(TypeAndLength(), [b"t", b"tvalue"])`` tells whether it keeps the contract.
"""

from __future__ import annotations

from nio._later import door

__all__, __getattr__, __dir__ = door(
    __name__,
    {
        "_buffered_decoder": "BufferedDecoder",
        "_contract": "Decoder Framing",
        "_delimiter": "Delimiter",
        "_fixed": "Fixed Raw",
        "_length_prefix": "LengthPrefix",
        "_lines": "Lines LinesDecoder",
        "_proxy_prefix": "ProxyHeader ProxyPrefix",
    },
)
