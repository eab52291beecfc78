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
    AxisRule,
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
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.steps import Everything


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
    chosen = _chosen(graph.nodes[target]["shape"] or (), index or ())
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
            read = _rows_read(rule, value)
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
