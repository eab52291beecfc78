"""Which operators a model has that could not be followed exactly, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.graph import Unanalysed
from rfgraph.relations.steps import Everything, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.graph import Model, Operator
    from rfgraph.relations.relation import Relation


DEPENDS = "which positions it reads depends on data"


def not_followed(model: Model) -> Iterator[Unanalysed]:
    """Yield operators without a rule and those whose positions depend on data, in file order."""
    found: dict[Operator, Unanalysed] = {}
    for item in model.unanalysed:
        found.setdefault(item.operator, item)
    edges = list(model.graph.edges(data=True))
    beyond = {data["operator"] for before, _, data in edges if _lost_its_shape(model, before)}
    for _, tensor, data in edges:
        operator = data["operator"]
        if operator not in found and operator not in beyond and has_unknown(data["relation"]):
            found[operator] = Unanalysed(operator, DEPENDS, (tensor,))
    yield from sorted(found.values(), key=lambda item: item.operator.index)


def _lost_its_shape(model: Model, tensor: str) -> bool:
    """Whether an operator on the way was not followed, so that it is the one to name."""
    node = model.graph.nodes[tensor]
    return node["shape"] is None and node["producer"] is not None


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
