"""Histograms drawn with characters: of blocks, or of ASCII where the terminal cannot show them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rfgraph.wording.numbers import decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


BLOCKS = " ▁▂▃▄▅▆▇█"
# What stands for an eighth more of a column's height, and of a line's density.
ASCII_HEIGHT = "  ..::::#"
ASCII_DENSITY = " .:-=+*#@"
MOST_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Bins:
    """Counts by column: column k holds the sizes from `least + k * width` on, `width` of them."""

    least: int
    width: int
    counts: Sequence[int]

    def column(self, size: int) -> int:
        """Return the column that holds a size."""
        return (size - self.least) // self.width


def bins_of(counts: Mapping[int, int], columns: int) -> Bins:
    """Gather counts by size in at most `columns` columns, each of the same number of sizes.

    A column spans a multiple of the sizes' common step, so that none holds more of them than its
    neighbours do by rounding alone.
    """
    sizes = sorted(counts)
    step = math.gcd(*(b - a for a, b in pairwise(sizes))) or 1
    slots = (sizes[-1] - sizes[0]) // step + 1
    width = -(-slots // columns) * step
    totals = [0] * ((sizes[-1] - sizes[0]) // width + 1)
    for size, count in counts.items():
        totals[(size - sizes[0]) // width] += count
    return Bins(sizes[0], width, totals)


def levels(counts: Sequence[int], most: int) -> list[int]:
    """Scale counts to 0..most in proportion; what is not zero is at least 1, however small."""
    peak = max(counts)
    return [-(-count * most // peak) for count in counts]


def line(counts: Mapping[int, int], columns: int, *, blocks: bool) -> str:
    """Return a histogram in one line between its least and its largest size."""
    least, largest = decimal(min(counts)), decimal(max(counts))
    room = max(columns - len(least) - len(largest) - 2, 1)
    bins = bins_of(counts, room)
    glyphs = BLOCKS if blocks else ASCII_DENSITY
    repeated = max(1, min(room // len(bins.counts), MOST_REPEATED))
    drawn = "".join(glyphs[level] * repeated for level in levels(bins.counts, 8))
    return f"{least} {drawn} {largest}"


def chart(
    counts: Mapping[int, int], columns: int, rows: int, *, blocks: bool, mark: int | None = None
) -> list[str]:
    """Return a histogram of several rows above its least and largest size.

    `mark`, the input's length, is pointed at where it lies between them.
    """
    bins = bins_of(counts, columns)
    repeated = max(1, min(columns // len(bins.counts), MOST_REPEATED))
    glyphs = BLOCKS if blocks else ASCII_HEIGHT
    heights = levels(bins.counts, 8 * rows)
    lines = [
        "".join(glyphs[min(max(height - 8 * row, 0), 8)] * repeated for height in heights).rstrip()
        for row in reversed(range(rows))
    ]
    if not blocks:
        lines[-1] = _with_ground(lines[-1], heights, repeated)
    lines.append(_ends(decimal(min(counts)), decimal(max(counts)), len(heights) * repeated))
    if mark is not None and min(counts) <= mark <= max(counts):
        lines.append(_pointer(bins.column(mark) * repeated, decimal(mark), columns))
    return lines


def _with_ground(bottom: str, heights: Sequence[int], repeated: int) -> str:
    """Show in ASCII, where the lowest glyphs are spaces, what is small but not zero."""
    padded = bottom.ljust(len(heights) * repeated)
    return "".join(
        "." if char == " " and heights[number // repeated] else char
        for number, char in enumerate(padded)
    ).rstrip()


def _ends(least: str, largest: str, columns: int) -> str:
    if least == largest:
        return least
    return f"{least} {largest:>{max(columns - len(least) - 1, 1)}}"


def _pointer(column: int, number: str, columns: int) -> str:
    label = f"input {number}"
    if column + 2 + len(label) <= columns or column < len(label) + 1:
        return f"{' ' * column}^ {label}"
    return f"{label:>{column - 1}} ^"
