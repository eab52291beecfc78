"""Periodic affine maps from a position on a tensor's axis to an interval of input positions.

lo(o + p) = lo(o) + q, with one period tabulated, and the same for hi. Positions run over all
integers: the map goes on past the border as if the input had no end.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


MAX_PERIOD = 4096

Span: TypeAlias = "tuple[int, int] | None"


class PeriodicRule(Protocol):
    """An axis rule whose taps repeat: taps(o + P) = taps(o) + Q with (P, Q) = period()."""

    def period(self) -> tuple[int, int]:
        """Return (P, Q)."""
        ...

    def taps(self, o: int) -> range:
        """Return the positions that output position o reads."""
        ...


class PeriodicMap(NamedTuple):
    """`spans[r]` is the interval read at position r, for r in [0, p); None reads nothing."""

    p: int
    q: int
    spans: tuple[Span, ...]

    @property
    def rate(self) -> Fraction:
        """Input positions per position of the axis: q / p."""
        return Fraction(self.q, self.p)

    def at(self, o: int) -> Span:
        """Return the interval read at any position."""
        turn, phase = divmod(o, self.p)
        span = self.spans[phase]
        if span is None or not turn:
            return span
        shift = turn * self.q
        return span[0] + shift, span[1] + shift

    def hull(self, taps: range) -> Span:
        """Return the hull of the intervals read at the positions `taps`."""
        if not taps:
            return None
        if self.p == 1:
            return self._affine_hull(taps)
        # Taps of one residue modulo p are affine in their number: only the outermost ones count.
        residues = self.p // math.gcd(self.p, taps.step)
        outer: Iterable[int] = taps
        if len(taps) > 2 * residues:
            outer = chain(taps[:residues], taps[-residues:])
        return join_spans(self.at(o) for o in outer)

    def _affine_hull(self, taps: range) -> Span:
        span = self.spans[0]
        if span is None:
            return None
        first, last = taps[0] * self.q, taps[-1] * self.q
        if self.q < 0:
            first, last = last, first
        return span[0] + first, span[1] + last

    def through(self, rule: PeriodicRule) -> PeriodicMap | None:
        """Return the map of a tensor that reads this one by `rule`; None beyond MAX_PERIOD."""
        period, shift = rule.period()
        turns = self.p // math.gcd(self.p, shift)
        if period * turns > MAX_PERIOD:
            return None
        new_p = period * turns
        new_q = self.q * (shift * turns // self.p)
        return reduced(new_p, new_q, tuple(self.hull(rule.taps(o)) for o in range(new_p)))


def affine(rate: int, lo: int, hi: int) -> PeriodicMap:
    """Return the map o -> [lo + rate*o, hi + rate*o]."""
    return PeriodicMap(1, rate, ((lo, hi),))


def constant(span: Span) -> PeriodicMap:
    """Return the map that reads the same interval everywhere."""
    return PeriodicMap(1, 0, (span,))


def join_spans(spans: Iterable[Span]) -> Span:
    """Return the hull of intervals, of which those that are None count for nothing."""
    found = [span for span in spans if span is not None]
    if not found:
        return None
    return min(lo for lo, _ in found), max(hi for _, hi in found)


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
        return first if span == first.spans[0] else PeriodicMap(1, first.q, (span,))
    p = math.lcm(first.p, second.p)
    if p > MAX_PERIOD:
        return None
    spans = tuple(join_spans((first.at(o), second.at(o))) for o in range(p))
    return reduced(p, first.q * (p // first.p), spans)


def reduced(p: int, q: int, spans: tuple[Span, ...]) -> PeriodicMap:
    """Return the map with the least period that says the same."""
    if p == 1:
        return PeriodicMap(p, q, spans)
    for d in _divisors(p):
        if q * d % p == 0 and _repeats(spans, d, q * d // p):
            return PeriodicMap(d, q * d // p, spans[:d])
    return PeriodicMap(p, q, spans)


def _divisors(p: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(p) + 1) if p % d == 0]
    return sorted({*small, *(p // d for d in small)} - {p})


def _repeats(spans: tuple[Span, ...], d: int, shift: int) -> bool:
    for before, after in zip(spans, spans[d:], strict=False):
        if before is None or after is None:
            if before is not after:
                return False
        elif before[0] + shift != after[0] or before[1] + shift != after[1]:
            return False
    return True
