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
from rfgraph.relations.steps import Everything, Permute, Pointwise, Regroup, Step, regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Entering
    from rfgraph.relations.relation import Relation


def needed_axes(tensors: Sequence[str], edges: Entering) -> dict[str, frozenset[int]]:
    """Return for each tensor the axes whose support a later edge may select from."""
    needed: dict[str, set[int]] = {name: set() for name in tensors}
    for name in reversed(tensors):
        after = frozenset(needed[name])
        for edge in edges[name]:
            if after or not edge.relation.is_pointwise:
                needed[edge.source] |= _before(edge.relation, after)
    return {name: frozenset(axes) for name, axes in needed.items()}


def _before(relation: Relation, after: frozenset[int]) -> frozenset[int]:
    for step, shape in reversed(tuple(zip(relation.steps, relation.shapes, strict=False))):
        after = _before_step(step, shape, after)
    return after


def _before_step(step: Step, shape: Shape, after: frozenset[int]) -> frozenset[int]:
    if isinstance(step, Everything):
        return frozenset()
    if isinstance(step, Pointwise):
        extra = len(step.shape) - len(shape)
        return frozenset(
            axis - extra
            for axis in after
            if axis >= extra and shape[axis - extra] == step.shape[axis]
        )
    if isinstance(step, Permute):
        return frozenset(step.perm[axis] for axis in after)
    if isinstance(step, Regroup):
        return frozenset(
            axis
            for old, new in regroup_plan(shape, step.shape)
            if not after.isdisjoint(new)
            for axis in old
        )
    kept = set(after)
    for axis, rule in step.rules:
        _before_rule(kept, axis, rule)
    return frozenset(kept)


def _before_rule(kept: set[int], axis: int, rule: AxisRule) -> None:
    if isinstance(rule, Whole):
        kept.discard(axis)
    elif isinstance(rule, Rows):
        kept.update((axis, *rule.axes))
    elif not _reads_all(rule):
        kept.add(axis)


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
