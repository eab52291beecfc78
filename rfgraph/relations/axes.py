"""Which axes of a tensor an axis becomes, and whether an operator moves along it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias, get_args

from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Listed,
    Pick,
    Resample,
    Rows,
    Shape,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.graph import edges_into
from rfgraph.relations.steps import (
    Along,
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Regroup,
    regroup_plan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.relation import Relation


# Axes of a tensor that carry an axis of an input, and of how many positions each of its own is one.
Carriers: TypeAlias = frozenset[tuple[int, int]]
_ALONG = get_args(Along)


def mover_along(graph: Graph, source: str, axis: int) -> Operator | None:
    """Return the first operator that moves along an axis of graph input `source`.

    That is one by which a position reads others of its axis than its own, not all of them: a
    window, a recurrence, a Slice, a Gather, a Pad; of a Loop or Scan, what takes its turns apart.
    """
    carried: dict[str, Carriers] = {source: frozenset({(axis, 1)})}
    for tensor in graph:
        reached = carried.get(tensor, frozenset())
        for edge in edges_into(graph, tensor):
            if edge.source in carried:
                axes, moved = _carry(carried[edge.source], edge.relation)
                if moved:
                    return edge.operator
                reached |= axes
        if reached:
            carried[tensor] = reached
    return None


def _carry(carriers: Carriers, relation: Relation) -> tuple[Carriers, bool]:
    """Return the axes that carry on what others do, and whether a relation moves along one."""
    for step, shape in relation.plan:
        if isinstance(step, Gathered):
            if not all(step.keeps(axis, shape) for axis, _ in carriers):
                return carriers, True
        elif isinstance(step, Along):
            rules = {axis: rule for axis, rule in step.rules if axis in dict(carriers)}
            if any(map(moves, rules.values())):
                return carriers, True
            gone = {axis for axis, rule in rules.items() if isinstance(rule, Whole)}
            carriers = frozenset(pair for pair in carriers if pair[0] not in gone)
        else:
            carriers = _axes_behind(carriers, step, shape)
    return carriers, False


def _axes_behind(
    carriers: Carriers, step: Everything | Pointwise | Permute | Regroup, shape: Shape
) -> Carriers:
    if isinstance(step, Everything):
        return frozenset()
    if isinstance(step, Pointwise):
        extra = len(step.shape) - len(shape)
        return frozenset((axis + extra, inner) for axis, inner in carriers)
    if isinstance(step, Permute):
        return frozenset((step.perm.index(axis), inner) for axis, inner in carriers)
    return frozenset(
        pair
        for before, after in regroup_plan(shape, step.shape)
        for axis, inner in carriers
        if axis in before
        for pair in _axes_of_group(axis, inner, before, after, shape, step.shape)
    )


def _axes_of_group(
    axis: int,
    inner: int,
    before: tuple[int, ...],
    after: tuple[int, ...],
    old: Shape,
    new: Shape,
) -> Iterator[tuple[int, int]]:
    """Yield the axes of a group that an axis becomes part of, by the stride of their positions."""
    stride = inner * math.prod(old[other] for other in before if other > axis)
    beyond = stride * (old[axis] // inner)
    for place in after:
        own = math.prod(new[other] for other in after if other > place)
        if own < beyond and stride < own * new[place]:
            yield place, max(stride // own, 1)


def moves(rule: AxisRule) -> bool:
    """Whether positions read others of their axis than their own, not all of them."""
    if isinstance(rule, Window):
        return rule.kernel > 1 or rule.stride > 1
    if isinstance(rule, Shift):
        # What stands side by side in a Concat is not moved along it.
        return rule.outside != "absent"
    return isinstance(rule, (Transposed, Resample, Listed, Pick, Rows, Band))


def may_move(relation: Relation, *, selects: bool) -> bool:
    """Whether a relation moves along an axis of one position, as it would if that were longer.

    Of an operator that `selects` positions it does where it leaves all as they are.
    """
    rules = [rule for step in relation.steps if isinstance(step, _ALONG) for _, rule in step.rules]
    if not rules:
        return selects
    return any(rule.in_len == 1 and moves(rule) for rule in rules)
