"""Intervals tabulated for the units that exist, and what each axis rule does to them.

A table is a pair of integer arrays that broadcast to the tensor's shape (length 1 on every axis
along which they are constant). A unit that reads nothing has lo = NOTHING > hi = -NOTHING, so that
joins are plain minima and maxima.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from rfgraph.errors import BoundError
from rfgraph.relations import bounds
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    OwnRule,
    Pick,
    Repeat,
    Rows,
    Shape,
    Shift,
    Whole,
    along_axis,
    inverse,
)
from rfgraph.relations.bounds import check_size, count_entries
from rfgraph.relations.reading import Ints, existing_taps, indices, reads_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# What is read along an axis, both ends included; None is nothing.
Span: TypeAlias = "tuple[int, int] | None"

NOTHING = 1 << 62
MAX_VALUE = 1 << 60

_HULL = (np.minimum, np.maximum)


class Table(NamedTuple):
    """lo and hi of every unit that exists."""

    lo: Ints
    hi: Ints

    @property
    def axes(self) -> frozenset[int]:
        """The tensor axes along which it varies."""
        return frozenset([axis for axis, length in enumerate(self.lo.shape) if length > 1])

    @property
    def is_full(self) -> bool:
        """Whether every unit reads something."""
        return bool((self.lo <= self.hi).all())

    @property
    def is_empty(self) -> bool:
        """Whether no unit reads anything."""
        return bool((self.lo > self.hi).all())


def count_table(table: Table) -> Table:
    """Return the table, whose entries count against the bounds for as long as it lives."""
    count_entries(table.lo)
    return table


def ramp(shape: Shape, axis: int) -> Table:
    """Return the table of a tensor that reads its own position along `axis`."""
    check_size(shape[axis])
    dims = along_axis(shape[axis], axis, len(shape))
    position = np.arange(shape[axis], dtype=np.int64).reshape(dims)
    return Table(position, position)


def from_spans(spans: Sequence[Span], rank: int, axis: int) -> Table:
    """Return the table that varies along one axis only; BoundError if a value is too large."""
    pairs = [(NOTHING, -NOTHING) if span is None else span for span in spans]
    if any(span is not None and max(map(abs, span)) > MAX_VALUE for span in spans):
        raise BoundError(f"a tabulated position exceeds MAX_VALUE ({MAX_VALUE})")
    dims = along_axis(len(spans), axis, rank)
    array = np.array(pairs, dtype=np.int64).reshape(len(spans), 2)
    return Table(array[:, 0].reshape(dims), array[:, 1].reshape(dims))


def join(first: Table, second: Table) -> Table:
    """Return the union, one of both if it has what the other reads; shapes must broadcast."""
    shape = np.broadcast_shapes(first.lo.shape, second.lo.shape)
    check_size(math.prod(shape))
    lo, hi = np.minimum(first.lo, second.lo), np.maximum(first.hi, second.hi)
    for one in (first, second):
        if np.array_equal(lo, one.lo) and np.array_equal(hi, one.hi):
            return one
    return count_table(Table(lo, hi))


def keep_where(table: Table, mask: NDArray[np.bool_]) -> Table:
    """Return the table with nothing read where `mask` (broadcastable) is false."""
    check_size(math.prod(np.broadcast_shapes(table.lo.shape, mask.shape)))
    return count_table(Table(np.where(mask, table.lo, NOTHING), np.where(mask, table.hi, -NOTHING)))


def hull(table: Table, rank: int) -> Table:
    """Return the table of a tensor of `rank` whose units read what any of this one does."""
    dims = (1,) * rank
    lo = table.lo.min(initial=NOTHING).reshape(dims)
    return Table(np.asarray(lo), np.asarray(table.hi.max(initial=-NOTHING).reshape(dims)))


def permute(table: Table, perm: tuple[int, ...]) -> Table:
    """Return the table with its axes in another order."""
    return Table(table.lo.transpose(perm), table.hi.transpose(perm))


def broadcast(table: Table, rank: int) -> Table:
    """Return the table with leading axes added up to `rank`."""
    dims = (1,) * (rank - table.lo.ndim) + table.lo.shape
    return Table(table.lo.reshape(dims), table.hi.reshape(dims))


def gather(table: Table, places: Sequence[Ints]) -> Table:
    """Return the table of a tensor whose elements are those at `places`; -1 reads nothing."""
    check_size(math.prod(np.broadcast_shapes(*(place.shape for place in places))))
    at = tuple(
        np.maximum(place, 0) if length > 1 else np.zeros_like(place)
        for place, length in zip(places, table.lo.shape, strict=True)
    )
    moved = squeeze(Table(table.lo[at], table.hi[at]))
    there = places[0] >= 0
    return count_table(moved) if bool(there.all()) else keep_where(moved, there)


def squeeze(table: Table) -> Table:
    """Return the table without the axes along which it is constant."""
    lo, hi = table
    for axis in sorted(table.axes):
        first = (slice(None),) * axis + (slice(1),)
        if bool((lo == lo[first]).all()) and bool((hi == hi[first]).all()):
            lo, hi = lo[first], hi[first]
    return table if lo is table.lo else count_table(Table(lo.copy(), hi.copy()))


def along(table: Table, axis: int, rule: OwnRule, *, clipped: bool) -> Table:
    """Return the table of a tensor that reads this one along `axis` by `rule`.

    Nothing lies beyond a table: reflect, edge and wrap padding reads what the model reads there.
    `clipped` says whether an axis along which all positions read the same has an end either.
    The axis has positions: what leads through a tensor without elements is void, and not asked.
    """
    return count_table(_along(table, axis, rule, clipped=clipped))


def _along(table: Table, axis: int, rule: OwnRule, *, clipped: bool) -> Table:
    in_len, out_len = rule.in_len, rule.out_len
    varies = table.lo.shape[axis] > 1
    if isinstance(rule, Whole):
        return _whole(table, axis)
    if not varies:
        return _where_read(table, axis, rule, clipped=clipped)
    check_size(table.lo.size // in_len * max(out_len, 1))
    if isinstance(rule, Blocks):
        return _blocks(table, axis, rule)
    if isinstance(rule, Band):
        if rule.window is None:
            return _prefix(table, axis, rule)
        rule = rule.window
    if isinstance(rule, (Shift, Repeat, Pick)):
        places = indices(rule)
        return _ends(table, axis, places, places)
    if isinstance(rule, Listed):
        return _along_list(table, axis, rule)
    return window_hulls(table, axis, *existing_taps(rule))


def _whole(table: Table, axis: int) -> Table:
    return Table(table.lo.min(axis=axis, keepdims=True), table.hi.max(axis=axis, keepdims=True))


def _where_read(table: Table, axis: int, rule: OwnRule, *, clipped: bool) -> Table:
    reads = reads_any(rule, clipped=clipped)
    if reads is None or bool(reads.all()):
        return table
    return keep_where(table, reads.reshape(along_axis(len(reads), axis, table.lo.ndim)))


def _ends(table: Table, axis: int, first: Ints, last: Ints) -> Table:
    """Return lo of the first and hi of the last places along an axis; -1 reads nothing."""
    there = first >= 0
    lo, hi = (
        array.take(at, axis=axis, mode="clip")
        for array, at in zip(table, (first, last), strict=True)
    )
    if there.all():
        return Table(lo, hi)
    return keep_where(Table(lo, hi), there.reshape(along_axis(len(first), axis, table.lo.ndim)))


def _blocks(table: Table, axis: int, rule: Blocks) -> Table:
    shape = table.lo.shape
    split = (*shape[:axis], rule.groups, rule.in_len // rule.groups, *shape[axis + 1 :])
    lo = table.lo.reshape(split).min(axis=axis + 1)
    hi = table.hi.reshape(split).max(axis=axis + 1)
    repeats = rule.out_len // rule.groups
    return Table(lo.repeat(repeats, axis=axis), hi.repeat(repeats, axis=axis))


def _prefix(table: Table, axis: int, rule: Band) -> Table:
    """Everything before (or after, or both) a bound that moves with the position."""
    if rule.before is None and rule.after is None:
        return _whole(table, axis)
    if rule.before is None:
        lo = np.minimum.accumulate(table.lo, axis=axis)
        hi = np.maximum.accumulate(table.hi, axis=axis)
        at = np.arange(rule.out_len, dtype=np.int64) + (rule.after or 0)
        at = np.minimum(at, rule.in_len - 1)
    else:
        lo, hi = (np.flip(array, axis) for array in table)
        lo = np.flip(np.minimum.accumulate(lo, axis=axis), axis)
        hi = np.flip(np.maximum.accumulate(hi, axis=axis), axis)
        at = np.maximum(np.arange(rule.out_len, dtype=np.int64) - rule.before, 0)
        at = np.where(at < rule.in_len, at, -1)
    at = np.maximum(at, -1)
    return _ends(Table(lo, hi), axis, at, at)


def rows(table: Table, axis: int, rule: Rows) -> Table:
    """Return the table of a tensor of whose rows each reads what is kept of `axis`."""
    kept = rule.flags()
    if table.lo.shape[axis] == 1:
        some = np.asarray(kept.any(axis=1))
        return (
            table
            if bool(some.all())
            else keep_where(table, _place_flags(some, rule, table.lo.ndim))
        )
    perm = (*rule.axes, axis, *(a for a in range(table.lo.ndim) if a not in (*rule.axes, axis)))
    moved = permute(table, perm).lo.shape
    own, rest = moved[: len(rule.axes)], moved[len(rule.axes) + 1 :]
    row, position = np.nonzero(kept)
    check_size(len(kept) * math.prod(rest))
    if len(row) * math.prod(rest) > bounds.MAX_TABLE:
        raise BoundError(f"rows read more entries than MAX_TABLE ({bounds.MAX_TABLE})")
    # Along an axis that the table does not vary along, its only row serves them all.
    numbers = np.broadcast_to(np.arange(math.prod(own)).reshape(own), rule.lengths).reshape(-1)
    there = numbers[row] * rule.in_len + position
    counts = kept.sum(axis=1)
    lo, hi = (
        reduced.reshape((*rule.lengths, 1, *rest)).transpose(inverse(perm))
        for reduced in _reduce(permute(table, perm), (-1, math.prod(rest)), there, counts)
    )
    return count_table(Table(lo, hi))


def _place_flags(flags: NDArray[np.bool_], rule: Rows, rank: int) -> NDArray[np.bool_]:
    """Return a flag for each row with the rows' axes where they belong in a tensor of `rank`."""
    dims = [1] * rank
    for place, length in zip(rule.axes, rule.lengths, strict=True):
        dims[place] = length
    order = sorted(range(len(rule.axes)), key=rule.axes.__getitem__)
    return flags.reshape(rule.lengths).transpose(order).reshape(dims)


def _reduce(table: Table, shape: tuple[int, int], there: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Reduce, for each of `counts` in turn, so many of the rows `there` of a table of `shape`."""
    some = counts > 0
    starts = (np.cumsum(counts) - counts)[some]
    sides = []
    for array, reducer, neutral in zip(table, _HULL, (NOTHING, -NOTHING), strict=True):
        values = array.reshape(shape)
        out = np.full((len(counts), values.shape[1]), neutral, dtype=np.int64)
        if len(starts):
            out[some] = reducer.reduceat(values[there], starts, axis=0)
        sides.append(out)
    return sides[0], sides[1]


def _along_list(table: Table, axis: int, rule: Listed) -> Table:
    inside = [[tap for tap in taps if 0 <= tap < rule.in_len] for taps in rule.lists]
    counts = np.array([len(taps) for taps in inside], dtype=np.int64)
    there = np.array([tap for taps in inside for tap in taps], dtype=np.int64)
    moved = Table(*(np.moveaxis(array, axis, 0) for array in table))
    rest = moved.lo.shape[1:]
    lo, hi = (
        np.moveaxis(reduced.reshape((len(counts), *rest)), 0, axis)
        for reduced in _reduce(moved, (-1, math.prod(rest)), there, counts)
    )
    return Table(lo, hi)


def window_hulls(table: Table, axis: int, first: Ints, step: int, count: Ints) -> Table:
    """Return hulls of arithmetic progressions of positions: `count` from `first`, `step` apart."""
    there = count > 0
    if all(_rises(array, axis) for array in table):
        return _ends(table, axis, np.where(there, first, -1), first + (count - 1) * step)
    levels = np.frexp(np.maximum(count, 1).astype(np.float64))[1] - 1
    doubled = []
    for level in range(int(levels.max(initial=0)) + 1):
        rows = np.nonzero((levels == level) & there)[0]
        begin = first[rows]
        doubled.append((rows, begin, begin + (count[rows] - (1 << level)) * step))
    sides = []
    for array, reducer, neutral in zip(table, _HULL, (NOTHING, -NOTHING), strict=True):
        source = np.moveaxis(array, axis, 0) if axis else array
        out = np.full((len(first), *source.shape[1:]), neutral, dtype=np.int64)
        _reduce_ranges(source, out, step, doubled, reducer)
        sides.append(np.moveaxis(out, 0, axis) if axis else out)
    return Table(*sides)


def _rises(array: Ints, axis: int) -> bool:
    """Whether no position along an axis has less than the one before: ends have the extremes."""
    before = (slice(None),) * axis
    return bool((array[(*before, slice(1, None))] >= array[(*before, slice(-1))]).all())


def _reduce_ranges(
    source: Ints, out: Ints, step: int, doubled: Sequence[tuple[Ints, Ints, Ints]], reducer: Any
) -> None:
    """Reduce progressions by doubling: what is `doubled` j times covers 2**j taps.

    Each is said by its row and where the first and the last 2**j of its taps begin.
    """
    for level, (rows, begin, end) in enumerate(doubled):
        if level:
            offset = step << level - 1
            source = reducer(source[:-offset], source[offset:])
        if len(rows):
            out[rows] = reducer(source[begin], source[end])
