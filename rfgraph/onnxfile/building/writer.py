"""The writer of the graph: tensors and edges of one model, and how to take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import networkx as nx

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.budget import Budget
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.ops.node import Link, Value
from rfgraph.relations.how import SELECT
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Move, Select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.beside import Unanalysed
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator

_MOVING = (Select, *get_args(Move))


class Writer:
    """Writes the graph of one model, within its budget, and what could not be followed."""

    def __init__(self) -> None:
        self.graph: Graph = nx.MultiDiGraph()
        self.unanalysed: list[Unanalysed] = []
        self.budget = Budget()
        # Sequences by identity, which are kept for it, and what stands for them.
        self.pools: dict[int, tuple[Entry, Entry]] = {}
        self._numbers: dict[str, int] = {}
        self._relations: dict[Relation, Relation] = {}

    def mark(self) -> tuple[int, int]:
        """Return how much has been added so far."""
        return len(self.graph), len(self.unanalysed)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Take away what has been added since a mark."""
        tensors, reports = mark
        self.graph.remove_nodes_from(list(self.graph)[tensors:])
        del self.unanalysed[reports:]

    def add_input(self, name: str, shape: Shape | None) -> None:
        """Add a graph input."""
        self.graph.add_node(name, shape=shape, producer=None)

    def add_tensor(self, name: str, shape: Shape | None, operator: Operator) -> str:
        """Add a tensor and return its name in the graph, which differs if that one is taken."""
        unique, number = name, self._numbers.get(name, 1)
        while unique in self.graph:
            number += 1
            unique = f"{name}#{number}"
        self._numbers[name] = number
        self.graph.add_node(unique, shape=shape, producer=operator)
        return unique

    def add(
        self,
        name: str,
        shape: Shape | None,
        operator: Operator,
        reads: Iterable[tuple[Entry, Link]],
    ) -> Entry:
        """Add a tensor with an edge of each link from a value that is data; without, a constant.

        Links of one input are numbered as its parts.
        """
        fed = [
            (source, entry.value.shape, link)
            for entry, link in reads
            if (source := entry.tensor) is not None
        ]
        if not fed:
            return Entry(Value(shape, constant=True))
        tensor = self.add_tensor(name, shape, operator)
        self.budget.connect(len(fed))
        parts: dict[int, int] = {}
        for source, source_shape, link in fed:
            part = parts[link.input] = parts.get(link.input, -1) + 1
            self.graph.add_edge(
                source,
                tensor,
                relation=self._relation(source_shape, link, shape),
                operator=operator,
                slot=link.input,
                output=link.output,
                part=part,
                how=link.how or (SELECT if _only_moves(link) else None),
            )
        return Entry(Value(shape), tensor)

    def _relation(self, source: Shape | None, link: Link, shape: Shape | None) -> Relation:
        steps, spatial = link.steps, link.spatial
        if source is None or shape is None:
            steps, spatial = (Everything(shape or (), unknown=True),), ()
        relation = Relation(source or (), steps, spatial)
        if relation.out_shape != (shape or ()):
            given = list(relation.out_shape)
            raise ModelError(f"requires shape {list(shape or ())}, but its inputs give {given}")
        return self._relations.setdefault(relation, relation)


def _only_moves(link: Link) -> bool:
    """Whether each element reads at most one, by steps that say so without the operator."""
    return bool(link.steps) and all(isinstance(step, _MOVING) for step in link.steps)
