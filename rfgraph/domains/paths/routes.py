"""Which edges add paths at a tensor: all of them, or, for routes, those that add a new trace.

A path's trace leaves out transparent edges: pointwise ones and weightless reductions over axes that
carry no spatial input axis. So the traces at a tensor are those of its origins, the other edges
from which it is reached through transparent ones; where edges bring the same origins, one of them
counts. The edges of a Concat whose parts are all moved from one tensor are one edge from there.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.layout import carriers
from rfgraph.relations.graph import Edge, Graph, Operator, edges_into, producer_of
from rfgraph.relations.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.joined import Joined


class Origins(NamedTuple):
    """A set of edge numbers: bit k of `bits` stands for number `shift` + k.

    `reset` are those reached through a reduction, which reads units that the plain walk does not.
    """

    shift: int
    bits: int
    reset: int

    def aligned(self, shift: int) -> tuple[int, int]:
        """Return both bit sets with bit 0 for edge number `shift`, which none precedes."""
        return self.bits << (self.shift - shift), self.reset << (self.shift - shift)


@dataclass(slots=True)
class Arrival:
    """What is counted at one tensor: whole edges, and origins whose edge brings too much.

    `origins` says of each whether it comes through a reduction.
    """

    edges: list[Edge] = field(default_factory=list)
    origins: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The arrivals of every relevant tensor in topological order; origins number `numbered`."""

    tensors: Sequence[str]
    arrivals: Mapping[str, Arrival]
    numbered: Sequence[Edge]
    edges: Entering


Entering: TypeAlias = "Mapping[str, Sequence[Edge]]"


def entering(
    graph: Graph, order: Iterable[str], source: str, target: str, moved: Mapping[str, Joined]
) -> Entering:
    """Return, in `order`, the tensors on walks from `source` to `target` and the edges into them.

    By slot and part; into tensors of `moved` there is one edge.
    """
    within = _ancestors(graph, target, moved)
    entries: dict[str, list[Edge]] = {}
    for name in order:
        if name in within:
            edges = [edge for edge in _edges(graph, name, moved) if edge.source in entries]
            if edges or name == source:
                entries[name] = [] if name == source else edges
    return entries if target in entries else {}


def _ancestors(graph: Graph, target: str, moved: Mapping[str, Joined]) -> set[str]:
    seen = {target}
    stack = [target]
    while stack:
        name = stack.pop()
        for before in (moved[name].source,) if name in moved else graph.pred[name]:
            if before not in seen:
                seen.add(before)
                stack.append(before)
    return seen


def _edges(graph: Graph, name: str, moved: Mapping[str, Joined]) -> list[Edge]:
    if name in moved:
        one = moved[name]
        return [Edge(one.source, name, one.relation, one.operator)]
    return sorted(edges_into(graph, name), key=attrgetter("slot", "part"))


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
    return Plan(tensors, {name: Arrival(list(edges[name])) for name in tensors}, (), edges)


def is_transparent(edge: Edge, form: ClosedForm) -> bool:
    """Whether a trace leaves the edge out."""
    relation = edge.relation
    if relation.is_pointwise:
        return True
    reduced = relation.reduced
    if reduced is None:
        return False
    state = form.states.get(edge.source)
    if state is None:
        return False
    return all(reduced.isdisjoint(carriers(state, axis)) for axis in form.spatial_axes)


def routes(
    tensors: Sequence[str], edges: Entering, form: ClosedForm, kept: frozenset[str] = frozenset()
) -> Plan:
    """Return the plan that counts each trace once.

    Paths through the tensors and operators named by `kept` are told from those beside them.
    """
    numbered: list[Edge] = []
    arrivals = {name: Arrival() for name in tensors}
    origins: dict[str, Origins] = {}
    readers = Counter(before for name in tensors for before in {e.source for e in edges[name]})
    for name in tensors:
        brought = [(edge, _brought(edge, origins, numbered, form)) for edge in edges[name]]
        if brought:
            arrivals[name], origins[name] = _arrive(brought)
        if not brought or _is_kept(name, edges[name], kept):
            # All that leaves the graph input, or a tensor that is asked for, comes from there.
            origins[name] = Origins(len(numbered), 1, 0)
            numbered.append(Edge("", name, Relation((), ()), Operator(-1, "", "")))
        for before in {edge.source for edge, _ in brought}:
            readers[before] -= 1
            if not readers[before]:
                del origins[before]
    return Plan(tensors, arrivals, numbered, edges)


def _brought(
    edge: Edge, origins: Mapping[str, Origins], numbered: list[Edge], form: ClosedForm
) -> Origins:
    """Return the origins from which an edge is reached; itself, unless it is transparent."""
    if not is_transparent(edge, form):
        numbered.append(edge)
        return Origins(len(numbered) - 1, 1, 0)
    before = origins[edge.source]
    return before if edge.relation.is_pointwise else before._replace(reset=before.bits)


def _is_kept(name: str, edges: Sequence[Edge], kept: frozenset[str]) -> bool:
    return name in kept or any(edge.operator.label in kept for edge in edges)


def _arrive(brought: list[tuple[Edge, Origins]]) -> tuple[Arrival, Origins]:
    """Choose edges that bring each origin once, and through a reduction if any edge does."""
    shift = min(origins.shift for _, origins in brought)
    whole: list[tuple[Edge, int, int]] = []
    total = total_reset = 0
    for edge, origins in sorted(brought, key=lambda item: not item[1].reset):
        bits, reset = origins.aligned(shift)
        if not bits & total:
            whole.append((edge, bits, reset))
        elif not total & ~bits and not total_reset & ~reset:
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
    """The transparent walks from origins to the tensors at which they are counted on their own."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._origins = {id(edge) for edge in plan.numbered}
        # What leaves these comes from there: no walk of another origin leads through them.
        self._named = {edge.target for edge in plan.numbered if not edge.source}

    def to(self, name: str) -> dict[int, tuple[Edge, ...]]:
        """Return a shortest walk for each of a tensor's origins, through a reduction if so told.

        Ties are broken by the order of the operands.
        """
        starts = {
            number: (self._plan.numbered[number].target, reset)
            for number, reset in self._plan.arrivals[name].origins.items()
        }
        came = self._search(name, set(starts.values()))
        walks: dict[int, tuple[Edge, ...]] = {}
        for number, place in starts.items():
            walk: list[Edge] = []
            while place != (name, False):
                edge, place = came[place]
                walk.append(edge)
            walks[number] = tuple(walk)
        return walks

    def _search(
        self, name: str, wanted: set[tuple[str, bool]]
    ) -> dict[tuple[str, bool], tuple[Edge, tuple[str, bool]]]:
        """Search backward until `wanted` are reached: tensors, and whether past a reduction."""
        came: dict[tuple[str, bool], tuple[Edge, tuple[str, bool]]] = {}
        pending = deque([(name, False)])
        while wanted:
            here = pending.popleft()
            for edge in self._plan.edges[here[0]]:
                before = edge.source, here[1] or not edge.relation.is_pointwise
                if before in came or id(edge) in self._origins:
                    continue
                came[before] = edge, here
                wanted.discard(before)
                if edge.source not in self._named:
                    pending.append(before)
        return came
