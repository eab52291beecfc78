"""Actual paths, lazily, in order of size, by best-first search with exact bounds.

For every state the best completion to an end is known, so the search never turns back; ties are
broken by the order of the operators in the file.
"""

from __future__ import annotations

import heapq
from itertools import count
from operator import add, itemgetter
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


class _Way(NamedTuple):
    """The arcs that a path has taken so far, last one first."""

    arc: Arc
    before: _Way | None


class LocalPath(NamedTuple):
    """One path: its edges in order and its sizes on the tracked axes."""

    edges: tuple[Edge, ...]
    sizes: tuple[int, ...]


class _Option(NamedTuple):
    """One way on from a state: over an arc, or to the end (None).

    `least` is the best that a base can then come to, `growth` what the arc adds to it.
    """

    least: Vector
    indices: tuple[int, ...]
    arc: Arc | None
    growth: Vector


class _Entry(NamedTuple):
    """A beginning of a path that ends in `state`, and the number of the option it takes there.

    Entries compare by what they can come to, then by the operators on the way.
    """

    bound: Vector
    place: Place
    serial: int
    state: int
    number: int
    base: Vector
    way: _Way | None
    before: Place


def in_order(made: StateGraph, *, largest: bool) -> Iterator[LocalPath]:
    """Yield the paths that are local on every tracked axis, largest (or smallest) first.

    The order is lexicographic over the axes, then over the operators' places in the file.
    """
    search = _Search(made, -1 if largest else 1)
    if not made.tracks or made.start not in search.best:
        return
    heap: list[_Entry] = []
    entry = search.entry(made.start, 0, (0,) * len(made.axes), None, Place())
    while True:
        _, place, _, state, number, base, way, before = entry
        options = search.options(state)
        if number + 1 < len(options):
            heapq.heappush(heap, search.entry(state, number + 1, base, way, before))
        _, _, arc, growth = options[number]
        if arc is not None:
            following = search.entry(arc.target, 0, _sum(base, growth), _Way(arc, way), place)
            entry = heapq.heappushpop(heap, following)
            continue
        yield search.path_of(entry)
        if not heap:
            return
        entry = heapq.heappop(heap)


def of_each_size(made: StateGraph, place: int) -> Iterator[LocalPath]:
    """Yield one path for each size along the tracked axis at `place`, smallest first.

    Of the paths that are local on every tracked axis; among those of one size the first by the
    operators' places in the file. BoundError where there are too many sizes on the way.
    """
    search = _Search(made, 1)
    rest = _sizes_to_come(made, place, search.finals)
    for size in sorted(rest.get(made.start, ())):
        state, base, way, left = made.start, (0,) * len(made.axes), None, size
        while True:
            option = next(
                option
                for option in sorted(search.options(state), key=itemgetter(1))
                if _leads_to(option, place, left, search.finals.get(state), rest)
            )
            if option.arc is None:
                yield LocalPath(_along(way), _sum(base, search.finals[state]))
                break
            base, way = _sum(base, option.growth), _Way(option.arc, way)
            left -= option.growth[place]
            state = option.arc.target


def _leads_to(
    option: _Option, place: int, left: int, final: Vector | None, rest: dict[int, set[int]]
) -> bool:
    """Whether a way on comes to what is `left` of a size."""
    if option.arc is None:
        return final is not None and final[place] == left
    return left - option.growth[place] in rest[option.arc.target]


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
        self.serial = count()
        self._options: dict[int, list[_Option]] = {}

    def options(self, state: int) -> list[_Option]:
        """Return the ways on from a state in order."""
        options = self._options.get(state)
        if options is None:
            options = self._options[state] = sorted(self._ways_on(state), key=itemgetter(0, 1))
        return options

    def _ways_on(self, state: int) -> Iterator[_Option]:
        if state in self.finals:
            yield _Option(self.finals[state], (), None, ())
        for arc in self.leaving[state]:
            after = self.best.get(arc.target)
            if after is not None:
                growth = tuple(self.sign * more for more in arc.shift[: len(self.made.axes)])
                indices = tuple(edge.operator.index for edge in arc.edges)
                yield _Option(_sum(growth, after), indices, arc, growth)

    def entry(
        self, state: int, number: int, base: Vector, way: _Way | None, before: Place
    ) -> _Entry:
        """Return the entry of one option."""
        option = self.options(state)[number]
        bound, place = _sum(base, option.least), before.then(option.indices)
        return _Entry(bound, place, next(self.serial), state, number, base, way, before)

    def path_of(self, entry: _Entry) -> LocalPath:
        """Return the path that an entry ends."""
        sizes = tuple(self.sign * number for number in entry.bound)
        return LocalPath(_along(entry.way), sizes)


def _along(way: _Way | None) -> tuple[Edge, ...]:
    pieces: list[tuple[Edge, ...]] = []
    while way is not None:
        pieces.append(way.arc.edges)
        way = way.before
    return tuple(edge for piece in reversed(pieces) for edge in piece)


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
