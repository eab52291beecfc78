"""The lengths of a dimension for which a node that refused others may get what it asks for."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.onnxfile.lengths.refusal import Refusal


# What multiples of what is asked for come near to.
LONG = 256
# Trials of lengths by which a node gets what it may ask for.
MAX_STEPS = 6
MAX_ASKED = 1 << 20


def asked_lengths(start: int, tried: dict[int, Refusal], *, alone: bool) -> Iterator[int]:
    """Yield lengths of a dimension for which a node may get what it asks for.

    `tried` is what was refused so far, with those that were yielded; `alone`: one dimension, on
    which lengths depend linearly.
    """
    for length in (start, 2 * start, max(start // 2, 1), start + 1):
        if length not in tried:
            yield length
        first, second = tried[start], tried[length]
        places = differences(first, second)
        if places:
            break
    else:
        return
    for place in places:
        for target in first.asked:
            points = [(n, tried[n].found[place]) for n in (start, length)]
            yield from _solve(points, target, place, tried, alone=alone)
    for place in places:
        yield from _multiples(start, length, place, tried)


def differences(first: Refusal, second: Refusal) -> list[int]:
    """Return the places at which the inputs of one node differ in two refusals."""
    if first.node != second.node or len(first.found) != len(second.found):
        return []
    pairs = zip(first.found, second.found, strict=True)
    return [place for place, (one, other) in enumerate(pairs) if one != other]


def _solve(
    points: list[tuple[int, int]],
    target: int,
    place: int,
    tried: dict[int, Refusal],
    *,
    alone: bool,
) -> Iterator[int]:
    """Yield lengths by the secant through two of them, until the node gets what it is to get."""
    for _ in range(MAX_STEPS):
        length = (_on_line if alone else _on_power)(*points[0], *points[1], target)
        if not 1 <= length <= MAX_ASKED or length in tried:
            return
        yield length
        refusal = tried[length]
        last = tried[points[1][0]]
        if refusal.node != last.node or len(refusal.found) != len(last.found):
            return
        if refusal.found[place] == target:
            return
        points = [points[1], (length, refusal.found[place])]


def _on_line(a: int, at_a: int, b: int, at_b: int, target: int) -> int:
    """Return where the line through two points reaches a target; 0 where at no integer."""
    if at_a == at_b:
        return 0
    slope = Fraction(at_b - at_a, b - a)
    exact = b + (target - at_b) / slope
    return 0 if slope >= 1 and exact.denominator > 1 else math.ceil(exact)


def _on_power(a: int, at_a: int, b: int, at_b: int, target: int) -> int:
    """Return where the power through two points reaches a target, 0 where it is none."""
    if at_a == at_b or min(at_a, at_b, target) < 1:
        return 0
    degree = math.log(at_b / at_a) / math.log(b / a)
    exponent = math.log(target / at_b) / degree
    return round(b * math.exp(exponent)) if abs(exponent) < math.log(MAX_ASKED) else 0


def _multiples(start: int, length: int, place: int, tried: dict[int, Refusal]) -> Iterator[int]:
    """Yield lengths for which what a node gets is a multiple of what it asks for."""
    slope = Fraction(tried[start].found[place], start)
    if slope != Fraction(tried[length].found[place], length) or slope.denominator > 1:
        return
    for target in filter(None, tried[start].asked):
        unit = target // math.gcd(target, slope.numerator)
        multiple = max(unit, LONG // unit * unit)
        if multiple <= MAX_ASKED and multiple not in tried:
            yield multiple
