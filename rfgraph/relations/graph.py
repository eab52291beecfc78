"""The graph that everything else works on: a node per tensor, an edge per data dependence.

Nodes are tensor names, in topological order. Node attributes: `shape` (tuple, or None if it could
not be determined) and `producer` (an `Operator`, None for a graph input). Edge attributes:
`relation`, `operator`, `slot` (operator input), `output` (operator output), `part`, and `how` what
is read enters the result (None where no rule says).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import networkx as nx
    from numpy.typing import NDArray

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.beside import Changes, FileGraph, Revision, StoredMasks, Unanalysed
    from rfgraph.relations.how import How
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.relation import Relation


Graph: TypeAlias = "nx.MultiDiGraph[str]"


class Edge(NamedTuple):
    """One data dependence: part `part` of how an operator's `output` reads its input `slot`.

    `how` what is read enters the result; None where no rule says.
    """

    source: str
    target: str
    relation: Relation
    operator: Operator
    slot: int = 0
    output: int = 0
    part: int = 0
    how: How | None = None

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells the edge from all others of a graph."""
        return self.source, self.target, self.slot, self.part


# Those of an edge of the graph, in the order of an `Edge`.
_ATTRIBUTES = Edge._fields[2:]


def shape_of(graph: Graph, tensor: str) -> Shape | None:
    """Return the shape of a tensor, None if it could not be determined."""
    shape: Shape | None = graph.nodes[tensor]["shape"]
    return shape


def input_shape(graph: Graph, name: str) -> Shape:
    """Return the shape of a graph input, which is always known."""
    shape: Shape = graph.nodes[name]["shape"]
    return shape


def producer_of(graph: Graph, tensor: str) -> Operator | None:
    """Return the operator that makes a tensor, None for a graph input."""
    producer: Operator | None = graph.nodes[tensor]["producer"]
    return producer


def edges_into(graph: Graph, tensor: str) -> Iterator[Edge]:
    """Yield the edges into a tensor, in the order in which they were added."""
    for before in graph.predecessors(tensor):
        for data in graph.get_edge_data(before, tensor).values():
            yield Edge._make((before, tensor, *map(data.get, _ATTRIBUTES)))


def edges_from(graph: Graph, tensor: str) -> Iterator[Edge]:
    """Yield the edges out of a tensor, in the order in which they were added."""
    for after in graph.successors(tensor):
        for data in graph.get_edge_data(tensor, after).values():
            yield Edge._make((tensor, after, *map(data.get, _ATTRIBUTES)))


def edges_of(graph: Graph) -> Iterator[Edge]:
    """Yield all edges, those out of one tensor together."""
    for tensor in graph:
        yield from edges_from(graph, tensor)


def ancestors(
    graph: Graph, tensors: Iterable[str], sources: Callable[[str], Iterable[str]] | None = None
) -> set[str]:
    """Return `tensors` and all that they read, directly or not: by the graph, or by `sources`."""
    read = sources or graph.pred.__getitem__
    seen = set(tensors)
    stack = list(seen)
    while stack:
        for before in read(stack.pop()):
            if before not in seen:
                seen.add(before)
                stack.append(before)
    return seen


def descendants(graph: Graph, tensor: str) -> set[str]:
    """Return a tensor and all that reads it, directly or not."""
    return ancestors(graph, [tensor], graph.succ.__getitem__)


def between(graph: Graph, source: str, target: str) -> set[str]:
    """Return the tensors on walks from `source` to `target`, both among them; none without walk."""
    return ancestors(graph, [target]) & descendants(graph, source)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A graph input: its shape as analysed.

    By axis: `symbolic` are the names of symbolic dimensions, `probed` the lengths that were chosen
    for want of any, `reasons` why a length is that, of those and of lengths that the file fixes,
    and `replaced` the lengths that the file declares where others were asked for.
    """

    name: str
    shape: Shape
    symbolic: dict[int, str] = field(default_factory=dict)
    probed: dict[int, int] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[object, ...]:
        """All that is said of it but its name."""
        by_axis = self.symbolic, self.probed, self.reasons, self.replaced
        return self.shape, *(tuple(sorted(one.items())) for one in by_axis)

    @property
    def determined(self) -> dict[int, int]:
        """The lengths that the file does not state, yet fixes, by axis."""
        return {axis: self.shape[axis] for axis in self.reasons if axis not in self.probed}


# Gives the value of an operator's input.
Fetch: TypeAlias = "Callable[[Operator, int], NDArray[Any] | None]"


@dataclass(frozen=True, slots=True)
class Model:
    """A model file as a graph of data dependences; made by `rfgraph.load`.

    `masks` is None unless stored masks were asked for, and `revision` unless attributes were
    changed. `at` gives the same file at other lengths of its inputs, RfgraphError where the graph
    refuses them; `longer` with every probed length doubled, or None where the graph refuses that.
    `item_sizes` gives the bytes of an element by tensor, as far as the file tells. `revise` gives
    the same file with other attributes (at given lengths, or at such as it accepts), `encoded` the
    bytes of a file that says what the model does, weights included (True: to lie beside its own).
    `file_graph` is its main graph as it stands there, and `annotated` gives its bytes with metadata
    (key and value) at nodes of that graph, by their number, in place of any whose key begins with a
    prefix. `weights` gives what fetches the value of an operator's input, by its number, None where
    that is no constant or not in the file. They are None for a model that was built by hand.
    """

    file: str
    ir_version: int
    opsets: dict[str, int]
    producer: str
    nodes: int
    inputs: tuple[ModelInput, ...]
    outputs: tuple[str, ...]
    graph: Graph
    unanalysed: tuple[Unanalysed, ...] = ()
    masks: StoredMasks | None = None
    longer: Callable[[], Model | None] | None = field(default=None, repr=False, compare=False)
    at: Callable[[Mapping[str, Shape]], Model] | None = field(
        default=None, repr=False, compare=False
    )
    item_sizes: Callable[[], Mapping[str, int]] | None = field(
        default=None, repr=False, compare=False
    )
    revision: Revision | None = None
    revise: Callable[[Changes, Mapping[str, Shape] | None], Model] | None = field(
        default=None, repr=False, compare=False
    )
    encoded: Callable[[bool], bytes] | None = field(default=None, repr=False, compare=False)
    file_graph: Callable[[], FileGraph] | None = field(default=None, repr=False, compare=False)
    annotated: Callable[[Mapping[int, dict[str, str]], str], Iterator[bytes]] | None = field(
        default=None, repr=False, compare=False
    )
    weights: Callable[[], Fetch] | None = field(default=None, repr=False, compare=False)

    def input(self, name: str) -> ModelInput:
        """Return an input by its name."""
        return next(item for item in self.inputs if item.name == name)

    def __repr__(self) -> str:
        inputs, outputs = len(self.inputs), len(self.outputs)
        return f"Model({self.file!r}, nodes={self.nodes}, inputs={inputs}, outputs={outputs})"
