"""A table in fewer words: the axes on which it truly depends, and the periodic map that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap
from rfgraph.domains.table import Ints, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# So many units are looked at before a table is compared as a whole.
PROBES = 24
MAX_COMPARED = 1 << 28


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

    None if there is none: a period must be seen more than twice, a line needs two positions. None as
    well where so many periods are refuted late that comparing would exceed MAX_COMPARED.
    """
    lo, hi = table.lo.reshape(-1), table.hi.reshape(-1)
    length = table.lo.shape[axis]
    empty = lo > hi
    if bool(empty.all()) or length < 2:
        return None
    compared = 0
    for p in _candidates(lo, hi, empty):
        if _misfit(lo, hi, empty, p) is None:
            return _map_of(lo, hi, empty, p)
        compared += length
        if compared > MAX_COMPARED:
            return None
    return None


def _candidates(lo: Ints, hi: Ints, empty: NDArray[np.bool_]) -> list[int]:
    """Return the periods that a few units, spread over the first half, do not refute, least first."""
    length = len(lo)
    first = int(empty.argmin())
    last = max(2, min((length + 1) // 2, MAX_PERIOD + 1))
    periods = np.arange(1, min(last, length - first))
    periods = periods[~empty[first + periods]]
    for unit in sorted({first, *(length * k // (2 * PROBES) for k in range(PROBES))}):
        beyond = periods + unit >= length
        there = np.minimum(periods + unit, length - 1)
        fits = empty[there] == empty[unit]
        if not empty[unit]:
            shift = lo[first + periods] - lo[first]
            fits &= (lo[there] - lo[unit] == shift) & (hi[there] - hi[unit] == shift)
        periods = periods[fits | beyond]
    return [int(p) for p in periods]


def _misfit(lo: Ints, hi: Ints, empty: NDArray[np.bool_], p: int) -> int | None:
    """Return a unit that does not read what the one `p` further reads, shifted; None if all do."""
    wrong = empty[p:] != empty[:-p]
    there = ~(empty[p:] | empty[:-p])
    if not there.any():
        return 0
    step = lo[p:] - lo[:-p]
    shift = step[there.argmax()]
    wrong |= there & ((step != shift) | (hi[p:] - hi[:-p] != shift))
    return int(wrong.argmax()) if wrong.any() else None


def _map_of(lo: Ints, hi: Ints, empty: NDArray[np.bool_], p: int) -> PeriodicMap:
    there = np.nonzero(~empty[p:])[0][0]
    spans = tuple(None if empty[r] else (int(lo[r]), int(hi[r])) for r in range(p))
    return PeriodicMap(p, int(lo[there + p] - lo[there]), spans)
