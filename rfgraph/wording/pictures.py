"""Small pictures of results for a notebook, as SVG: bars, boxes and maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.wording.numbers import log10

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BLUE, ORANGE, GREY = "#2f6db3", "#c2591a", "#8a8a84"
WIDE, TALL, SIDE = 420.0, 110.0, 180.0
# Counts over more decades than this are drawn by their logarithms.
DECADES = 3


def bars(counts: Mapping[int, int], said: str) -> str:
    """Return bars of counts by size; `said` is what a reader who sees no picture is told."""
    logs = {size: log10(count) for size, count in counts.items()}
    most, least = max(logs.values()), min(logs.values())
    first, last = min(logs), max(logs)
    room = last - first + 1
    parts = []
    for size, value in logs.items():
        share = (value + 0.3) / (most + 0.3) if most - least > DECADES else 10 ** (value - most)
        tall, width = max(share * TALL, 1.0), max(WIDE / room - 1, 1.2)
        at = (size - first) * (WIDE - width) / max(room - 1, 1)
        parts.append(_rect(at, TALL - tall, width, tall, f'fill="{BLUE}"'))
    ends = (
        f'<text x="0" y="{TALL + 14}" font-size="11" fill="{GREY}">{first}</text>'
        f'<text x="{WIDE}" y="{TALL + 14}" font-size="11" fill="{GREY}" text-anchor="end">'
        f"{last}</text>"
    )
    return _svg(WIDE, TALL + 18, said, "".join(parts) + ends)


def boxes(inside: Sequence[tuple[int, int]], wide: Sequence[tuple[int, int]], said: str) -> str:
    """Return what is read along one or two axes: a box, and dashed what it is without borders."""
    high, across = (wide[0], wide[1]) if len(wide) > 1 else ((0, 0), wide[0])
    scale = SIDE / max(high[1] - high[0] + 1, across[1] - across[0] + 1)
    scale_y = scale if len(wide) > 1 else 40.0
    width, height = (across[1] - across[0] + 1) * scale, (high[1] - high[0] + 1) * scale_y
    rows, columns = (inside[0], inside[1]) if len(inside) > 1 else ((0, 0), inside[0])
    box = _rect(
        (columns[0] - across[0]) * scale,
        (rows[0] - high[0]) * scale_y,
        (columns[1] - columns[0] + 1) * scale,
        (rows[1] - rows[0] + 1) * scale_y,
        f'fill="{BLUE}" fill-opacity="0.3" stroke="{BLUE}" stroke-width="2"',
    )
    around = _rect(0, 0, width, height, f'fill="none" stroke="{BLUE}" stroke-dasharray="5 4"')
    return _svg(width, height, said, around + box)


def shades(rows: Sequence[Sequence[float]], said: str) -> str:
    """Return a map as cells, darker where a value is larger: as the root of its share of the most.

    A single row is drawn as a band.
    """
    most = max(max(row) for row in rows) or 1.0
    cell = SIDE / max(len(rows), len(rows[0]))
    tall = cell if len(rows) > 1 else 40.0
    cells = "".join(
        _rect(k * cell, row * tall, cell + 0.3, tall + 0.3,
              f'fill="{ORANGE}" fill-opacity="{math.sqrt(value / most):.2f}"')
        for row, values in enumerate(rows)
        for k, value in enumerate(values)
        if value
    )  # fmt: skip
    return _svg(len(rows[0]) * cell, len(rows) * tall, said, cells)


def _rect(x: float, y: float, width: float, height: float, look: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {look}/>'


def _svg(width: float, height: float, said: str, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 2:.0f}" '
        f'height="{height + 2:.0f}" '
        f'viewBox="-1 -1 {width + 2:.1f} {height + 2:.1f}" role="img" aria-label="{said}">'
        f"{inside}</svg>"
    )
