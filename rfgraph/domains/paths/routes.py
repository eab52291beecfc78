"""Which edges add paths at a tensor: all of them, or, for routes, those that add a new trace.

A path's trace leaves out transparent edges: pointwise ones and weightless reductions over axes that
carry no spatial input axis. So the traces at a tensor are those of its origins, the other edges
from which it is reached through transparent ones; where edges bring the same origins, one of them
counts.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.fields.layout import carriers
from rfgraph.relations.graph import Edge, Entering, Operator
from rfgraph.relations.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.domains.fields.layout import ClosedForm


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
        if not brought or _is_named(name, edges[name], kept):
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
    found = origins[edge.source]
    return found if edge.relation.is_pointwise else found._replace(reset=found.bits)


def _is_named(name: str, edges: Sequence[Edge], kept: frozenset[str]) -> bool:
    return name in kept or any(edge.operator.label in kept for edge in edges)


def _arrive(brought: list[tuple[Edge, Origins]]) -> tuple[Arrival, Origins]:
    """Choose edges that bring each origin once, and through a reduction if any edge does."""
    shift = min(found.shift for _, found in brought)
    whole: list[tuple[Edge, int, int]] = []
    total = total_reset = 0
    for edge, found in sorted(brought, key=lambda item: not item[1].reset):
        bits, reset = found.aligned(shift)
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
        found: dict[int, tuple[Edge, ...]] = {}
        for number, place in starts.items():
            walk: list[Edge] = []
            while place != (name, False):
                edge, place = came[place]
                walk.append(edge)
            found[number] = tuple(walk)
        return found

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
