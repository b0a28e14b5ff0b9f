"""Linear time, without a clock: a bytearray that counts the bytes which are looked at, copied or moved."""

from __future__ import annotations

from typing import Any

import pytest

from nio.framing import BufferedDecoder, Delimiter, Fixed, Framing, LengthPrefix, Lines
from tests.unit.framing.test_lines import run

SIZE = 1 << 13


class Counting(bytearray):
    """Counts what each operation touches; deleting from the front moves what is left only when half is gone."""

    work = 0
    gone = 0

    def find(self, what: Any, start: int = 0, *args: int) -> int:  # type: ignore[override]  # as it is called here
        at = super().find(what, start, *args)
        self.work += (at if at >= 0 else len(self)) - start + len(what)
        return at

    def endswith(self, what: Any, *args: Any) -> bool:
        self.work += len(what)
        return super().endswith(what, *args)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        self.work += 1 if isinstance(part, int) else len(part)
        return part

    def __delitem__(self, key: Any) -> None:
        before = len(self)
        super().__delitem__(key)
        self.gone += before - len(self)
        if self.gone >= len(self):
            self.work += len(self)
            self.gone = 0

    def __iadd__(self, data: Any) -> Any:  # type: ignore[misc]  # + is not asked for
        self.work += len(data)
        return super().__iadd__(data)


def work(framing: Framing, pieces: list[bytes], limit: int = 64) -> int:
    """How many bytes the decoder touches for these pieces."""
    decoder: Any = framing.decoder()
    held = decoder._held = Counting()
    run(decoder, pieces, limit)
    assert decoder._held is held
    return int(held.work)


FRAMINGS = [
    Lines(SIZE),
    Lines(SIZE, b"\r\n"),
    Delimiter(b"\r\n", b"\n", b"\0", max_length=SIZE),
    Delimiter(b"--boundary--", max_length=SIZE),
    LengthPrefix(4, max_length=SIZE),
    LengthPrefix("varint", max_length=SIZE),
    Fixed(SIZE),
]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_M06_a_record_that_drips_in_byte_by_byte_is_looked_at_a_bounded_number_of_times(framing: Framing) -> None:
    stream = framing.encode(b"a" * SIZE)
    assert work(framing, [stream[i : i + 1] for i in range(len(stream))]) <= 30 * len(stream)


@pytest.mark.parametrize("framing", FRAMINGS[:6])
@pytest.mark.parametrize("limit", [1, 64])
def test_M06_M07_a_flood_of_empty_records_is_looked_at_a_bounded_number_of_times(framing: Framing, limit: int) -> None:
    stream = framing.encode(b"") * 5000
    assert work(framing, [stream], limit) <= 80 * len(stream)


def test_M07_a_delimiter_that_never_comes_is_looked_for_once_in_every_byte() -> None:
    framing = Delimiter(b"\0", b"\n", b"never", max_length=SIZE)
    stream = b"\n" * SIZE
    assert work(framing, [stream]) <= 30 * SIZE
    assert work(framing, [stream[:100]] * (SIZE // 100)) <= 30 * SIZE


def test_M06_the_measure_sees_a_search_from_the_start() -> None:
    class Forgetful(BufferedDecoder):
        def cut(self, held: bytearray) -> bytes | None:
            assert held.find(b"\n") < 0
            return None

    class Quadratic:
        def decoder(self) -> BufferedDecoder:
            return Forgetful()

        def encode(self, record: Any) -> bytes:
            raise NotImplementedError

    assert work(Quadratic(), [b"a"] * 4096) > 4096 * 4096 / 2
