"""What a table says in fewer words: on which axes it truly depends, and the periodic map that it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap
from rfgraph.domains.table import NOTHING, Ints, Table


def squeezed(table: Table) -> Table:
    """Return the table without the axes along which it is constant."""
    lo, hi = table
    for axis in sorted(table.axes):
        first_lo, first_hi = lo.take([0], axis=axis), hi.take([0], axis=axis)
        if bool((lo == first_lo).all()) and bool((hi == first_hi).all()):
            lo, hi = first_lo, first_hi
    return Table(lo, hi)


def folded(table: Table, axes: Iterable[int]) -> Table:
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
    found = set(candidates)
    for axis in sorted(found & table.axes):
        one = folded(Table(lo, hi), (axis,))
        if bool(((lo > hi) | ((lo == one.lo) & (hi == one.hi))).all()):
            lo, hi = one
            found.discard(axis)
    return frozenset(found & table.axes)


def fit(table: Table, axis: int) -> PeriodicMap | None:
    """Return the map of least period that says what a table that varies along `axis` alone says.

    None if there is none: a period must be seen more than twice, a line needs two positions.
    """
    lo, hi = table.lo.reshape(-1), table.hi.reshape(-1)
    length = table.lo.shape[axis]
    empty = lo > hi
    if bool(empty.all()):
        return None
    for p in range(1, max(2, min((length + 1) // 2, MAX_PERIOD + 1))):
        if p < length and _fits(lo, hi, empty, p):
            return _map_of(lo, hi, empty, p)
    return None


def _fits(lo: Ints, hi: Ints, empty: NDArray[np.bool_], p: int) -> bool:
    if not np.array_equal(empty[p:], empty[:-p]):
        return False
    there = ~empty[p:]
    step = (lo[p:] - lo[:-p])[there]
    if step.size == 0:
        return False
    return bool((step == step[0]).all() and ((hi[p:] - hi[:-p])[there] == step[0]).all())


def _map_of(lo: Ints, hi: Ints, empty: NDArray[np.bool_], p: int) -> PeriodicMap:
    there = np.nonzero(~empty[p:])[0][0]
    spans = tuple(None if empty[r] else (int(lo[r]), int(hi[r])) for r in range(p))
    return PeriodicMap(p, int(lo[there + p] - lo[there]), spans)
