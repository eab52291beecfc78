"""Every walk through a small graph, each read alone, and the routes that walks fold into."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.operators import MOVES
from oracle.sets import Graph, Index, length, union

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from oracle.reads import Box, Part

Key = tuple[int, int, int, str]


@dataclass(frozen=True)
class Walk:
    """A walk from a graph input to a tensor; `edges` in the order of the data."""

    input: str
    tensor: str
    edges: tuple[Part, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """(node, input slot, output slot, part) of every edge."""
        return tuple(edge.key for edge in self.edges)


@dataclass(frozen=True)
class Route:
    """Walks with one trace. `sizes`: largest hull per input axis, None where it is whole."""

    input: str
    trace: tuple[Key, ...]
    walks: tuple[Walk, ...]
    sizes: tuple[int | None, ...]
    depth: int


def walks(graph: Graph, tensor: str, name: str) -> list[Walk]:
    """List every walk from an input to a tensor that carries something (parallel edges count)."""
    into: dict[str, list[Part]] = defaultdict(list)
    for edge in graph.edges:
        into[edge.target].append(edge)
    found: list[Walk] = []
    open_ends: list[tuple[str, tuple[Part, ...]]] = [(tensor, ())]
    while open_ends:
        here, edges = open_ends.pop()
        if here == name:
            found.append(Walk(name, tensor, edges))
        open_ends.extend((edge.source, (edge, *edges)) for edge in into[here])
    return [walk for walk in found if not _empty(graph, walk)]


def read(graph: Graph, walk: Walk, index: Sequence[int]) -> Box | None:
    """Return what one unit reads along one walk alone, None if nothing."""
    boxes = [box for box in _boxes(graph, walk, index) if all(s.positions for s in box)]
    return union(boxes) if boxes else None


def _boxes(graph: Graph, walk: Walk, index: Sequence[int]) -> list[Box]:
    boxes = [graph.unit(index)]
    for edge in reversed(walk.edges):
        boxes = list({found for box in boxes for found in graph.along(edge, box)})
    return boxes


def _separable(walk: Walk) -> bool:
    return all(edge.moved is None for edge in walk.edges)


def _existing(graph: Graph, walk: Walk) -> list[Index]:
    """Units that between them show every unit of every axis.

    Where axes are read independently of each other a diagonal does; else all units are listed.
    """
    shape = graph.shape(walk.tensor)
    if not _separable(walk):
        return list(itertools.product(*map(range, shape)))
    return [tuple(o % n for n in shape) for o in range(max(shape, default=1))]


def _empty(graph: Graph, walk: Walk) -> bool:
    """Whether no existing unit reads anything along this walk."""
    seen: set[int] = set()
    rank = len(graph.shape(walk.input))
    for index in _existing(graph, walk):
        for box in _boxes(graph, walk, index):
            filled = {axis for axis, span in enumerate(box) if span.positions}
            if not _separable(walk) and len(filled) < rank:
                continue
            seen |= filled
            if len(seen) == rank:
                return False
    return len(seen) < rank or not _existing(graph, walk)


def _units(graph: Graph, walk: Walk, units: int) -> list[Index]:
    """Existing units, and where axes are independent units 0..units-1 of the open axes as well."""
    shape = graph.shape(walk.tensor)
    existing = _existing(graph, walk)
    if not _separable(walk):
        return existing
    beyond = [
        tuple(o if axis >= 2 else o % n for axis, n in enumerate(shape)) for o in range(units)
    ]
    return existing + beyond


def _of_each_channel(graph: Graph, walk: Walk, units: list[Index]) -> list[Index]:
    """Return units with each batch and channel for each of their places on the open axes."""
    ends = {unit[2:] for unit in units}
    begins = itertools.product(*map(range, graph.shape(walk.tensor)[:2]))
    return [(*begin, *end) for begin in begins for end in ends]


def sizes(graph: Graph, together: Sequence[Walk], units: int = 0) -> tuple[int | None, ...]:
    """Return, per input axis, the largest hull of what some walks read together; None: whole.

    Of one walk, axis by axis. Of several, a unit's batch and channel say which ones it has at all.
    """
    first = together[0]
    largest: list[int | None] = [0] * len(graph.shape(first.input))
    separable = all(map(_separable, together))
    indices = _units(graph, first, units)
    if len(together) > 1 and separable:
        indices = _of_each_channel(graph, first, indices)
    needed = 0 if len(together) == 1 and separable else 2 if separable else None
    for index in indices:
        found = [box for walk in together for box in _boxes(graph, walk, index)]
        found = [box for box in found if all(span.positions for span in box[:needed])]
        for axis, span in enumerate(union(found) if found else ()):
            before = largest[axis]
            largest[axis] = None if span.whole or before is None else max(before, length(span))
    return tuple(largest)


def trace(graph: Graph, walk: Walk, apart: frozenset[int] = frozenset()) -> tuple[Key, ...]:
    """Leave pointwise edges and weightless reductions over non-spatial axes out of a walk.

    Reductions with nothing else between them count as one, over all the axes that they take, unless
    what a node of `apart` makes lies between.
    What lies between a tensor and a Concat of rearrangements of it counts as one step, unless a
    node of `apart` lies there.
    """
    edges = list(walk.edges)
    kept: list[Key] = []
    taken: set[int] = set()
    joins = _joins(graph)
    while edges:
        edge = edges.pop()
        source, nodes = joins.get(edge.target, ("", frozenset()))
        if edge.node in apart:
            kept += [*_reduction(taken), (edge.node, 0, 0, "apart")]
        if source and not nodes & apart:
            kept += [*_reduction(taken), (edge.node, 0, 0, "joined")]
            while edge.source != source:
                edge = edges.pop()
        elif edge.part == "reduce":
            taken |= _taken(graph, edge)
        elif not edge.pointwise:
            kept += [*_reduction(taken), edge.key]
    return tuple(reversed([*kept, *_reduction(taken)]))


def _reduction(taken: set[int]) -> list[Key]:
    """Return the key of reductions over axes, counted from the last, if any; none are left."""
    axes = tuple(sorted(taken))
    taken.clear()
    return [(-1, 0, 0, f"reduce {axes}")] if axes else []


def _joins(graph: Graph) -> dict[str, tuple[str, frozenset[int]]]:
    """Return the Concats of rearrangements of one tensor: that tensor, and the nodes between."""
    into: dict[str, list[Part]] = defaultdict(list)
    for edge in graph.edges:
        into[edge.target].append(edge)
    # Of which tensors, and over which nodes, each tensor is a rearrangement; the nearest last.
    moved: dict[str, dict[str, frozenset[int]]] = {
        name: {name: frozenset()} for name in graph.inputs
    }
    found: dict[str, tuple[str, frozenset[int]]] = {}
    for target, edges in into.items():
        ways = [{**moved[edge.source]} for edge in edges]
        here: dict[str, frozenset[int]] = {}
        if len(edges) == 1 and _is_move(graph, edges[0]):
            node = frozenset([edges[0].node])
            here = {name: nodes | node for name, nodes in ways[0].items()}
        elif graph.kinds[edges[0].node] == "Concat":
            common = [name for name in ways[0] if all(name in way for way in ways)]
            here = {name: frozenset().union(*(way[name] for way in ways)) for name in common}
            if common:
                found[target] = common[-1], here[common[-1]]
            here = {name: nodes | {edges[0].node} for name, nodes in here.items()}
        moved[target] = {**here, target: frozenset()}
    return found


def _is_move(graph: Graph, edge: Part) -> bool:
    """Whether an edge only moves elements; padding stands for more than those that exist."""
    moves = graph.kinds[edge.node] in MOVES and edge.node not in graph.padding
    return edge.pointwise or moves


def _taken(graph: Graph, edge: Part) -> set[int]:
    """Return the axes with a spatial one of an input that a reduction takes, from the last."""
    return {
        reduced - len(graph.shape(edge.source))
        for reduced in edge.reduces
        if any(axis in graph.spatial[name] for name, axis in graph.labels[edge.source][reduced])
    }


def depth(walk: Walk) -> int:
    """Return the number of windows with extent > 1."""
    return sum(edge.deep for edge in walk.edges)


def routes(graph: Graph, tensor: str, name: str, units: int = 0) -> list[Route]:
    """Fold the walks from an input to a tensor into routes, by their trace."""
    groups: dict[tuple[Key, ...], list[Walk]] = defaultdict(list)
    for walk in walks(graph, tensor, name):
        groups[trace(graph, walk)].append(walk)
    return [
        Route(name, key, tuple(group), sizes(graph, group, units), depth(group[0]))
        for key, group in groups.items()
    ]


def paths(
    model: onnx.ModelProto, tensor: str, name: str, units: int = 0
) -> list[tuple[Walk, tuple[int | None, ...]]]:
    """List every path from an input to a tensor with its size per input axis (None: whole).

    Sizes are the largest over the existing units and units 0..units-1 of the axes from 2 on.
    """
    graph = Graph(model)
    return [(walk, sizes(graph, [walk], units)) for walk in walks(graph, tensor, name)]


def histogram(
    model: onnx.ModelProto, tensor: str, name: str, *, count: str = "routes", units: int = 0
) -> Counter[tuple[int | None, ...]]:
    """Count routes or raw paths by their sizes on the spatial axes of the input, in order."""
    graph = Graph(model)
    axes = sorted(graph.spatial[name])
    if count == "routes":
        found = [route.sizes for route in routes(graph, tensor, name, units)]
    else:
        found = [sizes(graph, [walk], units) for walk in walks(graph, tensor, name)]
    return Counter(tuple(size[axis] for axis in axes) for size in found)
