"""Actual paths, lazily, in order of size, by best-first search with exact bounds.

For every state the best completion to an end is known, so the search never turns back; ties are
broken by the order of the operators in the file.
"""

from __future__ import annotations

import heapq
from itertools import count
from operator import add
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.paths.states import Arc, StateGraph, successors
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.relations.graph import Edge


Vector: TypeAlias = tuple[int, ...]

# Sizes that are carried over arcs to find one path of each.
MAX_TO_COME = 1 << 21


class Place:
    """A sequence of operators by their numbers in the file; there is one object for each sequence.

    Sequences compare as lists do. Their beginnings are reached by jumps of growing length, so that
    long ones that share most of their way compare fast.
    """

    __slots__ = ("_after", "depth", "index", "jump", "parent")

    def __init__(self, index: int = -1, parent: Place | None = None) -> None:
        self.index = index
        self.parent: Place = self if parent is None else parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.jump: Place = self.parent
        if parent is not None and parent.depth - parent.jump.depth == (
            parent.jump.depth - parent.jump.jump.depth
        ):
            self.jump = parent.jump.jump
        self._after: dict[int, Place] | None = None

    def then(self, indices: Sequence[int]) -> Place:
        """Return the sequence that goes on with `indices`."""
        place = self
        for index in indices:
            if place._after is None:
                place._after = {}
            after = place._after.get(index)
            if after is None:
                after = place._after[index] = Place(index, place)
            place = after
        return place

    def beginning(self, depth: int) -> Place:
        """Return the first `depth` operators."""
        place = self
        while place.depth > depth:
            place = place.jump if place.jump.depth >= depth else place.parent
        return place

    def __lt__(self, other: Place) -> bool:
        depth = min(self.depth, other.depth)
        mine, theirs = self.beginning(depth), other.beginning(depth)
        if mine is theirs:
            return self.depth < other.depth
        while mine.parent is not theirs.parent:
            if mine.jump is not theirs.jump:
                mine, theirs = mine.jump, theirs.jump
            else:
                mine, theirs = mine.parent, theirs.parent
        return mine.index < theirs.index


class _Entry(NamedTuple):
    """A beginning of a path up to `state`, and the number of the way on that it takes there.

    Entries compare by what they can come to, then by the operators on the way. `base` is the size
    so far; what led to `state` is `before`.
    """

    bound: Vector
    place: Place
    serial: int
    state: int
    number: int
    base: Vector
    before: _Entry | None


def in_order(made: StateGraph, *, largest: bool) -> Iterator[tuple[tuple[Edge, ...], Vector]]:
    """Yield the paths that are local on every tracked axis, largest (or smallest) first.

    Each by its edges in order and its sizes on these axes. The order is lexicographic over the
    axes, then over the operators' places in the file.
    """
    search = _Search(made, -1 if largest else 1)
    if not made.tracks or made.start not in search.best:
        return
    heap: list[_Entry] = []
    entry = search.entry(made.start, 0, (0,) * len(made.axes), None)
    while True:
        _, _, _, state, number, base, before = entry
        ways = search.ways_on(state)
        if number + 1 < len(ways):
            heapq.heappush(heap, search.entry(state, number + 1, base, before))
        arc = ways[number]
        if arc is not None:
            following = search.entry(arc.target, 0, _sum(base, search.growth(arc)), entry)
            entry = heapq.heappushpop(heap, following)
            continue
        yield search.edges_to(entry), tuple(search.sign * size for size in entry.bound)
        if not heap:
            return
        entry = heapq.heappop(heap)


def of_each_size(made: StateGraph, place: int) -> Iterator[tuple[tuple[Edge, ...], Vector]]:
    """Yield one path for each size along the tracked axis at `place`, smallest first.

    Of the paths that are local on every tracked axis; among those of one size the first by the
    operators' places in the file. BoundError where there are too many sizes on the way.
    """
    search = _Search(made, 1)
    finals = search.finals
    rest = _sizes_to_come(made, place, finals)
    for left in sorted(rest.get(made.start, ())):
        state, base = made.start, (0,) * len(made.axes)
        edges: list[Edge] = []
        while True:
            # Whether to end here, or to go where what is then left of the size may still come.
            arc = next(
                arc
                for arc in sorted(search.ways_on(state), key=_indices)
                if (
                    finals[state][place] == left - base[place]
                    if arc is None
                    else left - base[place] - arc.shift[place] in rest[arc.target]
                )
            )
            if arc is None:
                yield tuple(edges), _sum(base, finals[state])
                break
            state, base = arc.target, _sum(base, search.growth(arc))
            edges += arc.edges


def _sizes_to_come(made: StateGraph, place: int, finals: dict[int, Vector]) -> dict[int, set[int]]:
    """Return for each state by how much paths may still grow along an axis up to their end."""
    rest = {state: {final[place]} for state, final in finals.items()}
    total = 0
    for arc in reversed(made.arcs):
        after = rest.get(arc.target)
        if after is not None:
            total += len(after)
            if total > MAX_TO_COME:
                raise BoundError(f"sizes of paths on the way exceed MAX_TO_COME ({MAX_TO_COME})")
            more = arc.shift[place]
            rest.setdefault(arc.source, set()).update(size + more for size in after)
    return rest


class _Search:
    """What each state can go on to, best first; sizes are negative where the largest come first."""

    def __init__(self, made: StateGraph, sign: int) -> None:
        self.made, self.sign = made, sign
        self.finals = {
            state: _final(made, state, sign) for state in made.ends if _is_local(made, state)
        }
        self.best = _best_completions(made, sign, self.finals)
        self.leaving = successors(made)
        self.serial, self.begin = count(), Place()
        self._ways: dict[int, list[Arc | None]] = {}

    def ways_on(self, state: int) -> list[Arc | None]:
        """Return the ways on from a state in order: arcs, and None where paths may end."""
        ways = self._ways.get(state)
        if ways is None:
            ends: list[Arc | None] = [None] if state in self.finals else []
            ways = ends + [arc for arc in self.leaving[state] if arc.target in self.best]
            ways.sort(key=lambda arc: (self._least(state, arc), _indices(arc)))
            self._ways[state] = ways
        return ways

    def growth(self, arc: Arc) -> Vector:
        """Return what an arc adds to a size."""
        return tuple(self.sign * more for more in arc.shift[: len(self.made.axes)])

    def _least(self, state: int, arc: Arc | None) -> Vector:
        """Return the best that is still to come on one way on."""
        return self.finals[state] if arc is None else _sum(self.growth(arc), self.best[arc.target])

    def entry(self, state: int, number: int, base: Vector, before: _Entry | None) -> _Entry:
        """Return the entry of one way on."""
        arc = self.ways_on(state)[number]
        place = self.begin if before is None else before.place
        bound = _sum(base, self._least(state, arc))
        serial = next(self.serial)
        return _Entry(bound, place.then(_indices(arc)), serial, state, number, base, before)

    def edges_to(self, entry: _Entry) -> tuple[Edge, ...]:
        """Return the edges of the path that an entry ends, in order."""
        pieces: list[tuple[Edge, ...]] = []
        before: _Entry | None = entry
        while before is not None:
            arc = self.ways_on(before.state)[before.number]
            pieces.append(() if arc is None else arc.edges)
            before = before.before
        return tuple(edge for piece in reversed(pieces) for edge in piece)


def _indices(arc: Arc | None) -> tuple[int, ...]:
    """Return the places in the file of the operators on one way on."""
    return () if arc is None else tuple(edge.operator.index for edge in arc.edges)


def _sum(a: Vector, b: Vector) -> Vector:
    return tuple(map(add, a, b))


def _is_local(made: StateGraph, state: int) -> bool:
    return all(scope is Scope.LOCAL for scope in made.scopes(state)[: len(made.axes)])


def _final(made: StateGraph, state: int, sign: int) -> Vector:
    """Return what the end state adds to a base to make a size."""
    sizes = made.sizes(state, (0,) * len(made.tracks[state]))
    return tuple(sign * (size or 0) for size in sizes[: len(made.axes)])


def _best_completions(made: StateGraph, sign: int, finals: dict[int, Vector]) -> dict[int, Vector]:
    """Return for each state the least (signed) vector still to come on a way to a local end."""
    best = dict(finals)
    for arc in reversed(made.arcs):
        after = best.get(arc.target)
        if after is None:
            continue
        here = tuple(a + sign * b for a, b in zip(after, arc.shift, strict=False))
        before = best.get(arc.source)
        if before is None or here < before:
            best[arc.source] = here
    return best
