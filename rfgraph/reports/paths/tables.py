"""The distributions over paths as JSON, CSV and Markdown."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import NO_PATHS, alike_axes, noun, other_scopes
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import page, table
from rfgraph.version import HEAD
from rfgraph.wording.names import for_csv, for_markdown, one_line
from rfgraph.wording.numbers import amount, axes_text, decimal, shape_text, short, times, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.relations.beside import StoredMasks

RECORD = ("input", "tensor", "axis", "kind", "size", "count")
LIST_RECORD = ("input", "tensor", "number", "size", "nodes")
MOST_SIZES = 200
HEADER = ("axis", "local", *(item.column for item in STATISTICS), "not local")


def paths_json(count: str, shown: Sequence[Distribution], masks: StoredMasks | None = None) -> str:
    """Return the report of `rfgraph paths`; `masks` is what stored masks cut, if they may."""
    document = {**HEAD, "count": count, "paths": [item.to_dict() for item in shown]}
    return dumps(document if masks is None else {**document, "masks": masks.to_dict()})


def path_records(entries: Sequence[Distribution]) -> str:
    """Return the histograms, or the paths of `--list`, as CSV.

    The counts of one axis add up to the total: a row for each size of the local paths (without a
    size where they are not listed), and one for each other kind that occurs. The rows of `depth`
    have the depth for size, those of `joint` several axes and as many sizes.
    """
    if any(item.first is not None for item in entries):
        return csv_text(LIST_RECORD, (row for item in entries for row in _list_rows(item)))
    return csv_text(RECORD, (row for item in entries for row in _rows(item)))


def _rows(item: Distribution) -> Iterator[list[str]]:
    start = [for_csv(item.input), for_csv(item.tensor)]
    histogram = item.histogram
    if histogram is None:
        yield [*start, "", "bound", "", ""]
        return
    for axis in histogram.axes.values():
        for kind, size, count in _axis_rows(axis):
            yield [*start, str(axis.axis), kind, size, decimal(count)]
    for depth, count in (histogram.depth or {}).items():
        yield [*start, "", "depth", str(depth), decimal(count)]
    axes = " ".join(map(str, histogram.axes))
    for sizes, count in (histogram.joint or {}).items():
        yield [*start, axes, "joint", " ".join(map(decimal, sizes)), decimal(count)]


def _axis_rows(axis: AxisHistogram) -> Iterator[tuple[str, str, int]]:
    if axis.counts is None:
        yield "local", "", axis.local
    for size, count in (axis.counts or {}).items():
        yield "local", decimal(size), count
    for scope, count in axis.not_local.items():
        yield scope, "", count


def _list_rows(item: Distribution) -> Iterator[list[str]]:
    for number, path in enumerate(item.first or (), 1):
        names = [for_csv(item.input), for_csv(item.tensor)]
        sizes = " ".join(map(decimal, path.sizes))
        yield [*names, str(number), sizes, for_csv("; ".join(path.nodes))]


def paths_markdown(file: str, entries: Sequence[Distribution]) -> str:
    """Return the report of `rfgraph paths` as Markdown."""
    return page(file, chain.from_iterable(map(_entry, entries)) if entries else [NO_PATHS])


def _entry(shown: Distribution) -> Iterator[str]:
    name, source = for_markdown(shown.tensor), for_markdown(shown.input)
    yield f"## {name}, {shape_text(shown.shape)}, from input {source}"
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
