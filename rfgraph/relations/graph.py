"""The graph that everything else works on: a node per tensor, an edge per data dependence.

Nodes are tensor names, in topological order. Node attributes: `shape` (tuple, or None if it could
not be determined) and `producer` (an `Operator`, None for a graph input). Edge attributes:
`relation`, `operator`, `slot` (operator input), `output` (operator output) and `part`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import networkx as nx

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.relation import Relation


def ancestors(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """Return `tensors` and all that they read, directly or not."""
    seen = set(tensors)
    stack = list(seen)
    while stack:
        for before in graph.pred[stack.pop()]:
            if before not in seen:
                seen.add(before)
                stack.append(before)
    return seen


class Edge(NamedTuple):
    """One data edge of the graph."""

    source: str
    target: str
    relation: Relation
    operator: Operator


def relevant(graph: Graph, source: str, target: str) -> set[str]:
    """Return the tensors on walks from `source` to `target`."""
    backward = _reach(graph.pred, target)
    return _reach(graph.succ, source, backward) if source in backward else set()


def _reach(
    neighbours: Mapping[str, Mapping[str, object]], start: str, within: set[str] | None = None
) -> set[str]:
    seen = {start}
    stack = [start]
    while stack:
        for name in neighbours[stack.pop()]:
            if name not in seen and (within is None or name in within):
                seen.add(name)
                stack.append(name)
    return seen


Entering: TypeAlias = Mapping[str, Sequence[Edge]]


def entering(graph: Graph, tensors: Sequence[str]) -> Entering:
    """Return the edges into each tensor from the others of `tensors`, by slot and part."""
    within = frozenset(tensors)
    found: dict[str, list[Edge]] = {}
    for name in tensors:
        sorted_edges = sorted(
            (
                (data["slot"], data["part"], before, data)
                for before, edges in graph.pred[name].items()
                if before in within
                for data in edges.values()
            ),
            key=itemgetter(0, 1),
        )
        found[name] = [
            Edge(before, name, data["relation"], data["operator"])
            for _, _, before, data in sorted_edges
        ]
    return found


def edges_into(graph: Graph, tensor: str) -> Iterator[Edge]:
    """Yield the edges into a tensor, in the order in which they were added."""
    for before, edges in graph.pred[tensor].items():
        for data in edges.values():
            yield Edge(before, tensor, data["relation"], data["operator"])


def edges_from(graph: Graph, tensor: str) -> Iterator[Edge]:
    """Yield the edges out of a tensor, in the order in which they were added."""
    for after, edges in graph.succ[tensor].items():
        for data in edges.values():
            yield Edge(tensor, after, data["relation"], data["operator"])


def shape_of(graph: Graph, tensor: str) -> Shape | None:
    """Return the shape of a tensor, None if it could not be determined."""
    shape: Shape | None = graph.nodes[tensor]["shape"]
    return shape


def producer_of(graph: Graph, tensor: str) -> Operator | None:
    """Return the operator that makes a tensor, None for a graph input."""
    producer: Operator | None = graph.nodes[tensor]["producer"]
    return producer


Graph: TypeAlias = "nx.MultiDiGraph[str]"


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator node of the file: its place in file order, its name, its type and domain."""

    index: int
    name: str
    op_type: str
    domain: str = ""

    @property
    def label(self) -> str:
        """The name, or type and number where the file gives no name."""
        return self.name or f"{self.op_type}_{self.index}"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A graph input: its shape as analysed.

    `symbolic` are the names of symbolic dimensions, `probed` the lengths that were chosen for want
    of any, `replaced` the lengths that the file declares where others were asked for, all by axis.
    """

    name: str
    shape: Shape
    symbolic: dict[int, str] = field(default_factory=dict)
    probed: dict[int, int] = field(default_factory=dict)
    replaced: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unanalysed:
    """An operator that could not be followed exactly: why, and the tensors it made."""

    operator: Operator
    reason: str
    tensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaskCut:
    """An operator in which a stored mask cut what is read.

    `highest` is what the mask adds to the element that it cuts with the least margin, compared with
    the highest of its row: at most -87.34, or minus infinity.
    """

    operator: Operator
    highest: float


@dataclass(frozen=True, slots=True)
class StoredMasks:
    """What stored masks were taken to cut.

    `left` are the operators in which a constant that may be a mask cut nothing, and why.
    """

    cut: tuple[MaskCut, ...] = ()
    left: tuple[tuple[Operator, str], ...] = ()

    def to_dict(self) -> dict[str, list[dict[str, str | float]]]:
        """Return the entry of the JSON reports; minus infinity is the text "-inf"."""
        return {
            "cut": [
                {
                    "node": item.operator.label,
                    "op_type": item.operator.op_type,
                    "highest": "-inf" if math.isinf(item.highest) else item.highest,
                }
                for item in self.cut
            ],
            "left": [
                {"node": operator.label, "op_type": operator.op_type, "reason": reason}
                for operator, reason in self.left
            ],
        }


@dataclass(frozen=True, slots=True)
class Model:
    """A model file as a graph of data dependences; made by `rfgraph.load`.

    `masks` is None unless stored masks were asked for. `at` gives the same file at other lengths of
    its inputs, ModelError where the graph refuses them, and `item_sizes` the bytes of an element
    by tensor, as far as the file tells; None for a model that was built by hand.
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
    at: Callable[[Mapping[str, Shape]], Model] | None = field(
        default=None, repr=False, compare=False
    )
    item_sizes: Callable[[], Mapping[str, int]] | None = field(
        default=None, repr=False, compare=False
    )

    def __repr__(self) -> str:
        inputs, outputs = len(self.inputs), len(self.outputs)
        return f"Model({self.file!r}, nodes={self.nodes}, inputs={inputs}, outputs={outputs})"
