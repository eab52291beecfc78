"""By how much each edge counts: one for paths, its even share, or what is expected of squares.

Expected squares need what is expected of values, which is carried forward as three numbers for each
tensor. Operators with stored weights give values of mean zero and variance one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.effective.activations import (
    STANDARD,
    Expected,
    Op,
    Program,
    expected,
    rectified,
)
from rfgraph.domains.effective.adjoint import Key, Kind, Weighing
from rfgraph.domains.effective.factors import (
    FACTORS,
    LEAST,
    RESULTS,
    Read,
    State,
    fan,
    is_approximate,
    spreads,
)
from rfgraph.domains.effective.functions import Curves, curves_of, fused
from rfgraph.domains.joined import joined_by_axis
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import Edge, ancestors, edges_into
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rfgraph.domains.joined import Joined
    from rfgraph.relations.graph import Fetch, Graph
    from rfgraph.relations.relation import Relation


class Counted(NamedTuple):
    """A weighing, and what is known only in part: edges left out, by guess, or approximately."""

    weighing: Weighing
    unknown: tuple[Edge, ...]
    assumed: tuple[Edge, ...]
    approximate: tuple[Edge, ...]


def weigh(
    graph: Graph, targets: Collection[str], kind: Kind, fetch: Fetch | None = None
) -> Counted:
    """Return how much each edge counts that leads to `targets`.

    `fetch` gives numbers of the file, which count in place of those that are expected. BoundError
    where expected values grow past what a float holds, as over a thousand sums.
    """
    within = ancestors(graph, targets)
    names = [name for name in graph if name in within]
    edges, programs, unknown = _edges(graph, names)
    if kind in ("uniform", "paths"):
        factors = {}
        if kind == "uniform":
            factors = {
                edge.key: 1 / fan(edge.relation)
                for many in edges.values()
                for edge in many
                if spreads(edge.relation)
            }
        return Counted(Weighing(kind, edges, factors, {}), tuple(unknown), (), ())
    try:
        walk = _Expectations(names, edges, programs)
    except OverflowError:
        said = "values expected at initialisation exceed what a float holds"
        raise BoundError(f"{said}: ask for the map uniform or paths") from None
    numbers = None
    if fetch is not None:
        from rfgraph.domains.effective.stored import Numbers

        numbers = Numbers(fetch)
    weighing = Weighing(kind, walk.edges, walk.factors, walk.fading, numbers, walk.beside)
    return Counted(weighing, tuple(unknown), tuple(walk.assumed), tuple(walk.approximate))


def _edges(
    graph: Graph, names: Sequence[str]
) -> tuple[dict[str, tuple[Edge, ...]], dict[str, Program], list[Edge]]:
    """Return the edges into each tensor, one for each function written out, and its program."""
    found: dict[str, tuple[Edge, ...]] = {}
    programs: dict[str, Program] = {}
    curves: dict[str, Curves] = {}
    unknown: list[Edge] = []
    moved = joined_by_axis(graph, names)
    for name in names:
        every = _edges_into(graph, name, moved.get(name))
        known = [edge for edge in every if not _is_unknown(edge.relation)]
        unknown.extend(edge for edge in every if _is_unknown(edge.relation))
        curves[name] = curves_of(known, curves)
        one = fused(known, curves[name])
        if one is not None:
            known, programs[name] = [one[0]], one[1]
        found[name] = tuple(known)
    return found, programs, unknown


def _edges_into(graph: Graph, name: str, moved: Joined | None) -> Sequence[Edge]:
    """Return the edges that carry anything; one, if no function is applied to any of many parts."""
    if moved is not None and all(
        edge.relation.is_void or (edge.how is not None and edge.how.word == "select")
        for tensor in (*moved.passed, name)
        for edge in edges_into(graph, tensor)
    ):
        return (moved.edge,)
    return [edge for edge in edges_into(graph, name) if not edge.relation.is_void]


def _is_unknown(relation: Relation) -> bool:
    return any(
        step.unknown
        if isinstance(step, Everything)
        else isinstance(step, Reduce)
        and any(isinstance(rule, Whole) and rule.unknown for _, rule in step.rules)
        for step in relation.steps
    )


# -- expectations ----------------------------------------------------------------------------------


class _Expectations:
    """The forward walk: states of tensors, and from them the factors of edges."""

    def __init__(
        self,
        names: Sequence[str],
        edges: Mapping[str, tuple[Edge, ...]],
        programs: Mapping[str, Program],
    ) -> None:
        self.edges = dict(edges)
        self.factors: dict[Key, float] = {}
        self.fading: dict[Key, float] = {}
        self.beside: dict[Key, float] = {}
        self.assumed: list[Edge] = []
        self.approximate: list[Edge] = []
        self._programs = programs
        self._states: dict[str, State] = {}
        self._places = {name: place for place, name in enumerate(names)}
        for name in names:
            self._states[name] = self._state(name)

    def _state(self, name: str) -> State:
        reads = [Read(edge, self._states[edge.source]) for edge in self.edges[name]]
        if not reads:
            return State(STANDARD)
        for read in reads:
            factor = self._factor(read, reads)
            if factor != 1.0:
                self.factors[read.edge.key] = factor
            if read.word == "norm" and read.how.name != "stored":
                self.beside[read.edge.key] = factor
            self._note(read, reads)
        word = next((read.word for read in reads if read.word), "")
        if word == "sum":
            self._merge_doubles(name, reads)
        return self._result(word, [read for read in reads if read.word == word])

    def _factor(self, read: Read, reads: Sequence[Read]) -> float:
        if read.word == "activation":
            found = self._expected(read)
            return 1.0 if found is None else found.slope
        return FACTORS[read.word](read, reads) if read.word else 1 / fan(read.edge.relation)

    def _expected(self, read: Read) -> Expected | None:
        how = read.how
        if how.name == "Relu":
            return rectified(read.state.moments)
        program = self._programs.get(read.edge.target) or (Op(how.name, how.values, (0,)),)
        return expected(program, read.state.moments)

    def _result(self, word: str, reads: Sequence[Read]) -> State:
        if word != "activation":
            return RESULTS[word](reads)
        (read, *_) = reads
        found = self._expected(read)
        if found is None:
            return State(read.state.moments)
        return State(found.moments, read.state.moments if read.how.name == "Relu" else None)

    def _note(self, read: Read, reads: Sequence[Read]) -> None:
        """Note what is only assumed or approximate of an edge, and what fades over it."""
        edge, moments = read.edge, read.state.moments
        known = read.word != "activation" or self._expected(read) is not None
        if not read.word or not known:
            self.assumed.append(edge)
        elif is_approximate(read) or self._is_rectified_branch(read, reads):
            self.approximate.append(edge)
        if read.word == "max":
            self.fading[edge.key] = 0.0
        elif read.how.name == "Relu":
            share = min(moments.channels / max(moments.square, LEAST), 1.0)
            self.fading[edge.key] = 0.5 + math.asin(share) / math.pi

    def _is_rectified_branch(self, read: Read, reads: Sequence[Read]) -> bool:
        """Whether a Relu's output is added to what comes before it."""
        if read.word != "sum" or read.state.opened is None:
            return False
        own = self._places[read.edge.source]
        return any(self._places[other.edge.source] < own for other in reads)

    def _merge_doubles(self, name: str, reads: Sequence[Read]) -> None:
        """Count the same tensor added k times as one edge, whose amplitude is k times as large."""
        kept: dict[tuple[str, Relation], Edge] = {}
        for read in reads:
            first = kept.setdefault((read.edge.source, read.edge.relation), read.edge)
            if first is not read.edge:
                root = math.sqrt(self.factors.get(first.key, 1.0)) + 1
                self.factors[first.key] = root**2
        self.edges[name] = tuple(kept.values())
