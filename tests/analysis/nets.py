"""The networks of the tables of tiles and streams, with open lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence


class Net:
    """Nodes and weights of one network; every weight is -1 or 1, so that sums are exact."""

    def __init__(self, lengths: Sequence[int | str], channels: int = 1, seed: int = 0) -> None:
        self.rank = len(lengths)
        self.shape = [1, channels, *lengths]
        self.channels = {"x": channels}
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant(self._random.choice([-1, 1], shape), np.float32)

    def op(self, kind: str, *reads: str, channels: int | None = None, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, [name], name, **attributes))
        self.channels[name] = self.channels.get(reads[0], 1) if channels is None else channels
        return name

    def conv(
        self, x: str, k: int, *, out: int = 1, s: int = 1, d: int = 1, pads: Any = None
    ) -> str:
        """Convolve; `pads` is (begin, end), or one number for both; None keeps the length."""
        begin, end = (d * (k - 1) // 2,) * 2 if pads is None else np.broadcast_to(pads, 2).tolist()
        each = [self.rank * [n] for n in (k, s, d, begin, end)]
        return self.op(
            "Conv",
            x,
            self.weight(out, self.channels[x], *each[0]),
            channels=out,
            strides=each[1],
            dilations=each[2],
            pads=each[3] + each[4],
        )

    def up(self, x: str, k: int, s: int, p: int = 0, out: int = 1) -> str:
        """Convolve transposed."""
        return self.op(
            "ConvTranspose",
            x,
            self.weight(self.channels[x], out, *[k] * self.rank),
            channels=out,
            strides=[s] * self.rank,
            pads=[p] * (2 * self.rank),
        )

    def resized(self, x: str, scale: float, **attributes: Any) -> str:
        scales = self.constant([1, 1, *[scale] * self.rank], np.float32)
        return self.op("Resize", x, "", scales, **attributes)

    def cut(self, x: str, start: int, end: int) -> str:
        """Slice every spatial axis."""
        axes = list(range(2, 2 + self.rank))
        every = [self.constant([n] * self.rank) for n in (start, end)]
        return self.op("Slice", x, *every, self.constant(axes))

    def part(self, x: str, start: int, end: int, step: int = 1, axis: int = 2) -> str:
        """Slice one axis."""
        return self.op("Slice", x, *[self.constant([n]) for n in (start, end, axis, step)])

    def pad(self, x: str, begin: int, end: int, mode: str = "constant") -> str:
        pads = [0, 0, *[begin] * self.rank, 0, 0, *[end] * self.rank]
        return self.op("Pad", x, self.constant(pads), mode=mode)

    def halved(self, x: str) -> str:
        each = [2] * self.rank
        return self.op("MaxPool", x, kernel_shape=each, strides=each)

    def concat(self, *reads: str) -> str:
        return self.op("Concat", *reads, channels=sum(self.channels[x] for x in reads), axis=1)

    def model(self, output: str) -> onnx.ModelProto:
        given = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, self.shape)
        made = helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "net", [given], [made], self.stored)
        opset = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def line(*, length: int | str = "n", channels: int = 1) -> Net:
    return Net([length], channels)


def plane(*lengths: int | str) -> Net:
    return Net(lengths or ("h", "w"))


def padded_by_its_own(mode: str, *, fused: bool) -> onnx.ModelProto:
    """An axis with 3 positions more before it and 2 behind, and a window of 4 over it."""
    net = line()
    if fused:
        return _padding_by_mode(net.model(net.conv(net.pad("x", 3, 2, mode), 4, pads=0)))
    every = 1 << 40
    if mode == "wrap":
        before, behind = [net.part("x", -3, every)], [net.part("x", 0, 2)]
    elif mode == "reflect":
        before, behind = [net.part("x", 3, 0, -1)], [net.part("x", -2, -4, -1)]
    else:
        before, behind = [net.part("x", 0, 1)] * 3, [net.part("x", -1, every)] * 2
    padded = net.op("Concat", *before, "x", *behind, axis=2)
    return _padding_by_mode(net.model(net.conv(padded, 4, pads=0)))


def _padding_by_mode(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a model whose operator set pads by what goes round, too."""
    model.opset_import[0].version = 19
    return model


def every_second(*, fused: bool) -> onnx.ModelProto:
    """Every second pixel of both axes, as channels, and a window of 3."""
    net = plane()
    if fused:
        return net.model(net.conv(net.op("SpaceToDepth", "x", channels=4, blocksize=2), 3))
    rows = [net.part("x", start, 1 << 40, 2, axis=2) for start in (0, 1)]
    parts = [net.part(row, start, 1 << 40, 2, axis=3) for row in rows for start in (0, 1)]
    return net.model(net.conv(net.concat(*parts), 3))


def rolled(*, fused: bool) -> onnx.ModelProto:
    """An axis of 64 from its third position on, then the first three, and a window of 3."""
    net = line(length=64)
    if fused:
        order = net.constant([*range(3, 64), *range(3)])
        return net.model(net.conv(net.op("Gather", "x", order, axis=2), 3))
    parts = net.part("x", 3, 64), net.part("x", 0, 3)
    return net.model(net.conv(net.op("Concat", *parts, axis=2), 3))


def groups(*, fused: bool) -> onnx.ModelProto:
    """Two groups of channels that are normalised, between windows of 3."""
    net = plane()
    x = net.conv("x", 3, out=4)
    if fused:
        scales = [net.constant([1.0] * 4, np.float32) for _ in range(2)]
        model = net.model(net.conv(net.op("GroupNormalization", x, *scales, num_groups=2), 3))
        model.opset_import[0].version = 21
        return model
    scales = [net.constant([1.0] * 2, np.float32) for _ in range(2)]
    flat = net.op("Reshape", x, net.constant([0, 2, -1]))
    normed = net.op("InstanceNormalization", flat, *scales)
    return net.model(net.conv(net.op("Reshape", normed, net.op("Shape", x), channels=4), 3))


def twice_down_and_up() -> onnx.ModelProto:
    net = line()
    x = net.conv(net.conv("x", 4, s=2, pads=1), 4, s=2, pads=1)
    return net.model(net.up(net.up(x, 4, 2, 1), 4, 2, 1))


def two_centered(length: int | str = "n") -> onnx.ModelProto:
    net = line(length=length)
    return net.model(net.conv(net.conv("x", 5), 5))


def twice_down() -> onnx.ModelProto:
    net = line()
    return net.model(net.conv(net.conv("x", 4, s=2, pads=1), 4, s=2, pads=1))


def crop_before_padding() -> onnx.ModelProto:
    """A transposed convolution whose pads cut what the next one pads."""
    net = line()
    return net.model(net.conv(net.up("x", 2, 2, 1), 3))


def slice_before_padding() -> onnx.ModelProto:
    net = line()
    return net.model(net.pad(net.conv(net.cut("x", 3, 1 << 40), 3), 3, 3))


def unet(depth: int, up: str, lengths: Sequence[int | str] = ("h", "w")) -> onnx.ModelProto:
    """A padded U-Net of two 3x3 at each level, upsampled by 2x2 transposed or bilinearly."""
    net = Net(lengths)
    x, skips = "x", []
    for _ in range(depth):
        x = net.conv(net.conv(x, 3), 3)
        skips.append(x)
        x = net.halved(x)
    x = net.conv(net.conv(x, 3), 3)
    for skip in reversed(skips):
        if up == "transposed":
            x = net.up(x, 2, 2)
        else:
            x = net.resized(x, 2, mode="linear", coordinate_transformation_mode="half_pixel")
        x = net.conv(net.conv(net.concat(x, skip), 3), 3)
    return net.model(net.conv(x, 1))


def valid_unet() -> onnx.ModelProto:
    """The U-Net of 2015: valid 3x3, skips cropped by lengths computed in the graph."""
    net = plane()
    x, skips = "x", []
    for _ in range(4):
        x = net.conv(net.conv(x, 3, pads=0), 3, pads=0)
        skips.append(x)
        x = net.halved(x)
    x = net.conv(net.conv(x, 3, pads=0), 3, pads=0)
    for skip in reversed(skips):
        x = net.up(x, 2, 2)
        x = net.concat(_middle(net, skip, x), x)
        x = net.conv(net.conv(x, 3, pads=0), 3, pads=0)
    return net.model(net.conv(x, 1))


def _middle(net: Net, skip: str, like: str) -> str:
    axes = net.constant([2, 3])
    sizes = [net.op("Gather", net.op("Shape", name), axes, axis=0) for name in (skip, like)]
    start = net.op("Div", net.op("Sub", *sizes), net.constant([2]))
    end = net.op("Add", start, sizes[1])
    return net.op("Slice", skip, start, end, axes, channels=net.channels[skip])


def shifted_windows(length: int, window: int = 4, *, masked: bool = True) -> onnx.ModelProto:
    """Attention in windows, then in windows shifted by half of one, masked where the roll wraps."""
    net = Net([length], 2, seed=3)
    x = net.conv("x", 3, out=2)
    count, half = length // window, window // 2
    for shift in (0, half):
        y = _rolled(net, x, shift, length)
        y = net.op("Transpose", y, perm=[0, 2, 1])
        y = net.op("Reshape", y, net.constant([count, window, 2]))
        keys = net.op("Transpose", y, perm=[0, 2, 1])
        scores = net.op("MatMul", y, keys)
        if shift and masked:
            region = np.repeat([0, 1, 2], [length - window, window - half, half])
            own = region.reshape(count, window)
            mask = np.where(own[:, :, None] != own[:, None, :], -100.0, 0.0)
            scores = net.op("Add", scores, net.constant(mask, np.float32))
        y = net.op("MatMul", net.op("Softmax", scores, axis=-1), y)
        y = net.op("Reshape", y, net.constant([1, length, 2]))
        y = _rolled(net, net.op("Transpose", y, perm=[0, 2, 1]), length - shift, length)
        x = net.op("Add", x, y, channels=2)
    return net.model(net.conv(x, 3))


def _rolled(net: Net, x: str, shift: int, length: int) -> str:
    if shift % length == 0:
        return x
    return net.op("Concat", net.cut(x, shift, 1 << 40), net.cut(x, 0, shift), axis=2, channels=2)


def chunked(
    frames: int, chunk: int | None, left: int | None = 0, *, ahead: int = 0, layers: int = 2
) -> onnx.ModelProto:
    """An encoder of tokens of 4 frames: attention in chunks of tokens, then a window of 3.

    A token reads its chunk and `left` chunks before it, all of them if None; every token if `chunk`
    is None. The windows reach `ahead` tokens ahead.
    """
    net = Net([frames], 2)
    x = net.conv("x", 4, s=4, pads=0, out=2)
    number = np.arange(frames // 4) // (chunk or frames)
    behind = number[:, None] - number[None, :]
    kept = (behind >= 0) & (behind <= (frames if left is None else left))
    for _ in range(layers):
        y = net.op("Transpose", x, perm=[0, 2, 1])
        query, key, value = (net.op("MatMul", y, net.weight(2, 2)) for _ in range(3))
        scores = net.op("MatMul", query, net.op("Transpose", key, perm=[0, 2, 1]))
        scores = net.op("Mul", scores, net.constant(0.1, np.float32))
        if chunk is not None:
            lowest = net.constant(-np.inf, np.float32)
            scores = net.op("Where", net.constant(kept, np.bool_), scores, lowest)
        attended = net.op("MatMul", net.op("Softmax", scores, axis=-1), value)
        y = net.op("Transpose", net.op("Add", y, attended), perm=[0, 2, 1], channels=2)
        x = net.op("Add", y, net.conv(y, 3, pads=(2 - ahead, ahead), out=2), channels=2)
    return net.model(x)


def decoder(rates: Sequence[int]) -> onnx.ModelProto:
    """The decoder of an audio codec: at each rate a transposed window and three dilated blocks."""
    net = Net(["t"], 4)
    x = net.conv("x", 7, out=4)
    for rate in rates:
        x = net.up(net.op("Elu", x), 2 * rate, rate, rate // 2 + rate % 2, out=4)
        for dilation in (1, 3, 9):
            y = net.conv(net.op("Elu", x), 7, d=dilation, out=4)
            x = net.op("Add", x, net.conv(net.op("Elu", y), 1, out=4), channels=4)
    return net.model(net.op("Tanh", net.conv(net.op("Elu", x), 7)))
