"""Weights that hide no dependence: every float constant that steers nothing made positive."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_DTYPES: dict[int, Any] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
    onnx.TensorProto.FLOAT16: np.float16,
}
# Slots whose values decide shapes or positions; what they are computed from is kept as well.
_STEERING = {
    "Resize": (1, 2, 3),
    "Upsample": (1,),
    "Reshape": (1,),
    "Expand": (1,),
    "Tile": (1, 2),
    "Slice": (1, 2, 3, 4),
    "Pad": (1, 3),
    "Split": (1,),
    "Range": (0, 1, 2),
    "ConstantOfShape": (0,),
    "TopK": (1,),
    "OneHot": (0, 1),
    "Gather": (1,),
    "If": (0,),
    "Loop": (0, 1),
}
# Slots whose stored float values must stay, or the operator would saturate or fail.
_KEPT = {
    "Clip": (1, 2),
    "Pow": (1,),
    "Pad": (2,),
    "QuantizeLinear": (1,),
    "DequantizeLinear": (1,),
    "GreaterOrEqual": (0, 1),
    "Greater": (0, 1),
    "LessOrEqual": (0, 1),
    "Less": (0, 1),
    "Equal": (0, 1),
    "Mod": (0, 1),
}
_WEIGHTED = {
    *("Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "RNN", "LSTM", "GRU", "Mul"),
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization"),
}
_MOVING = {"Identity", "Transpose", "Reshape", "Cast", "Squeeze", "Unsqueeze", "Slice", "Concat"}
_Use = tuple[str, int]


def randomized(
    model: onnx.ModelProto, seed: int = 0, keep: Collection[str] = ()
) -> onnx.ModelProto:
    """Return a copy that reads the same and whose float weights are positive, scaled by fan-in.

    Sub, and Mul of two activations, become Add, which reads the same, so that no `x - x` cancels
    and no `x * 0` hides what it reads; LRN becomes the mean over its window of channels, because
    runtimes keep a running sum whose rounding leaks. Missing payloads (stripped or external) are
    filled in. Integers, constants that steer shapes and positions, bounds, and scalars that are
    not weights keep their values.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    random = np.random.default_rng(seed)
    opset = max([o.version for o in copy.opset_import if o.domain in ("", "ai.onnx")] or [1])
    _fill(copy.graph, opset, random, set(keep))
    return copy


def _fill(graph: onnx.GraphProto, opset: int, random: np.random.Generator, keep: set[str]) -> None:
    uses = _uses(graph)
    steering = _steering(graph)
    _make_additive(graph, steering)
    _make_plain_lrn(graph, opset)
    steering |= keep
    for tensor in _floats(graph):
        if tensor.name not in steering and _replaceable(tensor, uses[tensor.name]):
            value = random.uniform(0.5, 1.5, tuple(tensor.dims))
            value /= max([_fan_in(use, tuple(tensor.dims)) for use in uses[tensor.name]] or [1])
            _store(tensor, value)
    for node in graph.node:
        for attribute in node.attribute:
            # Even to look into `g` for writing would set it.
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _fill(inner, opset, random, keep)


def _make_additive(graph: onnx.GraphProto, steering: set[str]) -> None:
    constants = {tensor.name for tensor in graph.initializer} | {""}
    for node in graph.node:
        if node.op_type not in ("Shape", "Size") and constants.issuperset(node.input):
            constants.update(node.output)
        mixing = node.op_type == "Mul" and not constants.intersection(node.input)
        if (mixing or node.op_type == "Sub") and not steering.intersection(node.output):
            node.op_type = "Add"


def _make_plain_lrn(graph: onnx.GraphProto, opset: int) -> None:
    """Replace LRN on (batch, channels, height, width) by an average over its channels."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.extend(_channel_average(node, opset) if node.op_type == "LRN" else [node])
    del graph.node[:]
    graph.node.extend(nodes)


def _channel_average(node: onnx.NodeProto, opset: int) -> list[onnx.NodeProto]:
    size = next(a.i for a in node.attribute if a.name == "size")
    x, y = node.input[0], node.output[0]
    apart, pooled, axis = f"{y}/apart", f"{y}/pooled", f"{y}/axis"
    slots = [axis] if opset >= 13 else []
    axes: dict[str, Any] = {} if slots else {"axes": [1]}
    value = onnx.numpy_helper.from_array(np.array([1], np.int64))
    pads = [(size - 1) // 2, 0, 0, size // 2, 0, 0]
    return [
        onnx.helper.make_node("Constant", [], [axis], value=value),
        onnx.helper.make_node("Unsqueeze", [x, *slots], [apart], **axes),
        onnx.helper.make_node(
            "AveragePool", [apart], [pooled], kernel_shape=[size, 1, 1], pads=pads
        ),
        onnx.helper.make_node("Squeeze", [pooled, *slots], [y], **axes),
    ]


def _floats(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Float initializers and the values of Constant nodes, named by what they define."""
    constants = []
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                attribute.t.name = node.output[0]
                constants.append(attribute.t)
    for tensor in [*graph.initializer, *constants]:
        if tensor.data_type in _DTYPES:
            yield tensor


def _uses(graph: onnx.GraphProto) -> dict[str, list[_Use]]:
    """Who reads each tensor, (operator, slot), seen through operators that only move values."""
    uses: dict[str, list[_Use]] = defaultdict(list)
    for node in reversed(graph.node):
        for slot, name in enumerate(node.input):
            if node.op_type in _MOVING and slot == 0 and uses[node.output[0]]:
                uses[name].extend(uses[node.output[0]])
            else:
                uses[name].append((node.op_type, slot))
    return uses


def _steering(graph: onnx.GraphProto) -> set[str]:
    """Names of the tensors from which shapes and positions are computed."""
    marked: set[str] = set()
    for node in reversed(graph.node):
        if marked.intersection(node.output) and node.op_type not in ("Shape", "Size"):
            marked.update(node.input)
        slots = _STEERING.get(node.op_type, ())
        marked.update(name for slot, name in enumerate(node.input) if slot in slots)
    return marked - {""}


def _replaceable(tensor: onnx.TensorProto, uses: Iterable[_Use]) -> bool:
    uses = list(uses)
    if any(slot in _KEPT.get(operator, ()) for operator, slot in uses):
        return not _has_payload(tensor)
    if math.prod(tensor.dims) == 1 and _has_payload(tensor):
        zero = bool(onnx.numpy_helper.to_array(tensor).item() == 0)
        weighted = {operator for operator, _ in uses} & _WEIGHTED
        return bool(weighted - {"Mul"}) or (zero and bool(weighted))
    return 0 not in tensor.dims


def _has_payload(tensor: onnx.TensorProto) -> bool:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        return False
    fields = (tensor.raw_data, tensor.float_data, tensor.int32_data, tensor.double_data)
    return any(len(stored) > 0 for stored in fields)


def _fan_in(use: _Use, dims: tuple[int, ...]) -> int:
    """How many of these weights meet in one output, so that values stay near 1."""
    operator, slot = use
    if operator == "Conv" and slot == 1:
        return math.prod(dims[1:])
    if operator == "ConvTranspose" and slot == 1:
        return dims[0] * math.prod(dims[2:])
    if operator in ("MatMul", "Gemm", "Einsum") and slot < 2 and dims:
        return max(dims[-2:])
    if operator in ("RNN", "LSTM", "GRU") and slot in (1, 2):
        return dims[-1]
    return 1


def _store(tensor: onnx.TensorProto, value: npt.NDArray[np.float64]) -> None:
    array = value.astype(_DTYPES[tensor.data_type])
    name = tensor.name
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, name))
