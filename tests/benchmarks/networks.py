"""Networks for timing, made in memory: as long, as wide and as deep as asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Net:
    """A graph under construction; every method returns the name of the tensor that it made."""

    def __init__(self, shape: list[int | str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self.shape = shape
        self.more: list[str] = []

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, list(inputs), [name], name=f"n{len(self.nodes)}", **attributes)
        )
        return name

    def conv(self, source: str, kernel: int = 3, channels: int = 1, **attributes: object) -> str:
        rank = len(self.shape) - 2
        key = f"w{kernel}_{channels}"
        if key not in self.weights:
            shape = (channels, channels, *([kernel] * rank))
            self.weights[key] = numpy_helper.from_array(np.zeros(shape, np.float32), key)
        attributes.setdefault("pads", [kernel // 2] * (2 * rank))
        return self.add("Conv", source, key, **attributes)

    def shaped(self, source: str, kernel: tuple[int, int], into: int, out: int) -> str:
        key = f"w{kernel}_{into}_{out}"
        if key not in self.weights:
            stored = np.zeros((out, into, *kernel), np.float32)
            self.weights[key] = numpy_helper.from_array(stored, key)
        half = [length // 2 for length in kernel]
        return self.add("Conv", source, key, pads=half * 2)

    def average(self, source: str) -> str:
        return self.add("AveragePool", source, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def separable(self, source: str, kernel: int) -> str:
        for _ in range(2):
            source = self.add("Relu", source)
            source = self.shaped(source, (kernel, kernel), 1, 1)
            source = self.shaped(source, (1, 1), 1, 1)
        return source

    def model(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "benchmark",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shape)
                for name in ("x", *self.more)
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            initializer=list(self.weights.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def chain(length: int) -> onnx.ModelProto:
    """Convolutions and activations in turn."""
    net = Net([1, 1, 32, 32])
    at = "x"
    for k in range(length):
        at = net.conv(at) if k % 2 == 0 else net.add("Relu", at)
    return net.model(at)


def residual(blocks: int) -> onnx.ModelProto:
    """Residual blocks of one 3x3 convolution."""
    net = Net([1, 1, 32, 32])
    at = "x"
    for _ in range(blocks):
        at = net.add("Add", at, net.add("Relu", net.conv(at)))
    return net.model(at)


def fan(branches: int) -> onnx.ModelProto:
    """Branches of one convolution each, summed."""
    net = Net([1, 1, 32, 32])
    parts = [net.conv("x", kernel=1 + 2 * (k % 7)) for k in range(branches)]
    return net.model(net.add("Sum", *parts))


def complete(tensors: int) -> onnx.ModelProto:
    """Every tensor reads the sum of all before it through a convolution."""
    net = Net([1, 1, 32, 32])
    made = ["x"]
    for _ in range(tensors - 1):
        made.append(net.conv(net.add("Sum", *made)))
    return net.model(made[-1])


def dense(layers: int) -> onnx.ModelProto:
    """A dense block: every layer reads the Concat of all before it."""
    net = Net([1, 1, 32, 32])
    made = ["x"]
    for _ in range(layers):
        every = net.add("Concat", *made, axis=1)
        made.append(net.shaped(every, (3, 3), len(made), 1))
    return net.model(net.add("Concat", *made, axis=1))


def unet(depth: int) -> onnx.ModelProto:
    """A U-Net of so many levels over one axis, each of half the positions of the one above."""
    net = Net([1, 1, 2**depth])
    stored = np.zeros((1, 1, 2), np.float32)
    net.weights["up"] = numpy_helper.from_array(stored, "up")
    at = net.conv("x")
    skips = []
    for _ in range(depth):
        skips.append(at)
        at = net.conv(net.add("MaxPool", at, kernel_shape=[2], strides=[2]))
    for skip in reversed(skips):
        at = net.add("ConvTranspose", at, "up", strides=[2])
        at = net.conv(net.add("Relu", net.add("Add", at, skip)))
    return net.model(at)


def transformer(blocks: int) -> onnx.ModelProto:
    """Patches of 4 x 4 as 64 tokens of 8 channels, then blocks of attention and of two layers."""
    net = Net([1, 8, 32, 32])
    for name, values in (
        ("patches", np.zeros((8, 8, 4, 4), np.float32)),
        ("matrix", np.zeros((8, 8), np.float32)),
        ("vector", np.zeros(8, np.float32)),
        ("tokens", np.array([1, 8, 64])),
    ):
        net.weights[name] = numpy_helper.from_array(values, name)
    at = net.add("Reshape", net.add("Conv", "x", "patches", strides=[4, 4]), "tokens")
    at = net.add("Transpose", at, perm=[0, 2, 1])
    for _ in range(blocks):
        even = net.add("LayerNormalization", at, "vector", "vector")
        query, key, value = (net.add("MatMul", even, "matrix") for _ in range(3))
        scores = net.add("MatMul", query, net.add("Transpose", key, perm=[0, 2, 1]))
        mixed = net.add("MatMul", net.add("Softmax", scores), value)
        at = net.add("Add", at, net.add("MatMul", mixed, "matrix"))
        even = net.add("LayerNormalization", at, "vector", "vector")
        wide = net.add("Relu", net.add("MatMul", even, "matrix"))
        at = net.add("Add", at, net.add("MatMul", wide, "matrix"))
    return net.model(at)


def powers(levels: int) -> onnx.ModelProto:
    """Residual blocks whose kernels grow like powers of two: each path has a size of its own."""
    net = Net([1, 1, 64])
    at = "x"
    for level in range(levels):
        wide = net.conv(at, kernel=3, dilations=[2**level], pads=[2**level] * 2)
        at = net.add("Add", at, wide)
    return net.model(at)


def inception(modules: int) -> onnx.ModelProto:
    """Modules whose branches grow along one axis each or along both, as those of Inception-v4."""
    net = Net([1, 6, 64, 64])
    at = "x"
    for _ in range(modules):
        both = net.shaped(net.shaped(at, (1, 7), 6, 1), (7, 1), 1, 1)
        deep = net.shaped(net.shaped(at, (3, 1), 6, 1), (1, 3), 1, 1)
        pooled = net.shaped(net.average(at), (1, 1), 6, 1)
        parts = [net.shaped(at, (1, 1), 6, 1), both, pooled, deep]
        parts += [net.shaped(at, kernel, 6, 1) for kernel in ((1, 3), (3, 1))]
        at = net.add("Concat", *parts, axis=1)
    return net.model(at)


def cells(count: int) -> onnx.ModelProto:
    """Cells that read the two before them through five sums of two operations, as NASNet-A has."""
    net = Net([1, 5, 64, 64])
    before, at = "x", net.shaped("x", (1, 1), 5, 5)
    for _ in range(count):
        left, right = net.shaped(before, (1, 1), 5, 1), net.shaped(at, (1, 1), 5, 1)
        parts = [
            net.add("Add", net.separable(right, 3), right),
            net.add("Add", net.separable(left, 3), net.separable(right, 5)),
            net.add("Add", net.average(right), left),
            net.add("Add", *[net.average(left) for _ in range(2)]),
            net.add("Add", net.separable(left, 5), net.separable(left, 3)),
        ]
        before, at = at, net.add("Concat", *parts, axis=1)
    return net.model(at)


def decoder(period: int) -> onnx.ModelProto:
    """A decoder of sound: it upsamples by `period` in stages of three dilated residual blocks."""
    net = Net([1, 1, 64])
    at = net.conv("x", kernel=7)
    while period > 1:
        stride = max(factor for factor in range(2, 9) if period % factor == 0)
        period //= stride
        stored = np.zeros((1, 1, 2 * stride), np.float32)
        net.weights[f"up{stride}"] = numpy_helper.from_array(stored, f"up{stride}")
        pads = [(stride + 1) // 2, stride // 2]
        at = net.add("ConvTranspose", at, f"up{stride}", strides=[stride], pads=pads)
        for dilation in (1, 3, 9):
            wide = net.conv(net.add("Elu", at), 7, dilations=[dilation], pads=[3 * dilation] * 2)
            at = net.add("Add", at, net.conv(net.add("Elu", wide), 1))
    return net.model(net.conv(net.add("Elu", at), kernel=7))


def long_axis(length: int) -> onnx.ModelProto:
    """An axis of so many positions through windows, strides, a reshape and back, and a softmax."""
    net = Net([1, 1, length])
    net.weights["apart"] = numpy_helper.from_array(np.array([1, length // 20, 10]), "apart")
    net.weights["whole"] = numpy_helper.from_array(np.array([1, 1, -1]), "whole")
    at = net.add("MaxPool", net.conv("x"), kernel_shape=[2], strides=[2])
    at = net.add("Transpose", net.add("Reshape", at, "apart"), perm=[0, 2, 1])
    at = net.add("Reshape", at, "whole")
    return net.model(net.add("Mul", net.add("Softmax", at, axis=2), net.conv(at)))


def wide_field(size: int) -> onnx.ModelProto:
    """A hundred dilated convolutions that read `size` positions and one."""
    net = Net([1, 1, 64])
    at = "x"
    for _ in range(100):
        at = net.conv(at, dilations=[size // 200], pads=[size // 200] * 2)
    return net.model(at)


def many_inputs(count: int) -> onnx.ModelProto:
    """Inputs that are convolved and summed one after the other."""
    net = Net([1, 1, 32, 32])
    at = "x"
    for k in range(1, count):
        net.more.append(f"x{k}")
        at = net.add("Add", net.conv(at), f"x{k}")
    return net.model(at)


def side_by_side(count: int) -> onnx.ModelProto:
    """So many inputs, each convolved, and their sum."""
    net = Net([1, 1, 32, 32])
    net.more.extend(f"x{k}" for k in range(1, count))
    return net.model(net.add("Sum", *map(net.conv, ("x", *net.more))))


def crossed(count: int) -> onnx.ModelProto:
    """So many inputs and outputs, every output of every input."""
    net = Net([1, 1, 32, 32])
    net.more.extend(f"x{k}" for k in range(1, count))
    at = net.add("Sum", *map(net.conv, ("x", *net.more)))
    return net.model(*(net.conv(at) for _ in range(count)))


def many_outputs(count: int) -> onnx.ModelProto:
    """A chain of which every tensor is an output."""
    net = Net([1, 1, 32, 32])
    made = []
    at = "x"
    for _ in range(count):
        at = net.conv(at)
        made.append(at)
    return net.model(*made)


def weighty(path: str, size: int) -> None:
    """Write one graph whose weights take `size` bytes, sparsely."""
    net = Net([1, 1, 32, 32])
    at = "x"
    for _ in range(200):
        at = net.add("Relu", net.conv(at))
    proto = net.model(at)
    graph = proto.graph.SerializeToString()
    proto.ClearField("graph")
    # One more initializer, which nothing reads, at the end of the graph.
    tensor = TensorProto(dims=[size // 4], data_type=TensorProto.FLOAT, name="bulk")
    head = tensor.SerializeToString() + b"\x4a" + _varint(size)
    graph += b"\x2a" + _varint(len(head) + size) + head
    with Path(path).open("wb") as file:
        file.write(proto.SerializeToString() + b"\x3a" + _varint(len(graph) + size) + graph)
        file.seek(size - 1, 1)
        file.write(b"\0")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


# One number says how large each of these is.
SMALL = (chain, residual, fan, complete)
