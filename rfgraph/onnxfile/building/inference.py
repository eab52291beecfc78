"""Shapes of the outputs of nodes that have no rule, as far as ONNX or the file can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.ops.node import Value
    from rfgraph.relations.axis_rules import Shape


def declared_shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    """Return the shapes that the file declares for its tensors, where every length is a number."""
    found: dict[str, Shape] = {}
    for value in (*graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type") and tensor.HasField("shape"):
            dims = tensor.shape.dim
            if all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims):
                found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def inferred_shapes(
    node: onnx.NodeProto, inputs: Sequence[Value | None], opsets: Mapping[str, int]
) -> list[Shape | None]:
    """Return the outputs' shapes by the operator's own inference, None where it cannot tell."""
    unknown: list[Shape | None] = [None] * len(node.output)
    version = opsets.get(node.domain, 0)
    if any(value is not None and value.shape is None for value in inputs):
        return unknown
    try:
        schema = onnx.defs.get_schema(node.op_type, version, node.domain)
        types = {
            name: onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, value.shape)
            for name, value in zip(node.input, inputs, strict=True)
            if name and value is not None
        }
        made = onnx.shape_inference.infer_node_outputs(
            schema,
            node,
            types,
            opset_imports=[onnx.helper.make_opsetid(*pair) for pair in opsets.items()],
        )
    except Exception:
        return unknown
    return [_shape(made.get(name)) for name in node.output]


def _shape(found: onnx.TypeProto | None) -> Shape | None:
    if found is None or not found.tensor_type.HasField("shape"):
        return None
    dims = found.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims)


def function_body(
    node: onnx.NodeProto, inputs: Sequence[Value | None], opsets: Mapping[str, int]
) -> onnx.FunctionProto | None:
    """Return the function by which ONNX defines the operator, None if it does not."""
    version = opsets.get("" if node.domain == "ai.onnx" else node.domain, 0)
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, version, node.domain)
        if schema.has_function:
            body: onnx.FunctionProto = schema.function_body
            return body
        if schema.has_context_dependent_function:
            types = [
                onnx.helper.make_tensor_type_proto(
                    onnx.TensorProto.FLOAT, value.shape if value is not None else None
                ).SerializeToString()
                for value in inputs
            ]
            made = schema.get_context_dependent_function(node.SerializeToString(), types)
            context: onnx.FunctionProto = onnx.FunctionProto.FromString(made)
            return context
    except Exception:
        return None
    return None
