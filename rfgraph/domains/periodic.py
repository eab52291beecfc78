"""Periodic affine maps from a position on a tensor's axis to an interval of input positions.

lo(o + p) = lo(o) + q, with one period tabulated, and the same for hi. Positions run over all
integers: the map goes on past the border as if the input had no end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.phases import LONG, Phases, line, move_ends, phases, repeats
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import progressions
from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.domains.tables import Span, Table
    from rfgraph.relations.axis_rules import PeriodicRule
    from rfgraph.relations.reading import Ints


MAX_PERIOD = 4096


class _Fields(NamedTuple):
    p: int
    q: int
    spans: Sequence[Span]


class PeriodicMap(_Fields):
    """`spans[r]` is the interval read at position r, for r in [0, p); None reads nothing."""

    __slots__ = ()

    def __new__(cls, p: int, q: int, spans: Sequence[Span]) -> PeriodicMap:
        """Hold the intervals as so many are held."""
        return tuple.__new__(cls, (p, q, tuple(spans) if p == 1 else phases(spans)))

    @property
    def rate(self) -> Fraction:
        """Input positions per position of the axis: q / p."""
        return Fraction(self.q, self.p)

    @property
    def stays(self) -> bool:
        """Whether it repeats without moving on: past the border it goes on inside the input."""
        return self.p > 1 and not self.q

    @property
    def is_shared(self) -> bool:
        """Whether all phases that read anything read one position in common."""
        there = [span for span in self.spans if span is not None]
        return max(lo for lo, _ in there) <= min(hi for _, hi in there)

    @property
    def is_empty(self) -> bool:
        """Whether no phase reads anything."""
        if isinstance(self.spans, Phases):
            return self.spans.table.is_empty
        return not any(self.spans)

    @property
    def first(self) -> tuple[int, int]:
        """The interval of the first phase that reads anything; there is one."""
        return self.spans[0] or next(filter(None, self.spans))

    @property
    def longest(self) -> int:
        """The largest hi - lo of a phase that reads anything; there is one."""
        if isinstance(self.spans, Phases):
            return int((self.spans.table.hi - self.spans.table.lo).max())
        return max(span[1] - span[0] for span in self.spans if span is not None)

    @property
    def lag(self) -> Fraction:
        """The mean of lo + hi - 2 * rate * o over the phases that read, less the first lo + hi."""
        first, last = self.first
        if isinstance(self.spans, Phases):
            lo, hi = self.spans.table
            read = np.flatnonzero(lo <= hi)
            count, phases = len(read), int(read.sum())
            ahead = sum(((lo - first) + (hi - last))[read].tolist())
        else:
            there = [(phase, span) for phase, span in enumerate(self.spans) if span is not None]
            count, phases = len(there), sum(phase for phase, _ in there)
            ahead = sum(lo + hi - first - last for _, (lo, hi) in there)
        return Fraction(self.p * ahead - 2 * self.q * phases, self.p * count)

    def at(self, o: int) -> Span:
        """Return the interval read at any position."""
        turn, phase = divmod(o, self.p)
        span = self.spans[phase]
        if span is None or not turn:
            return span
        shift = turn * self.q
        return span[0] + shift, span[1] + shift

    def line(self, places: range) -> Table:
        """Return what is read at consecutive positions; BoundError if too large for a table."""
        return line(self.spans, self.q, places)

    def move_ends(self, lo: int, hi: int) -> PeriodicMap:
        """Return the map with `lo` and `hi` added to the ends of all intervals."""
        return PeriodicMap(self.p, self.q, move_ends(self.spans, lo, hi))

    def hull(self, taps: range) -> Span:
        """Return the hull of the intervals read at the positions `taps`."""
        if self.p == 1:
            return self._affine_hull(taps)
        if not taps:
            return None
        # Taps of one residue modulo p are affine in their number: only the outermost ones count.
        residues = self.p // math.gcd(self.p, taps.step)
        outer: Iterable[int] = taps
        if len(taps) > 2 * residues:
            outer = chain(taps[:residues], taps[-residues:])
        return join_spans(self.at(o) for o in outer)

    def _affine_hull(self, taps: range) -> Span:
        span = self.spans[0]
        if span is None or not taps:
            return None
        first, last = taps[0] * self.q, taps[-1] * self.q
        if self.q < 0:
            first, last = last, first
        return span[0] + first, span[1] + last

    def through(self, rule: PeriodicRule) -> PeriodicMap | None:
        """Return the map of a tensor that reads this one by `rule`; None beyond MAX_PERIOD."""
        period, shift = rule.period()
        if self.p == period == 1:
            return PeriodicMap(1, self.q * shift, (self._affine_hull(rule.taps(0)),))
        turns = self.p // math.gcd(self.p, shift)
        if period * turns > MAX_PERIOD:
            return None
        new_p = period * turns
        new_q = self.q * (shift * turns // self.p)
        return reduce_period(new_p, new_q, self.read_by(rule, new_p))

    def read_by(self, rule: PeriodicRule, count: int) -> Sequence[Span]:
        """Return what the first positions read that read this map by `rule`."""
        if count >= LONG:
            try:
                return self._hulls(*progressions(rule, count))
            except BoundError:
                pass
        return tuple(self.hull(rule.taps(o)) for o in range(count))

    def at_each(self, places: Sequence[int]) -> Sequence[Span]:
        """Return the intervals read at some positions."""
        if len(places) >= LONG:
            try:
                one = np.ones(len(places), dtype=np.int64)
                return self._hulls(np.array(places, dtype=np.int64), 1, one)
            except BoundError:
                pass
        return tuple(map(self.at, places))

    def _hulls(self, first: Ints, step: int, count: Ints) -> Phases:
        """Return the hulls of arithmetic progressions of positions, in arrays."""
        begin, end = int(first.min()), int((first + (count - 1) * step).max()) + 1
        check_size(end - begin)
        return Phases(
            tables.window_hulls(self.line(range(begin, end)), 0, first - begin, step, count)
        )


def affine(rate: int, lo: int, hi: int) -> PeriodicMap:
    """Return the map o -> [lo + rate*o, hi + rate*o]."""
    return PeriodicMap(1, rate, ((lo, hi),))


def constant(span: Span) -> PeriodicMap:
    """Return the map that reads the same interval everywhere."""
    return PeriodicMap(1, 0, (span,))


def join_spans(spans: Iterable[Span]) -> Span:
    """Return the hull of intervals, of which those that are None count for nothing."""
    there = [span for span in spans if span is not None]
    if not there:
        return None
    return min(lo for lo, _ in there), max(hi for _, hi in there)


def _hull(first: Span, second: Span) -> Span:
    if first is None or second is None:
        return second if first is None else first
    lo, hi = first
    return (lo if lo < second[0] else second[0]), (hi if hi > second[1] else second[1])


def join(first: PeriodicMap, second: PeriodicMap) -> PeriodicMap | None:
    """Return the union of two maps of one rate; None if its period is too long."""
    if first is second or first == second:
        return first
    if first.p == second.p == 1:
        span = _hull(first.spans[0], second.spans[0])
        if span == second.spans[0]:
            return second
        return first if span == first.spans[0] else PeriodicMap(1, first.q, (span,))
    p = math.lcm(first.p, second.p)
    if p > MAX_PERIOD:
        return None
    return reduce_period(*join_over(first, second, p))


def join_over(first: PeriodicMap, second: PeriodicMap, p: int) -> PeriodicMap:
    """Return the union of two maps of one rate, with a common multiple of their periods."""
    q = first.q * (p // first.p)
    if p >= LONG:
        try:
            lines = (one.line(range(p)) for one in (first, second))
            return PeriodicMap(p, q, Phases(tables.join(*lines)))
        except BoundError:
            pass
    return PeriodicMap(p, q, tuple(_hull(first.at(o), second.at(o)) for o in range(p)))


def reduce_period(p: int, q: int, spans: Sequence[Span]) -> PeriodicMap:
    """Return the map with the least period that says the same."""
    if p == 1:
        return PeriodicMap(p, q, spans)
    # What repeats after two periods repeats after their greatest common divisor.
    for factor in _prime_factors(p):
        while not (p % factor or q % factor) and repeats(spans, p // factor, q // factor):
            p, q = p // factor, q // factor
            spans = spans[:p]
    return PeriodicMap(p, q, spans)


@lru_cache(maxsize=1024)
def _prime_factors(number: int) -> tuple[int, ...]:
    """Return the prime factors, each once."""
    factors: list[int] = []
    factor = 2
    while factor * factor <= number:
        if number % factor == 0:
            factors.append(factor)
            while number % factor == 0:
                number //= factor
        factor += 1
    return (*factors, number) if number > 1 else tuple(factors)
