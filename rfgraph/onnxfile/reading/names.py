"""The names in a model: protobuf hands out as bytes those that are not UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx import AttributeProto

from rfgraph.errors import ModelError
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


# Attributes of these types have no name but their own; most attributes are of these types.
_PLAIN = frozenset(
    {
        AttributeProto.FLOAT,
        AttributeProto.INT,
        AttributeProto.STRING,
        AttributeProto.FLOATS,
        AttributeProto.INTS,
        AttributeProto.STRINGS,
    }
)

_WRAPPERS = {"sequence_type": "elem_type", "optional_type": "elem_type", "map_type": "value_type"}


def check_names(proto: onnx.ModelProto) -> None:
    """Raise ModelError if a name is not valid UTF-8; documentation and metadata may be anything."""
    names = _names(proto)
    try:
        "".join(names)
    except TypeError:
        bad = next(name for name in names if not isinstance(name, str))
        raise ModelError(f"a name is not valid UTF-8 ({printable(repr(bad))})") from None


def _names(proto: onnx.ModelProto) -> list[Any]:
    """Return every name; appended to one list, for a generator takes twice as long."""
    names = [proto.producer_name, proto.producer_version, proto.domain]
    names += (opset.domain for opset in proto.opset_import)
    graphs = [proto.graph]
    for function in proto.functions:
        names += (function.name, function.domain, function.overload)
        names += (*function.input, *function.output, *function.attribute)
        names += (opset.domain for opset in function.opset_import)
        _add_attributes(names, function.attribute_proto, graphs)
        _add_nodes(names, function.node, graphs)
    while graphs:
        graph = graphs.pop()
        names.append(graph.name)
        names += (tensor.name for tensor in graph.initializer)
        names += (sparse.values.name for sparse in graph.sparse_initializer)
        for values in (graph.input, graph.output, graph.value_info):
            _add_values(names, values)
        _add_nodes(names, graph.node, graphs)
    return names


def _add_values(names: list[Any], values: Iterable[onnx.ValueInfoProto]) -> None:
    for value in values:
        names.append(value.name)
        kind = value.type
        while (wrapper := kind.WhichOneof("value")) in _WRAPPERS:
            kind = getattr(getattr(kind, wrapper), _WRAPPERS[wrapper])
        held = kind.sparse_tensor_type if wrapper == "sparse_tensor_type" else kind.tensor_type
        names += [dim.dim_param for dim in held.shape.dim]


def _add_nodes(
    names: list[Any], nodes: Iterable[onnx.NodeProto], graphs: list[onnx.GraphProto]
) -> None:
    for node in nodes:
        names += node.input
        names += node.output
        names += (node.name, node.op_type, node.domain, node.overload)
        _add_attributes(names, node.attribute, graphs)


def _add_attributes(
    names: list[Any], attributes: Iterable[onnx.AttributeProto], graphs: list[onnx.GraphProto]
) -> None:
    """Add the names of attributes to `names`, and their subgraphs to `graphs`."""
    for attribute in attributes:
        names += (attribute.name, attribute.ref_attr_name)
        if attribute.type not in _PLAIN:
            names.append(attribute.t.name)
            names += [tensor.name for tensor in attribute.tensors]
            graphs += attribute.graphs
            if attribute.HasField("g"):
                graphs.append(attribute.g)
