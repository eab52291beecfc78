"""The distribution over paths in a few lines, for the summary of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.counted import counted_beside, covering, groups, others
from rfgraph.report.formats import histogram
from rfgraph.wording.numbers import axes_text, figure, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
        return not_counted_lines(label, style)
    total = f"{short(found.total)} {found.count[:-1] if found.total == 1 else found.count}"
    together: dict[tuple[str, str], list[int]] = {}
    for axes in groups(shown):
        first, line = axes[0], ""
        said = total + _kinds(first, list(_facts(first, shown.lengths[first.axis])))
        if first.counts and len(first.counts) > 1:
            columns = min(style.width - label, MOST_COLUMNS)
            line = histogram.line(first.counts, columns, blocks=style.blocks)
        together.setdefault((said, line), []).extend(axis.axis for axis in axes)
    lines = []
    for (said, line), numbers in together.items():
        about = said if len(together) == 1 else f"{axes_text(numbers)}: {said}"
        lines.extend(_row("distribution", about, label, style))
        lines.extend([" " * label + line] if line else [])
    return lines


def not_counted_lines(label: int, style: Style) -> list[str]:
    """Return the lines for a distribution that takes too long beside other answers."""
    return _row("distribution", LONG, label, style)


def _kinds(axis: AxisHistogram, facts: Sequence[str]) -> str:
    """Return how many of the paths are of each kind; `facts` speak of the local ones alone."""
    scopes = others(axis)
    if not scopes:
        return "".join(f", {fact}" for fact in facts)
    if axis.local:
        said = f" ({', '.join(facts)})" if facts else ""
        scopes.append(f"{short(axis.local)} local{said}")
    return f": {', '.join(scopes)}"


def _facts(axis: AxisHistogram, length: int | None) -> Iterator[str]:
    if axis.min != axis.max:
        yield f"mean size {figure(axis.mean)}"
    if length is not None and axis.covering is not None and axis.local > 1:
        yield covering(axis.covering, axis.local)


def _row(label: str, value: str, width: int, style: Style) -> list[str]:
    return style.wrapped(value, f"{'    ' + label:<{width}}", " " * width)
