"""Hand-made models whose fields are known, and the comparison of the two oracles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oracle import perturb, sets
from oracle.builder import Builder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx


def builder(*shape: int, opset: int = 18) -> tuple[Builder, str]:
    """Return a builder with one input of this shape, and the input's name."""
    build = Builder(opset, 0)
    return build, build.input(shape)


def chain(length: int, *windows: tuple[int, int, int, int]) -> onnx.ModelProto:
    """Conv after Conv along one axis: (kernel, stride, dilation, padding on both sides) each."""
    build, x = builder(1, 1, length)
    for k, s, d, p in windows:
        x = build.conv(x, 1, [k], strides=[s], dilations=[d], pads=[p, p])
    return build.model(x)


def unet(length: int, levels: int) -> tuple[onnx.ModelProto, str]:
    """Ronneberger's U-Net along one axis; returns the model and the name of its bottleneck."""
    build, x = builder(1, 1, length)

    def twice(y: str) -> str:
        return build.conv(build.conv(y, 1, [3]), 1, [3])

    skips = []
    for _ in range(levels):
        skips.append(twice(x))
        x = build.pool("MaxPool", skips[-1], [2], strides=[2])
    x = bottleneck = twice(x)
    for skip in reversed(skips):
        up = build.transposed(x, 1, [2], strides=[2])
        x = twice(build.concat([build.crop(skip, build.shapes[up][2:]), up]))
    return build.model(x), bottleneck


def highres3dnet(length: int) -> onnx.ModelProto:
    """Li et al. 2017 along one axis: nine residual blocks of two 3-wide convolutions each."""
    build, x = builder(1, 1, length)
    x = build.same_conv(x, 1, 3)
    for dilation in (1, 1, 1, 2, 2, 2, 4, 4, 4):
        inside = build.same("Relu", x)
        inside = build.same_conv(inside, 1, 3, dilation)
        inside = build.same_conv(build.same("Relu", inside), 1, 3, dilation)
        x = build.same("Add", x, inside)
    return build.model(build.same_conv(x, 1, 1))


def output(model: onnx.ModelProto) -> str:
    return str(model.graph.output[0].name)


def mismatches(model: onnx.ModelProto, tensors: Sequence[str] = ()) -> list[str]:
    """Say where what units read by definition differs from what perturbation finds."""
    tensors = list(tensors) or [output(model)]
    graph = sets.Graph(model, clip=True)
    prober = perturb.Prober(model, tensors)
    result = []
    for name in graph.inputs:
        tables = prober.tables(name)
        for tensor in tensors:
            pairs = zip(
                ("lo", "hi"), tables[tensor], sets.clipped_tables(graph, tensor, name), strict=True
            )
            for side, found, defined in pairs:
                for place in np.argwhere(found != defined):
                    *index, axis = (int(i) for i in place)
                    result.append(
                        f"{side} of axis {axis} of {name} for {tensor}{index}: "
                        f"perturbed {found[tuple(place)]}, defined {defined[tuple(place)]}"
                    )
    return result
