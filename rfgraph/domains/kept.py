"""Which axes a path keeps: along them a unit reads no other position than its own.

An abstraction of relations that composes and joins, and of which there are finitely many between
two tensors, so that what a loop reads can be followed until it no longer changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.relations.axis_rules import (
    OwnRule,
    Pick,
    Repeat,
    Rows,
    Shape,
    Whole,
)
from rfgraph.relations.graph import edges_into, shape_of
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.reading import is_identity
from rfgraph.relations.steps import Everything, Permute, Places, Pointwise, Reduce, Regroup, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rfgraph.relations.graph import Graph
    from rfgraph.relations.relation import Relation


Pairs: TypeAlias = frozenset[tuple[int, int]]
NOWHERE = -1
# A path that is followed through a loop costs as much as so many edges.
COMPOSED = 4


@dataclass(frozen=True, slots=True)
class Kept:
    """What all paths from one tensor to another have in common.

    `pairs` are an axis of the source and one of the reader, as long, whose position is kept; an
    axis of one position that nothing widened keeps it at NOWHERE, too, and on some paths elsewhere;
    `unknown` axes of the source that are read whole for want of knowledge, `spatial` those that an
    operator treats as spatial; `lost` says that nothing is known of some path.
    """

    pairs: Pairs
    unknown: frozenset[int] = frozenset()
    spatial: frozenset[int] = frozenset()
    lost: bool = False

    @lru_cache(maxsize=1 << 14)  # noqa: B019 - of values, not of what a model holds
    def then(self, after: Kept) -> Kept:
        """Return what is kept where `after` reads what this one made."""
        return Kept(
            _chain(self.pairs, after.pairs),
            self.unknown | _before(self.pairs, after.unknown),
            self.spatial | _before(self.pairs, after.spatial),
            self.lost or after.lost,
        )

    @lru_cache(maxsize=1 << 14)  # noqa: B019
    def join(self, other: Kept) -> Kept:
        """Return what is kept where either is a path."""
        return Kept(
            _merge(self.pairs, other.pairs),
            self.unknown | other.unknown,
            self.spatial | other.spatial,
            self.lost or other.lost,
        )


def _chain(first: Pairs, after: Pairs) -> Pairs:
    readers: dict[int, list[int]] = {}
    for middle, c in after:
        readers.setdefault(middle, []).append(c)
    still = {a for a, b in first if b == NOWHERE}
    widened = {a for a, b in first if a in still and NOWHERE not in readers.get(b, ())}
    return frozenset((a, c) for a, b in first if a not in widened for c in readers.get(b, ()))


def _merge(one: Pairs, other: Pairs) -> Pairs:
    """Return the pairs of both; an axis of one position may be at any of its places."""
    still = {a for a, b in one if b == NOWHERE}, {a for a, b in other if b == NOWHERE}
    both, either = still[0] & still[1], still[0] | still[1]
    placed = {(a, b) for a, b in one | other if a in both}
    return frozenset(placed.union((a, b) for a, b in one & other if a not in either))


def _before(pairs: Pairs, axes: frozenset[int]) -> frozenset[int]:
    return frozenset(a for a, b in pairs if b in axes)


def itself(shape: Shape | None) -> Kept:
    """Return what a tensor keeps of itself."""
    lengths = shape or ()
    return Kept(_with_nowhere(((axis, axis) for axis in range(len(lengths))), lengths))


def _with_nowhere(
    pairs: Iterable[tuple[int, int]], shape: Shape, moved: Iterable[int] = ()
) -> Pairs:
    """Return pairs, and that axes of one position keep it unless they are `moved` along."""
    still = {axis for axis, length in enumerate(shape) if length == 1}.difference(moved)
    return frozenset(pairs) | {(axis, NOWHERE) for axis in (NOWHERE, *still)}


def add(facts: dict[str, Kept], source: str, kept: Kept) -> None:
    """Add paths from `source`."""
    before = facts.get(source)
    facts[source] = kept if before is None else before.join(kept)


# -- one relation ----------------------------------------------------------------------------------


def of(relation: Relation) -> Kept:
    """Return what a relation keeps."""
    kept = _KeptAxes().carry(itself(relation.in_shape), relation)
    return Kept(kept.pairs, kept.unknown, frozenset(relation.spatial), kept.lost)


class _KeptAxes(Domain[Kept]):
    """What a path keeps of the tensor that it comes from."""

    def pointwise(self, value: Kept, old: Shape, new: Shape) -> Kept:
        extra = len(new) - len(old)
        same = (a for a, length in enumerate(old) if new[a + extra] == length)
        return value.then(Kept(_with_nowhere(((a, a + extra) for a in same), old)))

    def permute(self, value: Kept, perm: tuple[int, ...], old: Shape) -> Kept:
        return value.then(Kept(_with_nowhere(((a, b) for b, a in enumerate(perm)), old)))

    def regroup(self, value: Kept, old: Shape, new: Shape) -> Kept:
        return value.then(Kept(_with_nowhere(_apart(old, new), old)))

    def gather(self, value: Kept, places: Places, old: Shape, new: Shape) -> Kept:
        return value.then(Kept(frozenset()))

    def along(self, value: Kept, axis: int, rule: OwnRule, shape: Shape) -> Kept:
        if is_identity(rule):
            return value
        # A copied position is still the only one of its axis.
        moved = () if isinstance(rule, (Repeat, Pick)) else (axis,)
        unknown = (axis,) if isinstance(rule, Whole) and rule.unknown else ()
        pairs = _with_nowhere(_but(axis, shape), shape, moved)
        return value.then(Kept(pairs, frozenset(unknown)))

    def rows(self, value: Kept, axis: int, rule: Rows, shape: Shape) -> Kept:
        return value.then(Kept(_with_nowhere(_but(axis, shape), shape, (axis,))))

    def everything(self, value: Kept, step: Everything, old: Shape) -> Kept:
        return value.then(Kept(frozenset(), lost=step.unknown))


def _but(axis: int, shape: Shape) -> Iterator[tuple[int, int]]:
    """Yield all axes but one, each as itself."""
    yield from ((other, other) for other in range(len(shape)) if other != axis)


def _apart(old: Shape, new: Shape) -> Iterator[tuple[int, int]]:
    """Yield the axes that a regrouping leaves whole: as long, with as many elements before them.

    Axes of one position pair up in their order.
    """
    places: dict[tuple[int, int], list[int]] = {}
    for axis, key in _prefixes(new):
        places.setdefault(key, []).append(axis)
    for axis, key in _prefixes(old):
        if places.get(key):
            yield axis, places[key].pop(0)


def _prefixes(shape: Shape) -> Iterator[tuple[int, tuple[int, int]]]:
    before = 1
    for axis, length in enumerate(shape):
        yield axis, (before, length)
        before *= length


# -- a part of the graph ---------------------------------------------------------------------------


def flow(
    graph: Graph, names: Iterable[str], spend: Callable[[int], None]
) -> dict[str, dict[str, Kept]]:
    """Return what tensors read of those that are not among `names`, or that read nothing, by name.

    `names` are in topological order; `spend` is told the work before it is done, in edges, and
    raises BoundError beyond a bound.
    """
    facts_of: dict[str, dict[str, Kept]] = {}
    relations: dict[int, Kept] = {}
    for name in names:
        facts: dict[str, Kept] = {}
        for edge in edges_into(graph, name):
            known = facts_of.get(edge.source)
            if known is None:
                known = {edge.source: itself(shape_of(graph, edge.source))}
            spend(len(known))
            _follow(known, edge.relation, relations, facts)
        if not graph.pred[name]:
            facts[name] = itself(shape_of(graph, name))
        facts_of[name] = facts
    return facts_of


def _follow(
    known: dict[str, Kept], relation: Relation, seen: dict[int, Kept], facts: dict[str, Kept]
) -> None:
    if relation.is_void:
        return
    step = seen.get(id(relation))
    if step is None:
        step = seen[id(relation)] = of(relation)
    for source, kept in known.items():
        add(facts, source, kept.then(step))


def compose(
    before: dict[str, dict[str, Kept]], effect: dict[str, Kept], spend: Callable[[int], None]
) -> dict[str, Kept]:
    """Return what is read through `effect` if its sources, as far as given, read `before`."""
    facts: dict[str, Kept] = {}
    for source, kept in effect.items():
        inner = before.get(source)
        spend(1 if inner is None else COMPOSED * len(inner))
        if inner is None:
            add(facts, source, kept)
            continue
        for outer, first in inner.items():
            add(facts, outer, first.then(kept))
    return facts


def fixpoint(
    before: dict[str, dict[str, Kept]],
    effects: dict[str, dict[str, Kept]],
    spend: Callable[[int], None],
) -> None:
    """Follow `effects`, what a turn makes of values by their names, until nothing changes.

    `before` says what is read before the first turn, and afterwards what is read before any.
    """
    order, changed = list(effects), True
    while changed:
        changed = False
        for name in order:
            facts = dict(before[name])
            for source, kept in compose(before, effects[name], spend).items():
                add(facts, source, kept)
            if facts != before[name]:
                before[name], changed = facts, True
        order.reverse()  # values that are handed down a row arrive in one go, whichever way


# -- as a relation ---------------------------------------------------------------------------------


def steps(kept: Kept, source: Shape, shape: Shape) -> tuple[Step, ...]:
    """Return a relation that reads one's own position on kept axes and all of the others."""
    places = _places(kept.pairs)
    rest = [axis for axis in range(len(source)) if axis not in places]
    others = [axis for axis in rest if (axis, NOWHERE) not in kept.pairs]
    order = (*sorted(places, key=places.__getitem__), *rest)
    parts: list[Step] = []
    if others:
        rules = ((axis, Whole(source[axis], 1, axis in kept.unknown)) for axis in others)
        parts.append(Reduce(tuple(rules), weighted=True))
    if order != tuple(range(len(source))):
        parts.append(Permute(order))
    thin = [1] * len(shape)
    for axis, place in places.items():
        thin[place] = source[axis]
    if tuple(thin) != tuple(source[axis] if axis in places else 1 for axis in order):
        parts.append(Regroup(tuple(thin)))
    return (*parts, Pointwise(shape))


def _places(pairs: Pairs) -> dict[int, int]:
    """Return a place in the reader for axes of the source, each for one; their own if they can."""
    places: dict[int, int] = {}
    for axis, place in sorted(pairs, key=lambda pair: (pair[0] != pair[1], pair)):
        if place != NOWHERE and axis not in places and place not in places.values():
            places[axis] = place
    return places
