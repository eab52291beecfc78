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
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.joined import Joined
    from rfgraph.relations.axis_rules import OwnRule, Rows, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.steps import Everything, Places


class Touched(NamedTuple):
    """A flag for each unit that exists and each side; of length 1 along axes that do not matter."""

    left: NDArray[np.bool_]
    right: NDArray[np.bool_]


class Carriers(NamedTuple):
    """The axes that carry an axis of an input: of a tensor, or where that was reshaped, before.

    `before` is the shape that it had, which comes first, and second the shape since.
    """

    axes: frozenset[int] = frozenset()
    before: tuple[Shape, Shape] | None = None

    @property
    def here(self) -> frozenset[int]:
        """The axes of the tensor as it stands."""
        return self.axes if self.before is None else regrouped_axes(self.axes, *self.before)


class Carrying(Joining[Carriers]):
    """Which axes carry an axis of an input."""

    def pointwise(self, value: Carriers, old: Shape, new: Shape) -> Carriers:
        """Return the axes that a broadcast leaves."""
        more = len(new) - len(old)
        return Carriers(frozenset(axis + more for axis in value.here))

    def permute(self, value: Carriers, perm: tuple[int, ...], old: Shape) -> Carriers:
        """Return the axes in their new order."""
        return Carriers(frozenset(perm.index(axis) for axis in value.here))

    def regroup(self, value: Carriers, old: Shape, new: Shape) -> Carriers:
        """Return the same axes, with the shapes that they had and have."""
        shape = old if value.before is None else value.before[0]
        return Carriers(value.axes, None if shape == new else (shape, new))

    def gathered(self, value: Carriers, places: Places, old: Shape, new: Shape) -> Carriers:
        """Return the axes along which the places vary."""
        return Carriers(
            frozenset(
                behind
                for axis in value.here
                for behind, length in enumerate(places[axis].shape)
                if length > 1
            )
        )

    def along(self, value: Carriers, axis: int, rule: OwnRule, shape: Shape) -> Carriers:
        """Return the axes that still have positions of the input."""
        # What reads all of an axis has no position on it any more.
        return Carriers(value.here - ({axis} if isinstance(rule, Whole) else set()))

    def rows(self, value: Carriers, axis: int, rule: Rows, shape: Shape) -> Carriers:
        """Return the axes as they were: rows may keep a part of an axis."""
        return Carriers(value.here)

    def everything(self, value: Carriers, step: Everything, old: Shape) -> Carriers:
        """Return none: all is read."""
        return Carriers()

    def join(self, first: Carriers, second: Carriers) -> Carriers:
        """Return the axes of either."""
        if not first.axes:
            first, second = second, first
        if second.axes and second.before != first.before:
            return Carriers(first.here | second.here)
        return first._replace(axes=first.axes | second.axes)


class _Value(NamedTuple):
    """A table whose lo is -1 where padding touches from the left, and hi 1 where from the right."""

    table: Held
    carriers: Carriers


class _Padding(Joining[_Value]):
    """Along one axis of a graph input."""

    # Whether the tensor that is made has several parts, of which each is absent from the others.
    _has_parts = False
    _carrying = Carrying({})

    def _gather(self, alive: dict[str, _Value], graph: Graph, name: str) -> None:
        self._has_parts = has_parts(self.edges_into(graph, name))
        super()._gather(alive, graph, name)

    def pointwise(self, value: _Value, old: Shape, new: Shape) -> _Value:
        table = tables.broadcast(standing(value.table), len(new))
        return _Value(table, self._carrying.pointwise(value.carriers, old, new))

    def permute(self, value: _Value, perm: tuple[int, ...], old: Shape) -> _Value:
        table = tables.permute(standing(value.table), perm)
        return _Value(table, self._carrying.permute(value.carriers, perm, old))

    def regroup(self, value: _Value, old: Shape, new: Shape) -> _Value:
        table = regroup_held(value.table, old, new)
        return _Value(table, self._carrying.regroup(value.carriers, old, new))

    def gathered(self, value: _Value, places: Places, old: Shape, new: Shape) -> _Value:
        table = tables.gathered(standing(value.table), places)
        return _Value(table, self._carrying.gathered(value.carriers, places, old, new))

    def along(self, value: _Value, axis: int, rule: OwnRule, shape: Shape) -> _Value:
        made = tables.along(before_rule(value.table, axis, rule), axis, rule, clipped=True)
        found = ends_outside(rule, in_part=self._has_parts) if axis in value.carriers.here else None
        if found is not None:
            shape = along_axis(rule.out_len, axis, made.lo.ndim)
            left, right = (side.reshape(shape).astype(np.int64) for side in found)
            made = tables.join(made, Table(-left, right))
        return _Value(made, self._carrying.along(value.carriers, axis, rule, shape))

    def rows(self, value: _Value, axis: int, rule: Rows, shape: Shape) -> _Value:
        made = tables.rows(standing(value.table), axis, rule)
        return _Value(made, self._carrying.rows(value.carriers, axis, rule, shape))

    def everything(self, value: _Value, step: Everything, old: Shape) -> _Value:
        made = tables.hull(own_table(value.table), len(step.shape))
        return _Value(made, self._carrying.everything(value.carriers, step, old))

    def join(self, first: _Value, second: _Value) -> _Value:
        return _Value(
            join_held(first.table, second.table),
            self._carrying.join(first.carriers, second.carriers),
        )


def has_parts(edges: Iterable[Edge]) -> bool:
    """Whether edges bring parts of a tensor, of which each is absent from the others."""
    return len({edge.slot for edge in edges}) > 1


def ends_outside(rule: OwnRule, *, in_part: bool) -> Touched | None:
    """Return which positions of a rule lie outside, from each side; None of one that has none."""
    if isinstance(rule, Band):
        if rule.before is None or rule.after is None:
            return None
        width = rule.before + rule.after + 1
        rule = Window(max(width, 0), 1, 1, rule.before, rule.in_len, rule.out_len)
    bounded(rule.out_len)
    if isinstance(rule, Shift):
        if in_part and rule.outside == "absent":
            return None
        first = rule.start + rule.step * np.arange(rule.out_len, dtype=np.int64)
        last = first
    elif isinstance(rule, (Window, Transposed, Resample)):
        first, step, count = progressions(rule, rule.out_len)
        last = np.where(count > 0, first + (count - 1) * step, 0)
        first = np.where(count > 0, first, 0)
    else:
        return None
    return Touched(first < 0, last >= rule.in_len)


class Ways(NamedTuple):
    """Over which edges padding is followed: what is one rearrangement by several is one edge."""

    joins: Mapping[str, Joined]
    over: Mapping[str, Sequence[Edge]]


def ways_to(graph: Graph, tensor: str) -> Ways:
    """Return over which edges padding is followed that leads to a tensor."""
    within = ancestors(graph, [tensor])
    parts = put_together({name: tuple(edges_into(graph, name)) for name in graph if name in within})
    joins = rearranged(graph, parts)
    rest = {name: edges for name, edges in parts.items() if name not in joins}
    return Ways(joins, continued(graph, rest))


@allowance()
def touched(graph: Graph, source: str, axis: int, tensor: str) -> Touched | None:
    """Return which units of `tensor` padding touches along an `axis` of input `source`.

    None if the input does not reach it. Raises BoundError where tables grow too large.
    """
    rank = len(input_shape(graph, source))
    zero = np.zeros((1,) * rank, dtype=np.int64)
    start = _Value(Table(zero, zero), Carriers(frozenset((axis,))))
    padding = _Padding(*ways_to(graph, tensor))
    for name, value in padding.from_source(graph, source, start, [tensor]):
        if name == tensor:
            table = standing(value.table)
            return Touched(table.lo == -1, table.hi == 1)
    return None


def touched_counts(found: Touched, axis: int) -> tuple[int, int]:
    """Return how many positions along a tensor's axis padding touches, from each side."""
    others = tuple(at for at in range(found.left.ndim) if at != axis)
    return int(found.left.any(axis=others).sum()), int(found.right.any(axis=others).sum())
