"""Counts and moments over the state graph, exactly.

Each algorithm is one forward pass in which a state's value is the sum, over its arcs, of the
source's value shifted; a value is released when the last arc that reads it is done. A *column* is
the place of one number in the shifts: a tracked axis, or the last one, the number of windows
(depth).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from rfgraph.domains.fields.pattern import excess
from rfgraph.domains.paths.moments import ONE_PATH, Moments, Survey
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rfgraph.domains.paths.states import StateGraph
    from rfgraph.domains.paths.tracks import Track


# Beyond these a histogram is not listed unless it is asked for in full.
MAX_SIZES = 10_000
MAX_DIGITS = 10_000_000
# A packed histogram takes (range of sizes / step) * (bits of the total) bits.
MAX_PACKED_BITS = 1 << 31
MAX_SET_BITS = 1 << 22
# Even in full, no more sizes than this are listed: they would fill the memory.
MAX_FULL = 1 << 21

V = TypeVar("V")
M = TypeVar("M")

Histogram: TypeAlias = dict[int, int]
Vectors: TypeAlias = dict[tuple[int, ...], int]


def forward(
    made: StateGraph,
    moves: Iterable[M],
    one: V,
    shift: Callable[[V, M], V],
    plus: Callable[[V, V], V],
) -> dict[int, V]:
    """Return the values of the end states; `moves` has for each arc how it shifts a value."""
    if not made.tracks:
        return {}
    readers = [0] * len(made.tracks)
    for arc in made.arcs:
        readers[arc.source] += 1
    for state in made.ends:
        readers[state] += 1
    values: dict[int, V] = {made.start: one}
    for (source, target, _, _), move in zip(made.arcs, moves, strict=True):
        value = values[source]
        readers[source] -= 1
        if not readers[source]:
            del values[source]
        if move:
            value = shift(value, move)
        before = values.get(target)
        values[target] = value if before is None else plus(before, value)
    return {state: values[state] for state in made.ends if state in values}


def survey(made: StateGraph, column: int) -> Survey:
    """Return the moments of one column and the bounds of its histogram.

    Columns that differ by a factor alone (the sizes and the number of windows of like blocks) are
    surveyed once.
    """
    step = math.gcd(*{arc.shift[column] for arc in made.arcs}) or 1
    moves = tuple(arc.shift[column] // step for arc in made.arcs)
    known = made.surveys.get(moves)
    if known is None:
        known = made.surveys[moves] = _survey(made, moves)
    ends = {state: value.scale(step) for state, value in known.ends.items()}
    return Survey(column, ends, step, moves, known.low * step, known.high * step, known.most)


def _survey(made: StateGraph, moves: tuple[int, ...]) -> Survey:
    low = high = 0
    most = 1

    def shift(value: Moments, move: int) -> Moments:
        nonlocal low, high
        moved = value.shift(move)
        low, high = min(low, moved.least), max(high, moved.largest)
        return moved

    def plus(a: Moments, b: Moments) -> Moments:
        nonlocal most
        joined = a.plus(b)
        most = max(most, joined.total)
        return joined

    ends = forward(made, moves, ONE_PATH, shift, plus)
    return Survey(0, ends, 1, moves, low, high, most)


def same_columns(made: StateGraph, first: int, second: int) -> bool:
    """Whether two tracked axes have the same distribution because nothing tells them apart."""
    return all(arc.shift[first] == arc.shift[second] for arc in made.arcs) and all(
        _same_end(made.tracks[state][first], made.tracks[state][second]) for state in made.ends
    )


def _same_end(one: Track, other: Track) -> bool:
    if one.scope.word != other.scope.word:
        return False
    return one.scope is not Scope.LOCAL or excess(one.piece) == excess(other.piece)


def _excess(made: StateGraph, state: int, column: int) -> int:
    return excess(made.tracks[state][column].piece)


def of_scope(made: StateGraph, survey: Survey, scope: Scope) -> dict[int, Moments]:
    """Return the moments of the end states that stand so to the surveyed axis."""
    return {
        state: value
        for state, value in survey.ends.items()
        if made.tracks[state][survey.column].scope is scope
    }


def size_moments(made: StateGraph, survey: Survey) -> Moments | None:
    """Return the moments of the sizes of all local paths, None if there is none."""
    united: Moments | None = None
    for state, value in of_scope(made, survey, Scope.LOCAL).items():
        sizes = value.shift(_excess(made, state, survey.column) + 1)
        united = sizes if united is None else united.plus(sizes)
    return united


# -- histograms ------------------------------------------------------------------------------------


def sizes(made: StateGraph, survey: Survey, *, full: bool) -> Histogram | None:
    """Return the number of local paths by size, None beyond the bounds unless `full`."""
    offsets = {
        state: _excess(made, state, survey.column) + 1
        for state in of_scope(made, survey, Scope.LOCAL)
    }
    return _histogram(made, survey, offsets, full=full)


def depths(made: StateGraph, survey: Survey, *, full: bool) -> Histogram | None:
    """Return the number of paths by number of windows, None beyond the bounds unless `full`."""
    return _histogram(made, survey, dict.fromkeys(survey.ends, 0), full=full)


def _histogram(
    made: StateGraph, survey: Survey, offsets: Mapping[int, int], *, full: bool
) -> Histogram | None:
    if not offsets:
        return {}
    fields = (survey.high - survey.low) // survey.step + 1
    if not full and fields > MAX_SIZES:
        distinct = _distinct(made, survey, offsets, fields)
        if distinct is not None and distinct > MAX_SIZES:
            return None
    fits = fields <= MAX_FULL and fields * survey.most.bit_length() <= MAX_PACKED_BITS
    by_state = _count_packed(made, survey) if fits else _count_sparse(made, survey, full=full)
    if by_state is None:
        return None
    united: Histogram = {}
    for state, offset in offsets.items():
        for place, count in by_state[state].items():
            size = place * survey.step + offset
            united[size] = united.get(size, 0) + count
    return _within(dict(sorted(united.items())), full=full)


def _within(listed: dict[V, int], *, full: bool) -> dict[V, int] | None:
    fits = len(listed) <= MAX_SIZES and _digits(listed.values()) <= MAX_DIGITS
    return listed if full or fits else None


def _digits(counts: Iterable[int]) -> int:
    return sum(int(count.bit_length() * 0.30103) + 1 for count in counts)


def _distinct(
    made: StateGraph, survey: Survey, offsets: Mapping[int, int], fields: int
) -> int | None:
    """Return the number of distinct sizes, by sets of bits; None if they span too far for that."""
    if fields > MAX_SET_BITS:
        return None
    first, step = -survey.low // survey.step, survey.step
    sets = forward(made, survey.moves, 1 << first, _shift_bits, lambda a, b: a | b)
    distinct: set[int] = set()
    for state, offset in offsets.items():
        digits = bin(sets[state])[:1:-1]
        distinct.update((k - first) * step + offset for k, bit in enumerate(digits) if bit == "1")
    return len(distinct)


def _shift_bits(bits: int, places: int) -> int:
    return bits << places if places >= 0 else bits >> -places


def _count_packed(made: StateGraph, survey: Survey) -> dict[int, Histogram]:
    """Count by base in steps with one long integer per state, whose fields are the counts.

    Adding histograms is then one addition, and a shift of all bases a shift of bits.
    """
    if survey.moves in made.counted:
        return made.counted[survey.moves]
    width = survey.most.bit_length() + 1
    width += -width % 8
    first = -survey.low // survey.step
    values = forward(
        made,
        survey.moves,
        1 << first * width,
        lambda value, move: _shift_bits(value, move * width),
        lambda a, b: a + b,
    )
    counts = {state: _unpack(value, width, first) for state, value in values.items()}
    made.counted[survey.moves] = counts
    return counts


def _unpack(value: int, width: int, first: int) -> Histogram:
    size = width // 8
    raw = value.to_bytes((value.bit_length() + 7) // 8 + size, "little")
    histogram: Histogram = {}
    for field in range(len(raw) // size):
        count = int.from_bytes(raw[field * size : (field + 1) * size], "little")
        if count:
            histogram[field - first] = count
    return histogram


def _sum_counts(a: dict[V, int], b: dict[V, int], bound: int) -> dict[V, int]:
    joined = dict(a)
    for base, count in b.items():
        joined[base] = joined.get(base, 0) + count
    if len(joined) > bound:
        raise BoundError(f"sizes to list are more than MAX_FULL ({MAX_FULL})")
    return joined


def _count_listed(
    made: StateGraph,
    moves: Iterable[M],
    one: dict[V, int],
    shift: Callable[[dict[V, int], M], dict[V, int]],
    *,
    full: bool,
) -> dict[int, dict[V, int]] | None:
    """Count with one dictionary per state; None, or BoundError in full, if one grows too large."""
    bound = MAX_FULL if full else 4 * MAX_SIZES
    try:
        return forward(made, moves, one, shift, lambda a, b: _sum_counts(a, b, bound))
    except BoundError:
        if full:
            raise
        return None


def _count_sparse(made: StateGraph, survey: Survey, *, full: bool) -> dict[int, Histogram] | None:
    def shift(value: Histogram, move: int) -> Histogram:
        return {place + move: count for place, count in value.items()}

    return _count_listed(made, survey.moves, {0: 1}, shift, full=full)


def joint(made: StateGraph, *, full: bool) -> Vectors | None:
    """Return the number of paths local on every axis by their sizes; None beyond the bound."""
    axes = len(made.axes)

    def shift(value: Vectors, move: tuple[int, ...]) -> Vectors:
        return {
            tuple(a + b for a, b in zip(base, move, strict=True)): count
            for base, count in value.items()
        }

    moves = (arc.shift[:axes] if any(arc.shift[:axes]) else () for arc in made.arcs)
    values = _count_listed(made, moves, {(0,) * axes: 1}, shift, full=full)
    if values is None:
        return None
    united: Vectors = {}
    for state, value in values.items():
        if any(scope is not Scope.LOCAL for scope in made.scopes(state)):
            continue
        for base, count in value.items():
            vector = _whole(made.sizes(state, base))
            united[vector] = united.get(vector, 0) + count
    return _within(dict(sorted(united.items())), full=full)


def _whole(columns: Sequence[int | None]) -> tuple[int, ...]:
    return tuple(size for size in columns if size is not None)
