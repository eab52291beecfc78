"""The handful of operators with which exporters compute lengths, evaluated by numpy alone.

To load ONNX's reference implementation, which is one piece, takes longer than to analyse most
files: it is left to the operators, and the cases of these, that are not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from onnx import TensorProto

from rfgraph.errors import ModelError
from rfgraph.onnxfile.building.attributes import decode_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Kernel: TypeAlias = Callable[[Mapping[str, Any], Sequence[Array]], Array | None]

# From this version of the operator set on, axes are inputs, and all of these broadcast.
LEAST_VERSION = 13
_INTEGERS: dict[int, type[np.generic]] = {TensorProto.INT32: np.int32, TensorProto.INT64: np.int64}


def evaluate(
    node: onnx.NodeProto, version: int, inputs: Sequence[NDArray[Any] | None]
) -> NDArray[Any] | None:
    """Return the only output of a node, None where it is left to ONNX's own kernel."""
    kernel = _KERNELS.get(node.op_type)
    given = [array for array in inputs if array is not None]
    if kernel is None or version < LEAST_VERSION or not given or len(given) < len(inputs):
        return None
    if node.op_type != "Identity" and any(array.dtype.kind not in "bi" for array in given):
        return None
    try:
        with np.errstate(all="ignore"):
            output = kernel(decode_all(node), given)
    except (ModelError, TypeError, ValueError, IndexError, OverflowError):
        return None
    return None if output is None else np.asarray(output)


def _of_two(ufunc: Callable[..., Array]) -> Kernel:
    return lambda _, inputs: ufunc(*inputs) if _are_integers(inputs) else None


def _div(_: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    """Divide lengths, which are positive: rounding down is rounding towards zero."""
    numbers = _are_integers(inputs) and inputs[0].min() >= 0 and inputs[1].min() > 0
    return np.floor_divide(*inputs) if numbers else None


def _are_integers(inputs: Sequence[Array]) -> bool:
    kinds = {array.dtype for array in inputs}
    full = all(array.size for array in inputs)
    return full and len(inputs) == 2 and len(kinds) == 1 and kinds.pop().kind == "i"


def _cast(attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    kind = _INTEGERS.get(attributes["to"]) if "to" in attributes else None
    return None if kind is None else inputs[0].astype(kind)


def _concat(attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    if len({(array.ndim, array.dtype) for array in inputs}) > 1 or "axis" not in attributes:
        return None
    return np.concatenate(inputs, attributes["axis"])


def _gather(attributes: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    data, indices = inputs
    taken: Array = np.take(data, indices, axis=attributes.get("axis", 0))
    return taken


def _identity(_: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    return inputs[0]


def _unsqueeze(_: Mapping[str, Any], inputs: Sequence[Array]) -> Array | None:
    data, axes = inputs
    return np.expand_dims(data, tuple(axes.reshape(-1).tolist()))


_KERNELS: dict[str, Kernel] = {
    "Add": _of_two(np.add),
    "Cast": _cast,
    "Concat": _concat,
    "Div": _div,
    "Gather": _gather,
    "Identity": _identity,
    "Mul": _of_two(np.multiply),
    "Sub": _of_two(np.subtract),
    "Unsqueeze": _unsqueeze,
}
