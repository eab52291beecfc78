"""What is worked out of one tensor: made when asked for, and kept while questions are about it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rfgraph.domains.continued import edges_to
from rfgraph.domains.regions import clipped_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.movement import Movement
    from rfgraph.domains.padding import Padding
    from rfgraph.relations.graph import Edge, Graph


class Examined:
    """Tables of all units of `tensor`, what follows chosen ones, and how the tensor moves.

    Each is asked of an input, BoundError beyond its bounds: `regions` gives what each unit reads,
    `padding` what tells of chosen units whether padding along an axis touches them, `touched` which
    of all units it touches, from each side, and `movement` how steps move the tensor with an axis.
    `edges` are those over which chosen units are followed, in place of the graph's.
    """

    def __init__(self, lengths: OtherLengths, tensor: str) -> None:
        graph = lengths.model.graph
        self.lengths, self.graph, self.tensor = lengths, graph, tensor
        edges = cache(lambda: edges_to(graph, tensor))
        padding = cache(lambda source, axis: _padding(graph, source, axis, tensor, edges()))
        moving = cache(lambda: _movements(graph, tensor))
        self.edges, self.padding = edges, padding
        self.regions = cache(lambda source: clipped_tables(graph, source, [tensor])[tensor])
        self.touched = cache(lambda source, axis: padding(source, axis).flags())
        self.movement = cache(lambda source, axis: moving()(source, axis))


def _padding(
    graph: Graph, source: str, axis: int, tensor: str, edges: Mapping[str, Sequence[Edge]]
) -> Padding:
    from rfgraph.domains.padding import Padding

    return Padding(graph, source, axis, tensor, edges)


def _movements(graph: Graph, tensor: str) -> Callable[[str, int], Movement]:
    """Return what tells how a tensor moves: what leads to it is the same for all inputs."""
    from rfgraph.domains.movement import leading_to, movement

    leading = leading_to(graph, tensor)
    return lambda source, axis: movement(graph, source, axis, tensor, leading)
