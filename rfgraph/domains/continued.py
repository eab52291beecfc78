"""Concats and sums that go on where others end: of k parts, of which k - 1 are together already.

A dense block reads in every layer all that was made before it. Followed part by part that is
quadratic; over the tensor that has the first parts already it is two edges a layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.domains.joined import joins_among, put_together
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.graph import Edge, ancestors, edges_into, input_shape
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Pointwise, Select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.relations.graph import Graph


def edges_to(graph: Graph, tensor: str) -> dict[str, tuple[Edge, ...]]:
    """Return edges in place of the graph's into tensors that lead to one.

    What is one rearrangement by several edges is one, and what goes on where another ends is
    followed over that.
    """
    within = ancestors(graph, [tensor])
    parts = put_together({name: tuple(edges_into(graph, name)) for name in graph if name in within})
    joins = joins_among(graph, parts)
    rest = {name: edges for name, edges in parts.items() if name not in joins}
    return {name: (one.edge,) for name, one in joins.items()} | continued_edges(graph, rest)


def continued_edges(
    graph: Graph, parts: Mapping[str, Sequence[Edge]]
) -> dict[str, tuple[Edge, ...]]:
    """Return the edges into tensors, in topological order, whose first parts are one.

    `parts` are the edges into all that several put together, one after the other or one upon the
    other. The first of the edges that are returned stands for those of two parts or more, and comes
    from what has them alone.
    """
    instead: dict[str, tuple[Edge, ...]] = {}
    # Parts one after the other have a number, and so the first tensor that is made of them.
    numbers: dict[tuple[int, str, int], int] = {}
    made: dict[int, str] = {}
    for tensor, edges in parts.items():
        places = list(filter(None, map(_place, edges)))
        axes = {axis for axis, _ in places}
        if len(places) < len(edges) or len(axes) > 1:
            continue
        ordered = sorted(zip(places, edges, strict=True), key=_order)
        number, known = -2 - min(axes), 0
        for count, ((_, start), part) in enumerate(ordered, 1):
            number = numbers.setdefault((number, part.source, start), len(numbers))
            if 1 < count < len(ordered) and number in made:
                known, source = count, made[number]
        made.setdefault(number, tensor)
        if known:
            rest = (part for _, part in ordered[known:])
            instead[tensor] = (_first(graph, source, ordered[0][1]), *rest)
    return instead


def _place(edge: Edge) -> tuple[int, int] | None:
    """Return the axis on which an edge puts all of a tensor, and where; else None.

    The axis of a pointwise edge is -1.
    """
    step, *others = edge.relation.steps or (None,)
    if isinstance(step, Pointwise) and not others:
        return -1, 0
    if not isinstance(step, Select) or others:
        return None
    ((axis, rule), *more) = step.rules
    if (
        not more
        and isinstance(rule, Shift)
        and (rule.outside, rule.step) == ("absent", 1)
        and 0 <= -rule.start <= rule.out_len - rule.in_len
    ):
        return axis, -rule.start
    return None


def _order(part: tuple[tuple[int, int], Edge]) -> tuple[tuple[int, int], int]:
    place, edge = part
    return place, edge.slot


def _first(graph: Graph, source: str, part: Edge) -> Edge:
    """Return the edge from what has the first parts, in place of that of the first one."""
    shape, (step,) = input_shape(graph, source), part.relation.steps
    if isinstance(step, Select):
        ((axis, rule),) = step.rules
        assert isinstance(rule, Shift)
        step = Select(((axis, replace(rule, start=0, in_len=shape[axis])),))
    return part._replace(source=source, relation=Relation(shape, (step,)))
