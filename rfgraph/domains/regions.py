"""The exact clipped region of every unit: the graph run forward in the (min, max) semiring."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.regroup import regroup, regrouped_size, slim_before
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import _ancestors
from rfgraph.relations.steps import Along, Everything, Gathered, Permute, Pointwise, Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


Regions: TypeAlias = tuple[Table, ...]


class Regrouped(NamedTuple):
    """The table of a tensor of `shape` whose elements now stand under another shape.

    It would be larger there, and a Reshape back often follows.
    """

    table: Table
    shape: Shape


Held: TypeAlias = Table | Regrouped
# The steps for which a table is needed as the tensor stands.
Standing: TypeAlias = Pointwise | Permute | Gathered | Along | Everything


@allowance()
def clipped(graph: Graph, source: str, tensors: Iterable[str] | None = None) -> dict[str, Regions]:
    """Return, per tensor and axis of graph input `source`, the tables of what its units read.

    A scalar input has one table, of the position 0 where it is read. Only `tensors` and what leads
    to them is looked at if given, and only theirs are kept beyond their last reader. Raises
    BoundError where tables grow too large.
    """
    targets = set(graph if tensors is None else tensors)
    wanted = _ancestors(graph, targets)
    readers = {name: sum(after in wanted for after in graph.succ[name]) for name in wanted}
    shape: Shape = graph.nodes[source]["shape"]
    zero = np.zeros((), dtype=np.int64)
    ramps = tuple(tables.ramp(shape, axis) for axis in range(len(shape)))
    found: dict[str, tuple[Held, ...]] = {source: ramps or (Table(zero, zero),)}
    for name in graph:
        if name not in wanted:
            continue
        arriving = [
            (found[before], data["relation"])
            for before, edges in graph.pred[name].items()
            if before in found
            for data in edges.values()
            if not data["relation"].is_void
        ]
        if arriving:
            found[name] = _arrive(arriving, graph.nodes[name]["shape"] or ())
        for before in graph.pred[name]:
            readers[before] -= 1
            if not readers[before] and before not in targets:
                found.pop(before, None)
    return {
        name: tuple(_standing(held, graph.nodes[name]["shape"] or ()) for held in regions)
        for name, regions in found.items()
    }


def _own(held: Held) -> Table:
    return held.table if isinstance(held, Regrouped) else held


def _standing(held: Held, shape: Shape) -> Table:
    """Return the table of a tensor of `shape` itself."""
    return regroup(held.table, held.shape, shape) if isinstance(held, Regrouped) else held


def _arrive(arriving: list[tuple[tuple[Held, ...], Relation]], shape: Shape) -> tuple[Held, ...]:
    carried = (tuple(_carry(held, relation) for held in regions) for regions, relation in arriving)
    return reduce(
        lambda a, b: tuple(_join(*pair, shape) for pair in zip(a, b, strict=True)), carried
    )


def _join(first: Held, second: Held, shape: Shape) -> Held:
    if isinstance(second, Regrouped):
        first, second = second, first
    if not isinstance(first, Regrouped):
        return tables.join(first, _own(second))
    if isinstance(second, Regrouped) and second.shape == first.shape:
        return Regrouped(tables.join(first.table, second.table), first.shape)
    other = regroup(_standing(second, shape), shape, first.shape)
    return Regrouped(tables.join(first.table, other), first.shape)


def carry(table: Table, relation: Relation) -> Table:
    """Return the table of a tensor that reads this one by `relation`."""
    return _standing(_carry(table, relation), relation.out_shape)


def _carry(held: Held, relation: Relation) -> Held:
    if relation.is_identity:
        return held
    for step, shape in zip(relation.steps, relation.shapes, strict=False):
        if isinstance(step, Pointwise | Regroup) and step.shape == shape:
            continue
        if isinstance(step, Regroup):
            held = _regroup(held, shape, step.shape)
        else:
            held = _step(_before(held, step, shape), step, shape)
    return held


def _regroup(held: Held, old: Shape, new: Shape) -> Held:
    """Return a table under another shape, or as it stands where it would grow there."""
    if isinstance(held, Regrouped):
        held, old = held
    if old == new:
        return held
    if regrouped_size(held, old, new) > held.lo.size:
        return Regrouped(held, old)
    return regroup(held, old, new)


def _before(held: Held, step: Standing, shape: Shape) -> Table:
    """Return the table that a step on a tensor of `shape` needs."""
    if isinstance(held, Regrouped) and isinstance(step, Reduce) and len(step.rules) == 1:
        axis, rule = step.rules[0]
        if isinstance(rule, Whole):
            old, new = slim_before(axis, held.shape, shape, held.table.axes)
            return regroup(held.table, old, new)
    return _standing(held, shape)


def _step(table: Table, step: Standing, shape: Shape) -> Table:
    if isinstance(step, Everything):
        return _everything(table, len(step.shape))
    if isinstance(step, Pointwise):
        return tables.broadcast(table, len(step.shape))
    if isinstance(step, Permute):
        return tables.permute(table, step.perm)
    if isinstance(step, Gathered):
        return tables.gathered(table, step.places)
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
