"""Which input positions are read at all: sets of positions per axis, carried backward.

For relations that treat axes apart the projections are exact; where a Reshape mixes axes, what is
carried on is the product of the projections, which may hold a position too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.relations.axis_rules import AxisRule, Rows, Shape, product
from rfgraph.relations.bounds import bounded
from rfgraph.relations.graph import shape_of
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.reading import Mask, positions_read, rows_read
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.steps import Everything


Masks: TypeAlias = tuple[Mask, ...]


def read_positions(
    graph: Graph, source: str, target: str, index: Sequence[int | None] | None = None
) -> Masks | None:
    """Return per axis of graph input `source` which positions the units of `target` read.

    `index` restricts the units (None on an axis: all of it). None if nothing is read. Raises
    BoundError for axes too long to tabulate.
    """
    chosen = _chosen(shape_of(graph, target) or (), index or ())
    for name, masks in _ReadPositions().from_target(graph, target, chosen):
        if name == source:
            return masks
    return None


def _chosen(shape: Shape, index: Sequence[int | None]) -> Masks:
    """Return the positions of the units at `index` (None: all of an axis)."""
    for length in shape:
        bounded(length)
    chosen = [np.ones(length, dtype=bool) for length in shape]
    for axis, at in enumerate(index):
        if at is not None:
            chosen[axis][:] = False
            chosen[axis][at] = True
    return tuple(chosen)


class _ReadPositions(Domain[Masks]):
    """Per axis of a tensor which of its positions are read."""

    backward = True

    def pointwise(self, value: Masks, old: Shape, new: Shape) -> Masks:
        return tuple(
            mask if len(mask) == length else np.full(length, mask.any())
            for mask, length in zip(value[len(new) - len(old) :], old, strict=True)
        )

    def permute(self, value: Masks, perm: tuple[int, ...], old: Shape) -> Masks:
        return tuple(value[perm.index(axis)] for axis in range(len(perm)))

    def regroup(self, value: Masks, old: Shape, new: Shape) -> Masks:
        return _regroup_back(value, old, new)

    def along(self, value: Masks, axis: int, rule: AxisRule, shape: Shape) -> Masks:
        bounded(rule.in_len)
        if isinstance(rule, Rows):
            read = rows_read(rule, value)
        else:
            read = positions_read(rule, value[axis])
        return (*value[:axis], read, *value[axis + 1 :])

    def everything(self, value: Masks, step: Everything, old: Shape) -> Masks:
        for length in old:
            bounded(length)
        return tuple(np.ones(length, dtype=bool) for length in old)

    def join(self, first: Masks, second: Masks) -> Masks:
        return tuple(map(np.logical_or, first, second))

    def is_nothing(self, value: Masks) -> bool:
        return not all(mask.any() for mask in value)


def _regroup_back(masks: Masks, old: Shape, new: Shape) -> Masks:
    back: list[Mask] = [np.ones(1, dtype=bool)] * len(old)
    for before, after in regroup_plan(old, new):
        if len(before) == len(after) == 1:
            back[before[0]] = masks[after[0]]
            continue
        bounded(product(old[axis] for axis in before))
        flat = np.ones(1, dtype=bool)
        for axis in after:
            flat = np.logical_and.outer(flat, masks[axis]).reshape(-1)
        joint = flat.reshape([old[axis] for axis in before])
        for place, axis in enumerate(before):
            others = tuple(k for k in range(len(before)) if k != place)
            back[axis] = np.asarray(joint.any(axis=others))
    return tuple(back)
