"""The distribution over paths as text for people: `rfgraph paths`."""

from __future__ import annotations

import textwrap
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.distributions import NO_PATHS, alike_axes, noun, other_scopes
from rfgraph.analysis.statistics import STATISTICS
from rfgraph.analysis.view import masks_sentence
from rfgraph.reports.formats.histogram import chart
from rfgraph.wording.names import one_line, safe
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.histogram import PathHistogram
    from rfgraph.analysis.paths import Path
    from rfgraph.analysis.statistics import AxisHistogram
    from rfgraph.relations.beside import StoredMasks
    from rfgraph.reports.formats.style import Style


INDENT = 4
LABEL = 17
CHART_ROWS = 4
MOST_COLUMNS = 64
MOST_JOINT = 20
LEGEND = {
    "one-sided": "one-sided: all that came before a unit, or all that follows",
    "global": "global: the whole axis",
    "unknown": "unknown: could not be followed",
}
ROUTES = "Routes: paths that differ only in pointwise operators are one (--count paths: each)."
UNLISTED = "more than 10,000 sizes or 10 MB of digits (--full lists them all the same)"


def paths_text(
    file: str, entries: Sequence[Distribution], style: Style, masks: StoredMasks | None = None
) -> str:
    """Return the report of `rfgraph paths`; `masks` is what stored masks cut, if they may."""
    lines = [style.bold(safe(file))]
    if masks is not None:
        lines.extend(style.wrapped(masks_sentence(masks)))
    for shown in entries:
        lines.extend(["", *_entry(shown, style)])
    if not entries:
        lines.extend(["", *_wrap(NO_PATHS, style)])
    counted = [shown.histogram for shown in entries if shown.histogram is not None]
    if any(item.count == "routes" and item.total > 1 for item in counted):
        lines.extend(["", *map(style.dim, textwrap.wrap(ROUTES, style.width))])
    return "\n".join(lines) + "\n"


def _entry(shown: Distribution, style: Style) -> Iterator[str]:
    shape = shape_text(shown.shape)
    label = style.name(shown.tensor, style.width)
    if len(label) + 2 + len(shape) <= style.width:
        yield f"{style.bold(label)}  {shape}"
    else:
        yield from (style.bold(label), f"  {shape}")
    source = style.name(shown.input, style.width - 30)
    histogram = shown.histogram
    if histogram is None:
        yield from _wrap(f"not counted from input {source}: {one_line(shown.bound or '')}", style)
    elif not histogram.total:
        yield from _wrap(f"No path leads there from input {source}.", style)
    else:
        yield from _wrap(f"{amount(histogram.total)} {noun(histogram)} from input {source}", style)
        for axes in alike_axes(shown):
            yield from _axes(shown, axes, style)
        yield from _row("depth", _depth(histogram), style, indent=2)
        yield from _joint(histogram, style)
        yield from _first(shown, style)


# -- axes ------------------------------------------------------------------------------------------


def _axes(shown: Distribution, axes: Sequence[AxisHistogram], style: Style) -> Iterator[str]:
    first = axes[0]
    numbers = [axis.axis for axis in axes]
    yield f"  {axes_text(numbers)}"
    for label, value in _rows(first, shown.lengths[first.axis], numbers):
        yield from _row(label, value, style)
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
    yield label, _covering(axis, length, numbers)


def _statistics(axis: AxisHistogram) -> Iterator[tuple[str, str]]:
    """Yield the rows of the statistics that are known."""
    rows: dict[str, list[str]] = {}
    for item in STATISTICS:
        if item.row and (axis.counts is not None or not item.needs_sizes):
            rows.setdefault(item.row, []).append(item.sentence.format(item.text(axis)))
    for label, said in rows.items():
        yield label, ", ".join(said)


def _covering(axis: AxisHistogram, length: int | None, numbers: Sequence[int]) -> str:
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


# -- depth, joint, list ----------------------------------------------------------------------------


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
    if histogram.joint is None:
        yield from _row("not listed", UNLISTED, style)
        return
    for sizes, count in list(histogram.joint.items())[:MOST_JOINT]:
        yield from _row(times(list(map(whole, sizes))), short(count), style)
    rest = len(histogram.joint) - MOST_JOINT
    if rest > 0:
        yield from _row("", f"and {rest} more (--format json or csv lists all)", style)
    if not histogram.joint:
        yield from _row("", "no path is local on all of them", style)


def _first(shown: Distribution, style: Style) -> Iterator[str]:
    if shown.first is None:
        return
    if not shown.first:
        yield "  no path is local on every spatial axis"
    for number, path in enumerate(shown.first, 1):
        yield f"  {number}. {_title(path)}"
        names = [safe(name) for name in path.nodes]
        yield from style.wrapped(", ".join(names), " " * INDENT)


def _title(path: Path) -> str:
    return f"{times(list(map(whole, path.sizes)))}  through {count_of(len(path.nodes), 'node')}:"


def _row(label: str, value: str, style: Style, indent: int = INDENT) -> Iterable[str]:
    start = " " * indent + f"{label:<{LABEL + INDENT - indent}}  "
    later = " " * (INDENT + LABEL + 2)
    return style.wrapped(value, start, later)


def _wrap(text: str, style: Style) -> Iterable[str]:
    return style.wrapped(text, "  ")
