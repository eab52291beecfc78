"""A small builder of valid ONNX models that does its own shape arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

if TYPE_CHECKING:
    from collections.abc import Sequence

Shape = tuple[int, ...]


@dataclass
class Builder:
    """Nodes, stored tensors and the shape of every tensor, by name; all spatial axes come last."""

    opset: int
    seed: int
    shapes: dict[str, Shape] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    stored: list[onnx.TensorProto] = field(default_factory=list)

    def input(self, shape: Shape) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        self.shapes[name] = shape
        return name

    def floats(self, shape: Shape, *, positive: bool = False) -> str:
        """Store random floats, a few of them 0 and many negative: nothing may rely on them."""
        random = np.random.default_rng([self.seed, len(self.stored)])
        value = random.integers(-3, 4, shape).astype(np.float32) / 4
        return self._store(np.abs(value) + 1 if positive else value)

    def ints(self, values: Sequence[int]) -> str:
        return self._store(np.asarray(values, np.int64))

    def scales(self, values: Sequence[float]) -> str:
        return self._store(np.asarray(values, np.float32))

    def _store(self, value: npt.NDArray[Any]) -> str:
        name = f"c{len(self.stored)}"
        self.stored.append(onnx.numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, reads: Sequence[str], *shapes: Shape, **attributes: Any) -> list[str]:
        """Append a node whose outputs have these shapes and return their names."""
        outputs = [f"t{len(self.nodes)}_{slot}" for slot in range(len(shapes))]
        kept = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(
            helper.make_node(kind, list(reads), outputs, f"n{len(self.nodes)}", **kept)
        )
        self.shapes.update(zip(outputs, shapes, strict=True))
        return outputs

    def one(self, kind: str, reads: Sequence[str], shape: Shape, **attributes: Any) -> str:
        return self.node(kind, reads, shape, **attributes)[0]

    def rank(self, name: str) -> int:
        """Number of spatial axes."""
        return len(self.shapes[name]) - 2

    # --- windows -----------------------------------------------------------------------------

    def conv(
        self,
        x: str,
        channels: int,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        group: int = 1,
        auto_pad: str | None = None,
    ) -> str:
        """Conv; `pads` as in ONNX: all begins, then all ends."""
        weight = self.floats((channels, self.shapes[x][1] // group, *kernel))
        spatial = self._window(x, kernel, strides, dilations, pads, auto_pad, ceil=False)
        return self.one(
            "Conv",
            [x, weight],
            (self.shapes[x][0], channels, *spatial),
            strides=strides,
            dilations=dilations,
            pads=pads,
            group=group,
            auto_pad=auto_pad,
        )

    def same_conv(self, x: str, channels: int, kernel: int, dilation: int = 1) -> str:
        """Conv of odd kernel that keeps the lengths."""
        rank = self.rank(x)
        return self.conv(
            x,
            channels,
            [kernel] * rank,
            dilations=[dilation] * rank,
            pads=[dilation * (kernel // 2)] * (2 * rank),
        )

    def pool(
        self,
        kind: str,
        x: str,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        auto_pad: str | None = None,
        ceil_mode: int = 0,
        **attributes: Any,
    ) -> str:
        spatial = self._window(x, kernel, strides, dilations, pads, auto_pad, ceil=bool(ceil_mode))
        return self.one(
            kind,
            [x],
            (*self.shapes[x][:2], *spatial),
            kernel_shape=list(kernel),
            strides=strides,
            dilations=dilations,
            pads=pads,
            auto_pad=auto_pad,
            ceil_mode=ceil_mode or None,
            **attributes,
        )

    def _window(
        self,
        x: str,
        kernel: Sequence[int],
        strides: Sequence[int] | None,
        dilations: Sequence[int] | None,
        pads: Sequence[int] | None,
        auto_pad: str | None,
        *,
        ceil: bool,
    ) -> Shape:
        rank = self.rank(x)
        lengths = self.shapes[x][2:]
        every = zip(kernel, strides or [1] * rank, dilations or [1] * rank, strict=True)
        around = pads or [0] * (2 * rank)
        result = []
        for axis, (k, s, d) in enumerate(every):
            if auto_pad is not None and auto_pad.startswith("SAME"):
                result.append(-(-lengths[axis] // s))
                continue
            begin, end = around[axis], around[axis + rank]
            result.append(window_length(lengths[axis], k, s, d, begin, end, ceil=ceil))
        return tuple(result)

    def transposed(
        self,
        x: str,
        channels: int,
        kernel: Sequence[int],
        *,
        strides: Sequence[int],
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        output_padding: Sequence[int] | None = None,
        output_shape: Sequence[int] | None = None,
        group: int = 1,
        auto_pad: str | None = None,
    ) -> str:
        """ConvTranspose; with `output_shape` or SAME_* the lengths are those asked for."""
        rank = self.rank(x)
        weight = self.floats((self.shapes[x][1], channels // group, *kernel))
        lengths = self.shapes[x][2:]
        around, extra = pads or [0] * (2 * rank), output_padding or [0] * rank
        spatial = []
        for axis, (k, s, d) in enumerate(
            zip(kernel, strides, dilations or [1] * rank, strict=True)
        ):
            full = s * (lengths[axis] - 1) + extra[axis] + (k - 1) * d + 1
            spatial.append(full - around[axis] - around[axis + rank])
        if output_shape is not None:
            spatial = list(output_shape)
        elif auto_pad is not None and auto_pad.startswith("SAME"):
            spatial = [length * s for length, s in zip(lengths, strides, strict=True)]
        return self.one(
            "ConvTranspose",
            [x, weight],
            (self.shapes[x][0], channels, *spatial),
            strides=strides,
            dilations=dilations,
            pads=pads,
            output_padding=output_padding,
            output_shape=output_shape,
            group=group,
            auto_pad=auto_pad,
        )

    # --- moving and merging ------------------------------------------------------------------

    def resize(
        self, x: str, lengths: Sequence[int], scales: Sequence[float] | None, **attributes: Any
    ) -> str:
        """Resize of the spatial axes, by `scales` where given, else by sizes."""
        shape = (*self.shapes[x][:2], *lengths)
        if scales is None:
            reads = [x, "", "", self.ints(shape)]
        else:
            reads = [x, "", self.scales([1, 1, *scales])]
        return self.one("Resize", reads, shape, **attributes)

    def concat(self, reads: Sequence[str], axis: int = 1) -> str:
        shape = list(self.shapes[reads[0]])
        shape[axis] = sum(self.shapes[name][axis] for name in reads)
        return self.one("Concat", reads, tuple(shape), axis=axis)

    def split(self, x: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
        shapes = [(*self.shapes[x][:axis], n, *self.shapes[x][axis + 1 :]) for n in sizes]
        return self.node("Split", [x, self.ints(sizes)], *shapes, axis=axis)

    def slice(
        self,
        x: str,
        axes: Sequence[int],
        starts: Sequence[int],
        ends: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> str:
        """Slice with Python's meaning of starts, ends and steps."""
        shape = list(self.shapes[x])
        steps = steps or [1] * len(axes)
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            stop = None if end < -shape[axis] and step < 0 else end
            shape[axis] = len(range(*slice(start, stop, step).indices(shape[axis])))
        reads = [x, *(self.ints(values) for values in (starts, ends, axes, steps))]
        return self.one("Slice", reads, tuple(shape))

    def crop(self, x: str, lengths: Sequence[int]) -> str:
        """Cut the middle of the spatial axes out."""
        axes = range(2, 2 + self.rank(x))
        starts = [(self.shapes[x][a] - n) // 2 for a, n in zip(axes, lengths, strict=True)]
        ends = [start + n for start, n in zip(starts, lengths, strict=True)]
        return self.slice(x, list(axes), starts, ends)

    def reshape(self, x: str, shape: Shape) -> str:
        assert math.prod(shape) == math.prod(self.shapes[x])
        return self.one("Reshape", [x, self.ints(shape)], shape)

    def transpose(self, x: str, perm: Sequence[int]) -> str:
        shape = tuple(self.shapes[x][axis] for axis in perm)
        return self.one("Transpose", [x], shape, perm=list(perm))

    def pad(self, x: str, before: Sequence[int], after: Sequence[int], mode: str) -> str:
        shape = tuple(n + b + a for n, b, a in zip(self.shapes[x], before, after, strict=True))
        return self.one("Pad", [x, self.ints([*before, *after])], shape, mode=mode)

    def same(self, kind: str, *reads: str, **attributes: Any) -> str:
        """Elementwise over operands that broadcast."""
        shape = np.broadcast_shapes(*(self.shapes[name] for name in reads))
        return self.one(kind, reads, tuple(shape), **attributes)

    # --- the whole ---------------------------------------------------------------------------

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return the model with these outputs, without nodes that none of them needs."""
        needed, nodes = set(outputs), list[onnx.NodeProto]()
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.insert(0, node)

        def value(name: str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, self.shapes[name])

        graph = helper.make_graph(
            nodes,
            "random",
            [value(name) for name in self.inputs],
            [value(name) for name in outputs],
            [tensor for tensor in self.stored if tensor.name in needed],
        )
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def window_length(
    length: int, k: int, s: int, d: int, begin: int, end: int, *, ceil: bool = False
) -> int:
    """Output length; with `ceil` a last window that starts in the end pad is dropped."""
    room = length + begin + end - ((k - 1) * d + 1)
    if room < 0:
        return 0
    result = (-(-room // s) if ceil else room // s) + 1
    if ceil and (result - 1) * s >= length + begin:
        result -= 1
    return result
