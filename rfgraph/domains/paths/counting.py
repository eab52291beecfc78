"""Counts and moments over the state graph, exactly.

Each algorithm is one forward pass in which a state's value is the sum, over its arcs, of the source's
value shifted; a value is released when the last arc that reads it is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from rfgraph.domains.paths.states import Kind, Shift, StateGraph
from rfgraph.domains.pattern import excess

# Beyond these a histogram is not listed unless it is asked for in full.
MAX_SIZES = 10_000
MAX_DIGITS = 10_000_000
# A packed histogram takes (range of sizes / step) * (bits of the total) bits.
MAX_PACKED_BITS = 1 << 31

V = TypeVar("V")
Histogram: TypeAlias = dict[int, int]


class Moments(NamedTuple):
    """Number of paths, sum and sum of squares of their bases, and the extremes."""

    total: int
    first: int
    second: int
    least: int
    largest: int

    def shifted(self, shift: int) -> Moments:
        if not shift:
            return self
        return Moments(
            self.total,
            self.first + shift * self.total,
            self.second + 2 * shift * self.first + shift * shift * self.total,
            self.least + shift,
            self.largest + shift,
        )

    def plus(self, other: Moments) -> Moments:
        return Moments(
            self.total + other.total,
            self.first + other.first,
            self.second + other.second,
            min(self.least, other.least),
            max(self.largest, other.largest),
        )


ONE_PATH = Moments(1, 0, 0, 0, 0)


def forward(
    made: StateGraph, one: V, shifted: Callable[[V, Shift], V], plus: Callable[[V, V], V]
) -> dict[int, V]:
    """Return the values of the end states."""
    if not made.tracks:
        return {}
    readers = [0] * len(made.tracks)
    for arc in made.arcs:
        readers[arc.source] += 1
    ends = set(made.ends)
    values: dict[int, V] = {made.start: one}
    for arc in made.arcs:
        value = values[arc.source]
        readers[arc.source] -= 1
        if not readers[arc.source] and arc.source not in ends:
            del values[arc.source]
        value = shifted(value, arc.shift)
        before = values.get(arc.target)
        values[arc.target] = value if before is None else plus(before, value)
    return {state: values[state] for state in made.ends if state in values}


def moments(made: StateGraph) -> dict[int, Moments]:
    """Return the moments of the bases of each end state; the state graph tracks one number."""
    return forward(made, ONE_PATH, lambda value, shift: value.shifted(shift[0]), Moments.plus)


def of_kind(made: StateGraph, values: Mapping[int, V], kind: Kind) -> dict[int, V]:
    """Return the values of the end states of one kind on the tracked axis."""
    return {state: value for state, value in values.items() if made.tracks[state][0].kind is kind}


def total_moments(made: StateGraph, values: Mapping[int, Moments]) -> Moments | None:
    """Return the moments of the sizes of all local paths, None if there is none."""
    found: Moments | None = None
    for state, value in of_kind(made, values, Kind.LOCAL).items():
        sizes = value.shifted(excess(made.tracks[state][0].piece) + 1)
        found = sizes if found is None else found.plus(sizes)
    return found


# -- histograms ------------------------------------------------------------------------------------


def histogram(
    made: StateGraph, ends: Mapping[int, Moments], *, full: bool, offset: bool = True
) -> Histogram | None:
    """Return the number of local paths by size, None beyond the bounds unless `full`.

    Without `offset`, the tracked number is a count of its own (depth) and not a base.
    """
    useful = of_kind(made, ends, Kind.LOCAL) if offset else dict(ends)
    if not useful:
        return {}
    step = math.gcd(*(arc.shift[0] for arc in made.arcs)) or 1
    low, high = _extremes(made, ends)
    fields = (high - low) // step + 1
    if not full and fields > MAX_SIZES:
        distinct = _distinct(made, useful, step, low, fields, offset=offset)
        if distinct is None or distinct > MAX_SIZES:
            return None
    total = sum(value.total for value in useful.values())
    if fields * total.bit_length() <= MAX_PACKED_BITS:
        by_state = _packed(made, step, low, _largest_total(made))
    else:
        found = _sparse(made, None if full else 4 * MAX_SIZES)
        if found is None:
            return None
        by_state = found
    united: Histogram = {}
    for state in useful:
        more = excess(made.tracks[state][0].piece) + 1 if offset else 0
        for base, count in by_state[state].items():
            united[base + more] = united.get(base + more, 0) + count
    listed = dict(sorted(united.items()))
    return listed if full or _digits(listed.values()) <= MAX_DIGITS else None


def _digits(counts: Iterable[int]) -> int:
    return sum(int(count.bit_length() * 0.30103) + 1 for count in counts)


def _extremes(made: StateGraph, ends: Mapping[int, Moments]) -> tuple[int, int]:
    """Return the least base of any state and the largest of the end states."""
    least = forward_all(made, 0, lambda value, shift: value + shift[0], min)
    largest = forward_all(made, 0, lambda value, shift: value + shift[0], max)
    del ends
    return min(least), max(largest)


def forward_all(
    made: StateGraph, one: V, shifted: Callable[[V, Shift], V], plus: Callable[[V, V], V]
) -> list[V]:
    """Return the values of all states that are reached."""
    values: dict[int, V] = {made.start: one}
    for arc in made.arcs:
        value = shifted(values[arc.source], arc.shift)
        before = values.get(arc.target)
        values[arc.target] = value if before is None else plus(before, value)
    return list(values.values())


def _largest_total(made: StateGraph) -> int:
    return max(forward_all(made, 1, lambda value, _: value, lambda a, b: a + b))


def _distinct(
    made: StateGraph,
    useful: Mapping[int, object],
    step: int,
    low: int,
    fields: int,
    *,
    offset: bool,
) -> int | None:
    """Return the number of distinct sizes, by sets of bits; None if they span too far for that."""
    if fields > 1 << 22:
        return None
    first = -low // step
    sets = forward(
        made, 1 << first, lambda value, shift: _moved(value, shift[0] // step), lambda a, b: a | b
    )
    sizes: set[int] = set()
    for state in useful:
        more = excess(made.tracks[state][0].piece) + 1 if offset else 0
        bits = sets[state]
        while bits:
            lowest = bits & -bits
            sizes.add((lowest.bit_length() - 1 - first) * step + more)
            bits ^= lowest
            if len(sizes) > MAX_SIZES:
                return len(sizes)
    return len(sizes)


def _moved(bits: int, places: int) -> int:
    return bits << places if places >= 0 else bits >> -places


def _packed(made: StateGraph, step: int, low: int, total: int) -> dict[int, Histogram]:
    """Count with one long integer per state, whose fields are the counts by base.

    Adding histograms is then one addition, and a shift of all bases a shift of bits.
    """
    width = total.bit_length() + 1
    width += -width % 8
    first = -low // step
    values = forward(
        made,
        1 << first * width,
        lambda value, shift: _moved(value, shift[0] // step * width),
        lambda a, b: a + b,
    )
    return {state: _unpacked(value, width, first, step) for state, value in values.items()}


def _unpacked(value: int, width: int, first: int, step: int) -> Histogram:
    size = width // 8
    raw = value.to_bytes((value.bit_length() + 7) // 8 + size, "little")
    found: Histogram = {}
    for field in range(len(raw) // size):
        count = int.from_bytes(raw[field * size : (field + 1) * size], "little")
        if count:
            found[(field - first) * step] = count
    return found


class _TooManyError(Exception):
    """A histogram has more distinct bases than the bound."""


def _sparse(made: StateGraph, bound: int | None) -> dict[int, Histogram] | None:
    """Count with one dictionary per state; None if one outgrows `bound`."""

    def plus(a: Histogram, b: Histogram) -> Histogram:
        joined = dict(a)
        for base, count in b.items():
            joined[base] = joined.get(base, 0) + count
        if bound is not None and len(joined) > bound:
            raise _TooManyError
        return joined

    def shifted(value: Histogram, shift: Shift) -> Histogram:
        if not shift[0]:
            return value
        return {base + shift[0]: count for base, count in value.items()}

    try:
        return forward(made, {0: 1}, shifted, plus)
    except _TooManyError:
        return None


Vectors: TypeAlias = dict[tuple[int, ...], int]


def joint(made: StateGraph, *, full: bool) -> Vectors | None:
    """Return the number of paths by size on every axis, of those local on all; None beyond the bound."""

    def plus(a: Vectors, b: Vectors) -> Vectors:
        joined = dict(a)
        for base, count in b.items():
            joined[base] = joined.get(base, 0) + count
        if not full and len(joined) > 4 * MAX_SIZES:
            raise _TooManyError
        return joined

    def shifted(value: Vectors, shift: Shift) -> Vectors:
        if not any(shift):
            return value
        return {
            tuple(a + b for a, b in zip(base, shift, strict=True)): count
            for base, count in value.items()
        }

    try:
        values = forward(made, {(0,) * len(made.axes): 1}, shifted, plus)
    except _TooManyError:
        return None
    united: Vectors = {}
    for state, value in values.items():
        if any(kind is not Kind.LOCAL for kind in made.kinds(state)):
            continue
        for base, count in value.items():
            sizes = _whole(made.sizes(state, base))
            united[sizes] = united.get(sizes, 0) + count
    if not full and (len(united) > MAX_SIZES or _digits(united.values()) > MAX_DIGITS):
        return None
    return dict(sorted(united.items()))


def _whole(sizes: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(size for size in sizes if size is not None)
