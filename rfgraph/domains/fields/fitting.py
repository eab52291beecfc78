"""A table in fewer words: the axes on which it truly depends, and the periodic map that it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap
from rfgraph.domains.tables import Table
from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.reading import Ints


def fold(table: Table, axes: Iterable[int]) -> Table:
    """Return the hulls over `axes`."""
    lo, hi = table
    for axis in sorted(axes):
        lo, hi = lo.min(axis=axis, keepdims=True), hi.max(axis=axis, keepdims=True)
    return Table(lo, hi)


def depends(table: Table, candidates: Iterable[int]) -> frozenset[int]:
    """Return the axes on which the intervals depend, of `candidates`; the others only mask.

    An axis only masks if all units along it that read anything read the same.
    """
    lo, hi = table
    axes = set(candidates)
    for axis in sorted(axes & table.axes):
        if int((lo <= hi).sum(axis=axis).max()) < 2:
            # Where units along it never meet, nothing tells a mask from a dependence.
            continue
        one = fold(Table(lo, hi), (axis,))
        if bool(((lo > hi) | ((lo == one.lo) & (hi == one.hi))).all()):
            lo, hi = one
            axes.discard(axis)
    return frozenset(axes & table.axes)


def direction(table: Table, axis: int) -> int:
    """Return 1 if the intervals never move back along an axis, -1 if never forth, else 0."""
    lo, hi = table
    there = lo <= hi
    for way in (1, -1):
        later, earlier = (np.flip(lo, axis), hi) if way > 0 else (lo, np.flip(hi, axis))
        least = np.minimum.accumulate(later, axis=axis)
        most = np.maximum.accumulate(earlier, axis=axis)
        least, most = (np.flip(least, axis), most) if way > 0 else (least, np.flip(most, axis))
        if bool((~there | ((lo == least) & (hi == most))).all()):
            return way
    return 0


def is_shared(table: Table) -> bool:
    """Whether all units that read anything read one position in common."""
    lo, hi = table
    there = lo <= hi
    return int(lo[there].max()) <= int(hi[there].min())


def fit(table: Table, axis: int) -> PeriodicMap | None:
    """Return the map of least period that says what a table that varies along `axis` alone says.

    None if there is none: a period must be seen more than twice, a line needs two positions.
    """
    lo, hi = table.lo.reshape(-1), table.hi.reshape(-1)
    first = int((lo <= hi).argmax())
    period = _period(lo, hi, first) if lo[first] <= hi[first] else None
    return None if period is None else _map_of(lo, hi, first, period)


def continue_past(table: Table, axis: int, places: range) -> Table | None:
    """Return a full table at consecutive `places` of an axis, past its ends by its own period.

    None if no period fits all that it has along other axes, as seldom as `fit` asks for.
    """
    lo, hi = (np.moveaxis(side, axis, 0) for side in table)
    columns = np.unique(np.stack((lo, hi)).reshape(2, len(lo), -1), axis=2)
    pairs = [columns[:, :, number] for number in range(columns.shape[2])]
    periods = [_period(pair[0], pair[1], 0) for pair in pairs] if table.is_full else []
    if not periods or None in periods:
        return None
    p = math.lcm(*filter(None, periods))
    if p > min(MAX_PERIOD, (len(lo) - 1) // 2) or len(np.unique(lo[p] - lo[0])) > 1:
        return None
    turns, phases = np.divmod(np.arange(places.start, places.stop, dtype=np.int64), p)
    check_size(lo[0].size * len(places))
    moved = (turns * (lo[p] - lo[0]).item(0)).reshape(-1, *[1] * (lo.ndim - 1))
    return Table(*(np.moveaxis(side[phases] + moved, 0, axis) for side in (lo, hi)))


def _period(lo: Ints, hi: Ints, first: int) -> int | None:
    """Return the least number of units after which a table repeats, moved on; None if none fits.

    `first` is the first unit that reads something. What repeats are the lengths of all units, and
    how far each lies from the one before that reads something.
    """
    there = lo <= hi
    most = min(max(1, (len(lo) - 1) // 2), MAX_PERIOD, len(lo) - first - 1)
    moves, places = np.zeros_like(lo), there.nonzero()[0]
    moves[places[1:]] = lo[places[1:]] - lo[places[:-1]]
    lengths, moves = np.where(there, hi - lo, -1), moves[first + 1 :]
    lines = [line.tobytes() for side in (lengths, moves) for line in (side, side[::-1])]
    size = lo.itemsize
    at = size * (first + 1)
    while at <= size * most:
        # A line repeats where its beginning, and that of the reversed line, stand once more.
        place = at
        for line in lines:
            place = line.find(line[: len(line) - size * most], place)
            if place < 0:
                return None
        if place == at:
            return at // size
        at = place + -place % size
    return None


def _map_of(lo: Ints, hi: Ints, first: int, p: int) -> PeriodicMap:
    spans = tuple(
        (low, high) if low <= high else None
        for low, high in zip(lo[:p].tolist(), hi[:p].tolist(), strict=True)
    )
    return PeriodicMap(p, int(lo[first + p] - lo[first]), spans)
