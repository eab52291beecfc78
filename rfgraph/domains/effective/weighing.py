"""By how much each edge counts: one for paths, its even share, or what is expected of squares.

Expected squares need what is expected of values, which is carried forward as three numbers for each
tensor. Operators with stored weights give values of mean zero and variance one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.domains.effective.activations import STANDARD
from rfgraph.domains.effective.adjoint import Kind, Weighing
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
from rfgraph.domains.effective.functions import curves_of, fuse
from rfgraph.domains.joined import joins_by_axis
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import Edge, ancestors, edges_into
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rfgraph.domains.effective.activations import Op
    from rfgraph.domains.joined import Joined
    from rfgraph.relations.graph import Fetch, Graph
    from rfgraph.relations.relation import Relation


def weigh(
    graph: Graph, targets: Collection[str], kind: Kind, fetch: Fetch | None = None
) -> Weighing:
    """Return how much each edge counts that leads to `targets`.

    `fetch` gives numbers of the file, which count in place of those that are expected. BoundError
    where expected values grow past what a float holds, as over a thousand sums.
    """
    within = ancestors(graph, targets)
    made = Weighing(kind, {})
    programs = _find_edges(graph, [name for name in graph if name in within], made)
    if kind == "uniform":
        for edges in made.edges.values():
            for edge in edges:
                if spreads(edge.relation):
                    made.factors[edge.key] = 1 / fan(edge.relation)
    if kind in ("uniform", "paths"):
        return made
    try:
        _expect(made, programs)
    except OverflowError:
        said = "values expected at initialisation exceed what a float holds"
        raise BoundError(f"{said}: ask for the map uniform or paths") from None
    if fetch is not None:
        from rfgraph.domains.effective.stored import Numbers

        made.numbers = Numbers(fetch)
    return made


def _find_edges(graph: Graph, names: Sequence[str], made: Weighing) -> dict[str, Op]:
    """Find the edges into each tensor, one for each function written out; return what that is."""
    programs: dict[str, Op] = {}
    curves: dict[str, dict[str, Op]] = {}
    moved = joins_by_axis(graph, names)
    for name in names:
        every = _edges_into(graph, name, moved.get(name))
        known = [edge for edge in every if not _is_unknown(edge.relation)]
        made.unknown.extend(edge for edge in every if _is_unknown(edge.relation))
        curves[name] = curves_of(known, curves)
        one = fuse(known, curves[name])
        if one is not None:
            known, programs[name] = [one[0]], one[1]
        made.edges[name] = tuple(known)
    return programs


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


def _expect(made: Weighing, programs: Mapping[str, Op]) -> None:
    """Carry forward what is expected of tensors, and weigh the edges by it."""
    states: dict[str, State] = {}
    places = {name: place for place, name in enumerate(made.edges)}
    for name, edges in made.edges.items():
        reads = [
            Read(edge, states[edge.source], places[edge.source], programs.get(name))
            for edge in edges
        ]
        states[name] = _state(made, name, reads) if reads else State(STANDARD)


def _state(made: Weighing, name: str, reads: Sequence[Read]) -> State:
    for read in reads:
        factor = FACTORS[read.word](read, reads)
        if factor != 1.0:
            made.factors[read.edge.key] = factor
        if read.word == "norm" and read.how.name != "stored":
            made.beside[read.edge.key] = factor
        _note(made, read, reads)
    word = next((read.word for read in reads if read.word), "")
    if word == "sum":
        made.edges[name] = _without_doubles(made, reads)
    return RESULTS[word]([read for read in reads if read.word == word])


def _note(made: Weighing, read: Read, reads: Sequence[Read]) -> None:
    """Note what is only assumed or approximate of an edge, and what fades over it."""
    edge, moments = read.edge, read.state.moments
    if not read.word or (read.word == "activation" and read.expected is None):
        made.assumed.append(edge)
    elif is_approximate(read) or _is_rectified_branch(read, reads):
        made.approximate.append(edge)
    if read.word == "max":
        made.fading[edge.key] = 0.0
    elif read.how.name == "Relu":
        share = min(moments.channels / max(moments.square, LEAST), 1.0)
        made.fading[edge.key] = 0.5 + math.asin(share) / math.pi


def _is_rectified_branch(read: Read, reads: Sequence[Read]) -> bool:
    """Whether a Relu's output is added to what comes before it."""
    opened = read.word == "sum" and read.state.opened is not None
    return opened and any(other.place < read.place for other in reads)


def _without_doubles(made: Weighing, reads: Sequence[Read]) -> tuple[Edge, ...]:
    """Count the same tensor added k times as one edge, whose amplitude is k times as large."""
    kept: dict[tuple[str, Relation], Edge] = {}
    for read in reads:
        first = kept.setdefault((read.edge.source, read.edge.relation), read.edge)
        if first is not read.edge:
            root = math.sqrt(made.factors.get(first.key, 1.0)) + 1
            made.factors[first.key] = root**2
    return tuple(kept.values())
