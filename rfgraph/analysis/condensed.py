"""A model's graph in few boxes: what changes nothing joins what it reads, and blocks are folded.

A box begins with a tensor and holds what is computed from that alone, each element from its own
(activations, a normalization over channels, x * sigmoid(x)). Boxes that follow each other in the
file under one path of names (`layer1.0`, `/encoder/block/`) fold into one; where names have no
path, so many in a row. Between boxes there is never a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from rfgraph.domains.paths.routes import is_transparent
from rfgraph.relations.graph import edges_into, producer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.relations.graph import Edge, Graph

MAX_BOXES = 150
# Lines for each box up to which folded blocks are opened, and parts of a name that make a path.
MAX_LINES, MAX_PARTS = 2, 12


@dataclass(frozen=True, slots=True)
class Box:
    """Tensors that are shown as one, in topological order; all of them are read from the first on.

    `label` is what the file calls the operator that makes the first tensor, or, of a folded block,
    the path that its names share. `parts` are the boxes in a folded one.
    """

    label: str
    tensors: tuple[str, ...]
    parts: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Condensed:
    """Boxes in topological order, and the distinct pairs of them that data goes between."""

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]


def condense(result: Analysis, most: int = MAX_BOXES) -> Condensed:
    """Return the graph of a model in at most `most` boxes, folded as little as that takes."""
    leaves = [(box, _path(result.graph, box)) for box in _leaves(result)]
    return unfold(result.graph, _bundle(_fold(leaves, 0), most), most)


def unfold(graph: Graph, boxes: tuple[Box, ...], most: int = MAX_BOXES) -> Condensed:
    """Return boxes with what is between them, folded ones opened level by level up to `most`."""
    drawn = Condensed(boxes, _between(graph, boxes))
    while True:
        wider = tuple(part for box in drawn.boxes for part in box.parts or (box,))
        if len(wider) == len(drawn.boxes) or len(wider) > most:
            return drawn
        edges = _between(graph, wider)
        if len(edges) > MAX_LINES * len(wider):
            return drawn
        drawn = Condensed(wider, edges)


def _between(graph: Graph, boxes: Sequence[Box]) -> tuple[tuple[int, int], ...]:
    place = {name: number for number, box in enumerate(boxes) for name in box.tensors}
    pairs = {
        (place[before], number): None
        for name, number in place.items()
        for before in graph.pred[name]
        if place.get(before, number) != number
    }
    return tuple(sorted(pairs))


# -- boxes that nothing is folded in ---------------------------------------------------------------


def _leaves(result: Analysis) -> list[Box]:
    graph = result.graph
    roots: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for name in graph:
        edges = list(edges_into(graph, name))
        before = {roots[edge.source] for edge in edges}
        joins = len(before) == 1 and all(_changes_nothing(result, edge) for edge in edges)
        roots[name] = before.pop() if joins else name
        members.setdefault(roots[name], []).append(name)
    return [Box(_label(graph, root), tuple(names)) for root, names in members.items()]


def _changes_nothing(result: Analysis, edge: Edge) -> bool:
    if edge.relation.is_pointwise:
        return edge.relation.is_identity
    forms = [form for form in result.forms.values() if edge.source in form]
    return bool(forms) and all(is_transparent(edge, form) for form in forms)


def _label(graph: Graph, tensor: str) -> str:
    operator = producer_of(graph, tensor)
    return tensor if operator is None else operator.label


# -- blocks ----------------------------------------------------------------------------------------


def _path(graph: Graph, box: Box) -> tuple[str, ...]:
    """Return the beginnings of a name, one for each part of its path but the last, shortest first.

    A node without a name has the path of its tensor.
    """
    operator = producer_of(graph, box.tensors[0])
    if operator is None:
        return ()
    name = operator.name or box.tensors[0]
    separator = "/" if "/" in name else "."
    parts = name.split(separator, MAX_PARTS)[:-1]
    return tuple(separator.join(parts[: number + 1]) for number, part in enumerate(parts) if part)


def _fold(leaves: Sequence[tuple[Box, tuple[str, ...]]], depth: int) -> tuple[Box, ...]:
    """Return boxes with those folded that follow each other under one path of `depth` parts."""
    boxes: list[Box] = []
    for path, group in groupby(leaves, key=lambda leaf: leaf[1][depth : depth + 1]):
        run = list(group)
        if not path or len(run) == 1:
            boxes.extend(box for box, _ in run)
            continue
        parts = _fold(run, depth + 1)
        boxes.append(parts[0] if len(parts) == 1 else _block(path[0], parts))
    return tuple(boxes)


def _block(label: str, parts: Iterable[Box]) -> Box:
    parts = tuple(parts)
    return Box(label, tuple(name for part in parts for name in part.tensors), parts)


def _bundle(boxes: tuple[Box, ...], most: int) -> tuple[Box, ...]:
    """Return boxes with as many in a row folded as leaves at most `most`, on every level."""
    inner = tuple(
        _block(box.label, _bundle(box.parts, most)) if box.parts else box for box in boxes
    )
    while len(inner) > most:
        bundles = -(-len(inner) // max(most // 2, 2))
        ends = [len(inner) * number // bundles for number in range(bundles + 1)]
        runs = [inner[first:end] for first, end in pairwise(ends)]
        inner = tuple(_block(f"{run[0].label} … {run[-1].label}", run) for run in runs)
    return inner
