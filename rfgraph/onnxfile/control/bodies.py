"""Function calls and control flow: bodies become part of the graph."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto

from rfgraph.errors import BoundError, ModelError
from rfgraph.onnxfile.building.attributes import resolve
from rfgraph.onnxfile.building.budget import MAX_NESTING
from rfgraph.onnxfile.building.scope import Entry, Scope, opsets_of
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from rfgraph.onnxfile.building.call import Call


# Names inside a body begin with those of the nodes around it, as far as this many characters.
MAX_PREFIX = 512


def call_function(call: Call, function: onnx.FunctionProto) -> list[Entry]:
    """Inline a model-local function: its body with the caller's inputs and attributes."""
    entries, scope = call.entries, call.scope
    inner = _inner_scope(call, function)
    inner.outer = None
    imports = opsets_of(function.opset_import)
    if not imports.items() <= scope.opsets.items():
        inner.opsets = ChainMap(imports, *_maps(scope.opsets))
    inner.attributes = _call_attributes(function, call.node, scope)
    if len(entries) > len(function.input):
        raise ModelError(f"requires at most {len(function.input)} inputs, found {len(entries)}")
    for name, entry in zip(function.input, entries, strict=False):
        if entry is not None:
            inner.define(name, entry)
    call.walk(_without_absent(function, entries), inner)
    return [_output_of(inner, "function", name) for name in function.output]


def _output_of(scope: Scope, what: str, name: str) -> Entry:
    """Return what an output of a body stands for."""
    entry = scope.find(name)
    if entry is None:
        raise ModelError(f"{what} output {quote(name)} is not produced")
    return entry


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
        resolved = resolve(attribute, scope.attributes)
        if resolved is not None:
            given[attribute.name] = resolved
    return given


def _inner_scope(call: Call, body: onnx.FunctionProto | onnx.GraphProto) -> Scope:
    scope, node = call.scope, call.node
    if scope.depth >= MAX_NESTING:
        what = "function calls" if isinstance(body, onnx.FunctionProto) else "subgraphs"
        raise BoundError(f"{what} nest deeper than MAX_NESTING ({MAX_NESTING})")
    call.writer.budget.expand(len(body.node), body.ByteSize())
    label = node.name or next((name for name in node.output if name), node.op_type)
    prefix = f"{scope.prefix}{label}"
    if len(prefix) > MAX_PREFIX:
        prefix = f"{prefix[:MAX_PREFIX]}…"
    return Scope(f"{prefix}/", scope.opsets, scope.attributes, scope)


def body_scope(call: Call, body: onnx.GraphProto) -> Scope:
    """Return the scope of a subgraph, with its stored tensors, inside the enclosing one."""
    inner = _inner_scope(call, body)
    for tensor in body.initializer:
        inner.define(tensor.name, Entry(call.stored(tensor)))
    return inner


def run_body(call: Call, body: onnx.GraphProto, arguments: Sequence[Entry]) -> list[Entry]:
    """Add a subgraph's nodes for the given arguments and return its outputs."""
    inner = body_scope(call, body)
    if len(arguments) != len(body.input):
        raise ModelError(f"the body requires {len(body.input)} inputs, found {len(arguments)}")
    for formal, entry in zip(body.input, arguments, strict=True):
        inner.names[formal.name] = entry
    call.walk(body.node, inner)
    return [_output_of(inner, "subgraph", value.name) for value in body.output]
