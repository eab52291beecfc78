"""The interior of an irregular field: the units between its borders that one period fits.

A unit near a border may read less than others (a stream's cache is still empty, a chunk has no
chunk before it) or more (windows that wrap around), so that no period fits all units. The longest
stretch that one fits is found as the longest repetition in a word: each unit is a letter, which
says how far it lies behind the unit before it and how much it reads (Main and Lorentz 1984). Where
several are as long, as where channels lie one behind the other, none of them is the interior.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rfgraph.domains.periodic import PeriodicMap
from rfgraph.domains.tables import NOTHING, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rfgraph.relations.reading import Ints


# Of a longer axis, so many units around the middle say the period; all are compared to it.
MAX_LETTERS = 1 << 15
# A stretch shorter than one part in so many of the units is not looked for.
SHARES = 16


class Interior(NamedTuple):
    """The units from `units[0]` to `units[1]`, which one period fits, and what they read.

    `period` [p, q]: p units further reads exactly q input positions further. Sizes and reach are
    those of the axis (`Axis.size`, `Axis.before`, ...), of these units alone. So many units as
    `beside` says differ, before and after them.
    """

    units: tuple[int, int]
    period: tuple[int, int]
    size: int
    size_min: int
    before: Fraction
    after: Fraction
    beside: tuple[int, int]


class _Stretch(NamedTuple):
    """Units from `first` to `last`, of which one `p` further reads `q` positions further."""

    first: int
    last: int
    p: int
    q: int


def irregular(
    table: Table, axis: int, length: int, rates: frozenset[Fraction] = frozenset()
) -> tuple[Interior | None, Fraction | None, Fraction | None]:
    """Return interior and reach along a tensor's axis of a table on an input axis of `length`.

    Before and after are those of the interior. Without one, a side that a period fits by itself has
    its number: a chunk's end, where the beginning of what is read still grows. What is known to
    move at `rates` repeats at these alone: of a longer period, few units may seem to repeat at
    another.

    The interior is the only longest stretch that moves on by one period and holds more than two,
    and more than one inside the input, unless a unit beside it reads anything that it would not if
    the period went on, although what it would read then fits into the input: it differs for another
    reason than a border.
    """
    lo, hi = spans = _columns(table, axis)
    stretch = _between_borders(spans, length, (True, True), rates)
    if stretch is not None:
        interior = _measure(spans, stretch)
        return interior, interior.before, interior.after
    there = lo <= hi
    starts = Table(*(np.where(there, np.maximum(lo, 0), end) for end in spans))
    ends = Table(*(np.where(there, np.minimum(hi, length - 1), end) for end in spans))
    low = _between_borders(starts, length, (True, False), rates)
    high = _between_borders(ends, length, (False, True), rates)
    before = None if low is None else _measure(starts, low).before
    return None, before, None if high is None else _measure(ends, high).after


def repeating_map(
    table: Table, axis: int, length: int, rates: frozenset[Fraction] = frozenset()
) -> tuple[PeriodicMap, bool] | None:
    """Return what units away from borders read, and whether that has an end before them.

    As for `irregular`. Without such an end the map tells only where they end behind. None where no
    period fits that, or units at a border read more than by it, as where they wrap around.
    """
    spans = _columns(table, axis)
    stretch = _between_borders(spans, length, (True, True), rates)
    is_bounded = stretch is not None
    if stretch is None:
        spans = _ends(spans, length)
        stretch = _between_borders(spans, length, (False, True), rates)
    if stretch is None:
        return None
    mapped = _map_of(spans, stretch)
    return (mapped, is_bounded) if _is_within(spans, mapped) else None


def _ends(spans: Table, length: int) -> Table:
    """Return where each unit's reading ends inside an input of `length`, and nothing else of it."""
    there = spans.lo <= spans.hi
    hi = np.where(there, np.minimum(spans.hi, length - 1), spans.hi)
    return Table(np.where(there, hi, spans.lo), hi)


def _map_of(spans: Table, stretch: _Stretch) -> PeriodicMap:
    """Return the map that a stretch of units is a part of, the hull over the columns."""
    first, _, p, q = stretch
    lo, hi = spans.lo.min(axis=1), spans.hi.max(axis=1)
    units = [first + (phase - first) % p for phase in range(p)]
    return PeriodicMap(
        p,
        q,
        tuple(
            (int(lo[o]) - o // p * q, int(hi[o]) - o // p * q) if lo[o] <= hi[o] else None
            for o in units
        ),
    )


def _is_within(spans: Table, found: PeriodicMap) -> bool:
    """Whether each unit reads no more than by a map."""
    for unit, (low, high) in enumerate(
        zip(spans.lo.min(axis=1), spans.hi.max(axis=1), strict=True)
    ):
        span = found.at(unit)
        if low <= high and (span is None or low < span[0] or high > span[1]):
            return False
    return True


def _between_borders(
    spans: Table, length: int, sides: tuple[bool, bool], rates: frozenset[Fraction]
) -> _Stretch | None:
    """Return the longest stretch, if units beside it differ on these sides for a border alone."""
    stretch = _longest(spans)
    if stretch is None or rates - {Fraction(stretch.q, stretch.p)}:
        return None
    lo, hi = (array[stretch.first : stretch.last + 1] for array in spans)
    inside = ((lo > hi) | (lo >= 0) & (hi < length)).all(axis=1)
    seen = int(inside.sum()) > stretch.p
    return stretch if seen and _differs_at_borders(spans, stretch, length, sides) else None


def _columns(table: Table, axis: int) -> Table:
    """Return the table as units by columns, one for each way to read along the other axes."""
    lo, hi = (np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1) for array in table)
    if lo.shape[1] == 1:
        return Table(lo, hi)
    both = np.ascontiguousarray(np.concatenate((lo, hi)).T)
    kept = sorted({column.tobytes(): number for number, column in enumerate(both)}.values())
    return Table(lo[:, kept], hi[:, kept])


# -- the longest repetition ------------------------------------------------------------------------


def _longest(spans: Table) -> _Stretch | None:
    """Return the only longest stretch that moves on, of its least period."""
    skipped = max(len(spans.lo) - MAX_LETTERS, 0) // 2
    middle = Table(*(array[skipped : skipped + MAX_LETTERS] for array in spans))
    stretches = [
        stretch for p, q in sorted(_periods(middle)) for stretch in _stretches(spans, p, q)
    ]
    most = max((last - first for first, last, _, _ in stretches), default=0)
    longest = [stretch for stretch in stretches if stretch.last - stretch.first == most]
    return longest[0] if len({stretch.first for stretch in longest}) == 1 else None


def _periods(spans: Table) -> set[tuple[int, int]]:
    """Return the periods of the longest stretches that move on, and of those about as long.

    Of a stretch, letters leave out what is before its second unit that reads.
    """
    there = spans.lo <= spans.hi
    at = _last_read(spans.lo, there)
    word = _word(spans, there, at)
    periods: set[tuple[int, int]] = set()
    longest = max(3, len(word) // SHARES)
    parts = deque([(0, len(word))])
    while parts:
        begin, end = parts.popleft()
        if 3 * (end - begin) <= 2 * longest:
            continue
        middle = (begin + end) // 2
        first, p, count = _repetitions_around(word[begin:end], middle - begin)
        kept = (count > 2 * p) & (count + p > longest)
        first, p, count = first[kept] + begin, p[kept], count[kept]
        q = _shifts(at, there, first, p)
        first, p, q, count = (array[q != 0] for array in (first, p, q, count))
        longest = max(longest, int(count.max(initial=0)))
        _, least = np.unique(first, return_index=True)
        periods.update(zip(p[least].tolist(), q[least].tolist(), strict=True))
        parts.extend(((begin, middle), (middle, end)))
    return periods


def _last_read(lo: Ints, there: NDArray[np.bool_]) -> Ints:
    """Return where each unit begins to read, or the last one before it that reads anything."""
    places = np.where(there, np.arange(len(lo), dtype=np.int64)[:, None], 0)
    last: Ints = np.take_along_axis(
        np.where(there, lo, 0), np.maximum.accumulate(places, axis=0), axis=0
    )
    return last


def _word(spans: Table, there: NDArray[np.bool_], at: Ints) -> list[int]:
    """Return a number for each unit, the same for those that read as much and as far behind."""
    behind = np.diff(at, axis=0, prepend=0)
    sizes = np.where(there, spans.hi - spans.lo, -1)
    numbers: dict[bytes, int] = {}
    letters = np.concatenate((behind, sizes), axis=1)
    return [numbers.setdefault(letter.tobytes(), len(numbers)) for letter in letters]


def _repetitions_around(word: list[int], middle: int) -> tuple[Ints, Ints, Ints]:
    """Return first letters, periods and lengths of the repetitions around a place in a word.

    All that hold two periods or more; some that hold less.
    """
    first, p, count = _right_of(word, middle)
    mirrored, other_p, other_count = _right_of(word[::-1], len(word) - middle)
    return (
        np.concatenate((first, len(word) - mirrored - other_count)),
        np.concatenate((p, other_p)),
        np.concatenate((count, other_count)),
    )


def _right_of(word: list[int], middle: int) -> tuple[Ints, Ints, Ints]:
    """Return the repetitions whose period from `middle` on is one, for every period."""
    p = np.arange(1, len(word) - middle, dtype=np.int64)
    ahead = _agreements(word[middle:])[p]
    behind = _agreements([*word[:middle][::-1], -1, *word[::-1]])[len(word) + 1 - p]
    return middle - behind, p, p + ahead + behind


def _agreements(word: list[int]) -> Ints:
    """Return how many letters from each place on are those that the word begins with."""
    reaches = [0] * len(word)
    begun = end = 0
    for place in range(1, len(word)):
        reach = min(reaches[place - begun], end - place) if place < end else 0
        while place + reach < len(word) and word[reach] == word[place + reach]:
            reach += 1
        if place + reach > end:
            begun, end = place, place + reach
        reaches[place] = reach
    return np.array(reaches, dtype=np.int64)


def _shifts(at: Ints, there: NDArray[np.bool_], first: Ints, p: Ints) -> Ints:
    """Return how much further each repetition reads after its period, 0 if columns differ."""
    seen = np.concatenate((np.zeros((1, at.shape[1]), dtype=np.int64), there.cumsum(axis=0)))
    reads = seen[first + p] > seen[first]
    moved = at[first + 2 * p - 1] - at[first + p - 1]
    least = np.where(reads, moved, NOTHING).min(axis=1)
    most = np.where(reads, moved, -NOTHING).max(axis=1)
    return np.where(least == most, most, 0)


# -- the units that exist --------------------------------------------------------------------------


def _stretches(spans: Table, p: int, q: int) -> list[_Stretch]:
    """Return the longest stretches of units that move on by a period."""
    lo, hi = spans
    there = lo <= hi
    fits = there[p:] == there[:-p]
    both = there[p:] & there[:-p]
    fits &= ~both | ((lo[p:] - lo[:-p] == q) & (hi[p:] - hi[:-p] == q))
    ends = np.concatenate(([-1], np.flatnonzero(~fits.all(axis=1)), [len(fits)]))
    moves = np.concatenate(([0], both.any(axis=1).cumsum()))
    counts = np.where(moves[ends[1:]] > moves[ends[:-1] + 1], np.diff(ends), 0)
    return [
        _Stretch(int(ends[at]) + 1, int(ends[at + 1]) - 1 + p, p, q)
        for at in np.flatnonzero(counts == counts.max())
    ]


def _differs_at_borders(
    spans: Table, stretch: _Stretch, length: int, sides: tuple[bool, bool]
) -> bool:
    """Whether units beside a stretch read part of what they would if it went on, or could not."""
    lo, hi = spans
    turns, phases = np.divmod(np.arange(len(lo), dtype=np.int64) - stretch.first, stretch.p)
    like = stretch.first + phases
    shift = (turns * stretch.q)[:, None]
    low, high = lo[like] + shift, hi[like] + shift
    before, after = sides
    fits = ((low <= lo) | (not before)) & ((hi <= high) | (not after))
    fits |= (before & (low < 0)) | (after & (high >= length))
    return bool(((lo > hi) | ((lo <= hi)[like] & fits)).all())


def _measure(spans: Table, stretch: _Stretch) -> Interior:
    first, last, p, q = stretch
    lo, hi = (array[first : first + p] for array in spans)
    there = lo <= hi
    sizes = np.where(there, hi - lo + 1, 0)
    # Reach in parts of 1 / p, so that it stays whole.
    own = q * np.arange(first, first + p, dtype=np.int64)[:, None]
    before = int(np.where(there, own - p * lo, -NOTHING).max())
    after = int(np.where(there, p * hi - own, -NOTHING).max())
    return Interior(
        (first, last),
        (p, q),
        int(sizes.max()),
        int(sizes.min()),
        Fraction(before, p),
        Fraction(after, p),
        (first, len(spans.lo) - 1 - last),
    )
