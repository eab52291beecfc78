"""Which operators a model has that could not be followed exactly, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import edges_of, producer_of, shape_of
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.beside import Unanalysed
    from rfgraph.relations.graph import Graph, Model
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.relation import Relation


DEPENDS = "which positions it reads depends on data"


def not_followed(model: Model) -> Iterator[Unanalysed]:
    """Yield operators without a rule and those whose positions depend on data, in file order."""
    items: dict[Operator, Unanalysed] = {}
    for item in model.unanalysed:
        items.setdefault(item.operator, item)
    edges = list(edges_of(model.graph))
    beyond = {edge.operator for edge in edges if _lost_its_shape(model.graph, edge.source)}
    for _, tensor, relation, operator, *_ in edges:
        if operator not in items and operator not in beyond and has_unknown(relation):
            from rfgraph.relations.beside import Unanalysed

            items[operator] = Unanalysed(operator, DEPENDS, (tensor,))
    yield from sorted(items.values(), key=lambda item: item.operator.index)


def _lost_its_shape(graph: Graph, tensor: str) -> bool:
    """Whether an operator on the way was not followed, so that it is the one to name."""
    return shape_of(graph, tensor) is None and producer_of(graph, tensor) is not None


def has_unknown(relation: Relation) -> bool:
    """Whether some step reads a whole axis, or everything, for want of knowledge."""
    for step in relation.steps:
        if isinstance(step, Everything) and step.unknown:
            return True
        if isinstance(step, Reduce):
            for _, rule in step.rules:
                if isinstance(rule, Whole) and rule.unknown:
                    return True
    return False
