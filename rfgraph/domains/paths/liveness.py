"""On which axes of a tensor it still matters for which positions a path reads nothing.

A reduction over a whole axis forgets it; a slice of the axis needs it. Dropping it where nothing
needs it lets the paths through a Concat merge at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.relations.axis_rules import OwnRule, Rows, Shape, Whole
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.reading import reads_all
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.relations.graph import Edge
    from rfgraph.relations.steps import Everything, Places


def needed_axes(edges: Mapping[str, Sequence[Edge]]) -> dict[str, frozenset[int]]:
    """Return for each tensor the axes whose support a later edge may select from."""
    domain = _Needed()
    needed: dict[str, set[int]] = {name: set() for name in edges}
    for name in reversed(list(edges)):
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
        self, value: frozenset[int], axis: int, rule: OwnRule, shape: Shape
    ) -> frozenset[int]:
        if isinstance(rule, Whole):
            return value - {axis}
        return value if reads_all(rule) else value | {axis}

    def rows(self, value: frozenset[int], axis: int, rule: Rows, shape: Shape) -> frozenset[int]:
        return value | {axis, *rule.axes}

    def gather(
        self, value: frozenset[int], places: Places, old: Shape, new: Shape
    ) -> frozenset[int]:
        if value:
            return frozenset(range(len(old)))
        # The axes of which some position is left out.
        return frozenset(
            axis
            for axis, (place, length) in enumerate(zip(places, old, strict=True))
            if len(np.unique(place[place >= 0])) < length
        )

    def everything(self, value: frozenset[int], step: Everything, old: Shape) -> frozenset[int]:
        return frozenset()
