"""Concats that go on where others end: of k parts, of which k - 1 are put together already.

A dense block reads in every layer all that was made before it. Followed part by part that is
quadratic; over the tensor that has the first parts already it is two edges a layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.joined import put_together, rearranged
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.graph import Edge, ancestors, edges_into, input_shape
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Select

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
    joins = rearranged(graph, parts)
    rest = {name: edges for name, edges in parts.items() if name not in joins}
    return {name: (one.edge,) for name, one in joins.items()} | continued(graph, rest)


def continued(graph: Graph, parts: Mapping[str, Sequence[Edge]]) -> dict[str, tuple[Edge, ...]]:
    """Return the edges into tensors, in topological order, whose first parts are one.

    `parts` are the edges into all that several put together. The first of the edges that are
    returned stands for those of two parts or more, and comes from what has them alone.
    """
    found: dict[str, tuple[Edge, ...]] = {}
    # Parts one after the other have a number, and so the first tensor that is made of them.
    numbers: dict[tuple[int, str, int], int] = {}
    made: dict[int, str] = {}
    stacked = {tensor: edges for tensor, edges in parts.items() if _are_stacked(edges)}
    for tensor, edges in stacked.items():
        ordered = sorted(edges, key=lambda edge: -_rule(edge).start)
        axis, number = _axis(ordered[0]), -1 - _axis(ordered[0])
        known = 0
        for count, part in enumerate(ordered, 1):
            key = number, part.source, _rule(part).start
            number = numbers.setdefault(key, len(numbers))
            if 1 < count < len(ordered) and number in made:
                known, source = count, made[number]
        made.setdefault(number, tensor)
        if known:
            found[tensor] = (_first(graph, source, ordered[0], axis), *ordered[known:])
    return found


def _are_stacked(edges: Sequence[Edge]) -> bool:
    """Whether all edges put a tensor somewhere on one axis."""
    return all(map(_is_part, edges)) and len(set(map(_axis, edges))) == 1


def _is_part(edge: Edge) -> bool:
    """Whether an edge puts all of a tensor somewhere on one axis, and nothing beside it."""
    steps = edge.relation.steps
    if len(steps) != 1 or not isinstance(steps[0], Select) or len(steps[0].rules) != 1:
        return False
    ((_, rule),) = steps[0].rules
    return (
        isinstance(rule, Shift)
        and (rule.outside, rule.step) == ("absent", 1)
        and 0 <= -rule.start <= rule.out_len - rule.in_len
    )


def _axis(edge: Edge) -> int:
    (step,) = edge.relation.steps
    assert isinstance(step, Select)
    return step.rules[0][0]


def _rule(edge: Edge) -> Shift:
    (step,) = edge.relation.steps
    assert isinstance(step, Select)
    rule = step.rules[0][1]
    assert isinstance(rule, Shift)
    return rule


def _first(graph: Graph, source: str, part: Edge, axis: int) -> Edge:
    """Return the edge from what has the first parts, in place of that of the first one."""
    shape = input_shape(graph, source)
    shift = Shift(0, 1, shape[axis], _rule(part).out_len, "absent")
    relation = Relation(shape, (Select(((axis, shift),)),))
    return part._replace(source=source, relation=relation)
