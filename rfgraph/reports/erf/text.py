"""The effective field as text: sizes, shares, a heat map, and what is not known."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.analysis.effective_field import NOTABLE
from rfgraph.domains.effective.statistics import as_floats, coarse, rows_and_columns
from rfgraph.reports.erf.words import (
    caveats,
    sides_text,
    unit_text,
)
from rfgraph.reports.formats.effective import (
    KINDS,
    endless_sizes,
    nothing_text,
    ratio_text,
    sizes_text,
)
from rfgraph.reports.formats.histogram import ASCII_DENSITY
from rfgraph.reports.formats.lines import hanging
from rfgraph.wording.names import safe, shortened
from rfgraph.wording.numbers import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.effective_field import ERF
    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.reports.formats.style import Style

ROWS, COLUMNS = 14, 28
SHADES = " ░▒▓█"
LABEL = 22


def erf_text(
    file: str, fields: Sequence[ERF], shapes: Sequence[tuple[Shape, Shape]], style: Style
) -> str:
    """Return the report of `rfgraph erf`; `shapes` are those of each tensor and its input."""
    parts = [style.bold(safe(file))]
    for found, (own, given) in zip(fields, shapes, strict=True):
        parts.append("\n".join(_field_lines(found, own, given, style)))
    notes = dict.fromkeys(note for found in fields for note in caveats(found))
    parts.append("\n".join(line for note in notes for line in hanging(note, style, by=0)))
    return "\n\n".join(parts) + "\n"


def _field_lines(found: ERF, own: Shape, given: Shape, style: Style) -> Iterator[str]:
    name = shortened(found.tensor, style.width)
    at = unit_text(found.index, own)
    source = f"input {shortened(found.input, 40)} {shape_text(given)}"
    yield from hanging(f"{name}, {at}, of {source}: {KINDS[found.kind]}", style, "")
    if found.empty:
        yield f"  {nothing_text(found)}"
        return
    for label, value in _rows(found):
        yield from _row(label, value, style)
    yield ""
    yield from heat_map(found, style)


def _rows(found: ERF) -> Iterator[tuple[str, str]]:
    axes = list(found.axes.values())
    share = f"{found.axes_share * 100:g} %"
    yield "theoretical field", " x ".join(str(axis.theoretical or axis.scope) for axis in axes)
    inside = f"{sizes_text([axis.size for axis in axes])} inside the input"
    endless = [axis.unclipped for axis in axes]
    if any(endless):
        inside += f"; {endless_sizes(axes)} without borders, {ratio_text(axes)} of the theoretical"
    yield f"effective field {share}", inside
    spread = sizes_text([axis.sigma for axis in axes])
    if any(endless):
        spread += (
            f"; {sizes_text([None if e is None else e.sigma for e in endless])} without borders"
        )
    yield "spread (sigma)", spread
    yield "half of it", sides_text(found)
    if found.global_share > NOTABLE and not found.local:
        yield "over global paths", f"{found.global_share * 100:.0f} % of it; --local leaves it out"


def _row(label: str, value: str, style: Style) -> Iterator[str]:
    room = style.width - LABEL - 4
    joined = re.sub(r"(?<=\d) (?=%)|(?<=:) (?=\d)", "\0", value)
    first, *rest = textwrap.wrap(joined, room, break_on_hyphens=False)
    for start, line in ((f"  {label:<{LABEL}}  ", first), *((" " * (LABEL + 4), r) for r in rest)):
        yield start + line.replace("\0", " ")


# -- the heat map ----------------------------------------------------------------------------------


def heat_map(found: ERF, style: Style) -> Iterator[str]:
    """Yield the lines of a heat map over the last two spatial axes, in proportion to the most."""
    picture = rows_and_columns(as_floats(found.map))
    shape = (1 if len(picture) == 1 else ROWS, 2 * COLUMNS if len(picture) == 1 else COLUMNS)
    shrunk = coarse(picture, shape)
    part = shrunk / shrunk.max()
    for row in part:
        yield "  " + (_coloured(row) if style.color else _shaded(row, style))


def _shaded(row: Floats, style: Style) -> str:
    shades = SHADES if style.blocks else ASCII_DENSITY
    levels = np.ceil(row * (len(shades) - 1)).astype(int)
    return "".join(shades[level] * 2 for level in levels).rstrip()


def _coloured(row: Floats) -> str:
    """Return a line of 24 shades of grey."""
    greys = 232 + np.ceil(row * 23).astype(int)
    return "".join(f"\x1b[48;5;{grey}m  " for grey in greys) + "\x1b[0m"
