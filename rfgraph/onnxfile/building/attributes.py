"""Attributes of a node as plain Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from onnx import AttributeProto

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading import tensors
from rfgraph.ops.node import Value
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def decode_all(
    node: onnx.NodeProto, outer: Mapping[str, AttributeProto] | None = None
) -> dict[str, Any]:
    """Return the node's attributes by name; references are looked up in the caller's, `outer`."""
    decoded: dict[str, Any] = {}
    for attribute in node.attribute:
        resolved = resolve(attribute, outer)
        if resolved is None:
            continue
        if attribute.name in decoded:
            raise ModelError(f"attribute {quote(attribute.name)} is given twice")
        decoded[attribute.name] = decode(resolved)
    return decoded


def resolve(
    attribute: AttributeProto, outer: Mapping[str, AttributeProto] | None
) -> AttributeProto | None:
    """Return the attribute, or the caller's that it refers to; None if the caller gives none."""
    if not attribute.ref_attr_name:
        return attribute
    return (outer or {}).get(attribute.ref_attr_name)


def tensor_value(tensor: onnx.TensorProto) -> Value:
    """Return a stored tensor as a constant; its data is None if it was dropped or lies outside."""
    _check_dims(tensor.name, tensor.dims)
    return Value(tuple(tensor.dims), constant=True, data=tensors.value(tensor))


def sparse_value(sparse: onnx.SparseTensorProto) -> Value:
    """Return a stored sparse tensor as a constant whose data is not kept."""
    _check_dims(sparse.values.name, sparse.dims)
    return Value(tuple(sparse.dims), constant=True)


def _check_dims(name: str, dims: Sequence[int]) -> None:
    try:
        tensors.check_shape(dims)
    except ModelError as error:
        raise ModelError(f"tensor {quote(name)} {error}") from None


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


_DECODERS: dict[int, Callable[[AttributeProto], Any]] = {
    AttributeProto.FLOAT: lambda a: a.f,
    AttributeProto.INT: lambda a: a.i,
    AttributeProto.STRING: lambda a: _text(a.s),
    AttributeProto.TENSOR: lambda a: tensor_value(a.t),
    AttributeProto.GRAPH: lambda a: a.g,
    AttributeProto.SPARSE_TENSOR: lambda a: sparse_value(a.sparse_tensor),
    AttributeProto.FLOATS: lambda a: list(a.floats),
    AttributeProto.INTS: lambda a: list(a.ints),
    AttributeProto.STRINGS: lambda a: [_text(item) for item in a.strings],
    AttributeProto.TENSORS: lambda a: [tensor_value(item) for item in a.tensors],
    AttributeProto.GRAPHS: lambda a: list(a.graphs),
    AttributeProto.TYPE_PROTO: lambda a: a.tp,
}

_FIELDS = (
    ("f", AttributeProto.FLOAT),
    ("i", AttributeProto.INT),
    ("s", AttributeProto.STRING),
    ("t", AttributeProto.TENSOR),
    ("g", AttributeProto.GRAPH),
)
_LISTS = (
    ("floats", AttributeProto.FLOATS),
    ("ints", AttributeProto.INTS),
    ("strings", AttributeProto.STRINGS),
)


def decode(attribute: AttributeProto) -> Any:
    """Return one attribute's value; the first IR versions tell its type by the field used alone."""
    kind = attribute.type or _guess(attribute)
    decoder = _DECODERS.get(kind)
    return None if decoder is None else decoder(attribute)


def _guess(attribute: AttributeProto) -> int:
    for name, kind in _LISTS:
        if getattr(attribute, name):
            return kind
    for name, kind in _FIELDS:
        if attribute.HasField(name):
            return kind
    return AttributeProto.INTS
