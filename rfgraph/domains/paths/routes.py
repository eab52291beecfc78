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
from rfgraph.domains.paths.liveness import needed_axes
from rfgraph.domains.positions import bits_of
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import Edge, Graph, ancestors, edges_into, producer_of
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


class Origins(NamedTuple):
    """A set of origins by number: bit k of `bits` stands for number `shift` + k.

    `reset` are those reached through a reduction over other axes, which reads units that the plain
    walk does not. `apart` says that no two routes of the tensor before came to one of these.
    """

    shift: int
    bits: int
    reset: int
    apart: bool = True

    def bits_from(self, shift: int) -> tuple[int, int]:
        """Return both bit sets with bit 0 for edge number `shift`, which none precedes."""
        return self.bits << (self.shift - shift), self.reset << (self.shift - shift)


# The axes that reductions take: those of `Origin`, and None for all others.
Taken: TypeAlias = frozenset[int | None]
# A tensor, what a walk takes from there on, and its Reshapes; or the shape it makes another of.
_Way: TypeAlias = "tuple[str, Taken, tuple[tuple[Shape, Shape], ...]]"
_End: TypeAlias = "tuple[str, Taken, Shape | None]"


class Plan:
    """What is counted at every tensor: whole edges, and origins whose edge brings too much.

    `edges` are those into each tensor, in topological order, of which `whole` are counted. `apart`
    has origins by their place in `numbered`, and whether each comes through a reduction over other
    axes. `left_out` has by identity the edges that traces leave out, and the axes that these take.
    All that leaves a tensor of `begun` comes from there. `needed` are the axes on which it matters
    where nothing is read. `patterns` are single tracks, and `carried` is what relations, held
    beside it, make of them: the same however many are followed at once.
    """

    def __init__(self, edges: Mapping[str, Sequence[Edge]]) -> None:
        self.edges, self.whole = edges, edges
        self.apart: dict[str, dict[int, bool]] = {}
        self.numbered: list[Origin] = []
        self.left_out: dict[int, Taken] = {}
        self.begun: set[str] = set()
        self.needed = needed_axes(edges)
        self.patterns: dict[object, Track] = {}
        self.carried: dict[object, tuple[Relation, tuple[Track, int] | None]] = {}
        self._numbers: dict[tuple[int, frozenset[int], Shape | None], int] = {}

    def of(self, origin: Origin) -> int:
        """Return the number of an origin."""
        key = id(origin.edge), origin.reduced, origin.shape
        number = self._numbers.setdefault(key, len(self.numbered))
        if number == len(self.numbered):
            self.numbered.append(origin)
        return number

    def origins_over(self, edge: Edge, origins: Mapping[str, Origins], form: ClosedForm) -> Origins:
        """Return the origins from which an edge is reached; itself, if a trace keeps it."""
        before = origins[edge.source]
        taken = frozenset() if self._can_reshape(edge, before) else reduced_by(edge, form)
        many = before.bits.bit_count() > MAX_ORIGINS
        if taken is None or (many and not taken <= {None}):
            return Origins(self.of(Origin(edge)), 1, 0)
        self.left_out[id(edge)] = taken
        if _is_reshape(edge) or not taken <= {None}:
            spatial = frozenset(axis for axis in taken if axis is not None)
            before = self._origins_after(before, edge, spatial)
        return before._replace(reset=before.bits) if None in taken else before

    def _can_reshape(self, edge: Edge, before: Origins) -> bool:
        """Whether an edge is a Reshape of what no reduction left a part of an input axis of."""
        return (
            _is_reshape(edge)
            and before.bits.bit_count() <= MAX_ORIGINS
            and all(
                at >= 0
                for k in bits_of(before.bits)
                for at in self.numbered[before.shift + k].reduced
            )
        )

    def _origins_after(self, before: Origins, edge: Edge, taken: frozenset[int]) -> Origins:
        """Return origins after an edge."""
        moved = (edge.relation.in_shape, edge.relation.out_shape)
        after: dict[int, int] = {}
        for k in bits_of(before.bits):
            origin, reduced, shape = self.numbered[before.shift + k]
            shape = _unlike(shape, moved) if _is_reshape(edge) else shape
            number = self.of(Origin(origin, reduced | taken, shape))
            after[number] = after.get(number, 0) | before.reset >> k & 1
        shift = min(after)
        return Origins(
            shift,
            sum(1 << number - shift for number in after),
            sum(flag << number - shift for number, flag in after.items()),
            apart=len(after) == before.bits.bit_count(),
        )


def entering_edges(
    graph: Graph,
    order: Iterable[str],
    source: str,
    target: str,
    instead: Mapping[str, Sequence[Edge]],
) -> Mapping[str, Sequence[Edge]]:
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


def is_transparent(edge: Edge, form: ClosedForm) -> bool:
    """Whether a trace leaves an edge out."""
    taken = reduced_by(edge, form)
    return taken is not None and taken <= {None}


def reduced_by(edge: Edge, form: ClosedForm) -> Taken | None:
    """Return which axes an edge reduces, if pointwise none; None if a trace keeps it."""
    relation, state = edge.relation, form.get(edge.source)
    if relation.is_pointwise:
        return frozenset()
    if relation.reduced is None or state is None:
        return None
    reduced, rank = relation.reduced, len(relation.in_shape)
    spatial: set[int] = set()
    taken: set[int | None] = set()
    for axis in form.spatial_axes:
        carrying = carriers(state.classes, axis)
        here = reduced & carrying
        spatial |= here
        if here:
            taken.update({axis} if here == carrying else {at - rank for at in here})
    if not spatial <= _whole_axes(relation):
        return None
    return frozenset(taken) if spatial == reduced else frozenset((*taken, None))


def _is_reshape(edge: Edge) -> bool:
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
    edges: Mapping[str, Sequence[Edge]], form: ClosedForm, kept: frozenset[str] = frozenset()
) -> Plan:
    """Return the plan that counts each trace once.

    Paths through the tensors and operators named by `kept` are told from those beside them.
    """
    plan = Plan(edges)
    whole: dict[str, Sequence[Edge]] = dict.fromkeys(edges, ())
    plan.whole = whole
    origins: dict[str, Origins] = {}
    readers = Counter(before for into in edges.values() for before in {e.source for e in into})
    for name, into in edges.items():
        brought = [(edge, plan.origins_over(edge, origins, form)) for edge in into]
        if brought:
            whole[name], left, origins[name] = _arrive(brought)
            if left:
                plan.apart[name] = left
        if not brought or _is_kept(name, into, kept):
            # All that leaves the graph input, or a tensor that is asked for, comes from there.
            plan.begun.add(name)
            begun = Edge("", name, Relation((), ()), Operator(-1, "", ""))
            origins[name] = Origins(plan.of(Origin(begun)), 1, 0)
        for before in {edge.source for edge in into}:
            readers[before] -= 1
            if not readers[before]:
                del origins[before]
    return plan


def _unlike(shape: Shape | None, moved: tuple[Shape, Shape]) -> Shape | None:
    """Return the shape that Reshapes made another of, after one; None if back in it."""
    old, new = moved
    shape = old if shape is None else shape
    return None if shape == new else shape


def _is_kept(name: str, edges: Sequence[Edge], kept: frozenset[str]) -> bool:
    return name in kept or any(edge.operator.label in kept for edge in edges)


def _arrive(
    brought: list[tuple[Edge, Origins]],
) -> tuple[list[Edge], dict[int, bool], Origins]:
    """Choose edges that bring each origin once, and through a reduction if any edge does.

    Return these, the origins that are left, and all.
    """
    shift = min(origins.shift for _, origins in brought)
    whole: list[tuple[Edge, int, int]] = []
    total = total_reset = 0
    for edge, origins in sorted(brought, key=lambda item: not item[1].reset):
        bits, reset = origins.bits_from(shift)
        if not bits & total and origins.apart:
            whole.append((edge, bits, reset))
        elif not total & ~bits and not total_reset & ~reset and origins.apart:
            whole = [(edge, bits, reset)]
        total |= bits
        total_reset |= reset
    chosen, left = [], total
    for edge, bits, reset in whole:
        if not total_reset & bits & ~reset:
            chosen.append(edge)
            left &= ~bits
    apart = {shift + k: bool(total_reset >> k & 1) for k in bits_of(left)}
    low = (total & -total).bit_length() - 1
    return chosen, apart, Origins(shift + low, total >> low, total_reset >> low)


def walks_to(plan: Plan, name: str) -> dict[int, tuple[Edge, ...]]:
    """Return for each origin apart at a tensor a shortest walk of edges that traces leave out.

    Through a reduction over other axes if it comes so. Ties are broken by the order of the
    operands.
    """
    ends = {}
    for number, through in plan.apart[name].items():
        edge, reduced, shape = plan.numbered[number]
        ends[number] = edge.target, reduced | ({None} if through else frozenset()), shape
    walks = _search(plan, name, set(ends.values()))
    return {number: walks[end] for number, end in ends.items()}


def _search(plan: Plan, name: str, wanted: set[_End]) -> dict[_End, tuple[Edge, ...]]:
    """Return a walk from each tensor, with what is done from there on, searched backward."""
    begin: _Way = name, frozenset(), ()
    came: dict[_Way, tuple[Edge, _Way]] = {}
    walks: dict[_End, tuple[Edge, ...]] = {}
    tensors = {end[0] for end in wanted}
    pending = deque([begin])
    while len(walks) < len(wanted):
        way = tensor, reduced, reshapes = pending.popleft()
        for edge in plan.edges[tensor]:
            taken = plan.left_out.get(id(edge))
            if taken is None:
                continue
            moved = (edge.relation.in_shape, edge.relation.out_shape)
            made: _Way = (
                edge.source,
                reduced | taken,
                (moved, *reshapes) if _is_reshape(edge) else reshapes,
            )
            if made in came:
                continue
            came[made] = edge, way
            if edge.source in tensors:
                end = *made[:2], reduce(_unlike, made[2], None)
                if end in wanted and end not in walks:
                    walks[end] = _along(came, made, begin)
            # What leaves a tensor of `begun` comes from there: no walk of others leads through it.
            if edge.source not in plan.begun:
                pending.append(made)
    return walks


def _along(came: Mapping[_Way, tuple[Edge, _Way]], way: _Way, end: _Way) -> tuple[Edge, ...]:
    """Return the edges over which a way came, in order."""
    edges: list[Edge] = []
    while way != end:
        edge, way = came[way]
        edges.append(edge)
    return tuple(edges)
