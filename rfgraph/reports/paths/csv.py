"""The distributions over paths as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import csv_text
from rfgraph.wording.names import for_csv
from rfgraph.wording.numbers import decimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.statistics import AxisHistogram


HEADER = ("input", "tensor", "axis", "kind", "size", "count")
LIST_HEADER = ("input", "tensor", "number", "size", "nodes")


def path_records(entries: Sequence[Distribution]) -> str:
    """Return the histograms, or the paths of `--list`, as CSV.

    The counts of one axis add up to the total: a row for each size of the local paths (without a
    size where they are not listed), and one for each other kind that occurs. The rows of `depth`
    have the depth for size, those of `joint` several axes and as many sizes.
    """
    if any(item.first is not None for item in entries):
        return csv_text(LIST_HEADER, (row for item in entries for row in _list_rows(item)))
    return csv_text(HEADER, (row for item in entries for row in _rows(item)))


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
