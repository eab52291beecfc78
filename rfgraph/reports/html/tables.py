"""What each unit reads, for the script of the page: a few numbers from which all follow.

A run of intervals `[lo, hi]` is written as `[p, first, runs]`: the first `p` of them, then runs
`[count, dlo, dhi]`, which say by how much each of the next `count` differs from the one `p` before.
Whatever is regular takes a run or two, and borders as many as they have steps. Where nothing is
read `lo` is greater than `hi`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.fields.layout import carriers
from rfgraph.domains.fields.numbers import unclipped_span
from rfgraph.domains.regions import clipped_tables
from rfgraph.errors import BoundError
from rfgraph.relations.graph import edges_into, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.domains.fields.pieces import Piece
    from rfgraph.domains.tables import Table
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.reading import Ints

Written: TypeAlias = "list[Any]"

# Runs of one axis of one tensor, beyond which the page says where to ask; units that are walked.
MAX_RUNS, MAX_UNITS = 600, 1 << 16
_TRIED = 64
NOTHING = [1, 0]


def alike(result: Analysis, names: Iterable[str]) -> dict[str, str]:
    """Return for each tensor the first whose units read the same: what only passes elements on."""
    first: dict[str, str] = {}
    for name in names:
        edges = list(edges_into(result.graph, name))
        same = {first.get(edge.source, edge.source) for edge in edges}
        passes = len(same) == 1 and all(edge.relation.is_identity for edge in edges)
        first[name] = same.pop() if passes else name
    return first


def unit_tables(
    result: Analysis, source: str, names: Sequence[str]
) -> Iterator[tuple[str, Written | None]]:
    """Yield each tensor with `[axes, entries]`; None where it takes too much.

    `axes` are those of the tensor that carry a spatial axis; others are taken whole. An entry for
    each axis of the input is `[inside, without borders]`, each `[axes, runs]`: the tensor's axes on
    which it depends, and the runs along them in row-major order. The second is None where
    `rfgraph unit` has no such numbers.
    """
    try:
        tables = clipped_tables(result.graph, source, names)
    except BoundError:
        tables = {}
    form = result.forms[source]
    for name in names:
        shape, table, state = shape_of(result.graph, name), tables.get(name), form[name]
        if shape is None or table is None:
            yield name, None
            continue
        moving = frozenset().union(*(carriers(state.classes, axis) for axis in form.spatial_axes))
        entries = _entries(result, source, name, shape, table, moving)
        yield name, None if entries is None else [sorted(moving), entries]


def _entries(
    result: Analysis,
    source: str,
    name: str,
    shape: Shape,
    tables: Sequence[Table],
    moving: frozenset[int],
) -> list[Written] | None:
    spatial = result.forms[source].spatial_axes
    entries = []
    for axis, table in zip(
        result.receptive_field(name, source).axes.values(), tables, strict=False
    ):
        lo, hi, along = _reduce(table, moving)
        if lo.size > MAX_UNITS:
            return None
        lo, hi = np.where(lo > hi, 1, lo).ravel(), np.where(lo > hi, 0, hi).ravel()
        inside = as_runs(lo, hi, _periods(axis, lo, hi))
        if len(inside[2]) > MAX_RUNS:
            return None
        is_spatial = axis.axis in spatial
        without = _without_borders(result, source, name, shape, axis) if is_spatial else None
        entries.append([[along, inside], without])
    return entries


def _reduce(table: Table, moving: frozenset[int]) -> tuple[Ints, Ints, list[int]]:
    """Return the hull over all but the moving axes, and those along which it varies."""
    others = tuple(axis for axis in range(table.lo.ndim) if axis not in moving)
    lo, hi = table.lo.min(axis=others, keepdims=True), table.hi.max(axis=others, keepdims=True)
    return lo, hi, [axis for axis, length in enumerate(lo.shape) if length > 1]


def _without_borders(
    result: Analysis, source: str, name: str, shape: Shape, axis: Axis
) -> Written | None:
    """Return the tensor axis along which the closed form moves, and what it reads there."""
    if axis.scope != "local" or not axis.regular or axis.period is None:
        return None
    fields = (fields[axis.axis] for fields in result.forms[source][name].classes.values())
    pieces = [piece for field in fields if field is not None for piece in field.pieces]
    along = sorted(frozenset().union(*(piece.axes for piece in pieces)))
    if len(along) > 1:
        return None
    length = shape[along[0]] if along else 1
    p, q = axis.period
    spans = [_span_at(pieces, shape, along, unit) for unit in range(min(p, length))]
    first = [NOTHING if span is None else list(span) for span in spans]
    runs = [[length - p, q, q]] if length > p else []
    return [along, [min(p, length), first, runs]]


def _span_at(
    pieces: Sequence[Piece], shape: Shape, along: Sequence[int], unit: int
) -> tuple[int, int] | None:
    index = [unit if axis in along else None for axis in range(len(shape))]
    return unclipped_span(pieces, shape, index)


# -- runs ------------------------------------------------------------------------------------------


def as_runs(lo: Ints, hi: Ints, periods: Iterable[int]) -> Written:
    """Return intervals as runs, by the period that takes the fewest."""
    return min((_runs(lo, hi, p) for p in periods), key=lambda one: 2 * one[0] + 3 * len(one[2]))


def _runs(lo: Ints, hi: Ints, p: int) -> Written:
    p = min(p, len(lo))
    steps = np.stack([lo[p:] - lo[:-p], hi[p:] - hi[:-p]], axis=1)
    first = np.stack([lo[:p], hi[:p]], axis=1).tolist()
    if not len(steps):
        return [p, first, []]
    starts = np.flatnonzero(np.r_[True, (steps[1:] != steps[:-1]).any(axis=1)])
    counts = np.diff(np.r_[starts, len(steps)])
    return [p, first, np.column_stack([counts, steps[starts]]).tolist()]


def _periods(axis: Axis, lo: Ints, hi: Ints) -> list[int]:
    """Return periods worth a try: one, that of the field, and the way back to the first unit."""
    inner = None if axis.interior is None else axis.interior.period
    known = [period[0] for period in (axis.period, inner) if period is not None]
    periods = [1, *(p for p in known if p <= _TRIED)]
    back = np.flatnonzero((lo[1:] == lo[0]) & (hi[1:] == hi[0])) + 1
    away = back[back > np.arange(1, len(back) + 1)]
    periods.extend(away[:1].tolist())
    return periods
