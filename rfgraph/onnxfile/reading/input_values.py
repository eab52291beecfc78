"""Values that the user gives for inputs, in the types that the file declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.errors import UsageError
from rfgraph.onnxfile.reading.tensors import number_dtype
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray


def as_array(name: str, value: object) -> NDArray[Any]:
    """Return a given input value as an array of numbers."""
    try:
        array = np.asarray(value)
    except Exception as error:  # a stranger's object raises whatever it likes
        reason = printable(" ".join(str(error).split()), 120)
        raise UsageError(f"the value of input {quote(name)} is no array ({reason})") from None
    if array.dtype.kind == "i":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array


def as_declared(graph: onnx.GraphProto, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a given input value in the declared type and, for a single number, rank."""
    if array.dtype.kind not in "biuf":
        raise UsageError(f"the value of input {quote(name)} requires numbers, found {array.dtype}")
    for value in graph.input:
        if value.name == name and value.type.HasField("tensor_type"):
            tensor = value.type.tensor_type
            dtype = number_dtype(tensor.elem_type)
            if dtype is not None:
                array = _cast(name, array, dtype)
            if array.size == 1 and tensor.HasField("shape") and len(tensor.shape.dim) < 8:
                array = array.reshape((1,) * len(tensor.shape.dim))
    return array


def _cast(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in a declared type; UsageError where an integral one cannot hold them."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(dtype)
    if dtype.kind in "iub" and not np.array_equal(cast, array):
        raise UsageError(f"the value of input {quote(name)} requires {dtype}, found other numbers")
    return cast
