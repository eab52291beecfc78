"""The exact clipped region of every unit: the graph run forward in the (min, max) semiring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.regroup import Regrouped, regroup, regrouped_size, slim_before
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import input_shape
from rfgraph.relations.interpretation import Domain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.axis_rules import OwnRule, Rows
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation
    from rfgraph.relations.steps import Everything, Places


# A table stays as it was before a Reshape where it would grow behind it: one back often follows.
Held: TypeAlias = Table | Regrouped[Table]


class Clipped(Domain[tuple[Held, ...]]):
    """Per axis of a graph input the table of what the units of a tensor read of it."""

    def pointwise(self, value: tuple[Held, ...], old: Shape, new: Shape) -> tuple[Held, ...]:
        """Add leading axes."""
        return tuple(tables.broadcast(table_of(held), len(new)) for held in value)

    def permute(
        self, value: tuple[Held, ...], perm: tuple[int, ...], old: Shape
    ) -> tuple[Held, ...]:
        """Turn the axes."""
        return tuple(tables.permute(table_of(held), perm) for held in value)

    def regroup(self, value: tuple[Held, ...], old: Shape, new: Shape) -> tuple[Held, ...]:
        """Regroup the tables that do not grow."""
        return tuple(_regroup(held, old, new) for held in value)

    def gather(
        self, value: tuple[Held, ...], places: Places, old: Shape, new: Shape
    ) -> tuple[Held, ...]:
        """Take the units at `places`."""
        return tuple(tables.gather(table_of(held), places) for held in value)

    def along(
        self, value: tuple[Held, ...], axis: int, rule: OwnRule, shape: Shape
    ) -> tuple[Held, ...]:
        """Return what a rule reads."""
        return tuple(
            tables.along(_before_rule(held, axis, rule), axis, rule, clipped=True) for held in value
        )

    def rows(
        self, value: tuple[Held, ...], axis: int, rule: Rows, shape: Shape
    ) -> tuple[Held, ...]:
        """Return what each row reads."""
        return tuple(tables.rows(table_of(held), axis, rule) for held in value)

    def everything(self, value: tuple[Held, ...], step: Everything, old: Shape) -> tuple[Held, ...]:
        """Return the hulls."""
        return tuple(tables.hull(_own(held), len(step.shape)) for held in value)

    def join(self, first: tuple[Held, ...], second: tuple[Held, ...]) -> tuple[Held, ...]:
        """Return the unions."""
        return tuple(map(_join, first, second))


@allowance()
def clipped_tables(
    graph: Graph, source: str, tensors: Iterable[str] | None = None
) -> dict[str, tuple[Table, ...]]:
    """Return, per tensor and axis of graph input `source`, the tables of what its units read.

    A scalar input has one table, of the position 0 where it is read. Only `tensors` if given.
    Raises BoundError where tables grow too large.
    """
    targets = None if tensors is None else set(tensors)
    shape = input_shape(graph, source)
    zero = np.zeros((), dtype=np.int64)
    ramps = tuple(tables.ramp(shape, axis) for axis in range(len(shape)))
    walk = Clipped().from_source(graph, source, ramps or (Table(zero, zero),), targets)
    return {
        name: tuple(map(table_of, regions))
        for name, regions in walk
        if targets is None or name in targets
    }


def carry(table: Table, relation: Relation) -> Table:
    """Return the table of a tensor that reads this one by `relation`."""
    (held,) = Clipped().carry((table,), relation)
    return table_of(held)


def _own(held: Held) -> Table:
    return held.held if isinstance(held, Regrouped) else held


def table_of(held: Held) -> Table:
    """Return the table of a tensor as its elements stand now."""
    return regroup(held.held, held.shape, held.now) if isinstance(held, Regrouped) else held


def _join(first: Held, second: Held) -> Held:
    """Return what either table reads, held as the first that is not as it stands."""
    if not isinstance(first, Regrouped):
        first, second = second, first
    if not isinstance(first, Regrouped):
        return tables.join(first, _own(second))
    if isinstance(second, Regrouped) and second.shape == first.shape:
        other = second.held
    else:
        other = regroup(table_of(second), first.now, first.shape)
    return replace(first, held=tables.join(first.held, other))


def _regroup(held: Held, old: Shape, new: Shape) -> Held:
    """Return a table under another shape, or as it stands where it would grow there."""
    table = _own(held)
    shape = held.shape if isinstance(held, Regrouped) else old
    if shape == new:
        return table
    if regrouped_size(table, shape, new) > table.lo.size:
        return Regrouped(table, shape, new)
    return regroup(table, shape, new)


def _before_rule(held: Held, axis: int, rule: OwnRule) -> Table:
    """Return the table that a rule along an axis needs: of a whole axis no more than varies."""
    if isinstance(held, Regrouped) and isinstance(rule, Whole):
        return regroup(held.held, *slim_before(axis, held.shape, held.now, held.held.axes))
    return table_of(held)


def region(
    regions: tuple[Table, ...], index: tuple[int | tuple[int, int] | None, ...]
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
