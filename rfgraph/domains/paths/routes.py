"""Which edges add paths at a tensor: all of them, or, for routes, those that add a new trace.

A path's trace leaves out pointwise edges and weightless reductions over axes that carry no spatial
input axis. Of others, with nothing else between them, it says only which axes they take together:
a mean and the variance around it read what the statistics of a norm read. A Reshape that leads back
to the shape before another leaves nothing of both. So the traces at a tensor are those of its
origins: the other edges from which it is reached, each with what was done since. Where edges bring
the same origins, one of them counts. The edges of a Concat whose parts are all moved from one
tensor are one edge from there.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import reduce
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.layout import carriers
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import Edge, Graph, Operator, ancestors, edges_into, producer_of
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.joined import Joined
    from rfgraph.domains.paths.tracks import Track
    from rfgraph.relations.axis_rules import Shape


# Of more origins than this an edge does not say for each what it does: a trace keeps it.
MAX_ORIGINS = 256
_SLOT = attrgetter("slot", "part")


class Origin(NamedTuple):
    """An edge that a trace keeps, and what was done since to what it brings.

    `reduced` are the axes that reductions took: input axes, where nothing is left of them, or axes
    of the tensor, counted from the last. `shape` is what a Reshape made another of.
    """

    edge: Edge
    reduced: frozenset[int] = frozenset()
    shape: Shape | None = None


class Reduced(NamedTuple):
    """Axes that reductions take: those of `Origin` with a spatial one, and whether others too."""

    spatial: frozenset[int] = frozenset()
    others: bool = False


class Origins(NamedTuple):
    """A set of origins by number: bit k of `bits` stands for number `shift` + k.

    `reset` are those reached through a reduction over other axes, which reads units that the plain
    walk does not. `apart` says that no two routes of the tensor before came to one of these.
    """

    shift: int
    bits: int
    reset: int
    apart: bool = True

    def aligned(self, shift: int) -> tuple[int, int]:
        """Return both bit sets with bit 0 for edge number `shift`, which none precedes."""
        return self.bits << (self.shift - shift), self.reset << (self.shift - shift)


class Arrival:
    """What is counted at one tensor: whole edges, and origins whose edge brings too much.

    `origins` says of each whether it comes through a reduction.
    """

    __slots__ = ("edges", "origins")

    def __init__(self, edges: Iterable[Edge] = ()) -> None:
        self.edges = list(edges)
        self.origins: dict[int, bool] = {}


class Plan(NamedTuple):
    """The arrivals of every relevant tensor in topological order; origins number `numbered`.

    `left_out` has, by identity, the edges that traces leave out. `carried` is what relations, held
    beside it, make of single tracks: the same however many are followed at once.
    """

    tensors: Sequence[str]
    arrivals: Mapping[str, Arrival]
    numbered: Sequence[Origin]
    edges: Entering
    left_out: Mapping[int, Reduced]
    carried: dict[object, tuple[Relation, tuple[Track, int] | None]]


Entering: TypeAlias = "Mapping[str, Sequence[Edge]]"


def entering(
    graph: Graph, order: Iterable[str], source: str, target: str, instead: Entering
) -> Entering:
    """Return, in `order`, the tensors on walks from `source` to `target` and the edges into them.

    By slot and part; `instead` has edges in place of the graph's.
    """

    def sources(name: str) -> Iterable[str]:
        return [edge.source for edge in instead[name]] if name in instead else graph.pred[name]

    within = ancestors(graph, [target], sources)
    entries: dict[str, list[Edge]] = {}
    for name in order:
        if name in within:
            every = instead.get(name) or edges_into(graph, name)
            edges = [edge for edge in every if edge.source in entries]
            if edges or name == source:
                entries[name] = [] if name == source else sorted(edges, key=_SLOT)
    return entries if target in entries else {}


def not_named(
    moved: Mapping[str, Joined], graph: Graph, names: frozenset[str]
) -> dict[str, Joined]:
    """Return the joined edges on whose way no tensor or operator is named."""
    return {
        name: one
        for name, one in moved.items()
        if not any(names & _names(graph, at) for at in one.passed)
    }


def _names(graph: Graph, tensor: str) -> set[str]:
    """Return the names that a tensor goes by: its own, and that of the operator that makes it."""
    producer = producer_of(graph, tensor)
    return {tensor} if producer is None else {tensor, producer.label}


def every_path(tensors: Sequence[str], edges: Entering) -> Plan:
    """Return the plan that counts each walk."""
    return Plan(tensors, {name: Arrival(edges[name]) for name in tensors}, (), edges, {}, {})


def is_transparent(edge: Edge, form: ClosedForm) -> bool:
    """Whether a trace leaves an edge out."""
    taken = reduced_by(edge, form)
    return taken is not None and not taken.spatial


def reduced_by(edge: Edge, form: ClosedForm) -> Reduced | None:
    """Return what an edge reduces, if pointwise nothing; None if a trace keeps it."""
    relation, state = edge.relation, form.states.get(edge.source)
    if relation.is_pointwise:
        return Reduced()
    if relation.reduced is None or state is None:
        return None
    reduced, rank = relation.reduced, len(relation.in_shape)
    spatial: set[int] = set()
    taken: set[int] = set()
    for axis in form.spatial_axes:
        carrying = carriers(state, axis)
        here = reduced & carrying
        spatial |= here
        if here:
            taken.update({axis} if here == carrying else {at - rank for at in here})
    if not spatial <= _whole_axes(relation):
        return None
    return Reduced(frozenset(taken), others=spatial != reduced)


def _reshaped(edge: Edge) -> bool:
    """Whether an edge is a Reshape and nothing else."""
    steps = edge.relation.steps
    return len(steps) == 1 and isinstance(steps[0], Regroup)


def _whole_axes(relation: Relation) -> set[int]:
    """Return the axes that a relation reduces all of."""
    return {
        axis
        for step in relation.steps
        if isinstance(step, Reduce)
        for axis, rule in step.rules
        if isinstance(rule, Whole) and not rule.unknown
    }


def routes(
    tensors: Sequence[str], edges: Entering, form: ClosedForm, kept: frozenset[str] = frozenset()
) -> Plan:
    """Return the plan that counts each trace once.

    Paths through the tensors and operators named by `kept` are told from those beside them.
    """
    numbers = _Numbers()
    arrivals = {name: Arrival() for name in tensors}
    origins: dict[str, Origins] = {}
    readers = Counter(before for name in tensors for before in {e.source for e in edges[name]})
    for name in tensors:
        brought = [(edge, numbers.brought(edge, origins, form)) for edge in edges[name]]
        if brought:
            arrivals[name], origins[name] = _arrive(brought)
        if not brought or _is_kept(name, edges[name], kept):
            # All that leaves the graph input, or a tensor that is asked for, comes from there.
            begun = Edge("", name, Relation((), ()), Operator(-1, "", ""))
            origins[name] = Origins(numbers.of(Origin(begun)), 1, 0)
        for before in {edge.source for edge, _ in brought}:
            readers[before] -= 1
            if not readers[before]:
                del origins[before]
    return Plan(tensors, arrivals, numbers.numbered, edges, numbers.left_out, {})


class _Numbers:
    """Numbers origins, and says which ones edges bring."""

    def __init__(self) -> None:
        self.numbered: list[Origin] = []
        self.left_out: dict[int, Reduced] = {}
        self._known: dict[tuple[int, frozenset[int], Shape | None], int] = {}

    def of(self, origin: Origin) -> int:
        """Return the number of an origin."""
        key = id(origin.edge), origin.reduced, origin.shape
        number = self._known.setdefault(key, len(self.numbered))
        if number == len(self.numbered):
            self.numbered.append(origin)
        return number

    def brought(self, edge: Edge, origins: Mapping[str, Origins], form: ClosedForm) -> Origins:
        """Return the origins from which an edge is reached; itself, if a trace keeps it."""
        before = origins[edge.source]
        taken = Reduced() if self._can_reshape(edge, before) else reduced_by(edge, form)
        if taken is None or (taken.spatial and before.bits.bit_count() > MAX_ORIGINS):
            return Origins(self.of(Origin(edge)), 1, 0)
        self.left_out[id(edge)] = taken
        if taken.spatial or _reshaped(edge):
            before = self._changed(before, edge, taken)
        return before._replace(reset=before.bits) if taken.others else before

    def _can_reshape(self, edge: Edge, before: Origins) -> bool:
        """Whether an edge is a Reshape of what no reduction left a part of an input axis of."""
        few = before.bits.bit_count() <= MAX_ORIGINS
        return (
            few
            and _reshaped(edge)
            and all(
                at >= 0
                for k in _positions(before.bits)
                for at in self.numbered[before.shift + k].reduced
            )
        )

    def _changed(self, before: Origins, edge: Edge, taken: Reduced) -> Origins:
        """Return origins after an edge."""
        after: dict[int, int] = {}
        for k in _positions(before.bits):
            origin, reduced, shape = self.numbered[before.shift + k]
            made = Origin(origin, reduced | taken.spatial, _shape_before(shape, edge))
            number = self.of(made)
            after[number] = after.get(number, 0) | before.reset >> k & 1
        shift = min(after)
        return Origins(
            shift,
            sum(1 << number - shift for number in after),
            sum(flag << number - shift for number, flag in after.items()),
            apart=len(after) == before.bits.bit_count(),
        )


def _shape_before(shape: Shape | None, edge: Edge) -> Shape | None:
    """Return the shape that Reshapes made another of, after an edge; None if back in it."""
    if not _reshaped(edge):
        return shape
    shape = edge.relation.in_shape if shape is None else shape
    return None if shape == edge.relation.out_shape else shape


def _is_kept(name: str, edges: Sequence[Edge], kept: frozenset[str]) -> bool:
    return name in kept or any(edge.operator.label in kept for edge in edges)


def _arrive(brought: list[tuple[Edge, Origins]]) -> tuple[Arrival, Origins]:
    """Choose edges that bring each origin once, and through a reduction if any edge does."""
    shift = min(origins.shift for _, origins in brought)
    whole: list[tuple[Edge, int, int]] = []
    total = total_reset = 0
    for edge, origins in sorted(brought, key=lambda item: not item[1].reset):
        bits, reset = origins.aligned(shift)
        if not bits & total and origins.apart:
            whole.append((edge, bits, reset))
        elif not total & ~bits and not total_reset & ~reset and origins.apart:
            whole = [(edge, bits, reset)]
        total |= bits
        total_reset |= reset
    arrival, left = Arrival(), total
    for edge, bits, reset in whole:
        if not total_reset & bits & ~reset:
            arrival.edges.append(edge)
            left &= ~bits
    arrival.origins = {shift + k: bool(total_reset >> k & 1) for k in _positions(left)}
    low = (total & -total).bit_length() - 1
    return arrival, Origins(shift + low, total >> low, total_reset >> low)


def _positions(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


class Walks:
    """The walks of edges that traces leave out, from origins to where these are counted."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # What leaves these comes from there: no walk of another origin leads through them.
        self._named = {origin.edge.target for origin in plan.numbered if not origin.edge.source}

    def to(self, name: str) -> dict[int, tuple[Edge, ...]]:
        """Return a shortest walk for each of a tensor's origins, through a reduction if so told.

        Ties are broken by the order of the operands.
        """
        numbers = self._plan.arrivals[name].origins
        starts = {
            number: _Place(edge.target, Reduced(reduced, numbers[number]), shape)
            for number, (edge, reduced, shape) in ((k, self._plan.numbered[k]) for k in numbers)
        }
        walks = self._search(name, set(starts.values()))
        return {number: walks[place] for number, place in starts.items()}

    def _search(self, name: str, wanted: set[_Place]) -> dict[_Place, tuple[Edge, ...]]:
        """Return a walk for each place that is wanted, searched backward."""
        came: set[tuple[str, Reduced, tuple[int, ...]]] = set()
        walks: dict[_Place, tuple[Edge, ...]] = {}
        ends = {place.tensor for place in wanted}
        pending: deque[_Way | None] = deque([None])
        while len(walks) < len(wanted):
            way = pending.popleft()
            for edge in self._plan.edges[name if way is None else way.edge.source]:
                taken = self._plan.left_out.get(id(edge))
                if taken is None:
                    continue
                made = _Way.through(edge, taken, way)
                key = edge.source, made.reduced, tuple(map(id, made.reshapes))
                if key in came:
                    continue
                came.add(key)
                if edge.source in ends:
                    place = _Place(edge.source, made.reduced, made.shape())
                    if place in wanted:
                        walks.setdefault(place, made.edges())
                if edge.source not in self._named:
                    pending.append(made)
        return walks


class _Place(NamedTuple):
    """A tensor, what a walk reduces from there on, and the shape that it makes another of."""

    tensor: str
    reduced: Reduced
    shape: Shape | None


class _Way(NamedTuple):
    """A walk by its first edge and the rest: what it reduces, and its Reshapes in order."""

    edge: Edge
    rest: _Way | None
    reduced: Reduced
    reshapes: tuple[Edge, ...]

    @classmethod
    def through(cls, edge: Edge, taken: Reduced, rest: _Way | None) -> _Way:
        """Return the walk that goes over an edge before the rest."""
        after, reshapes = (Reduced(), ()) if rest is None else (rest.reduced, rest.reshapes)
        both = Reduced(after.spatial | taken.spatial, after.others or taken.others)
        return cls(edge, rest, both, (edge, *reshapes) if _reshaped(edge) else reshapes)

    def shape(self) -> Shape | None:
        """Return the shape that the walk makes another of; None if it ends in it."""
        return reduce(_shape_before, self.reshapes, None)

    def edges(self) -> tuple[Edge, ...]:
        """Return the edges of the walk in order."""
        way: _Way | None = self
        edges: list[Edge] = []
        while way is not None:
            edges.append(way.edge)
            way = way.rest
        return tuple(edges)
