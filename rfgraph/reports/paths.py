"""The distribution over the paths, and actual paths: `rfgraph paths`, in each format."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import NO_PATHS, alike_axes, noun, other_scopes
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.analysis.view import masks_sentence
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.histogram import chart
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.style import blocks
from rfgraph.version import HEAD
from rfgraph.wording.names import for_markdown, one_line, safe
from rfgraph.wording.numbers import (
    amount,
    axes_text,
    count_of,
    figure,
    shape_text,
    share,
    short,
    times,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.histogram import PathHistogram
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style


INDENT = 4
LABEL = 19
CHART_ROWS = 4
MOST_COLUMNS, MOST_JOINT, MOST_SIZES = 64, 20, 200
LEGEND = {
    "one-sided": "one-sided: all that came before a unit, or all that follows",
    "global": "global: the whole axis",
    "unknown": "unknown: could not be followed",
}
ROUTES = "Routes: paths that differ only in pointwise operators are one (--count paths: each)."
UNLISTED = "more than 10,000 sizes or 10 MB of digits (--full lists them all the same)"
RECORD = ("input", "tensor", "axis", "kind", "size", "count")
LIST_RECORD = ("input", "tensor", "number", "size", "nodes")
HEADER = ("axis", "local", *(item.column for item in STATISTICS), "not local")


# -- text ------------------------------------------------------------------------------------------


def as_text(model: Model, entries: Sequence[Distribution], count: str, style: Style) -> str:
    """Return the report of `rfgraph paths`."""
    first = [style.bold(safe(model.file))]
    if model.masks is not None:
        first.extend(style.wrap(masks_sentence(model.masks)))
    said = [first, *(_lines(shown, style) for shown in entries)]
    if not entries:
        said.append(style.wrap(NO_PATHS, "  "))
    counted = [shown.histogram for shown in entries if shown.histogram is not None]
    if any(item.count == "routes" and item.total > 1 for item in counted):
        said.append([style.dim(line) for line in style.wrap(ROUTES)])
    return blocks(*said)


def _lines(shown: Distribution, style: Style) -> Iterator[str]:
    shape = shape_text(shown.shape)
    label = style.name(shown.tensor, style.width)
    if len(label) + 2 + len(shape) <= style.width:
        yield f"{style.bold(label)}  {shape}"
    else:
        yield from (style.bold(label), f"  {shape}")
    source = style.name(shown.input, style.width - 30)
    histogram = shown.histogram
    if histogram is None:
        said = f"not counted from input {source}: {one_line(shown.bound or '')}"
    elif not histogram.total:
        said = f"No path leads there from input {source}."
    else:
        said = f"{amount(histogram.total)} {noun(histogram)} from input {source}"
    yield from style.wrap(said, "  ")
    if histogram is not None and histogram.total:
        for axes in alike_axes(shown):
            yield from _axes(shown, axes, style)
        yield from style.label("depth", _depth(histogram), 2, INDENT + LABEL - 2)
        yield from _joint(histogram, style)
        yield from _first(shown, style)


# -- axes ------------------------------------------------------------------------------------------


def _axes(shown: Distribution, axes: Sequence[AxisHistogram], style: Style) -> Iterator[str]:
    first = axes[0]
    numbers = [axis.axis for axis in axes]
    yield f"  {axes_text(numbers)}"
    for label, value in _rows(first, shown.lengths[first.axis], numbers):
        yield from style.label(label, value, INDENT, LABEL)
    if first.counts and len(first.counts) > 1:
        columns = min(style.width - INDENT, MOST_COLUMNS)
        mark = shown.lengths[first.axis]
        drawn = chart(first.counts, columns, CHART_ROWS, blocks=style.blocks, mark=mark)
        yield from ("", *(" " * INDENT + line for line in drawn), "")


def _rows(
    axis: AxisHistogram, length: int | None, numbers: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of one axis, or of several that are alike."""
    not_local = other_scopes(axis)
    if not_local:
        counted = [f"{short(axis.local)} local" if axis.local else "none local", *not_local]
        meant = [text for word, text in LEGEND.items() if any(word in item for item in not_local)]
        yield "scope", f"{', '.join(counted)} ({'; '.join(meant)})"
    if not axis.local:
        return
    if axis.min == axis.max:
        every = "every local path" if not_local else "every path"
        yield "size", whole(axis.max) if axis.local == 1 else f"{whole(axis.max)} on {every}"
    else:
        different = "" if axis.counts is None else f", {len(axis.counts)} different"
        yield "sizes", f"{whole(axis.min)} to {whole(axis.max)}{different}"
        yield from _statistics(axis)
    if axis.counts is None:
        yield "not listed", UNLISTED
    label = "local ones cover" if not_local else "cover the input"
    yield label, _covering_text(axis, length, numbers)


def _statistics(axis: AxisHistogram) -> Iterator[tuple[str, str]]:
    """Yield the rows of the statistics that are known."""
    rows: dict[str, list[str]] = {}
    for item in STATISTICS:
        if item.row and (axis.counts is not None or not item.needs_sizes):
            rows.setdefault(item.row, []).append(item.sentence.format(item.text(axis)))
    for label, said in rows.items():
        yield label, ", ".join(said)


def _covering_text(axis: AxisHistogram, length: int | None, numbers: Sequence[int]) -> str:
    if length is None:
        return f"depends on {axes_text(numbers)}, open in the file (--input-shape)"
    if axis.max is not None and axis.max < length:
        return f"none: its length is {length}"
    if axis.min is not None and axis.min >= length:
        return f"all: its length is {length}"
    if axis.covering is None:
        return f"some: its length is {length}"
    part = share(axis.covering, axis.local)
    return f"{part} ({short(axis.covering)}): its length is {length}"


def _depth(histogram: PathHistogram) -> str:
    """Say how many windows wider than 1 there are on a path."""
    if not histogram.depth:
        return "not listed"
    least, most = min(histogram.depth), max(histogram.depth)
    if least == most:
        return f"{count_of(most, 'window')} wider than 1"
    return f"{least} to {most} windows wider than 1, mean {figure(_mean(histogram.depth))}"


def _mean(counts: Mapping[int, int]) -> Fraction:
    return Fraction(sum(number * count for number, count in counts.items()), sum(counts.values()))


def _joint(histogram: PathHistogram, style: Style) -> Iterator[str]:
    if not histogram.with_joint:
        return
    yield f"  jointly on {axes_text(list(histogram.axes))}"
    for label, value in _joint_rows(histogram):
        yield from style.label(label, value, INDENT, LABEL)


def _joint_rows(histogram: PathHistogram) -> Iterator[tuple[str, str]]:
    if histogram.joint is None:
        yield "not listed", UNLISTED
        return
    for sizes, count in list(histogram.joint.items())[:MOST_JOINT]:
        yield times(list(map(whole, sizes))), short(count)
    rest = len(histogram.joint) - MOST_JOINT
    if rest > 0:
        yield "", f"and {rest} more (--format json or csv lists all)"
    if not histogram.joint:
        yield "", "no path is local on all of them"


def _first(shown: Distribution, style: Style) -> Iterator[str]:
    if shown.first is None:
        return
    if not shown.first:
        yield "  no path is local on every spatial axis"
    for number, path in enumerate(shown.first, 1):
        size = times(list(map(whole, path.sizes)))
        yield f"  {number}. {size}  through {count_of(len(path.nodes), 'node')}:"
        yield from style.wrap(", ".join(map(safe, path.nodes)), " " * INDENT)


# -- JSON and CSV ----------------------------------------------------------------------------------


def as_json(model: Model, entries: Sequence[Distribution], count: str) -> str:
    """Return the report as JSON, with what stored masks cut, if they may."""
    masks = {} if model.masks is None else {"masks": model.masks.to_dict()}
    return dumps({**HEAD, "count": count, "paths": [item.to_dict() for item in entries], **masks})


def as_csv(model: Model, entries: Sequence[Distribution], count: str) -> str:
    """Return the histograms, or the paths of `--list`, as CSV.

    The counts of one axis add up to the total: a row for each size of the local paths (without a
    size where they are not listed), and one for each other kind that occurs. The rows of `depth`
    have the depth for size, those of `joint` several axes and as many sizes.
    """
    if any(item.first is not None for item in entries):
        return csv_text(LIST_RECORD, (row for item in entries for row in _list_records(item)))
    records = ((item.input, item.tensor, *row) for item in entries for row in _records(item))
    return csv_text(RECORD, records)


def _records(item: Distribution) -> Iterator[tuple[object, str, object, object]]:
    """Yield axis, kind, size and count."""
    histogram = item.histogram
    if histogram is None:
        yield None, "bound", None, None
        return
    for axis in histogram.axes.values():
        if axis.counts is None:
            yield axis.axis, "local", None, axis.local
        for size, count in (axis.counts or {}).items():
            yield axis.axis, "local", size, count
        for scope, count in axis.not_local.items():
            yield axis.axis, scope, None, count
    for depth, count in (histogram.depth or {}).items():
        yield None, "depth", depth, count
    for sizes, count in (histogram.joint or {}).items():
        yield list(histogram.axes), "joint", sizes, count


def _list_records(item: Distribution) -> Iterator[list[object]]:
    for number, path in enumerate(item.first or (), 1):
        yield [item.input, item.tensor, number, path.sizes, "; ".join(path.nodes)]


# -- Markdown --------------------------------------------------------------------------------------


def as_markdown(model: Model, entries: Sequence[Distribution], count: str) -> str:
    """Return the report as Markdown."""
    return page(model.file, chain.from_iterable(map(_parts, entries)) if entries else [NO_PATHS])


def _parts(shown: Distribution) -> Iterator[str]:
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
        if axes[0].counts:
            title = f"size on {axes_text([axis.axis for axis in axes])}"
            rows = [(whole(size), short(count)) for size, count in axes[0].counts.items()]
            yield _cut_table(title, "paths", rows)
    if histogram.joint:
        rows = [(times(sizes), short(count)) for sizes, count in histogram.joint.items()]
        yield _cut_table(axes_text(list(histogram.axes)), histogram.count, rows)
    if shown.first:
        listed = (
            (str(number), times(path.sizes), ", ".join(map(safe, path.nodes)))
            for number, path in enumerate(shown.first, 1)
        )
        yield table(("", "size", "nodes"), listed)


def _summary(axis: AxisHistogram) -> tuple[str, ...]:
    statistics = (item.text(axis) for item in STATISTICS)
    others = ", ".join(other_scopes(axis)) or "-"
    return str(axis.axis), short(axis.local), *statistics, others


def _cut_table(title: str, heading: str, rows: Sequence[tuple[str, str]]) -> str:
    rest = len(rows) - MOST_SIZES
    text = table((title, heading), rows[:MOST_SIZES])
    return text if rest <= 0 else f"{text}\n\nand {rest} more (json and csv list all)"
