"""The branches of an If become part of the graph, as alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.scope import Entry, Scope
from rfgraph.onnxfile.control.bodies import Handler, run_body, subgraph
from rfgraph.ops.node import Link, Value
from rfgraph.relations.steps import Everything, Pointwise, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from rfgraph.onnxfile.builder import Builder
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Operator


def if_branches(
    builder: Builder,
    operator: Operator,
    node: onnx.NodeProto,
    entries: Sequence[Entry | None],
    scope: Scope,
) -> list[Entry]:
    """An If: the branch that a constant condition takes, else both as alternatives."""
    condition = entries[0] if entries else None
    if condition is None:
        raise ModelError("requires input 0, which is missing")
    names = ["then_branch", "else_branch"]
    truth = condition.number()
    if truth is not None:
        names = names[:1] if truth else names[1:]
    branches = [run_body(builder, scope, node, subgraph(node, name, scope), ()) for name in names]
    count = len(node.output)
    if any(len(branch) != count for branch in branches):
        raise ModelError(f"requires {count} outputs of each branch")
    if len(branches) == 1:
        return branches[0]
    return [
        _alternatives(builder, operator, node.output[k], [b[k] for b in branches], condition, scope)
        for k in range(count)
    ]


def _alternatives(
    builder: Builder,
    operator: Operator,
    name: str,
    sources: Sequence[Entry],
    condition: Entry,
    scope: Scope,
) -> Entry:
    """One output of an If: either branch's, and the condition that chooses."""
    shapes = {entry.value.shape for entry in sources}
    shape = shapes.pop() if len(shapes) == 1 else None
    if any(entry.items is not None for entry in sources):
        if all(
            entry.items is not None and len(entry.items) == len(sources[0].items or ())
            for entry in sources
        ):
            columns = zip(*(entry.items or () for entry in sources), strict=True)
            items = tuple(
                _alternatives(builder, operator, f"{name}/{k}", column, condition, scope)
                for k, column in enumerate(columns)
            )
            return Entry(Value(None), None, items)
        reason = "its branches give sequences of different lengths"
        return builder.unknown(name, (condition, *sources), operator, scope, reason)
    if condition.tensor is None and all(entry.tensor is None for entry in sources):
        return Entry(Value(shape, constant=True))
    if shape is None:
        reason = "its branches give different shapes"
        return builder.unknown(name, (condition, *sources), operator, scope, reason)
    tensor = builder.add_tensor(scope.prefix + name, shape, operator)
    for slot, entry in enumerate([condition, *sources]):
        if entry.tensor is not None:
            builder.add_edge(entry, tensor, operator, Link(slot, _choice(entry, shape)), shape, {})
    return Entry(Value(shape), tensor)


def _choice(entry: Entry, shape: Shape) -> tuple[Step, ...]:
    """A branch is read as it is; a condition of one element by every unit."""
    own = entry.value.shape
    if own == shape or (own is not None and set(own) <= {1} and len(own) <= len(shape)):
        return (Pointwise(shape),)
    return (Everything(shape),)


HANDLERS: dict[str, Handler] = {"If": if_branches}
