"""The exact clipped region of every unit: the graph run forward in the (min, max) semiring."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.errors import BoundError
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import _ancestors
from rfgraph.relations.steps import Everything, Permute, Pointwise, Regroup, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


MAX_TOTAL = 1 << 27

Regions: TypeAlias = tuple[Table, ...]


@allowance()
def clipped(graph: Graph, source: str, tensors: Iterable[str] | None = None) -> dict[str, Regions]:
    """Return, per tensor and axis of graph input `source`, the tables of what its units read.

    A scalar input has one table, of the position 0 where it is read. Only `tensors` and what leads
    to them if given (a topological order is kept). Raises BoundError where tables grow too large.
    """
    wanted = None if tensors is None else _ancestors(graph, tensors)
    shape: Shape = graph.nodes[source]["shape"]
    zero = np.zeros((), dtype=np.int64)
    ramps = tuple(tables.ramp(shape, axis) for axis in range(len(shape)))
    found = {source: ramps or (Table(zero, zero),)}
    total = 0
    for name in graph:
        if wanted is not None and name not in wanted:
            continue
        arriving = [
            (found[before], data["relation"])
            for before, edges in graph.pred[name].items()
            if before in found
            for data in edges.values()
            if not data["relation"].is_void
        ]
        if not arriving:
            continue
        found[name] = _arrive(arriving)
        total += sum(table.lo.size for table in found[name])
        if total > MAX_TOTAL:
            raise BoundError(f"tables have more entries in all than MAX_TOTAL ({MAX_TOTAL})")
    return found


def _arrive(arriving: list[tuple[Regions, Relation]]) -> Regions:
    carried = (tuple(carry(table, relation) for table in regions) for regions, relation in arriving)
    return reduce(_joined, carried)


def _joined(first: Regions, second: Regions) -> Regions:
    return tuple(map(tables.join, first, second))


def carry(table: Table, relation: Relation) -> Table:
    """Return the table of a tensor that reads this one by `relation`."""
    if relation.is_identity:
        return table
    for step, shape in zip(relation.steps, relation.shapes, strict=False):
        table = _step(table, step, shape)
    return table


def _step(table: Table, step: Step, shape: Shape) -> Table:
    if isinstance(step, Everything):
        return _everything(table, len(step.shape))
    if isinstance(step, Pointwise):
        return tables.broadcast(table, len(step.shape))
    if isinstance(step, Permute):
        return tables.permute(table, step.perm)
    if isinstance(step, Regroup):
        return tables.regroup(table, shape, step.shape)
    for axis, rule in step.rules:
        table = tables.along(table, axis, rule, clipped=True)
    return table


def _everything(table: Table, rank: int) -> Table:
    dims = (1,) * rank
    lo = table.lo.min(initial=NOTHING).reshape(dims)
    return Table(np.asarray(lo), np.asarray(table.hi.max(initial=-NOTHING).reshape(dims)))


def region(regions: Regions, index: tuple[int | None, ...]) -> tuple[tuple[int, int], ...] | None:
    """Return the tight box read by the units at `index` (None: a whole axis), None if empty."""
    box = []
    for table in regions:
        lo, hi = table
        for axis, at in enumerate(index):
            if at is not None:
                place = at if lo.shape[axis] > 1 else 0
                lo, hi = lo.take([place], axis=axis), hi.take([place], axis=axis)
        low, high = int(lo.min(initial=NOTHING)), int(hi.max(initial=-NOTHING))
        if low > high:
            return None
        box.append((low, high))
    return tuple(box)
