"""Tensors that several edges bring together from one: each is one rearrangement of it.

A Concat whose parts are all moved, and nothing else, from one and the same tensor does in many
edges what an operator does in one: a roll, the stem that takes every second pixel, circular
padding, Tile. What is followed path by path follows it as one edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import NOTHING
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Pick, Repeat, Shape, Shift
from rfgraph.relations.graph import Edge, edges_into, input_shape
from rfgraph.relations.how import SELECT
from rfgraph.relations.reading import indices
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Gathered, Permute, Pointwise, Regroup, Select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.relations.axis_rules import Outside, SelectRule
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.reading import Ints


# So many moves are followed back from each part.
MAX_MOVES = 64
_PADDED: tuple[Outside, ...] = ("wrap", "reflect", "edge")


class Joined(NamedTuple):
    """One edge in place of several, over the tensors `passed`."""

    edge: Edge
    passed: frozenset[str]


def put_together(into: Mapping[str, Sequence[Edge]]) -> dict[str, list[Edge]]:
    """Return the tensors that several edges each fill a part of, with these edges, in order.

    Of all the edges `into` each; those that carry nothing are left out.
    """
    together = {}
    for tensor, edges in into.items():
        if len(edges) > 1:
            parts = [edge for edge in edges if not edge.relation.is_void]
            if len(parts) > 1 and all(_fills_part(edge.relation) for edge in parts):
                together[tensor] = parts
    return together


def joins_of(graph: Graph, tensors: Iterable[str]) -> dict[str, Joined]:
    """Return which of `tensors`, in topological order, are one rearrangement by several edges."""
    into = {tensor: tuple(edges_into(graph, tensor)) for tensor in tensors}
    return joins_among(graph, put_together(into))


def joins_among(graph: Graph, parts: Mapping[str, Sequence[Edge]]) -> dict[str, Joined]:
    """Return which tensors, in topological order, are one rearrangement by edges of `parts`."""
    joins: dict[str, Joined] = {}
    for tensor, edges in parts.items():
        made = _join(graph, tensor, edges, joins)
        if made is not None:
            joins[tensor] = made
    return joins


def edges_over(graph: Graph, tensor: str, joins: Mapping[str, Joined]) -> Iterable[Edge]:
    """Return the one edge into a tensor of `joins`, into another those of the graph."""
    one = joins.get(tensor)
    return edges_into(graph, tensor) if one is None else (one.edge,)


def sources_over(graph: Graph, tensor: str, joins: Mapping[str, Joined]) -> Iterable[str]:
    """Return from where these edges come."""
    return (joins[tensor].edge.source,) if tensor in joins else graph.pred[tensor]


def joins_by_axis(graph: Graph, tensors: Iterable[str]) -> dict[str, Joined]:
    """Return those of the joined tensors of which every axis is rearranged for itself."""
    return {
        name: one
        for name, one in joins_of(graph, tensors).items()
        if not any(isinstance(step, Gathered) for step in one.edge.relation.steps)
    }


def _edges(graph: Graph, tensor: str) -> Iterator[tuple[str, Relation]]:
    """Yield what edges into a tensor that carry anything read, and how."""
    for edge in edges_into(graph, tensor):
        if not edge.relation.is_void:
            yield edge.source, edge.relation


def _fills_part(relation: Relation) -> bool:
    """Whether a relation puts what it reads among what others bring."""
    return bool(relation.steps) and all(
        isinstance(step, Select)
        and all(isinstance(rule, Shift) and rule.outside == "absent" for _, rule in step.rules)
        for step in relation.steps
    )


def _join(
    graph: Graph, tensor: str, edges: Sequence[Edge], joins: Mapping[str, Joined]
) -> Joined | None:
    """Return the one edge into a tensor from the nearest that all its parts are moved from."""
    common: dict[str, None] | None = None
    for part in dict.fromkeys(edge.source for edge in edges):
        origins = _moved_from(graph, part, joins)
        common = origins if common is None else {name: None for name in common if name in origins}
        if not common:
            return None
    source = next(iter(common or ()))
    passed = _between(graph, source, tensor)
    try:
        places = _places(graph, source, tensor, passed)
    except BoundError:
        return None
    if places is None:
        return None
    relation = _relation(input_shape(graph, source), input_shape(graph, tensor), places)
    one = Edge(source, tensor, relation, edges[0].operator, how=SELECT)
    return Joined(one, frozenset(passed))


def _moved_from(graph: Graph, tensor: str, joins: Mapping[str, Joined]) -> dict[str, None]:
    """Return the tensor and those, nearest first, of which it is a rearrangement."""
    names = {tensor: None}
    while len(names) <= MAX_MOVES:
        known = joins.get(tensor)
        edges = [] if known else list(_edges(graph, tensor))
        if known:
            tensor = known.edge.source
        elif len(edges) == 1 and all(map(_is_move, edges[0][1].steps)):
            tensor = edges[0][0]
        else:
            break
        names[tensor] = None
    return names


def _is_move(step: object) -> bool:
    """Whether a step only moves elements; padding stands for more than the elements that exist."""
    if isinstance(step, Select):
        return all(
            not isinstance(rule, Shift) or rule.outside == "absent" or rule.is_inside
            for _, rule in step.rules
        )
    return isinstance(step, (Pointwise, Permute, Regroup))


def _between(graph: Graph, source: str, tensor: str) -> dict[str, None]:
    """Return the tensors that lie on the way, each before those that read it."""
    seen: set[str] = set()
    order: dict[str, None] = {}
    stack = [tensor]
    while stack:
        name = stack[-1]
        left = [
            before for before, _ in _edges(graph, name) if before not in seen and before != source
        ]
        seen.add(name)
        if left:
            stack.extend(left)
        else:
            order[stack.pop()] = None
    del order[tensor]
    return order


def _places(
    graph: Graph, source: str, tensor: str, passed: Mapping[str, None]
) -> list[Ints] | None:
    """Return for each axis of `source` which position each element of `tensor` is; -1 for none.

    None where parts overlap, so that an element is more than one.
    """
    from rfgraph.domains.regions import carry

    shape = input_shape(graph, source)
    carried = {source: [tables.ramp(shape, axis) for axis in range(len(shape))]}
    for name in (*passed, tensor):
        arriving = [
            [carry(table, relation) for table in carried[before]]
            for before, relation in _edges(graph, name)
        ]
        made = arriving[0]
        for other in arriving[1:]:
            made = list(map(tables.join, made, other))
        carried[name] = made
    if any(bool((lo < hi).any()) for lo, hi in carried[tensor]):
        return None
    return [np.where(lo == NOTHING, -1, lo) for lo, _ in map(tables.squeeze, carried[tensor])]


def _relation(old: Shape, new: Shape, places: list[Ints]) -> Relation:
    """Return the relation that moves each element as `places` say, axis by axis if it can be."""
    apart = len(old) == len(new) and all(
        length == 1 or other == axis
        for axis, place in enumerate(places)
        for other, length in enumerate(place.shape)
    )
    if not apart:
        return Relation(old, (Gathered(new, tuple(places)),))
    lines = [np.broadcast_to(place.reshape(-1), (new[k],)) for k, place in enumerate(places)]
    rules = tuple(
        (axis, _rule(line, old[axis]))
        for axis, line in enumerate(lines)
        if not np.array_equal(line, np.arange(old[axis]))
    )
    return Relation(old, (Select(rules),) if rules else (Pointwise(new),))


def _rule(line: Ints, length: int) -> SelectRule:
    """Return the rule by which each position reads what `line` says of an axis of `length`."""
    count = len(line)
    if count % length == 0 and np.array_equal(line, np.arange(count) % length):
        return Repeat(length, count)
    step = int(line[1] - line[0]) if count > 1 else 1
    if step and np.array_equal(line, line[0] + step * np.arange(count)):
        return Shift(int(line[0]), step, length, count)
    for begin in _begins(line, length):
        for outside in _PADDED:
            padded = Shift(-begin, 1, length, count, outside)
            if np.array_equal(line, indices(padded)):
                return padded
    return Pick(tuple(line.tolist()), length)


def _begins(line: Ints, length: int) -> list[int]:
    """Return where the whole axis may stand in a longer one, the most central place if anywhere."""
    last = len(line) - length
    if last < 1:
        return []
    ends = (line[: last + 1] == 0) & (line[length - 1 :] == length - 1)
    return sorted(np.flatnonzero(ends).tolist(), key=lambda begin: abs(2 * begin - last))[:1]
