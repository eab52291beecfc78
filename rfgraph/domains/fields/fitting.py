"""A table in fewer words: the axes on which it truly depends, and the periodic map that it is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap
from rfgraph.domains.tables import NOTHING, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.reading import Ints


# So many units are looked at before a table is compared as a whole, block by block.
PROBES = 24
BLOCK = 1 << 16
MAX_COMPARED = 1 << 28
# Larger than any position that is tabulated lies from another.
WIDE = 1 << 61


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
        if int((lo <= hi).sum(axis=axis).max()) < 2:
            # Where units along it never meet, nothing tells a mask from a dependence.
            continue
        one = folded(Table(lo, hi), (axis,))
        if bool(((lo > hi) | ((lo == one.lo) & (hi == one.hi))).all()):
            lo, hi = one
            found.discard(axis)
    return frozenset(found & table.axes)


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

    None if there is none: a period must be seen more than twice, a line needs two positions. None
    as well where so many periods are refuted late that comparing would exceed MAX_COMPARED.
    """
    lo, hi = table.lo.reshape(-1), table.hi.reshape(-1)
    there = lo <= hi
    first = int(there.argmax())
    if table.lo.shape[axis] > MAX_PERIOD:
        period = _period(lo, hi)
    else:
        # Single paths mostly differ by where they read, and by how much, alone.
        moved = np.where(there, lo - lo[first], 0), np.where(there, hi - hi[first], 0)
        period = _known_period(there.tobytes(), moved[0].tobytes(), moved[1].tobytes())
    return None if period is None else _map_of(lo, hi, first, period)


@lru_cache(maxsize=256)
def _known_period(there: bytes, lo: bytes, hi: bytes) -> int | None:
    """Return the period of a table that reads first from 0 to 0, and nothing where not `there`."""
    reads = np.frombuffer(there, dtype=bool)
    low, high = (np.frombuffer(side, dtype=np.int64) for side in (lo, hi))
    return _period(np.where(reads, low, NOTHING), np.where(reads, high + WIDE, -NOTHING))


def _period(lo: Ints, hi: Ints) -> int | None:
    """Return the least number of units after which a table repeats, moved on; None if none fits."""
    length = len(lo)
    empty = lo > hi
    first = int(empty.argmin())
    last = max(2, min((length + 1) // 2, MAX_PERIOD + 1))
    periods = np.arange(1, min(last, length - first))
    periods = periods[~empty[first + periods]]
    for unit in sorted({first, *(length * k // (2 * PROBES) for k in range(PROBES))}):
        periods = _unrefuted(lo, hi, first, periods, unit)
        if not len(periods):
            return None
    compared = 0
    while len(periods) and compared <= MAX_COMPARED:
        misfit = _misfit(lo, hi, first, int(periods[0]))
        if misfit is None:
            return int(periods[0])
        # The unit that refutes one period mostly refutes the next ones too.
        periods = _unrefuted(lo, hi, first, periods[1:], misfit)
        compared += misfit
    return None


def _unrefuted(lo: Ints, hi: Ints, first: int, periods: Ints, unit: int) -> Ints:
    """Return the periods that one unit does not refute; `first` reads something."""
    beyond = periods + unit >= len(lo)
    there = np.minimum(periods + unit, len(lo) - 1)
    is_empty = bool(lo[unit] > hi[unit])
    fits = (lo[there] > hi[there]) == is_empty
    if not is_empty:
        shift = lo[first + periods] - lo[first]
        fits &= (lo[there] - lo[unit] == shift) & (hi[there] - hi[unit] == shift)
    kept: Ints = periods[fits | beyond]
    return kept


def _misfit(lo: Ints, hi: Ints, first: int, p: int) -> int | None:
    """Return a unit that does not read what the one `p` further reads, shifted; None if all do.

    `first` and the unit `p` further read something.
    """
    shift = lo[first + p] - lo[first]
    for begin in range(0, len(lo) - p, BLOCK):
        near = slice(begin, min(begin + BLOCK, len(lo) - p))
        far = slice(near.start + p, near.stop + p)
        there = lo[near] <= hi[near]
        wrong = there != (lo[far] <= hi[far])
        wrong |= there & ((lo[far] - lo[near] != shift) | (hi[far] - hi[near] != shift))
        if wrong.any():
            return begin + int(wrong.argmax())
    return None


def _map_of(lo: Ints, hi: Ints, first: int, p: int) -> PeriodicMap:
    spans = tuple(
        (low, high) if low <= high else None
        for low, high in zip(lo[:p].tolist(), hi[:p].tolist(), strict=True)
    )
    return PeriodicMap(p, int(lo[first + p] - lo[first]), spans)
