"""What differs between two models, as text."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.reports.diff.words import (
    behind_text,
    groups,
    layer_rows,
    said,
    title,
    verdict,
)
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.differences import Diff, TensorDiff
    from rfgraph.reports.formats.style import Style


MOST_LAYERS = 40


def diff_text(diff: Diff, style: Style) -> str:
    """Return the report of `rfgraph diff`."""
    head = [
        style.bold(safe(model.file)) + f"  {count_of(model.nodes, 'node')}"
        for model in (diff.old, diff.new)
    ]
    layers = [] if diff.same else list(_layer_lines(diff, style))
    return "\n".join([*head, *output_lines(diff, style), *layers, *_verdicts(diff, style)]) + "\n"


def output_lines(diff: Diff, style: Style) -> Iterator[str]:
    """Yield what differs of the outputs."""
    whole = verdict(diff)
    if whole is not None:
        yield from ("", *style.wrapped(whole))
    for item in diff.outputs:
        yield from _tensor_lines(item, style)


def _verdicts(diff: Diff, style: Style) -> Iterator[str]:
    for word, verdicts in (("Worse", diff.worse), ("Better", diff.better)):
        lines = [style.wrapped(f"{word}: {line}", "", "  ") for line in said(verdicts)]
        yield from ("", *chain.from_iterable(lines)) if lines else ()


def _tensor_lines(item: TensorDiff, style: Style) -> Iterator[str]:
    parts = list(groups(item))
    if parts or None in (item.before, item.after):
        yield from ("", *style.wrapped(title(item)))
    for axes, rows in parts:
        shown = [(f"    {label}", *values) for label, *values in rows]
        yield from lay_out((f"  {axes}", "old", "new"), shown, style)


def _layer_lines(diff: Diff, style: Style) -> Iterator[str]:
    rows = list(layer_rows(diff))
    if rows:
        yield ""
        yield from lay_out(("layer", "old", "new"), rows[:MOST_LAYERS], style)
    if len(rows) > MOST_LAYERS:
        yield f"and {len(rows) - MOST_LAYERS} more (--format json lists all)"
    behind = behind_text(diff)
    if behind is not None:
        yield from style.wrapped(behind) if rows else ("", *style.wrapped(behind))
