"""The distribution over paths as text for people: `rfgraph paths`."""

from __future__ import annotations

import textwrap
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.counted import groups, others
from rfgraph.analysis.view import masks_sentence
from rfgraph.report.formats import histogram
from rfgraph.wording.names import one_line, safe, shortened
from rfgraph.wording.numbers import (
    amount,
    axes_text,
    figure,
    shape_text,
    share,
    short,
    times,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.analysis.counted import Entry
    from rfgraph.analysis.histogram import AxisHistogram, PathHistogram
    from rfgraph.analysis.paths import Path
    from rfgraph.relations.graph import StoredMasks
    from rfgraph.report.formats.style import Style


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
    file: str, entries: Sequence[Entry], style: Style, masks: StoredMasks | None = None
) -> str:
    """Return the report of `rfgraph paths`; `masks` is what stored masks cut, if they may."""
    lines = [style.bold(safe(file))]
    if masks is not None:
        lines.extend(textwrap.wrap(masks_sentence(masks), style.width, break_on_hyphens=False))
    for shown in entries:
        lines.extend(["", *_entry(shown, style)])
    if not entries:
        lines.extend(["", *_wrapped("The model has no inputs, and so no paths.", style)])
    found = [shown.histogram for shown in entries if shown.histogram is not None]
    if any(item.count == "routes" and item.total > 1 for item in found):
        lines.extend(["", *map(style.dim, textwrap.wrap(ROUTES, style.width))])
    return "\n".join(lines) + "\n"


def _entry(shown: Entry, style: Style) -> Iterator[str]:
    shape = shape_text(shown.shape)
    label = shortened(shown.tensor, style.width)
    if len(label) + 2 + len(shape) <= style.width:
        yield f"{style.bold(label)}  {shape}"
    else:
        yield from (style.bold(label), f"  {shape}")
    source = shortened(shown.input, style.width - 30)
    found = shown.histogram
    if found is None:
        yield from _wrapped(
            f"not counted from input {source}: {one_line(shown.bound or '')}", style
        )
    elif not found.total:
        yield from _wrapped(f"No path leads there from input {source}.", style)
    else:
        noun = found.count[:-1] if found.total == 1 else found.count
        yield from _wrapped(f"{amount(found.total)} {noun} from input {source}", style)
        for axes in groups(shown):
            yield from _axes(shown, axes, style)
        yield from _row("depth", _depth(found), style, indent=2)
        yield from _joint(found, style)
        yield from _first(shown, style)


# -- axes ------------------------------------------------------------------------------------------


def _axes(shown: Entry, axes: Sequence[AxisHistogram], style: Style) -> Iterator[str]:
    first = axes[0]
    numbers = [axis.axis for axis in axes]
    yield f"  {axes_text(numbers)}"
    for label, value in _rows(first, shown.lengths[first.axis], numbers):
        yield from _row(label, value, style)
    if first.counts and len(first.counts) > 1:
        columns = min(style.width - INDENT, MOST_COLUMNS)
        mark = shown.lengths[first.axis]
        drawn = histogram.chart(first.counts, columns, CHART_ROWS, blocks=style.blocks, mark=mark)
        yield from ("", *(" " * INDENT + line for line in drawn), "")


def _rows(
    axis: AxisHistogram, length: int | None, numbers: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of one axis, or of several that are alike."""
    not_local = others(axis)
    if not_local:
        counted = [f"{short(axis.local)} local" if axis.local else "none local", *not_local]
        meant = [text for word, text in LEGEND.items() if any(word in item for item in not_local)]
        yield "scope", f"{', '.join(counted)} ({'; '.join(meant)})"
    if not axis.local:
        return
    if axis.min == axis.max:
        yield "size", whole(axis.max) if axis.local == 1 else f"{whole(axis.max)} on every path"
    else:
        different = "" if axis.counts is None else f", {len(axis.counts)} different"
        yield "sizes", f"{whole(axis.min)} to {whole(axis.max)}{different}"
        yield "mean", f"{figure(axis.mean)}, standard deviation {figure(axis.std)}"
    if axis.counts is None:
        yield "not listed", UNLISTED
    elif len(axis.counts) > 1:
        yield "median", whole(axis.median)
    yield "cover the input", _covering(axis, length, numbers)


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


def _depth(found: PathHistogram) -> str:
    """Say how many windows wider than 1 there are on a path."""
    if not found.depth:
        return "not listed"
    least, most = min(found.depth), max(found.depth)
    if least == most:
        return f"{most} window{'' if most == 1 else 's'} wider than 1"
    return f"{least} to {most} windows wider than 1, mean {figure(_mean(found.depth))}"


def _mean(counts: Mapping[int, int]) -> Fraction:
    return Fraction(sum(number * count for number, count in counts.items()), sum(counts.values()))


def _joint(found: PathHistogram, style: Style) -> Iterator[str]:
    if not found.with_joint:
        return
    yield f"  jointly on {axes_text(list(found.axes))}"
    if found.joint is None:
        yield from _row("not listed", UNLISTED, style)
        return
    for sizes, count in list(found.joint.items())[:MOST_JOINT]:
        yield from _row(times(list(map(whole, sizes))), short(count), style)
    rest = len(found.joint) - MOST_JOINT
    if rest > 0:
        yield from _row("", f"and {rest} more (--format json or csv lists all)", style)
    if not found.joint:
        yield from _row("", "no path is local on all of them", style)


def _first(shown: Entry, style: Style) -> Iterator[str]:
    if shown.first is None:
        return
    if not shown.first:
        yield "  no path is local on every spatial axis"
    for number, path in enumerate(shown.first, 1):
        yield f"  {number}. {_title(path)}"
        names = [safe(name) for name in path.nodes]
        yield from textwrap.wrap(
            ", ".join(names),
            style.width,
            initial_indent=" " * INDENT,
            subsequent_indent=" " * INDENT,
            break_on_hyphens=False,
        )


def _title(path: Path) -> str:
    nodes = f"{len(path.nodes)} node{'' if len(path.nodes) == 1 else 's'}"
    return f"{times(list(map(whole, path.sizes)))}  through {nodes}:"


def _row(label: str, value: str, style: Style, indent: int = INDENT) -> Iterable[str]:
    start = " " * indent + f"{label:<{LABEL + INDENT - indent}}  "
    later = " " * (INDENT + LABEL + 2)
    return textwrap.wrap(
        value, style.width, initial_indent=start, subsequent_indent=later, break_on_hyphens=False
    )


def _wrapped(text: str, style: Style) -> Iterable[str]:
    return textwrap.wrap(
        text, style.width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
