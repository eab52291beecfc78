"""A layered drawing of a small acyclic graph: places for its boxes and points for its lines.

After Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system
structures", 1981): layers by the longest way from a source, long lines through a point in each
layer between, an order within each layer by the mean of neighbours, and columns by rounds of
least squares that keep the order. The same graph gives the same drawing.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Point: TypeAlias = tuple[int, int]
Pair: TypeAlias = tuple[int, int]

# Rounds of ordering and of placing; lines for each box, and points in all, up to which all lines
# are drawn.
ROUNDS, MAX_LINES, MAX_POINTS = 12, 4, 6000
# How much a line wants to be straight: between boxes, at an end of a long one, and along it.
STRAIGHT = (1, 2, 8)
# Columns between points of long lines, and where a box is beside.
NARROW, BESIDE = 2, 4


@dataclass(frozen=True, slots=True)
class Drawing:
    """Column and layer of each box, both from 0; boxes side by side are BESIDE columns apart.

    `lines` are the points from box to box by pair. Where lines would hide all, those are left out
    that other lines lead along; `left_out` tells which.
    """

    places: tuple[Point, ...]
    lines: Mapping[Pair, tuple[Point, ...]]
    left_out: tuple[Pair, ...]


def draw_layers(count: int, pairs: Sequence[Pair]) -> Drawing:
    """Return the drawing of `count` boxes, in topological order, and of the lines between them."""
    layer = _layers(count, pairs)
    drawn = list(pairs)
    points = sum(layer[b] - layer[a] - 1 for a, b in pairs)
    if len(pairs) > MAX_LINES * count or points > MAX_POINTS:
        drawn = _without_detours(pairs)
    ways = _ways(layer, drawn, count)
    rows = _rows(layer, ways)
    before, after = _neighbours(ways)
    rows = _order(rows, before, after)
    columns = _columns(rows, before, after, count)
    places = {point: (columns[point], level) for level, row in enumerate(rows) for point in row}
    return Drawing(
        tuple(places[box] for box in range(count)),
        {pair: tuple(places[point] for point in way) for pair, way in ways.items()},
        tuple(pair for pair in pairs if pair not in ways),
    )


def _layers(count: int, pairs: Sequence[Pair]) -> list[int]:
    """Return the layer of each box: the longest way to it, of a source just before its readers."""
    readers: dict[int, list[int]] = defaultdict(list)
    layer = [0] * count
    fed = set()
    for before, after in sorted(pairs):
        readers[before].append(after)
        fed.add(after)
    for box in range(count):
        for after in readers[box]:
            layer[after] = max(layer[after], layer[box] + 1)
    for box in range(count):
        if box not in fed and readers[box]:
            layer[box] = min(layer[after] for after in readers[box]) - 1
    return layer


def _without_detours(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs beside which no other way leads."""
    return sorted(nx.transitive_reduction(nx.DiGraph(pairs)).edges)


# -- points ----------------------------------------------------------------------------------------


def _ways(layer: Sequence[int], pairs: Sequence[Pair], count: int) -> dict[Pair, tuple[int, ...]]:
    """Return the points of each line: its boxes, and a number of its own in each layer between."""
    ways = {}
    for before, after in pairs:
        between = layer[after] - layer[before] - 1
        ways[before, after] = (before, *range(count, count + between), after)
        count += between
    return ways


def _rows(layer: Sequence[int], ways: Mapping[Pair, Sequence[int]]) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(max(layer, default=0) + 1)]
    for box, level in enumerate(layer):
        rows[level].append(box)
    for (before, _), way in ways.items():
        for number, point in enumerate(way[1:-1], 1):
            rows[layer[before] + number].append(point)
    return rows


_Neighbours: TypeAlias = "dict[int, list[int]]"


def _neighbours(ways: Mapping[Pair, Sequence[int]]) -> tuple[_Neighbours, _Neighbours]:
    """Return the neighbours of each point in the layer before and in that after."""
    before: _Neighbours = defaultdict(list)
    after: _Neighbours = defaultdict(list)
    for way in ways.values():
        for first, second in itertools.pairwise(way):
            before[second].append(first)
            after[first].append(second)
    return before, after


# -- order -----------------------------------------------------------------------------------------


def _order(rows: list[list[int]], before: _Neighbours, after: _Neighbours) -> list[list[int]]:
    """Return the rows in the order, of those tried, in which the fewest lines cross."""
    best, least = [list(row) for row in rows], _crossings(rows, after)
    for number in range(ROUNDS):
        if not least:
            break
        down = number % 2 == 0
        levels = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for level in levels:
            beside = rows[level - 1 if down else level + 1]
            _sort(rows[level], beside, before if down else after)
        crossings = _crossings(rows, after)
        if crossings < least:
            best, least = [list(row) for row in rows], crossings
    return best


def _sort(row: list[int], beside: Sequence[int], neighbours: _Neighbours) -> None:
    """Sort a row by the mean place of its points' neighbours; those without keep their place."""
    at = {point: number for number, point in enumerate(beside)}
    scale = len(beside) / max(len(row), 1)
    keys = {}
    for number, point in enumerate(row):
        places = [at[other] for other in neighbours[point]]
        keys[point] = sum(places) / len(places) if places else number * scale
    row.sort(key=keys.__getitem__)


def _crossings(rows: Sequence[Sequence[int]], after: _Neighbours) -> int:
    total = 0
    for row, following in itertools.pairwise(rows):
        at = {point: number for number, point in enumerate(following)}
        seen: list[int] = []
        for point in row:
            ends = sorted(at[other] for other in after[point])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


# -- columns ---------------------------------------------------------------------------------------


def _columns(
    rows: Sequence[Sequence[int]], before: _Neighbours, after: _Neighbours, count: int
) -> dict[int, int]:
    """Return a column for each point: as near to its neighbours' as the order allows."""
    offsets = {}
    columns: dict[int, float] = {}
    for row in rows:
        place = 0
        for number, point in enumerate(row):
            if number:
                place += NARROW if min(point, row[number - 1]) >= count else BESIDE
            offsets[point] = place
        columns.update((point, offsets[point] - place / 2) for point in row)
    for number in range(2 * ROUNDS):
        down = number % 2 == 0
        for row in rows if down else reversed(rows):
            _settle(row, offsets, columns, before if down else after, count)
    for row in (*rows, *reversed(rows)):
        both = {point: [*before[point], *after[point]] for point in row}
        _settle(row, offsets, columns, both, count)
    least = min(columns.values(), default=0)
    return _whole(rows, offsets, columns, least)


def _settle(
    row: Sequence[int],
    offsets: Mapping[int, int],
    columns: dict[int, float],
    neighbours: Mapping[int, Sequence[int]],
    count: int,
) -> None:
    """Move the points of a row to the mean of their neighbours, least squares in their order."""
    blocks: list[tuple[float, float, int]] = []
    for point in row:
        near = [(STRAIGHT[(point >= count) + (other >= count)], columns[other])
                for other in neighbours[point]]  # fmt: skip
        weight = float(sum(much for much, _ in near)) or 1e-3
        mean = sum(much * at for much, at in near) / weight if near else columns[point]
        blocks.append((mean - offsets[point], weight, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (one, much, first), (other, more, second) = blocks[-2:]
            total = much + more
            blocks[-2:] = [((one * much + other * more) / total, total, first + second)]
    place = iter(row)
    for mean, _, length in blocks:
        for _ in range(length):
            point = next(place)
            columns[point] = mean + offsets[point]


def _whole(
    rows: Sequence[Sequence[int]],
    offsets: Mapping[int, int],
    columns: Mapping[int, float],
    least: float,
) -> dict[int, int]:
    """Return whole columns from 0, in order and as far apart as before."""
    whole = {}
    for row in rows:
        low = None
        for point in row:
            free = round(columns[point] - least) - offsets[point]
            low = free if low is None else max(low, free)
            whole[point] = low + offsets[point]
    return whole
