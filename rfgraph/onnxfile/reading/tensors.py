"""The value of a stored tensor, where the file holds it and it was kept."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.wire import MARK
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


MAX_RANK = 32  # of NumPy 1; newer ones have 64
MAX_LENGTH = (1 << 63) - 1  # of a dimension, which is an int64
_MAX_DIGITS = 20

# The payload fields, and the type in which protobuf holds their numbers.
_FIELDS = {
    "raw_data": "u1",
    "float_data": "f4",
    "int32_data": "i4",
    "string_data": "O",
    "int64_data": "i8",
    "double_data": "f8",
    "uint64_data": "u8",
}
# Types that numpy has, and their field when not in raw_data. The others come in int32_data.
_NATIVE = {
    "FLOAT": ("f4", "float_data"),
    "DOUBLE": ("f8", "double_data"),
    "COMPLEX64": ("c8", "float_data"),
    "COMPLEX128": ("c16", "double_data"),
    "FLOAT16": ("f2", "int32_data"),
    "INT8": ("i1", "int32_data"),
    "INT16": ("i2", "int32_data"),
    "INT32": ("i4", "int32_data"),
    "INT64": ("i8", "int64_data"),
    "UINT8": ("u1", "int32_data"),
    "UINT16": ("u2", "int32_data"),
    "UINT32": ("u4", "uint64_data"),
    "UINT64": ("u8", "uint64_data"),
    "BOOL": ("?", "int32_data"),
    "STRING": ("O", "string_data"),
}


def dropped_index(tensor: TensorProto) -> int | None:
    """Return which dropped tensor of its model this is (or is a copy of), None if it is none."""
    if has_payload(tensor):
        return None
    for entry in reversed(tensor.metadata_props):
        index = str(entry.value)  # bytes, if it is not UTF-8
        if entry.key == MARK and index.isdecimal() and len(index) < _MAX_DIGITS:
            return int(index)
    return None


def has_payload(tensor: TensorProto) -> bool:
    """Whether any payload field of `tensor` is there."""
    return any(len(getattr(tensor, name)) for name in _FIELDS)


def external_files(proto: ModelProto) -> tuple[str, ...]:
    """Return the files in which tensors of a model lie, as it names them, each once."""
    locations: dict[str, None] = {}
    for tensor in stored_tensors(proto):
        if tensor.data_location == TensorProto.EXTERNAL:
            locations.update(
                (item.value, None) for item in tensor.external_data if item.key == "location"
            )
    return tuple(locations)


def stored_tensors(proto: ModelProto) -> Iterator[TensorProto]:
    """Yield the stored tensors of a model, of its subgraphs and functions."""
    graphs = [proto.graph]
    nodes = [node for function in proto.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            nodes.extend(graph.node)
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            continue
        for attribute in nodes.pop().attribute:
            graphs += (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else ()))
            yield from (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors)


def is_available(tensor: TensorProto) -> bool:
    """Whether the value of `tensor` is in the message.

    It is not if it was dropped, lies in an external file (never opened) or in another segment, or
    was never there: no payload, yet no dimension that is 0.
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.HasField("segment"):
        return False
    return has_payload(tensor) or (0 in tensor.dims and dropped_index(tensor) is None)


def value(tensor: TensorProto) -> NDArray[Any] | None:
    """Return the value of `tensor`, read-only, in its own shape and type; None if unavailable.

    Strings come as objects, types that numpy lacks as ml_dtypes; None where the installed onnx does
    not know a type or has no ml_dtypes. Raises ModelError, naming the tensor, if dims and payload
    do not agree; nothing is allocated on the word of dims alone.
    """
    known = tensor.data_type in helper.get_all_tensor_dtypes()
    if not known or not is_available(tensor):
        return None
    kind = TensorProto.DataType.Name(tensor.data_type)
    _check(tensor, kind)
    try:
        array = _native(tensor, kind) if kind in _NATIVE else _foreign(tensor)
        if array is None:
            return None
        array = array.reshape(tuple(tensor.dims))
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad(tensor, str(error)) from None
    array.flags.writeable = False
    return array


def number_dtype(data_type: int) -> np.dtype[Any] | None:
    """Return numpy's type for an element type of real numbers; None for any other."""
    if data_type not in TensorProto.DataType.values():
        return None
    native, _ = _NATIVE.get(TensorProto.DataType.Name(data_type), ("O", ""))
    dtype = np.dtype(native)
    return dtype if dtype.kind in "biuf" else None


def _check(tensor: TensorProto, kind: str) -> None:
    """Compare the payload's length with what dims and type need."""
    count = _count(tensor)
    native, field = _NATIVE.get(kind, ("", "int32_data"))
    # A type that numpy lacks has its width in bits in its name: BFLOAT16, FLOAT8E4M3FN, UINT4.
    bits = 8 * np.dtype(native).itemsize if native else int(re.findall(r"\d+", kind)[0])
    if tensor.HasField("raw_data"):
        field, needed = "raw_data", -(-count * bits // 8)
    elif kind.startswith("COMPLEX"):
        needed = 2 * count
    else:  # numbers of 4 and 2 bits share a byte, those of 6 have one each
        needed = -(-count // max(1, 8 // bits))
    length = len(getattr(tensor, field))
    if length != needed:
        what = f"{count} elements of {kind.lower()} are {needed} long in {field}, found {length}"
        raise _bad(tensor, what)


def _count(tensor: TensorProto) -> int:
    """Return the number of elements; rank first, for a product of a million dims is slow."""
    if len(tensor.dims) > MAX_RANK:
        raise _bad(tensor, f"rank {len(tensor.dims)} is more than {MAX_RANK}")
    if min(tensor.dims, default=0) < 0:
        raise _bad(tensor, f"negative dimension in {list(tensor.dims)}")
    return math.prod(tensor.dims)


def _native(tensor: TensorProto, kind: str) -> NDArray[Any]:
    """Return the elements in a row, of a type that numpy has."""
    name, field = _NATIVE[kind]
    if kind == "STRING":
        return _strings(tensor)
    dtype = np.dtype(name)
    if tensor.HasField("raw_data"):
        stored = np.dtype("u1") if kind == "BOOL" else dtype.newbyteorder("<")
        return np.frombuffer(tensor.raw_data, stored).astype(dtype)
    numbers = np.array(getattr(tensor, field), _FIELDS[field])
    if dtype.kind == "c":
        return numbers.view(dtype)
    return numbers.astype("u2").view(dtype) if kind == "FLOAT16" else numbers.astype(dtype)


def _strings(tensor: TensorProto) -> NDArray[Any]:
    """Return strings as objects: as numpy's own they would all be as long as the longest."""
    texts = np.empty(len(tensor.string_data), dtype=object)
    texts[:] = [text.decode("utf-8") for text in tensor.string_data]
    return texts


def _foreign(tensor: TensorProto) -> NDArray[Any] | None:
    """Return a type that numpy lacks; an onnx without ml_dtypes reads some of them wrongly."""
    if helper.tensor_dtype_to_np_dtype(tensor.data_type).isbuiltin == 1:
        return None
    return numpy_helper.to_array(tensor).copy()


def _bad(tensor: TensorProto, what: str) -> ModelError:
    name = quote(tensor.name) if tensor.name else "without a name"
    return ModelError(f"tensor {name}: {printable(what, 160)}")


def check_shape(shape: Sequence[int] | None) -> None:
    """Raise ModelError for a shape that no tensor can have."""
    if shape is None:
        return
    if len(shape) > MAX_RANK:
        raise ModelError(f"requires at most {MAX_RANK} dimensions, found {len(shape)}")
    if shape and not 0 <= min(shape) <= max(shape) <= MAX_LENGTH:
        listed = printable(str(list(shape)), 160)
        raise ModelError(f"requires lengths from 0 to 2^63 - 1, found {listed}")
