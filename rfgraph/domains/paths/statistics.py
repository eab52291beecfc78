"""Exact statistics of a distribution, rounded once at the end."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def quantile(counts: Mapping[int, int], share: Fraction) -> int | None:
    """Return the smallest size with at least `share` of the paths at or below it.

    `share` is at most 1. None without paths.
    """
    total = sum(counts.values())
    if not total:
        return None
    needed = share * total
    sizes = iter(sorted(counts.items()))
    size, below = next(sizes)
    while below < needed:
        size, count = next(sizes)
        below += count
    return size


def root(value: Fraction) -> float:
    """Return the square root, correctly rounded."""
    if value == 0:
        return 0.0
    # 2^places scales the root to well over 53 bits; a last bit, set where the root is not exact,
    # keeps the rounding right.
    size = value.numerator.bit_length() - value.denominator.bit_length()
    places = max(0, 80 - size // 2)
    scaled = value * 4**places
    floor = math.isqrt(scaled.numerator // scaled.denominator)
    inexact = floor * floor != scaled
    return float(Fraction(2 * floor + inexact, 2 ** (places + 1)))
