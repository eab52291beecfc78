"""Which input positions are read at all: sets of positions per axis, carried backward.

For relations that treat axes apart the projections are exact; where a Reshape mixes axes, what is
carried on is the product of the projections, which may hold a position too many.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.joined import Joining
from rfgraph.relations.axis_rules import OwnRule, Rows, Shape, Whole, inverse
from rfgraph.relations.bounds import bounded
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.relations.reading import Mask, positions_read, rows_read
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.relation import Relation
    from rfgraph.relations.steps import Everything, Places


Masks: TypeAlias = tuple[Mask, ...]


def read_positions(
    graph: Graph,
    source: str,
    target: str,
    index: Sequence[int | None] | None = None,
    continued: Mapping[str, Sequence[Edge]] | None = None,
) -> Masks | None:
    """Return per axis of graph input `source` which positions the units of `target` read.

    `index` restricts the units (None on an axis: all of it); `continued` are edges in place of the
    graph's. None if nothing is read. Raises BoundError for axes too long to tabulate.
    """
    for length in input_shape(graph, source):
        bounded(length)
    chosen = _chosen(shape_of(graph, target) or (), index or ())
    for name, masks in _ReadPositions({}, continued).from_target(graph, target, chosen):
        if name == source:
            return masks
    return None


def _chosen(shape: Shape, index: Sequence[int | None]) -> Masks:
    """Return the positions of the units at `index` (None: all of an axis)."""
    chosen = [_alike(length, read=True) for length in shape]
    for axis, at in enumerate(index):
        if at is not None:
            bounded(shape[axis])
            chosen[axis] = np.zeros(shape[axis], dtype=bool)
            chosen[axis][at] = True
    return tuple(chosen)


def carry_back(masks: Masks, relation: Relation) -> Masks:
    """Return which positions of the relation's input the given positions of its output read."""
    return _ReadPositions({}).carry(masks, relation)


class _ReadPositions(Joining[Masks]):
    """Per axis of a tensor which of its positions are read."""

    backward = True

    def pointwise(self, value: Masks, old: Shape, new: Shape) -> Masks:
        return tuple(
            mask if len(mask) == length else _alike(length, read=_is_any(mask))
            for mask, length in zip(value[len(new) - len(old) :], old, strict=True)
        )

    def permute(self, value: Masks, perm: tuple[int, ...], old: Shape) -> Masks:
        return tuple(value[axis] for axis in inverse(perm))

    def regroup(self, value: Masks, old: Shape, new: Shape) -> Masks:
        return _regroup_back(value, old, new)

    def gathered(self, value: Masks, places: Places, old: Shape, new: Shape) -> Masks:
        return _gathered_back(value, old, places)

    def along(self, value: Masks, axis: int, rule: OwnRule, shape: Shape) -> Masks:
        if isinstance(rule, Whole):
            read = _alike(rule.in_len, read=_is_any(value[axis]))
        else:
            bounded(max(rule.in_len, rule.out_len))
            read = positions_read(rule, value[axis])
        return (*value[:axis], read, *value[axis + 1 :])

    def rows(self, value: Masks, axis: int, rule: Rows, shape: Shape) -> Masks:
        bounded(rule.in_len)
        return (*value[:axis], rows_read(rule, value), *value[axis + 1 :])

    def everything(self, value: Masks, step: Everything, old: Shape) -> Masks:
        return tuple(_alike(length, read=True) for length in old)

    def join(self, first: Masks, second: Masks) -> Masks:
        return tuple(map(_either, first, second))

    def is_nothing(self, value: Masks) -> bool:
        return not all(map(_is_any, value))


def _alike(length: int, *, read: bool) -> Mask:
    """Return a mask that says the same of all positions, however many they are."""
    return np.broadcast_to(np.bool_(read), (length,))


def _is_all(mask: Mask) -> bool:
    return bool(mask[0] if mask.strides == (0,) and len(mask) else mask.all())


def _is_any(mask: Mask) -> bool:
    return bool(mask[0] if mask.strides == (0,) and len(mask) else mask.any())


def _either(first: Mask, second: Mask) -> Mask:
    if _is_all(first):
        return first
    return second if _is_all(second) else np.logical_or(first, second)


def _regroup_back(masks: Masks, old: Shape, new: Shape) -> Masks:
    back: list[Mask] = [np.ones(1, dtype=bool)] * len(old)
    for before, after in regroup_plan(old, new):
        if len(before) == len(after) == 1:
            back[before[0]] = masks[after[0]]
            continue
        if all(_is_all(masks[axis]) for axis in after):
            for axis in before:
                back[axis] = _alike(old[axis], read=True)
            continue
        # A flag takes a sixteenth of what an entry of a table does.
        bounded(math.prod(old[axis] for axis in before) // 16)
        flat = np.ones(1, dtype=bool)
        for axis in after:
            flat = np.logical_and.outer(flat, masks[axis]).reshape(-1)
        joint = flat.reshape([old[axis] for axis in before])
        for place, axis in enumerate(before):
            others = tuple(k for k in range(len(before)) if k != place)
            back[axis] = np.asarray(joint.any(axis=others))
    return tuple(back)


def _gathered_back(masks: Masks, shape: Shape, places: Places) -> Masks:
    chosen = np.ones(1, dtype=bool)
    for axis, mask in enumerate(masks):
        # Along an axis along which no place varies all positions are as good as one.
        varies = any(place.shape[axis] > 1 for place in places)
        chosen = np.logical_and.outer(chosen, mask if varies else mask.any(keepdims=True))
    back = [np.zeros(length, dtype=bool) for length in shape]
    for read, place in zip(back, places, strict=True):
        at = np.broadcast_to(place, chosen.shape[1:])[chosen[0]]
        read[at[at >= 0]] = True
    return tuple(back)
