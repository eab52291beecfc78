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

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.relations.axis_rules import Shape


def if_branches(call: Call) -> list[Entry]:
    """An If: the branch that a constant condition takes, else both as alternatives."""
    condition = call.require(0)
    names = ["then_branch", "else_branch"]
    truth = condition.number()
    if truth is not None:
        names = names[:1] if truth else names[1:]
    branches = [run_body(call, call.subgraph(name), ()) for name in names]
    count = len(call.outputs)
    if any(len(branch) != count for branch in branches):
        raise ModelError(f"requires {count} outputs of each branch")
    if len(branches) == 1:
        return branches[0]
    return [
        _alternatives(call, name, sources, condition)
        for name, *sources in zip(call.outputs, *branches, strict=True)
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
    read = [condition, *sources]
    if shape is None:
        return call.unknown(name, read, "its branches give different shapes")
    links = (Link(slot, _choice(entry, shape)) for slot, entry in enumerate(read))
    return call.add(name, shape, zip(read, links, strict=True))


def _choice(entry: Entry, shape: Shape) -> tuple[Step, ...]:
    """A branch is read as it is; a condition of one element by every unit."""
    own = entry.value.shape
    if own == shape or (own is not None and set(own) <= {1} and len(own) <= len(shape)):
        return (Pointwise(shape),)
    return (Everything(shape),)
