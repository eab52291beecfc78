"""The writer of the graph: tensors and edges of one model, and how to take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.budget import Budget
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.ops.node import Link, Value
from rfgraph.relations.graph import Graph, Operator, Unanalysed
from rfgraph.relations.how import SELECT
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Move, Pointwise, Select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.axis_rules import Shape


class Writer:
    """Writes the graph of one model, within its budget, and what could not be followed."""

    def __init__(self) -> None:
        self.graph: Graph = nx.MultiDiGraph()
        self.unanalysed: list[Unanalysed] = []
        self.budget = Budget()
        # Sequences by identity, which are kept for it, and what stands for them.
        self._pools: dict[int, tuple[Entry, Entry | None]] = {}
        self._numbers: dict[str, int] = {}
        self._relations: dict[object, Relation] = {}

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

    def add_edge(
        self,
        source: Entry,
        tensor: str,
        operator: Operator,
        link: Link,
        shape: Shape | None,
        parts: dict[int, int],
    ) -> None:
        """Add the edge of one link; parallel links of one input are numbered as its parts."""
        part = parts.get(link.input, 0)
        parts[link.input] = part + 1
        if source.tensor is None:
            return
        self.budget.connect(1)
        self.graph.add_edge(
            source.tensor,
            tensor,
            relation=self._relation(source.value.shape, link, shape),
            operator=operator,
            slot=link.input,
            output=link.output,
            part=part,
            how=link.how or (SELECT if _only_moves(link) else None),
        )

    def _relation(self, source: Shape | None, link: Link, shape: Shape | None) -> Relation:
        steps, spatial = link.steps, link.spatial
        if source is None or shape is None:
            steps, spatial = (Everything(shape or (), unknown=True),), ()
        key = (source, steps, spatial)
        relation = self._relations.get(key)
        if relation is None:
            relation = self._relations[key] = Relation(source or (), steps, spatial)
            if relation.out_shape != (shape or ()):
                given = list(relation.out_shape)
                raise ModelError(f"requires shape {list(shape or ())}, but its inputs give {given}")
        return relation

    def join_sequence(self, entry: Entry | None, operator: Operator, prefix: str) -> Entry | None:
        """Return a sequence that an operator reads as a whole as one tensor of unknown shape."""
        if entry is None or entry.items is None:
            return entry
        sources = [item for item in entry.items if item.tensor is not None]
        if not sources:
            return Entry(Value(None, constant=True))
        tensor = self.add_tensor(f"{prefix}{operator.label}/sequence", None, operator)
        for slot, item in enumerate(sources):
            self.add_edge(item, tensor, operator, Link(slot, ()), None, {})
        return Entry(Value(None), tensor)

    def _pool(self, entry: Entry | None, operator: Operator, prefix: str) -> Entry | None:
        """Return a sequence as one tensor, the same for all its readers, each of one edge then."""
        if entry is None or entry.items is None or len(entry.items) < 2:
            return entry
        pool = self._pools.get(id(entry))
        if pool is None:
            flat = Entry(entry.value, None, tuple(parts_of(entry)))
            pool = self._pools[id(entry)] = (entry, self.join_sequence(flat, operator, prefix))
        return pool[1]

    def as_named(self, name: str, entry: Entry, operator: Operator) -> Entry:
        """Return the value under a node's output name; a tensor of another one is read as it is."""
        if entry.tensor is None or entry.tensor == name or entry.tensor.startswith(f"{name}#"):
            return entry
        return self.merge(name, [entry], operator)

    def merge(self, name: str, sources: Sequence[Entry], operator: Operator) -> Entry:
        """Add a tensor that is one of several alternatives; a constant if none is fed by data."""
        shapes = {entry.value.shape for entry in sources}
        shape = shapes.pop() if len(shapes) == 1 else None
        if all(entry.tensor is None for entry in sources):
            return Entry(Value(shape, constant=True))
        tensor = self.add_tensor(name, shape, operator)
        for slot, entry in enumerate(sources):
            if entry.tensor is not None:
                steps = () if shape is None else (Pointwise(shape),)
                self.add_edge(entry, tensor, operator, Link(slot, steps, how=SELECT), shape, {})
        if len(sources) == 1:
            return Entry(Value(shape, marks=sources[0].value.marks), tensor)
        if shape is None:
            reason = "its alternatives have different shapes"
            self.unanalysed.append(Unanalysed(operator, reason, (tensor,)))
        return Entry(Value(shape), tensor)

    def unknown(
        self,
        prefix: str,
        name: str,
        sources: Sequence[Entry | None],
        operator: Operator,
        reason: str,
        shape: Shape | None,
    ) -> Entry:
        """Add a tensor that may read all of several values, and report why no more can be said."""
        fed = [
            entry for source in sources for entry in parts_of(self._pool(source, operator, prefix))
        ]
        if not fed or not name:
            return Entry(Value(shape, constant=True))
        tensor = self.add_tensor(prefix + name, shape, operator)
        for slot, entry in enumerate(fed):
            link = Link(slot, (Everything(shape or (), unknown=True),))
            self.add_edge(entry, tensor, operator, link, shape, {})
        self.unanalysed.append(Unanalysed(operator, reason, (tensor,)))
        return Entry(Value(shape), tensor)


def _only_moves(link: Link) -> bool:
    """Whether each element reads at most one, by steps that say so without the operator."""
    return bool(link.steps) and all(isinstance(s, Select | Move) for s in link.steps)


def parts_of(entry: Entry | None) -> list[Entry]:
    """Return what data there is in a value: itself, the elements of a sequence, or nothing."""
    if entry is None:
        return []
    if entry.items is not None:
        return [part for item in entry.items for part in parts_of(item)]
    return [entry] if entry.tensor is not None else []
