"""Tables of text that fit a terminal: the first column gives way, numbers never do."""

from __future__ import annotations

from collections.abc import Sequence

from rfgraph.report.escape import cells, shortened
from rfgraph.report.style import Style

LEAST_NAME = 12


def lay_out(header: Sequence[str], rows: Sequence[Sequence[str]], style: Style) -> list[str]:
    """Return the lines of a table: names left, in the room that the numbers leave, numbers right.

    Where they leave too little, a name stands on a line of its own above its numbers.
    """
    numbers = [row[1:] for row in rows]
    widths = [max(map(cells, column)) for column in zip(header[1:], *numbers, strict=True)]
    longest = max(cells(shortened(row[0], style.width)) for row in (header, *rows))
    for gap in ("  ", " "):
        room = style.width - sum(widths) - len(gap) * len(widths)
        if room >= min(longest, LEAST_NAME):
            return _beside(header, rows, widths, gap, min(room, longest), style)
    return _above(header, rows, widths, style)


def _beside(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    gap: str,
    room: int,
    style: Style,
) -> list[str]:
    lines = []
    for number, row in enumerate((header, *rows)):
        name = shortened(row[0], room)
        text = name + " " * (room - cells(name)) + gap + _numbers(row[1:], widths, gap)
        lines.append(style.bold(text) if number == 0 else text)
    return lines


def _above(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], style: Style
) -> list[str]:
    lines = [style.bold(header[0]), style.bold(_numbers(header[1:], widths, " "))]
    for row in rows:
        if row[0]:
            lines.append(shortened(row[0], style.width))
        lines.append(_numbers(row[1:], widths, " "))
    return lines


def _numbers(row: Sequence[str], widths: Sequence[int], gap: str) -> str:
    return gap.join(
        " " * (width - cells(cell)) + cell for cell, width in zip(row, widths, strict=True)
    )
