"""The distribution over paths as Markdown tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import alike_axes, noun, other_scopes
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.reports.formats.markdown import table
from rfgraph.wording.names import for_markdown, one_line
from rfgraph.wording.numbers import amount, axes_text, shape_text, short, times, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.statistics import AxisHistogram


MOST_SIZES = 200
HEADER = ("axis", "local", *(item.column for item in STATISTICS), "not local")


def paths_markdown(file: str, entries: Sequence[Distribution]) -> str:
    """Return the report of `rfgraph paths` as Markdown."""
    parts = [f"# {for_markdown(file)}"]
    for shown in entries:
        name, source = for_markdown(shown.tensor), for_markdown(shown.input)
        parts.append(f"## {name}, {shape_text(shown.shape)}, from input {source}")
        parts.extend(_entry(shown))
    if not entries:
        parts.append("The model has no inputs, and so no paths.")
    return "\n\n".join(parts) + "\n"


def _entry(shown: Distribution) -> Iterator[str]:
    histogram = shown.histogram
    if histogram is None:
        yield f"Not counted: {for_markdown(one_line(shown.bound or ''))}"
        return
    if not histogram.total:
        yield "No path leads there."
        return
    yield for_markdown(f"{amount(histogram.total)} {noun(histogram)}")
    yield table(HEADER, [_summary(axis) for axis in histogram.axes.values()])
    for axes in alike_axes(shown):
        yield from _sizes(axes)
    if histogram.joint:
        rows = [
            (times(sizes), for_markdown(short(count))) for sizes, count in histogram.joint.items()
        ]
        yield _cut_table(axes_text(list(histogram.axes)), histogram.count, rows)
    if shown.first:
        listed = [
            (str(number), times(path.sizes), ", ".join(map(for_markdown, path.nodes)))
            for number, path in enumerate(shown.first, 1)
        ]
        yield table(("", "size", "nodes"), listed)


def _summary(axis: AxisHistogram) -> tuple[str, ...]:
    cells = (
        str(axis.axis),
        short(axis.local),
        *(item.text(axis) for item in STATISTICS),
        ", ".join(other_scopes(axis)) or "-",
    )
    return tuple(map(for_markdown, cells))


def _sizes(axes: Sequence[AxisHistogram]) -> Iterator[str]:
    counts = axes[0].counts
    if not counts:
        return
    rows = [(whole(size), for_markdown(short(count))) for size, count in counts.items()]
    title = f"size on {axes_text([axis.axis for axis in axes])}"
    yield _cut_table(title, "paths", rows)


def _cut_table(title: str, heading: str, rows: Sequence[tuple[str, str]]) -> str:
    rest = len(rows) - MOST_SIZES
    text = table((title, heading), rows[:MOST_SIZES])
    return text if rest <= 0 else f"{text}\n\nand {rest} more (json and csv list all)"
