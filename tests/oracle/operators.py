"""The data edges of each operator that the set evaluator knows; it refuses the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from oracle.perturb import session
from oracle.reads import (
    AxisRule,
    Node,
    Part,
    pad_rule,
    resize_rule,
    simplest_fraction,
    transposed_rule,
    transposed_windows,
    window_rule,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ELEMENTWISE = {
    *("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "Softsign", "Exp", "Log"),
    *("Abs", "Neg", "Sqrt", "Reciprocal", "Floor", "Ceil", "Erf", "HardSigmoid", "HardSwish"),
    *("Identity", "Dropout", "Cast", "Clip", "PRelu", "Gelu", "Mish", "Celu", "Sin", "Cos"),
    *("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean", "Where"),
}
_POOLS = {"MaxPool", "AveragePool", "LpPool"}
_GLOBAL_POOLS = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}
_TABLED = {
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Gather"),
    *("Expand", "Tile"),
}
# Operators that do nothing but move elements of one tensor.
MOVES = _TABLED | {"Concat", "Split", "Slice", "Pad", "Transpose"}


def parts(node: Node) -> list[Part]:
    """Return every data edge of a node, each constant operand left out."""
    return [part for part in _all_parts(node) if part.source not in node.constant]


def _all_parts(node: Node) -> Iterator[Part]:
    kind = node.kind
    if kind in _ELEMENTWISE or (kind == "BatchNormalization" and _inference(node)):
        yield from _elementwise(node)
    elif kind in ("Conv", "ConvTranspose") or kind in _POOLS:
        yield _window(node)
    elif kind in ("Resize", "Upsample"):
        yield _resize(node)
    elif kind in ("Concat", "Split"):
        yield from _concat(node) if kind == "Concat" else _split(node)
    elif kind in ("Slice", "Pad", "Transpose"):
        yield {"Slice": _slice, "Pad": _pad, "Transpose": _transpose}[kind](node)
    elif kind in _TABLED:
        yield _moved(node)
    else:
        yield from _reductions(node)


def _reductions(node: Node) -> Iterator[Part]:
    kind = node.kind
    rank = len(node.shape(0))
    if kind in _GLOBAL_POOLS:
        yield _reduce(node, frozenset(range(2, rank)), keep=True)
    elif kind.startswith("Reduce"):
        keep = bool(node.attributes.get("keepdims", 1))
        yield _reduce(node, _reduced_axes(node), keep=keep)
    elif kind in ("Softmax", "LogSoftmax") and node.opset >= 13:
        yield from _normalised(node, frozenset({node.attributes.get("axis", -1) % rank}))
    elif kind == "InstanceNormalization":
        yield from _normalised(node, frozenset(range(2, rank)))
    elif kind == "LayerNormalization":
        yield from _normalised(node, frozenset(range(node.attributes.get("axis", -1) % rank, rank)))
    elif kind == "MatMul":
        yield _matmul(node)
    else:
        raise NotImplementedError(f"the set evaluator has no rule for {kind}")


def _inference(node: Node) -> bool:
    return node.opset >= 14 and not node.attributes.get("training_mode", 0)


def _part(node: Node, slot: int = 0, out: int = 0, **fields: Any) -> Part:
    return Part(
        node=node.number,
        source=node.proto.input[slot],
        target=node.proto.output[out],
        slot=slot,
        out=out,
        part=fields.pop("part", ""),
        **fields,
    )


def _same(o: int) -> list[int]:
    return [o]


def _const(position: int) -> AxisRule:
    return lambda _: [position]


def _every(length: int) -> AxisRule:
    return lambda _: range(length)


def _elementwise(node: Node) -> Iterator[Part]:
    """Read the same index, or position 0 on an axis that is broadcast."""
    slots = [0] if node.kind == "BatchNormalization" else range(len(node.proto.input))
    out = node.out_shape()
    for slot in slots:
        if not node.proto.input[slot]:
            continue
        shape = node.shape(slot)
        skip = len(out) - len(shape)
        axes: list[tuple[int | None, AxisRule, bool]] = []
        for axis, length in enumerate(shape):
            broadcast = length == 1 and out[axis + skip] != 1
            axes.append((axis + skip, _const(0) if broadcast else _same, False))
        yield _part(node, slot, axes=tuple(axes), pointwise=True)


def _window(node: Node) -> Part:
    rank = len(node.shape(0)) - 2
    if node.kind == "ConvTranspose":
        taps = transposed_windows(node)
        rules = [transposed_rule(*tap) for tap in taps]
    else:
        stored = node.shape(1)[2:] if node.kind == "Conv" else ()
        taps = windows(node, list(node.attributes.get("kernel_shape") or stored))
        rules = [window_rule(*tap) for tap in taps]
    channels = (1, *_channels(node))
    spatial = [(2 + axis, rules[axis], False) for axis in range(rank)]
    deep = any((k - 1) * d + 1 > 1 for k, _, d, _ in taps)
    return _part(node, axes=((0, _same, False), channels, *spatial), deep=deep, spatial=True)


def _channels(node: Node) -> tuple[AxisRule, bool]:
    """Pools keep the channel; convolutions read all channels of the group."""
    if node.kind in _POOLS:
        return _same, False
    groups = node.attributes.get("group", 1)
    inside, outside = node.shape(0)[1] // groups, node.out_shape()[1] // groups

    def reads(o: int) -> range:
        group = o // outside
        return range(group * inside, (group + 1) * inside)

    return reads, groups == 1


def _resize(node: Node) -> Part:
    rank = len(node.shape(0))
    axes = [a % rank for a in node.attributes.get("axes") or range(rank)]
    if node.attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        raise NotImplementedError("keep_aspect_ratio_policy")
    slot = 1 if node.kind == "Upsample" or node.opset < 11 else 2
    stored = node.given(slot)
    if stored is None and "scales" in node.attributes:
        stored = np.asarray(node.attributes["scales"], np.float32)
    rules: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(rank)]
    for number, axis in enumerate(axes):
        scale = simplest_fraction(stored[number]) if stored is not None and stored.size else None
        unscaled = scale == 1 or (scale is None and node.shape(0)[axis] == node.out_shape()[axis])
        if not unscaled:
            rules[axis] = (axis, resize_rule(node, axis, scale), False)
    return _part(node, axes=tuple(rules), spatial=True)


def _concat(node: Node) -> Iterator[Part]:
    rank = len(node.out_shape())
    axis = node.attributes["axis"] % rank
    offset = 0
    for slot in range(len(node.proto.input)):
        length = node.shape(slot)[axis]
        rules: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(rank)]
        rules[axis] = (axis, _shifted(-offset, 0, length), False)
        yield _part(node, slot, axes=tuple(rules))
        offset += length


def _split(node: Node) -> Iterator[Part]:
    rank = len(node.shape(0))
    axis = node.attributes.get("axis", 0) % rank
    offset = 0
    for out in range(len(node.proto.output)):
        length = node.out_shape(out)[axis]
        rules: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(rank)]
        rules[axis] = (axis, _shifted(offset, offset, offset + length), False)
        yield _part(node, 0, out, axes=tuple(rules))
        offset += length


def _shifted(by: int, low: int, high: int) -> AxisRule:
    """Shift, and read nothing outside [low, high)."""
    return lambda o: [o + by] if low <= o + by < high else []


def _slice(node: Node) -> Part:
    shape = node.shape(0)
    starts = node.ints(1, "starts") or []
    axes = node.ints(3, "axes") or list(range(len(starts)))
    steps = node.ints(4, "steps") or [1] * len(starts)
    rules: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(len(shape))]
    for start, axis, step in zip(starts, axes, steps, strict=True):
        # Python's own slices clamp the start as ONNX does.
        first = slice(start, None, step).indices(shape[axis])[0]
        rules[axis % len(shape)] = (axis % len(shape), _strided(first, step), False)
    return _part(node, axes=tuple(rules))


def _strided(first: int, step: int) -> AxisRule:
    return lambda o: [first + o * step]


def _pad(node: Node) -> Part:
    shape = node.shape(0)
    pads = node.ints(1, "pads") or []
    axes = [a % len(shape) for a in node.ints(3, "axes") or range(len(shape))]
    mode = node.attributes.get("mode", b"constant").decode()
    rules: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(len(shape))]
    for number, axis in enumerate(axes):
        rules[axis] = (axis, pad_rule(node, mode, pads[number], shape[axis]), False)
    return _part(node, axes=tuple(rules))


def _transpose(node: Node) -> Part:
    rank = len(node.shape(0))
    perm = list(node.attributes.get("perm") or reversed(range(rank)))
    return _part(node, axes=tuple((perm.index(axis), _same, False) for axis in range(rank)))


def _reduced_axes(node: Node) -> frozenset[int]:
    rank = len(node.shape(0))
    axes = node.ints(1, "axes")
    if not axes:
        none = bool(node.attributes.get("noop_with_empty_axes", 0))
        return frozenset() if none else frozenset(range(rank))
    return frozenset(a % rank for a in axes)


def _reduce(node: Node, reduced: frozenset[int], *, keep: bool) -> Part:
    """Read all of the reduced axes and the same index on the others."""
    axes: list[tuple[int | None, AxisRule, bool]] = []
    position = 0
    for axis, length in enumerate(node.shape(0)):
        if axis in reduced:
            axes.append((None, _every(length), True))
        else:
            axes.append((axis if keep else position, _same, False))
            position += 1
    pool = node.kind in _GLOBAL_POOLS
    return _part(node, axes=tuple(axes), part="reduce", reduces=reduced, spatial=pool)


def _normalised(node: Node, reduced: frozenset[int]) -> Iterator[Part]:
    """Two parallel parts: the element itself, and the statistics over the reduced axes."""
    rank = len(node.shape(0))
    same = tuple((axis, _same, False) for axis in range(rank))
    yield _part(node, axes=same, pointwise=True, part="pointwise")
    yield _reduce(node, reduced, keep=True)


def _matmul(node: Node) -> Part:
    """Activations times a stored matrix: all of the last axis."""
    if node.proto.input[1] not in node.constant or len(node.shape(1)) != 2:
        raise NotImplementedError("MatMul of two activations")
    rank = len(node.shape(0))
    axes: list[tuple[int | None, AxisRule, bool]] = [(a, _same, False) for a in range(rank - 1)]
    return _part(node, axes=(*axes, (None, _every(node.shape(0)[-1]), True)))


def _moved(node: Node) -> Part:
    """Find where each element comes from by sending the elements' own numbers through the node."""
    shape = node.shape(0)
    numbers = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    given = [
        onnx.numpy_helper.from_array(node.values[name], name)
        for name in dict.fromkeys(node.proto.input[1:])
        if name
    ]
    source = onnx.helper.make_tensor_value_info(
        node.proto.input[0], onnx.TensorProto.FLOAT, list(shape)
    )
    graph = onnx.helper.make_graph(
        [node.proto], "move", [source], [onnx.ValueInfoProto(name=node.proto.output[0])], given
    )
    opset = onnx.helper.make_opsetid("", node.opset)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    result = session(model).run(None, {node.proto.input[0]: numbers})[0]
    table: dict[tuple[int, ...], tuple[int, ...]] = {}
    for index in np.ndindex(*result.shape):
        flat = int(result[index])
        table[index] = tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
    return _part(node, moved=table)
