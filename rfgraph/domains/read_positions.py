"""Which input positions are read at all: sets of positions per axis, carried backward.

For relations that treat axes apart the projections are exact; where a Reshape mixes axes, what is
carried on is the product of the projections, which may hold a position too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rfgraph.domains.tables import along, ramp
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Rows,
    SelectRule,
    Shape,
    Shift,
    TapRule,
    Transposed,
    Whole,
    Window,
    product,
    progressions,
)
from rfgraph.relations.bounds import bounded
from rfgraph.relations.graph import _backward
from rfgraph.relations.steps import Everything, Permute, Pointwise, Regroup, Step, regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


Mask: TypeAlias = NDArray[np.bool_]
Masks: TypeAlias = tuple[Mask, ...]
# The rules by which a position of an axis alone says what is read of it.
OwnRule: TypeAlias = TapRule | SelectRule | Whole | Blocks | Band


def read_positions(
    graph: Graph, source: str, target: str, index: Sequence[int | None] | None = None
) -> Masks | None:
    """Return per axis of graph input `source` which positions the units of `target` read.

    `index` restricts the units (None on an axis: all of it). None if nothing is read. Raises
    BoundError for axes too long to tabulate.
    """
    needed: dict[str, Masks] = {target: _chosen(graph.nodes[target]["shape"] or (), index or ())}
    for name in _backward(graph, target):
        masks = needed.pop(name, None)
        if masks is None:
            continue
        if name == source:
            return masks
        for before, edges in graph.pred[name].items():
            for data in edges.values():
                if data["relation"].is_void:
                    continue
                read = carry_back(masks, data["relation"])
                if all(mask.any() for mask in read):
                    known = needed.get(before, read)
                    needed[before] = tuple(map(np.logical_or, known, read))
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


def carry_back(masks: Masks, relation: Relation) -> Masks:
    """Return which positions of the relation's input the given positions of its output read."""
    if relation.is_identity:
        return masks
    for step, shape in reversed(tuple(zip(relation.steps, relation.shapes, strict=False))):
        masks = _step_back(masks, step, shape)
    return masks


def _step_back(masks: Masks, step: Step, shape: Shape) -> Masks:
    if isinstance(step, Everything):
        some = all(mask.any() for mask in masks)
        for length in shape:
            bounded(length)
        return tuple(np.full(length, some) for length in shape)
    if isinstance(step, Pointwise):
        extra = len(masks) - len(shape)
        return tuple(
            mask if len(mask) == length else np.full(length, mask.any())
            for mask, length in zip(masks[extra:], shape, strict=True)
        )
    if isinstance(step, Permute):
        back = sorted(range(len(step.perm)), key=step.perm.__getitem__)
        return tuple(masks[axis] for axis in back)
    if isinstance(step, Regroup):
        return _regroup_back(masks, shape, step.shape)
    changed = list(masks)
    for axis, rule in reversed(step.rules):
        bounded(rule.in_len)
        if isinstance(rule, Rows):
            changed[axis] = _rows_read(rule, changed)
        else:
            changed[axis] = positions_read(rule, changed[axis])
    return tuple(changed)


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


def _rows_read(rule: Rows, masks: Sequence[Mask]) -> Mask:
    """Return which positions the chosen rows read; the axis they come from is all chosen."""
    rows = np.ones(1, dtype=bool)
    for axis in rule.axes:
        rows = np.logical_and.outer(rows, masks[axis]).reshape(-1)
    return np.asarray(rule.flags()[rows].any(axis=0))


def positions_read(rule: OwnRule, mask: Mask) -> Mask:
    """Return which positions of an axis are read by the output positions of `mask`."""
    read = np.zeros(rule.in_len, dtype=bool)
    chosen = np.nonzero(mask)[0]
    if len(chosen) == 0 or rule.in_len == 0:
        return read
    if isinstance(rule, Whole):
        read[:] = True
    elif isinstance(rule, Blocks):
        size = max(rule.out_len // rule.groups, 1)
        blocks = np.zeros(rule.groups, dtype=bool)
        blocks[chosen // size] = True
        read = blocks.repeat(rule.in_len // rule.groups)
    elif isinstance(rule, Listed):
        for o in chosen:
            there = [tap for tap in rule.lists[o] if 0 <= tap < rule.in_len]
            read[there] = True
    elif isinstance(rule, Band):
        _read_band(rule, chosen, read)
    elif isinstance(rule, Window | Transposed) or (isinstance(rule, Resample) and not rule.crop):
        _read_progressions(rule, chosen, read)
    else:
        _read_single(rule, chosen, read)
    return read


def _read_band(rule: Band, chosen: NDArray[np.intp], read: Mask) -> None:
    delta = np.zeros(rule.in_len + 1, dtype=np.int64)
    low = np.zeros_like(chosen) if rule.before is None else np.maximum(chosen - rule.before, 0)
    top = rule.in_len - 1
    high = np.full_like(chosen, top) if rule.after is None else np.minimum(chosen + rule.after, top)
    there = low <= high
    np.add.at(delta, low[there], 1)
    np.add.at(delta, high[there] + 1, -1)
    read[:] = np.cumsum(delta)[:-1] > 0


def _read_progressions(
    rule: Window | Transposed | Resample, chosen: NDArray[np.intp], read: Mask
) -> None:
    first, step, count = progressions(rule)
    first, count = first[chosen], count[chosen]
    bounded(len(chosen) * max(int(count.max(initial=0)), 1) // 64)
    for tap in range(int(count.max(initial=0))):
        at = (first + tap * step)[count > tap]
        if isinstance(rule, Resample) and rule.clamp:
            at = np.clip(at, 0, rule.in_len - 1)
        read[at[(at >= 0) & (at < rule.in_len)]] = True


def _read_single(
    rule: Shift | Repeat | Pick | Resample, chosen: NDArray[np.intp], read: Mask
) -> None:
    """Mark what is read by rules of at most one position, or around a cropped coordinate."""
    if isinstance(rule, Resample):
        for o in chosen:
            if 0 <= rule.coordinate(int(o)) <= rule.in_len - 1:
                at = np.clip(np.array(rule.taps(int(o)), dtype=np.int64), 0, rule.in_len - 1)
                read[at] = True
        return
    table = along(ramp((rule.in_len,), 0), 0, rule, clipped=True)
    lo = np.broadcast_to(table.lo, (rule.out_len,))[chosen]
    hi = np.broadcast_to(table.hi, (rule.out_len,))[chosen]
    read[lo[lo <= hi]] = True
