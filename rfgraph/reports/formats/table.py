"""Tables of text that fit a terminal: the first column gives way, numbers never do."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rfgraph.wording.names import cells, without_middle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rfgraph.reports.formats.style import Style


LEAST_NAME = 12
WIDE, NARROW = "  ", " "
_HEADS = (0.5, 0.33, 0.2, 0.0)


def lay_out(
    header: Sequence[str], rows: Iterable[Sequence[str]], style: Style, indent: int = 0
) -> list[str]:
    """Return the lines of a table: names left, in the room that the numbers leave, numbers right.

    Where they leave too little, a name stands on a line of its own above its numbers. Names are
    printable already.
    """
    header, *rows = ((" " * indent + name, *others) for name, *others in (header, *rows))
    numbers = [row[1:] for row in rows]
    widths = [max(map(cells, column)) for column in zip(header[1:], *numbers, strict=True)]
    longest = max(cells(style.fit(row[0], style.width)) for row in (header, *rows))
    if style.whole_names:
        return _names_beside(header, rows, widths, WIDE, longest, style)
    for gap in (WIDE, NARROW):
        room = min(style.width - sum(widths) - len(gap) * len(widths), longest)
        enough = room >= min(longest, LEAST_NAME) and (gap == NARROW or _tells_apart(rows, room))
        if enough:
            return _names_beside(header, rows, widths, gap, room, style)
    return _names_above(header, rows, widths, style)


def _names_beside(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    gap: str,
    room: int,
    style: Style,
) -> list[str]:
    names = _distinct([row[0] for row in (header, *rows)], room)
    lines = []
    for number, (name, row) in enumerate(zip(names, (header, *rows), strict=True)):
        text = name + " " * (room - cells(name)) + gap + _numbers(row[1:], widths, gap)
        lines.append(style.bold(text) if number == 0 else text)
    return lines


def _tells_apart(rows: Sequence[Sequence[str]], room: int) -> bool:
    """Whether names that differ still do in the room."""
    names = [row[0] for row in rows]
    return len(set(_distinct(names, room))) == len(set(names))


def _distinct(names: Sequence[str], room: int) -> list[str]:
    """Shorten names, all in the same way: the one that confuses the fewest."""
    attempts = [[without_middle(name, room, head) for name in names] for head in _HEADS]
    return max(attempts, key=lambda attempt: len(set(attempt)))


def _names_above(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], style: Style
) -> list[str]:
    if sum(widths) + len(widths) - 1 > style.width:
        return [line for row in rows for line in _row_in_words(header, row, style)]
    lines = [
        style.bold(without_middle(header[0], style.width)),
        style.bold(_numbers(header[1:], widths, NARROW)),
    ]
    for row in rows:
        if row[0]:
            lines.append(without_middle(row[0], style.width))
        lines.append(_numbers(row[1:], widths, NARROW))
    return lines


def _row_in_words(header: Sequence[str], row: Sequence[str], style: Style) -> list[str]:
    """Return a row as words, for numbers too long to stand in columns."""
    pairs = [f"{name}\0{cell}" for name, cell in zip(header[1:], row[1:], strict=True)]
    lines = textwrap.wrap(
        ", ".join(pairs), style.width, initial_indent="  ", subsequent_indent="  "
    )
    name = [without_middle(row[0], style.width)] if row[0] else []
    return [*name, *(line.replace("\0", " ") for line in lines)]


def _numbers(row: Sequence[str], widths: Sequence[int], gap: str) -> str:
    return gap.join(
        " " * (width - cells(cell)) + cell for cell, width in zip(row, widths, strict=True)
    )
