"""Which units padding touches, at any depth, from each side of an input axis.

A unit is touched from the left if it reads, or anything that it reads does, before the first
position of a tensor on the way; from the right likewise behind the last. What lies there is
whatever the operator pads with, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.regroup import regroup
from rfgraph.domains.tables import NOTHING, Table
from rfgraph.relations.axis_rules import Band, Resample, Shift, Transposed, Window, progressions
from rfgraph.relations.bounds import allowance, bounded
from rfgraph.relations.graph import input_shape
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rfgraph.relations.axis_rules import AxisRule, Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.steps import Everything, Places


class Touched(NamedTuple):
    """A flag for each unit that exists and each side; of length 1 along axes that do not matter."""

    left: NDArray[np.bool_]
    right: NDArray[np.bool_]


class _Value(NamedTuple):
    """A table whose lo is -1 where padding touches from the left, and hi 1 where from the right.

    `axes` are those of the tensor that carry the input's axis.
    """

    table: Table
    axes: frozenset[int]


class _Padding(Domain[_Value]):
    """Along one axis of a graph input."""

    def pointwise(self, value: _Value, old: Shape, new: Shape) -> _Value:
        more = len(new) - len(old)
        return _Value(
            tables.broadcast(value.table, len(new)), frozenset(axis + more for axis in value.axes)
        )

    def permute(self, value: _Value, perm: tuple[int, ...], old: Shape) -> _Value:
        axes = frozenset(perm.index(axis) for axis in value.axes)
        return _Value(tables.permute(value.table, perm), axes)

    def regroup(self, value: _Value, old: Shape, new: Shape) -> _Value:
        axes: set[int] = set()
        for before, after in regroup_plan(old, new):
            if not value.axes.isdisjoint(before):
                axes.update(after)
        return _Value(regroup(value.table, old, new), frozenset(axes))

    def gathered(self, value: _Value, places: Places, old: Shape, new: Shape) -> _Value:
        axes = frozenset(
            behind
            for axis in value.axes
            for behind, length in enumerate(places[axis].shape)
            if length > 1
        )
        return _Value(tables.gathered(value.table, places), axes)

    def along(self, value: _Value, axis: int, rule: AxisRule, shape: Shape) -> _Value:
        made = tables.along(value.table, axis, rule, clipped=True)
        ends = _ends(rule) if axis in value.axes else None
        if ends is not None:
            dims = [1] * made.lo.ndim
            dims[axis] = rule.out_len
            outside = Table(*(side.reshape(dims) for side in ends))
            made = tables.join(made, outside)
        return _Value(made, value.axes)

    def everything(self, value: _Value, step: Everything, old: Shape) -> _Value:
        dims = (1,) * len(step.shape)
        lo, hi = value.table.lo.min(initial=NOTHING), value.table.hi.max(initial=-NOTHING)
        return _Value(Table(np.full(dims, lo), np.full(dims, hi)), frozenset())

    def join(self, first: _Value, second: _Value) -> _Value:
        return _Value(tables.join(first.table, second.table), first.axes | second.axes)


def _ends(rule: AxisRule) -> Table | None:
    """Return what the positions of a rule that lie outside touch; None of one that has none."""
    if isinstance(rule, Band):
        if rule.before is None or rule.after is None:
            return None
        width = rule.before + rule.after + 1
        rule = Window(max(width, 0), 1, 1, rule.before, rule.in_len, rule.out_len)
    bounded(rule.out_len)
    if isinstance(rule, Shift):
        first = rule.start + rule.step * np.arange(rule.out_len, dtype=np.int64)
        last = first
    elif isinstance(rule, Window | Transposed | Resample):
        first, step, count = progressions(rule)
        last = np.where(count > 0, first + (count - 1) * step, 0)
        first = np.where(count > 0, first, 0)
    else:
        return None
    return Table(-(first < 0).astype(np.int64), (last >= rule.in_len).astype(np.int64))


@allowance()
def touched(graph: Graph, source: str, axis: int, tensor: str) -> Touched | None:
    """Return which units of `tensor` padding touches along an `axis` of input `source`.

    None if the input does not reach it. Raises BoundError where tables grow too large.
    """
    rank = len(input_shape(graph, source))
    zero = np.zeros((1,) * rank, dtype=np.int64)
    start = _Value(Table(zero, zero), frozenset((axis,)))
    for name, value in _Padding().from_source(graph, source, start, [tensor]):
        if name == tensor:
            return Touched(value.table.lo == -1, value.table.hi == 1)
    return None


def touched_counts(found: Touched, axis: int) -> tuple[int, int]:
    """Return how many positions along a tensor's axis padding touches, from each side."""
    others = tuple(at for at in range(found.left.ndim) if at != axis)
    return int(found.left.any(axis=others).sum()), int(found.right.any(axis=others).sum())
