"""Operators that read no data: constants, shapes, random numbers, window functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.ops.node import Array, OpNode, Outcome, RuleError, Value
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import is_unlistable, scalar_links
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from rfgraph.relations.axis_rules import Shape

# The element types of ONNX that NumPy has.
_DTYPES: dict[int, str] = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}


def _integers(values: list[int], shape: Shape) -> Array | None:
    """Return int64 values, None if one of them does not fit."""
    if any(not -(1 << 63) <= value < 1 << 63 for value in values):
        return None
    return np.array(values, dtype=np.int64).reshape(shape)


@rule("Shape")
def shape_of(node: OpNode) -> Outcome:
    """An output reads nothing of the input, only its shape.

    Exact. Versions: since 15 attributes start and end give a part of the shape.
    """
    shape = node.shape(0)
    rank = len(shape)
    start, end = node.int("start", 0), node.int("end", rank)
    start, end = (min(max(at + rank if at < 0 else at, 0), rank) for at in (start, end))
    part = shape[start:end]
    return Outcome(((len(part),),), values=(_integers(list(part), (len(part),)),))


@rule("Size")
def size(node: OpNode) -> Outcome:
    """The output reads nothing of the input, only its shape.

    Exact. All versions.
    """
    return Outcome(((),), values=(_integers([math.prod(node.shape(0))], ()),))


@rule("Constant")
def constant(node: OpNode) -> Outcome:
    """The output reads nothing.

    Exact. All versions and all forms of the value.
    """
    names = [f"value_{kind}" for kind in ("float", "int", "string", "floats", "ints", "strings")]
    given = [n for n in ("value", "sparse_value", *names) if node.attribute(n) is not None]
    if len(given) != 1:
        raise RuleError(f"requires one attribute that gives the value, found {len(given)}")
    (name,) = given
    if name in ("value", "sparse_value"):
        return _stored_outcome(name, node.attribute(name))
    value = _plain(node, name)
    return Outcome((value.shape,), values=(value,))


def _stored_outcome(name: str, found: object) -> Outcome:
    if isinstance(found, np.ndarray):
        return Outcome((tuple(found.shape),), values=(found,))
    if isinstance(found, Value):
        return Outcome((found.shape,), values=(found.data,))
    raise RuleError(f"attribute {quote(name)} requires a tensor, found {type(found).__name__}")


def _plain(node: OpNode, name: str) -> Array:
    if name == "value_int":
        return np.array(node.int(name), dtype=np.int64)
    if name == "value_ints":
        return np.array(node.ints(name), dtype=np.int64)
    if name == "value_float":
        return np.array(node.float(name, 0.0), dtype=np.float32)
    if name == "value_floats":
        return np.array(node.floats(name), dtype=np.float32)
    value = node.attribute(name)
    if isinstance(value, list) != (name == "value_strings"):
        raise RuleError(f"attribute {quote(name)} is of another type")
    return np.array(value, dtype=object)


@rule("ConstantOfShape")
def constant_of_shape(node: OpNode) -> Outcome:
    """An output reads nothing; the input gives the shape.

    Exact. Unknown: where the shape depends on data. All versions.
    """
    shape = _lengths(node.known_ints(0), "input 0")
    fill = _fill(node)
    if fill is None or is_unlistable(*shape):
        return Outcome((shape,), values=(None,))
    return Outcome((shape,), values=(np.full(shape, fill.reshape(-1)[0], fill.dtype),))


def _fill(node: OpNode) -> Array | None:
    """Return the one element that fills the output, None if its value is not known."""
    value = node.attribute("value")
    if value is None:
        return np.zeros(1, dtype=np.float32)
    stored = _stored_outcome("value", value)
    if math.prod(stored.shapes[0] or ()) != 1:
        raise RuleError("attribute 'value' requires a tensor of one element")
    return stored.values[0]


def _lengths(found: list[int] | None, what: str) -> Shape:
    if found is None or min(found, default=0) < 0:
        raise RuleError(f"{what} requires lengths of at least 0, found {found and found[:8]}")
    return tuple(found)


@rule("Range", ignores="stash_type")
def range_(node: OpNode) -> Outcome:
    """An output reads nothing where start, limit and delta are constants.

    Exact. Unknown: where one of them depends on data, for then the length does. All versions.
    """
    start, limit, delta = (_scalar(node, slot) for slot in range(3))
    if not all(np.isfinite(item) for item in (start, limit, delta)) or delta == 0:
        raise RuleError(
            f"requires numbers and a delta other than 0, found {start}, {limit}, {delta}"
        )
    if start.dtype.kind == "f":
        return Outcome(((max(0, math.ceil(float(limit - start) / float(delta))),),))
    first, last, step = int(start), int(limit), int(delta)
    count = max(0, -(-(last - first) // step))
    if is_unlistable(count) or "uint64" in (start.dtype, delta.dtype):
        return Outcome(((count,),))
    values = np.arange(count, dtype=np.int64) * np.int64(step) + np.int64(first)
    return Outcome(((count,),), values=(values.astype(start.dtype),))


def _scalar(node: OpNode, index: int) -> Any:
    """Return the one number that a constant input holds."""
    value = node.known(index)
    if value is None or value.size != 1 or value.dtype.kind not in "iuf":
        raise RuleError(f"input {index} requires one number")
    return value.reshape(-1)[0]


def _length(node: OpNode, index: int) -> int:
    length = _scalar(node, index)
    if length.dtype.kind == "f" or length < 0:
        raise RuleError(f"input {index} requires an integer of at least 0, found {length}")
    return int(length)


@rule("EyeLike")
def eye_like(node: OpNode) -> Outcome:
    """An output reads nothing of the input, only its shape.

    Exact. All versions.
    """
    rows, columns = node.ranked(0, 2, 2)
    diagonal = node.int("k", 0)
    dtype = _DTYPES.get(node.int("dtype", 0))
    if dtype is None or is_unlistable(rows, columns) or is_unlistable(abs(diagonal)):
        return Outcome(((rows, columns),))
    return Outcome(((rows, columns),), values=(np.eye(rows, columns, diagonal, dtype=dtype),))


@rule("RandomNormalLike RandomUniformLike", ignores="dtype high low mean scale seed")
def random_like(node: OpNode) -> Outcome:
    """An output reads nothing of the input, only its shape.

    Exact. All versions.
    """
    return Outcome((node.shape(0),))


@rule("RandomNormal RandomUniform", ignores="dtype high low mean scale seed")
def random(node: OpNode) -> Outcome:
    """An output reads nothing; there is no input.

    Exact. All versions.
    """
    shape = node.ints("shape")
    if shape is None:
        raise RuleError("requires attribute 'shape', which is missing")
    return Outcome((_lengths(shape, "attribute 'shape'"),))


@rule("HannWindow HammingWindow BlackmanWindow", ignores="output_datatype periodic")
def window(node: OpNode) -> Outcome:
    """An output reads nothing; the input gives the length.

    Exact. Unknown: where the length depends on data. All versions.
    """
    return Outcome(((_length(node, 0),),))


@rule("MelWeightMatrix", ignores="output_datatype")
def mel_weight_matrix(node: OpNode) -> Outcome:
    """An output reads nothing where the inputs are constants.

    The inputs give the shape and the values. Inputs that are computed are read by every output.

    Exact. Unknown: where the shape depends on data. All versions.
    """
    bands, length = _length(node, 0), _length(node, 1)
    shape = (length // 2 + 1, bands)
    return Outcome((shape,), tuple(scalar_links(node, (2, 3, 4), shape)))


@rule("OptionalHasElement")
def optional_has_element(node: OpNode) -> Outcome:
    """The output reads nothing of the input, only whether it is there.

    Exact. All versions.
    """
    return Outcome(((),), values=(None if node.has(0) else np.array(False),))


@rule("GivenTensorFill", ignores="values")
def given_tensor_fill(node: OpNode) -> Outcome:
    """An output reads nothing; the values are an attribute.

    Exact. Unknown: where the shape is computed. Versions: an onnxruntime operator of the first
    operator set.
    """
    extra = node.ints("extra_shape") or []
    if node.int("input_as_shape", 0):
        lengths = node.known_ints(0)
    else:
        lengths = list(node.shape(0)) if node.has(0) else node.ints("shape")
    if lengths is None:
        raise RuleError("requires a shape, which is missing")
    return Outcome((_lengths([*lengths, *extra], "the shape"),))
