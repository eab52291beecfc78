"""Which units padding touches, at any depth, from each side of an input axis.

A unit is touched from the left if it reads, or anything that it reads does, before the first
position of a tensor on the way; from the right likewise behind the last. What lies there is
whatever the operator pads with, or nothing: what goes round, or turns back, is not what would
follow if the input went on. By slices and a Concat an axis is padded as by one operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.continued import continued
from rfgraph.domains.joined import Joining, put_together, rearranged
from rfgraph.domains.regions import (
    Held,
    before_rule,
    join_held,
    own_table,
    regroup_held,
    standing,
)
from rfgraph.domains.regroup import regrouped_axes
from rfgraph.domains.tables import Table
from rfgraph.relations.axis_rules import (
    Band,
    Resample,
    Shift,
    Transposed,
    Whole,
    Window,
    along_axis,
    progressions,
)
from rfgraph.relations.bounds import allowance, bounded
from rfgraph.relations.graph import ancestors, edges_into, input_shape

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

    `axes` carry the input's axis. They are the tensor's, or where that was reshaped, of the shape
    that it had `before`, which comes first, and second the shape since.
    """

    table: Held
    axes: frozenset[int]
    before: tuple[Shape, Shape] | None = None

    @property
    def carrying(self) -> frozenset[int]:
        """The axes of the tensor as it stands that carry the input's."""
        return self.axes if self.before is None else regrouped_axes(self.axes, *self.before)


class _Padding(Joining[_Value]):
    """Along one axis of a graph input."""

    # Whether the tensor that is made has several parts, of which each is absent from the others.
    _has_parts = False

    def _gather(self, alive: dict[str, _Value], graph: Graph, name: str) -> None:
        self._has_parts = len({edge.slot for edge in self.edges_into(graph, name)}) > 1
        super()._gather(alive, graph, name)

    def pointwise(self, value: _Value, old: Shape, new: Shape) -> _Value:
        more = len(new) - len(old)
        return _Value(
            tables.broadcast(standing(value.table), len(new)),
            frozenset(axis + more for axis in value.carrying),
        )

    def permute(self, value: _Value, perm: tuple[int, ...], old: Shape) -> _Value:
        axes = frozenset(perm.index(axis) for axis in value.carrying)
        return _Value(tables.permute(standing(value.table), perm), axes)

    def regroup(self, value: _Value, old: Shape, new: Shape) -> _Value:
        shape = old if value.before is None else value.before[0]
        before = None if shape == new else (shape, new)
        return _Value(regroup_held(value.table, old, new), value.axes, before)

    def gathered(self, value: _Value, places: Places, old: Shape, new: Shape) -> _Value:
        axes = frozenset(
            behind
            for axis in value.carrying
            for behind, length in enumerate(places[axis].shape)
            if length > 1
        )
        return _Value(tables.gathered(standing(value.table), places), axes)

    def along(self, value: _Value, axis: int, rule: AxisRule, shape: Shape) -> _Value:
        made = tables.along(before_rule(value.table, axis, rule), axis, rule, clipped=True)
        part = self._has_parts and isinstance(rule, Shift) and rule.outside == "absent"
        ends = _ends(rule) if axis in value.carrying and not part else None
        if ends is not None:
            shape = along_axis(rule.out_len, axis, made.lo.ndim)
            made = tables.join(made, Table(*(side.reshape(shape) for side in ends)))
        # What reads all of an axis has no position on it any more.
        return _Value(made, value.carrying - ({axis} if isinstance(rule, Whole) else set()))

    def everything(self, value: _Value, step: Everything, old: Shape) -> _Value:
        return _Value(tables.hull(own_table(value.table), len(step.shape)), frozenset())

    def join(self, first: _Value, second: _Value) -> _Value:
        table = join_held(first.table, second.table)
        if not first.axes:
            first, second = second, first
        if second.axes and second.before != first.before:
            return _Value(table, first.carrying | second.carrying)
        return _Value(table, first.axes | second.axes, first.before)


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
    elif isinstance(rule, (Window, Transposed, Resample)):
        first, step, count = progressions(rule, rule.out_len)
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
    within = ancestors(graph, [tensor])
    parts = put_together({name: tuple(edges_into(graph, name)) for name in graph if name in within})
    joins = rearranged(graph, parts)
    over = continued(graph, {name: edges for name, edges in parts.items() if name not in joins})
    for name, value in _Padding(joins, over).from_source(graph, source, start, [tensor]):
        if name == tensor:
            table = standing(value.table)
            return Touched(table.lo == -1, table.hi == 1)
    return None


def touched_counts(found: Touched, axis: int) -> tuple[int, int]:
    """Return how many positions along a tensor's axis padding touches, from each side."""
    others = tuple(at for at in range(found.left.ndim) if at != axis)
    return int(found.left.any(axis=others).sum()), int(found.right.any(axis=others).sum())
