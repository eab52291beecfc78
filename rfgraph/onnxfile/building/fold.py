"""Evaluation of nodes whose inputs are constants, by ONNX's own reference kernels."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from rfgraph.onnxfile.building import shape_arithmetic
from rfgraph.ops.registry import normal_domain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.relations.axis_rules import Shape


MAX_FOLD = 1 << 20

# Integer, shape and arithmetic operators whose reference kernels are right and cheap.
FOLDABLE = frozenset(
    """Abs Add And ArgMax ArgMin Atan BitShift Cast CastLike Ceil Clip Compress Concat
    ConstantOfShape Cos CumSum Div Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements
    GatherND Greater GreaterOrEqual Identity Less LessOrEqual Log Max Mean Min Mod Mul Neg NonZero
    Not OneHot Or Pad Pow Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    Reshape Round ScatterElements ScatterND SequenceLength Shape Sigmoid Sign Sin Size Slice Split
    Sqrt Squeeze Sub Sum Tan Tile TopK Transpose Trilu Unique Unsqueeze Where Xor""".split()
)


def evaluate(
    node: onnx.NodeProto, version: int, inputs: Sequence[NDArray[Any] | None]
) -> list[NDArray[Any]] | None:
    """Return the outputs of a foldable node, or None if the kernel refuses."""
    known = shape_arithmetic.evaluate(node, version, inputs)
    if known is not None:
        return [known]
    from onnx.reference.ops import load_op

    run_params: Mapping[str, Any] = {
        "log": lambda *_: None,
        "opsets": {"": version},
        "verbose": 0,
        "new_ops": None,
    }
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            kernel = load_op("", node.op_type, version)(node, run_params)
            results = kernel.run(*inputs)
    except Exception:
        return None
    arrays = [np.asarray(result) for result in results]
    return arrays if all(array.dtype.kind in "biuf" for array in arrays) else None


def may_fold(call: Call, shapes: Sequence[Shape | None]) -> bool:
    """Whether to evaluate a node of constants: foldable, all values known, nothing large."""
    op_type, domain = call.operator.op_type, normal_domain(call.operator.domain)
    if domain or op_type not in FOLDABLE:
        return False
    data = [entry.value.data for entry in call.entries if entry is not None]
    # Text grows where numbers do not: a chain of Adds doubles it with each node.
    if any(array is None or array.dtype.kind not in "biuf" for array in data):
        return False
    sizes = [array.size for array in data if array is not None]
    sizes += [math.prod(shape) for shape in shapes if shape is not None]
    known = all(shape is not None for shape, name in zip(shapes, call.outputs, strict=True) if name)
    return max(sizes, default=0) <= MAX_FOLD and (
        known or op_type in ("NonZero", "Compress", "Unique")
    )


def plain(call: Call) -> onnx.NodeProto:
    """Return the node with attribute references replaced by what the caller gives."""
    node = call.node
    if not any(attribute.ref_attr_name for attribute in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            given = call.scope.attributes.get(attribute.ref_attr_name)
            if given is None:
                continue
            added = copy.attribute.add()
            added.CopyFrom(given)
            added.name = attribute.name
        else:
            copy.attribute.add().CopyFrom(attribute)
    return copy
