"""The exact clipped region of every unit: the graph run forward in the (min, max) semiring."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations.bounds import allowance
from rfgraph.relations.interpretation import Domain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.axis_rules import AxisRule, Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.steps import Everything


Regions: TypeAlias = tuple[Table, ...]


class _Clipped(Domain[Regions]):
    """Per axis of a graph input the table of what the units of a tensor read of it."""

    def pointwise(self, value: Regions, old: Shape, new: Shape) -> Regions:
        return tuple(tables.broadcast(table, len(new)) for table in value)

    def permute(self, value: Regions, perm: tuple[int, ...], old: Shape) -> Regions:
        return tuple(tables.permute(table, perm) for table in value)

    def regroup(self, value: Regions, old: Shape, new: Shape) -> Regions:
        return tuple(tables.regroup(table, old, new) for table in value)

    def along(self, value: Regions, axis: int, rule: AxisRule, shape: Shape) -> Regions:
        return tuple(tables.along(table, axis, rule, clipped=True) for table in value)

    def everything(self, value: Regions, step: Everything, old: Shape) -> Regions:
        return tuple(_hull(table, len(step.shape)) for table in value)

    def join(self, first: Regions, second: Regions) -> Regions:
        return tuple(map(tables.join, first, second))


def _hull(table: Table, rank: int) -> Table:
    dims = (1,) * rank
    lo = table.lo.min(initial=NOTHING).reshape(dims)
    return Table(np.asarray(lo), np.asarray(table.hi.max(initial=-NOTHING).reshape(dims)))


@allowance()
def clipped(graph: Graph, source: str, tensors: Iterable[str] | None = None) -> dict[str, Regions]:
    """Return, per tensor and axis of graph input `source`, the tables of what its units read.

    A scalar input has one table, of the position 0 where it is read. Only `tensors` if given.
    Raises BoundError where tables grow too large.
    """
    targets = None if tensors is None else set(tensors)
    shape: Shape = graph.nodes[source]["shape"]
    zero = np.zeros((), dtype=np.int64)
    ramps = tuple(tables.ramp(shape, axis) for axis in range(len(shape)))
    walk = _Clipped().from_source(graph, source, ramps or (Table(zero, zero),), targets)
    return {name: regions for name, regions in walk if targets is None or name in targets}


def region(
    regions: Regions, index: tuple[int | tuple[int, int] | None, ...]
) -> tuple[tuple[int, int], ...] | None:
    """Return the tight box read by the units at `index`, None if empty.

    An entry is a unit, the first and the end of a range, or None for a whole axis.
    """
    box = []
    for table in regions:
        lo, hi = table
        for axis, at in enumerate(index):
            if at is not None and lo.shape[axis] > 1:
                first, end = at if isinstance(at, tuple) else (at, at + 1)
                places = range(first, end)
                lo, hi = lo.take(places, axis=axis), hi.take(places, axis=axis)
        low, high = int(lo.min(initial=NOTHING)), int(hi.max(initial=-NOTHING))
        if low > high:
            return None
        box.append((low, high))
    return tuple(box)
