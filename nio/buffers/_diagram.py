"""A buffer as a person draws it: its elements in a row, and below them where position, limit and mark are.

Of a long buffer only the rows that matter are drawn: the first, the last, and those that a number points into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

_COLUMNS = 16


def seen(code: int, digits: int) -> str:
    """The character of that code, if it is of ASCII and leaves ink, else the code in so many hexadecimal digits."""
    return chr(code) if 0x20 < code < 0x7F else f"{code:0{digits}x}"


def draw(title: str, capacity: int, cell: Callable[[int], str], marks: Iterable[tuple[str, int]]) -> str:
    """``cell(index)`` of each element in rows of 16, with the letter of each of ``marks`` below its index."""
    letters: dict[int, str] = {}
    for letter, index in marks:
        letters[index] = letters.get(index, "") + letter
    rows = sorted({0, capacity // _COLUMNS, *(index // _COLUMNS for index in letters)})
    contents = {row: [cell(i) for i in range(row * _COLUMNS, min((row + 1) * _COLUMNS, capacity))] for row in rows}
    width = 1 + max(map(len, (str(capacity), *letters.values(), *(text for row in rows for text in contents[row]))))
    lines = [title]
    for row in rows:
        if row and row - 1 not in contents:
            lines.append("...")
        columns = range(row * _COLUMNS, min((row + 1) * _COLUMNS, capacity + 1))
        lines.append(_line("index", map(str, columns), width))
        lines.append(_line("content", contents[row], width))
        lines.append(_line("", [letters.get(column, "") for column in columns], width))
    return "\n".join(line for line in lines if line)


def _line(name: str, cells: Iterable[str], width: int) -> str:
    return f"{name:8}{''.join(text.rjust(width) for text in cells)}".rstrip()
