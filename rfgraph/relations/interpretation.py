"""One base for questions about a graph that have a value per tensor: what steps make of it.

A domain says what each kind of step does to a value and how the values of several edges join; the
walks over the graph, and when a value is let go, are the same for all.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rfgraph.relations.axis_rules import Rows
from rfgraph.relations.graph import ancestors, edges_into
from rfgraph.relations.steps import (
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Regroup,
    Step,
    step_shape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.relations.axis_rules import OwnRule, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.relation import Relation
    from rfgraph.relations.steps import Along, Places

Value = TypeVar("Value")


class Domain(Generic[Value]):
    """A question with a value per tensor.

    Forward, a method returns the value behind a step, given the value before it; `backward`, the
    value before it, given the one behind. `old` and `new` are the shapes before and behind. `over`
    are the edges into some tensors, in place of those of the graph.
    """

    backward: ClassVar[bool] = False

    def __init__(self, over: Mapping[str, Sequence[Edge]] | None = None) -> None:
        self._over = over or {}

    def pointwise(self, value: Value, old: Shape, new: Shape) -> Value:
        """Carry over a broadcast of `old` to `new`."""
        raise NotImplementedError

    def permute(self, value: Value, perm: tuple[int, ...], old: Shape) -> Value:
        """Carry over a transposition: axis a behind is axis perm[a] before."""
        raise NotImplementedError

    def regroup(self, value: Value, old: Shape, new: Shape) -> Value:
        """Carry over a reshape of `old` to `new`."""
        raise NotImplementedError

    def gather(self, value: Value, places: Places, old: Shape, new: Shape) -> Value:
        """Carry over a rearrangement of any kind: the places on each axis of `old`."""
        raise NotImplementedError

    def along(self, value: Value, axis: int, rule: OwnRule, shape: Shape) -> Value:
        """Carry over a rule along one axis of a tensor that has `shape` before it."""
        raise NotImplementedError

    def rows(self, value: Value, axis: int, rule: Rows, shape: Shape) -> Value:
        """Carry over a reduction of an axis in rows along other axes."""
        raise NotImplementedError

    def everything(self, value: Value, step: Everything, old: Shape) -> Value:
        """Carry over a step by which every element reads all of a tensor of shape `old`."""
        raise NotImplementedError

    def join(self, first: Value, second: Value) -> Value:
        """Return the value of a tensor that two edges give one."""
        raise NotImplementedError

    def is_nothing(self, value: Value) -> bool:
        """Whether a value says that there is nothing to carry on."""
        return False

    def step(self, value: Value, step: Step, shape: Shape) -> Value:
        """Carry a value over one step of a tensor that has `shape` before it."""
        if isinstance(step, Everything):
            return self.everything(value, step, shape)
        if isinstance(step, Pointwise):
            return value if step.shape == shape else self.pointwise(value, shape, step.shape)
        if isinstance(step, Permute):
            return self.permute(value, step.perm, shape)
        if isinstance(step, Regroup):
            return value if step.shape == shape else self.regroup(value, shape, step.shape)
        if isinstance(step, Gathered):
            return self.gather(value, step.places, shape, step.shape)
        return self._along_all(value, step, shape)

    def _along_all(self, value: Value, step: Along, shape: Shape) -> Value:
        lengths = list(shape if not self.backward else step_shape(step, shape))
        for axis, rule in reversed(step.rules) if self.backward else step.rules:
            if self.backward:
                lengths[axis] = rule.in_len
            if isinstance(rule, Rows):
                value = self.rows(value, axis, rule, tuple(lengths))
            else:
                value = self.along(value, axis, rule, tuple(lengths))
            if self.is_nothing(value):
                return value
            lengths[axis] = rule.in_len if self.backward else rule.out_len
        return value

    def carry(self, value: Value, relation: Relation) -> Value:
        """Carry a value over all steps of a relation."""
        if relation.is_identity:
            return value
        plan = relation.plan
        for step, shape in reversed(plan) if self.backward else plan:
            if self.is_nothing(value):
                return value
            value = self.step(value, step, shape)
        return value

    def across(self, value: Value, edge: Edge) -> Value:
        """Carry a value over an edge."""
        return self.carry(value, edge.relation)

    def edges_into(self, graph: Graph, tensor: str) -> Iterable[Edge]:
        """Return the edges over which values come to a tensor, or leave it backward."""
        over = self._over.get(tensor)
        return edges_into(graph, tensor) if over is None else over

    def sources(self, graph: Graph, tensor: str) -> Iterable[str]:
        """Return the tensors from which values come to a tensor."""
        over = self._over.get(tensor)
        return graph.pred[tensor] if over is None else (edge.source for edge in over)

    def ancestors(self, graph: Graph, targets: Iterable[str]) -> set[str]:
        """Return `targets` and all from which values come to them."""
        return ancestors(graph, targets, partial(self.sources, graph))

    def from_source(
        self, graph: Graph, source: str, value: Value, targets: Iterable[str] | None = None
    ) -> Iterator[tuple[str, Value]]:
        """Yield the tensors that `source` reaches, with their values, in topological order.

        Only `targets` and what leads to them, if given. A value is let go after its last reader.
        """
        wanted = set(graph) if targets is None else self.ancestors(graph, targets)
        readers = Counter(before for name in wanted for before in self.sources(graph, name))
        alive = {source: value}
        for name in graph:
            if name not in wanted:
                continue
            self._gather(alive, graph, name)
            if name in alive:
                yield name, alive[name]
            for before in self.sources(graph, name):
                readers[before] -= 1
                if not readers[before]:
                    alive.pop(before, None)

    def _gather(self, alive: dict[str, Value], graph: Graph, name: str) -> None:
        for edge in self.edges_into(graph, name):
            if edge.source in alive and not edge.relation.is_void:
                self._add(alive, name, self.across(alive[edge.source], edge))

    def from_target(self, graph: Graph, target: str, value: Value) -> Iterator[tuple[str, Value]]:
        """Yield the tensors that lead to `target`, with their values, in reverse order.

        A value is let go once it is carried on to all that its tensor reads.
        """
        within = self.ancestors(graph, [target])
        alive = {target: value}
        for name in reversed(list(graph)):
            if name not in within or name not in alive:
                continue
            here = alive.pop(name)
            yield name, here
            for edge in self.edges_into(graph, name):
                if not edge.relation.is_void:
                    self._add(alive, edge.source, self.across(here, edge))

    def _add(self, alive: dict[str, Value], name: str, value: Value) -> None:
        if not self.is_nothing(value):
            alive[name] = self.join(alive[name], value) if name in alive else value
