"""Function calls and control flow: bodies become part of the graph."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import onnx
from onnx import AttributeProto

from rfgraph.errors import BoundError, ModelError, quoted
from rfgraph.graph import Operator
from rfgraph.onnxfile.attributes import resolve, tensor_value
from rfgraph.onnxfile.budget import MAX_NESTING
from rfgraph.onnxfile.scope import Entry, Scope, opsets_of
from rfgraph.ops.node import Link, Value
from rfgraph.relations import Everything, Pointwise, Shape, Step

if TYPE_CHECKING:
    from rfgraph.onnxfile.build import Builder

# What replaces a rule for an operator that needs the builder; None leaves it to the rule after all.
Handler: TypeAlias = Callable[
    ["Builder", Operator, onnx.NodeProto, Sequence["Entry | None"], Scope], "list[Entry] | None"
]

# Names inside a body begin with those of the nodes around it, as far as this many characters.
MAX_PREFIX = 512


def call(
    builder: Builder,
    function: onnx.FunctionProto,
    node: onnx.NodeProto,
    entries: Sequence[Entry | None],
    scope: Scope,
) -> list[Entry]:
    """Inline a model-local function: its body with the caller's inputs and attributes."""
    inner = _inner_scope(builder, scope, node, function)
    inner.outer = None
    imports = opsets_of(function.opset_import)
    if not imports.items() <= scope.opsets.items():
        inner.opsets = ChainMap(imports, *_maps(scope.opsets))
    inner.attributes = _call_attributes(function, node, scope)
    if len(entries) > len(function.input):
        raise ModelError(f"requires at most {len(function.input)} inputs, found {len(entries)}")
    for name, entry in zip(function.input, entries, strict=False):
        if entry is not None:
            inner.define(name, entry)
    builder.walk(_without_absent(function, entries), inner)
    found = []
    for name in function.output:
        entry = inner.find(name)
        if entry is None:
            raise ModelError(f"function output {quoted(name)} is not produced")
        found.append(entry)
    return found


def _maps(opsets: MutableMapping[str, int]) -> list[MutableMapping[str, int]]:
    """Return what a mapping is made of, which is not copied: a call costs what it adds."""
    return opsets.maps if isinstance(opsets, ChainMap) else [opsets]


def _without_absent(
    function: onnx.FunctionProto, entries: Sequence[Entry | None]
) -> Sequence[onnx.NodeProto]:
    """Return the body's nodes with optional inputs that the caller leaves out emptied."""
    given = {
        name for name, entry in zip(function.input, entries, strict=False) if entry is not None
    }
    absent = set(function.input) - given
    if not absent:
        return list(function.node)
    nodes = []
    for node in function.node:
        if absent.isdisjoint(node.input):
            nodes.append(node)
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = ["" if name in absent else name for name in node.input]
        nodes.append(copy)
    return nodes


def _call_attributes(
    function: onnx.FunctionProto, node: onnx.NodeProto, scope: Scope
) -> Mapping[str, AttributeProto]:
    given = {attribute.name: attribute for attribute in function.attribute_proto}
    for attribute in node.attribute:
        found = resolve(attribute, scope.attributes)
        if found is not None:
            given[attribute.name] = found
    return given


def _inner_scope(
    builder: Builder,
    scope: Scope,
    node: onnx.NodeProto,
    body: onnx.FunctionProto | onnx.GraphProto,
) -> Scope:
    if scope.depth >= MAX_NESTING:
        what = "function calls" if isinstance(body, onnx.FunctionProto) else "subgraphs"
        raise BoundError(f"{what} nest deeper than MAX_NESTING ({MAX_NESTING})")
    builder.budget.expand(len(body.node), body.ByteSize())
    label = node.name or next((name for name in node.output if name), node.op_type)
    prefix = f"{scope.prefix}{label}"
    if len(prefix) > MAX_PREFIX:
        prefix = f"{prefix[:MAX_PREFIX]}…"
    return Scope(
        f"{prefix}/",
        scope.opsets,
        scope.attributes,
        scope,
        depth=scope.depth + 1,
    )


def body_scope(
    builder: Builder, scope: Scope, node: onnx.NodeProto, body: onnx.GraphProto
) -> Scope:
    """Return the scope of a subgraph, with its stored tensors, inside the enclosing one."""
    inner = _inner_scope(builder, scope, node, body)
    for tensor in body.initializer:
        value = tensor_value(tensor)
        if builder.masks is not None:
            value = builder.masks.stored(tensor, value)
        inner.define(tensor.name, Entry(value))
    return inner


def run_body(
    builder: Builder,
    scope: Scope,
    node: onnx.NodeProto,
    body: onnx.GraphProto,
    arguments: Sequence[Entry],
) -> list[Entry]:
    """Add a subgraph's nodes for the given arguments and return its outputs."""
    inner = body_scope(builder, scope, node, body)
    if len(arguments) != len(body.input):
        raise ModelError(f"the body requires {len(body.input)} inputs, found {len(arguments)}")
    for formal, entry in zip(body.input, arguments, strict=True):
        inner.names[formal.name] = entry
    builder.walk(body.node, inner)
    found = []
    for value in body.output:
        made = inner.find(value.name)
        if made is None:
            raise ModelError(f"subgraph output {quoted(value.name)} is not produced")
        found.append(made)
    return found


def subgraph(node: onnx.NodeProto, name: str, scope: Scope) -> onnx.GraphProto:
    """Return a subgraph attribute, which is required."""
    for attribute in node.attribute:
        if attribute.name == name:
            found = resolve(attribute, scope.attributes)
            if found is not None and found.HasField("g"):
                return found.g
    raise ModelError(f"requires attribute {quoted(name)} with a graph, which is missing")


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
