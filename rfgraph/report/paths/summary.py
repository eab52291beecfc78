"""The distribution over paths in a few lines, for the summary of a model."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rfgraph.analysis.counted import counted_beside, covering, groups, others
from rfgraph.report.formats import histogram
from rfgraph.wording.numbers import axes_text, figure, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.histogram import AxisHistogram
    from rfgraph.analysis.view import View
    from rfgraph.report.formats.style import Style


MOST_COLUMNS = 56
LONG = "not counted here: it takes long (rfgraph paths)"


def distribution_lines(view: View, field: ReceptiveField, label: int, style: Style) -> list[str]:
    """Return how many paths lead to a tensor and how their sizes are distributed.

    `label` is the width of the column of labels.
    """
    shown = counted_beside(view, field.input, field.tensor)
    found = shown.histogram
    if found is None:
        return _row("distribution", LONG, label, style)
    lines = []
    together = groups(shown)
    for axes in together:
        first = axes[0]
        about = f"{short(found.total)} {found.count[:-1] if found.total == 1 else found.count}"
        if len(together) > 1:
            about = f"{axes_text([axis.axis for axis in axes])}: {about}"
        facts = [about, *_facts(first, shown.lengths[first.axis])]
        lines.extend(_row("distribution", ", ".join(facts), label, style))
        if first.counts and len(first.counts) > 1:
            columns = min(style.width - label, MOST_COLUMNS)
            lines.append(" " * label + histogram.line(first.counts, columns, blocks=style.blocks))
    return lines


def _facts(axis: AxisHistogram, length: int | None) -> Iterator[str]:
    scopes = others(axis)
    if scopes and axis.local:
        yield f"{short(axis.local)} local"
    yield from scopes
    if axis.min != axis.max:
        yield f"mean size {figure(axis.mean)}"
    if length is not None and axis.covering is not None and axis.local > 1:
        yield covering(axis.covering, axis.local)


def _row(label: str, value: str, width: int, style: Style) -> list[str]:
    return textwrap.wrap(
        value,
        style.width,
        initial_indent=f"{'    ' + label:<{width}}",
        subsequent_indent=" " * width,
        break_on_hyphens=False,
    )
