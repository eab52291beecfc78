"""On which axes of a tensor it still matters for which positions a path reads nothing.

A reduction over a whole axis forgets it; a slice of the axis needs it. Dropping it where nothing
needs it lets the paths through a Concat merge at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.relations.axis_rules import (
    AxisRule,
    Pick,
    Repeat,
    Rows,
    Shape,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Entering
    from rfgraph.relations.steps import Everything


def needed_axes(tensors: Sequence[str], edges: Entering) -> dict[str, frozenset[int]]:
    """Return for each tensor the axes whose support a later edge may select from."""
    domain = _Needed()
    needed: dict[str, set[int]] = {name: set() for name in tensors}
    for name in reversed(tensors):
        after = frozenset(needed[name])
        for edge in edges[name]:
            if after or not edge.relation.is_pointwise:
                needed[edge.source] |= domain.carry(after, edge.relation)
    return {name: frozenset(axes) for name, axes in needed.items()}


class _Needed(Domain[frozenset[int]]):
    """The axes of a tensor on which it matters where nothing is read."""

    backward = True

    def pointwise(self, value: frozenset[int], old: Shape, new: Shape) -> frozenset[int]:
        extra = len(new) - len(old)
        return frozenset(
            axis - extra for axis in value if axis >= extra and old[axis - extra] == new[axis]
        )

    def permute(self, value: frozenset[int], perm: tuple[int, ...], old: Shape) -> frozenset[int]:
        return frozenset(perm[axis] for axis in value)

    def regroup(self, value: frozenset[int], old: Shape, new: Shape) -> frozenset[int]:
        return frozenset(
            axis
            for before, behind in regroup_plan(old, new)
            if not value.isdisjoint(behind)
            for axis in before
        )

    def along(
        self, value: frozenset[int], axis: int, rule: AxisRule, shape: Shape
    ) -> frozenset[int]:
        if isinstance(rule, Whole):
            return value - {axis}
        if isinstance(rule, Rows):
            return value | {axis, *rule.axes}
        return value if _reads_all(rule) else value | {axis}

    def everything(self, value: frozenset[int], step: Everything, old: Shape) -> frozenset[int]:
        return frozenset()


def _reads_all(rule: AxisRule) -> bool:
    """Whether every input position is read by some output position."""
    if isinstance(rule, Window):
        last = (rule.out_len - 1) * rule.stride - rule.pad_begin + rule.extent
        dense = rule.dilation == 1 and rule.stride <= rule.kernel
        return (dense or rule.stride == 1) and rule.pad_begin >= 0 and last >= rule.in_len
    if isinstance(rule, Shift):
        return abs(rule.step) == 1 and _spans(rule)
    if isinstance(rule, Pick):
        return len(set(rule.indices) - {-1}) == rule.in_len
    return not isinstance(rule, Transposed) or isinstance(rule, Repeat)


def _spans(rule: Shift) -> bool:
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    return min(ends) <= 0 and max(ends) >= rule.in_len - 1
