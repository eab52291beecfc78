"""The branches of an If become part of the graph, as alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.onnxfile.control.bodies import run_body
from rfgraph.ops.node import Link, Value
from rfgraph.relations.steps import Everything, Pointwise, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.onnxfile.control.call import Call, Handler
    from rfgraph.relations.axis_rules import Shape


def if_branches(call: Call) -> list[Entry]:
    """An If: the branch that a constant condition takes, else both as alternatives."""
    condition = call.required(0)
    names = ["then_branch", "else_branch"]
    truth = condition.number()
    if truth is not None:
        names = names[:1] if truth else names[1:]
    branches = [run_body(call, call.subgraph(name), ()) for name in names]
    count = len(call.node.output)
    if any(len(branch) != count for branch in branches):
        raise ModelError(f"requires {count} outputs of each branch")
    if len(branches) == 1:
        return branches[0]
    return [
        _alternatives(call, call.node.output[k], [b[k] for b in branches], condition)
        for k in range(count)
    ]


def _alternatives(call: Call, name: str, sources: Sequence[Entry], condition: Entry) -> Entry:
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
                _alternatives(call, f"{name}/{k}", column, condition)
                for k, column in enumerate(columns)
            )
            return Entry(Value(None), None, items)
        reason = "its branches give sequences of different lengths"
        return call.unknown(name, (condition, *sources), reason)
    if condition.tensor is None and all(entry.tensor is None for entry in sources):
        return Entry(Value(shape, constant=True))
    if shape is None:
        reason = "its branches give different shapes"
        return call.unknown(name, (condition, *sources), reason)
    tensor = call.add_tensor(name, shape)
    for slot, entry in enumerate([condition, *sources]):
        if entry.tensor is not None:
            call.add_edge(entry, tensor, Link(slot, _choice(entry, shape)), shape)
    return Entry(Value(shape), tensor)


def _choice(entry: Entry, shape: Shape) -> tuple[Step, ...]:
    """A branch is read as it is; a condition of one element by every unit."""
    own = entry.value.shape
    if own == shape or (own is not None and set(own) <= {1} and len(own) <= len(shape)):
        return (Pointwise(shape),)
    return (Everything(shape),)


HANDLERS: dict[str, Handler] = {"If": if_branches}
