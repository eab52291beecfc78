"""The distribution over paths in a few lines, for the summary of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import (
    alike_axes,
    covering_text,
    noun,
    other_scopes,
    quick_distribution,
)
from rfgraph.analysis.statistics import MEAN
from rfgraph.reports.formats.histogram import line
from rfgraph.wording.numbers import axes_text, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.analysis.view import View
    from rfgraph.reports.formats.style import Style


MOST_COLUMNS = 56
LONG = "not counted here: it takes long (rfgraph paths)"


def distribution_lines(view: View, field: ReceptiveField, label: int, style: Style) -> list[str]:
    """Return how many paths lead to a tensor and how their sizes are distributed.

    `label` is the width of the column of labels.
    """
    shown = quick_distribution(view.result, field.input, field.tensor)
    histogram = shown.histogram
    if histogram is None:
        return not_counted_lines(label, style)
    total = f"{short(histogram.total)} {noun(histogram)}"
    together: dict[tuple[str, str], list[int]] = {}
    for axes in alike_axes(shown):
        first, drawn = axes[0], ""
        said = total + _kinds(first, list(_facts(first, shown.lengths[first.axis])))
        if first.counts and len(first.counts) > 1:
            columns = min(style.width - label, MOST_COLUMNS)
            drawn = line(first.counts, columns, blocks=style.blocks)
        together.setdefault((said, drawn), []).extend(axis.axis for axis in axes)
    lines = []
    for (said, drawn), numbers in together.items():
        about = said if len(together) == 1 else f"{axes_text(numbers)}: {said}"
        lines.extend(style.label("distribution", about, 4, label - 4))
        lines.extend([" " * label + drawn] if drawn else [])
    return lines


def not_counted_lines(label: int, style: Style) -> list[str]:
    """Return the lines for a distribution that takes too long beside other answers."""
    return style.label("distribution", LONG, 4, label - 4)


def _kinds(axis: AxisHistogram, facts: Sequence[str]) -> str:
    """Return how many of the paths are of each kind; `facts` speak of the local ones alone."""
    scopes = other_scopes(axis)
    if not scopes:
        return "".join(f", {fact}" for fact in facts)
    if axis.local:
        said = f" ({', '.join(facts)})" if facts else ""
        scopes.append(f"{short(axis.local)} local{said}")
    return f": {', '.join(scopes)}"


def _facts(axis: AxisHistogram, length: int | None) -> Iterator[str]:
    if axis.min != axis.max:
        yield f"mean size {MEAN.text(axis)}"
    if length is not None and axis.covering is not None and axis.local > 1:
        yield covering_text(axis.covering, axis.local)
