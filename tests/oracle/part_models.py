"""Random models in which operators read all of a part: of chunks, slices, stripes and windows.

Each is one file for every length of its open axis, so that what is said at one length can be
looked at on a longer one. Lengths are powers of two, or powers of two times the open one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHANNELS = 2
# The open length at which a model is looked at, and the longer one.
LENGTH, LONGER = 32, 64
END = 1 << 40


class Signal(NamedTuple):
    """A tensor of shape [1, CHANNELS, n]: n is LENGTH / `part` where it is open, else `fixed`."""

    name: str
    part: int = 1
    fixed: int = 0

    @property
    def length(self) -> int:
        """Its length where the open axis has LENGTH positions."""
        return self.fixed or LENGTH // self.part


class Net:
    """A model in the making, by the choices of a random source."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.floats = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []

    def op(self, kind: str, *reads: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        return self.ops(kind, *reads, outputs=1, **attributes)[0]

    def ops(self, kind: str, *reads: str, outputs: int, **attributes: Any) -> list[str]:
        """Append a node and return the names of its outputs."""
        names = [f"t{len(self.nodes)}_{k}" for k in range(outputs)]
        label = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, names, label, **attributes))
        return names

    def store(self, value: Any) -> str:
        """Store an array and return its name."""
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        """Store integers and return their name."""
        return self.store(np.array(values, np.int64))

    def weights(self, *shape: int) -> str:
        """Store positive weights and return their name."""
        return self.store(self.floats.uniform(0.1, 0.4, shape).astype(np.float32))

    def reshape(self, x: str, *shape: int) -> str:
        """Append a Reshape."""
        return self.op("Reshape", x, self.ints(*shape))

    def slice(self, x: str, start: int, end: int, axis: int = 2) -> str:
        """Append a Slice."""
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(axis))

    def model(self, x: str, shape: Sequence[int | str], rank: int) -> onnx.ModelProto:
        """Return the model that gives `x`, of so many axes."""
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
        outputs = [helper.make_tensor_value_info(x, TensorProto.FLOAT, [None] * rank)]
        graph = helper.make_graph(self.nodes, "parts", inputs, outputs, self.stored)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


# -- what reads along an axis ----------------------------------------------------------------------


def mean(net: Net, x: str, axis: int) -> str:
    """x beside its mean."""
    pooled = net.op("ReduceMean", x, axes=[axis], keepdims=1)
    return net.op("Add", x, pooled)


def softmax(net: Net, x: str, axis: int) -> str:
    """Softmax over the axis."""
    return net.op("Softmax", x, axis=axis)


def running(net: Net, x: str, axis: int) -> str:
    """A running sum, forth or back."""
    at = net.store(np.array(axis, np.int64))
    return net.op("CumSum", x, at, reverse=net.random.randint(0, 1))


def scaled(net: Net, x: str, axis: int) -> str:
    """x times the maximum over the axis."""
    return net.op("Mul", x, net.op("ReduceMax", x, axes=[axis], keepdims=1))


READS: tuple[Callable[[Net, str, int], str], ...] = (mean, softmax, running, scaled)


def recurrent(net: Net, x: str, axis: int) -> str:
    """A recurrent layer over axis 2 or 3 of a tensor of [1, CHANNELS, rows, columns]."""
    way = net.random.choice(("forward", "reverse", "bidirectional"))
    ways = 2 if way == "bidirectional" else 1
    hidden = CHANNELS // ways
    kind, gates = net.random.choice((("RNN", 1), ("GRU", 3)))
    weights = net.weights(ways, gates * hidden, CHANNELS), net.weights(ways, gates * hidden, hidden)
    other = 5 - axis
    moved = net.op("Transpose", net.op("Squeeze", x, net.ints(0)), perm=[axis - 1, other - 1, 0])
    y = net.ops(kind, moved, *weights, outputs=1, hidden_size=hidden, direction=way)[0]
    # From [axis, ways, other, hidden]; there is one of the ways, or one hidden feature.
    first, second = (3, 1) if ways == 2 else (1, 3)
    return net.op("Transpose", y, perm=[first, second, *((0, 2) if axis == 2 else (2, 0))])


def reading(net: Net, x: str, axis: int) -> str:
    """One of all these over axis 2 or 3 of a tensor of four axes."""
    return net.random.choice((*READS, recurrent))(net, x, axis)


def along(net: Net, x: str) -> str:
    """One of all these over axis 2 of a tensor of three axes."""
    wide = net.op("Unsqueeze", x, net.ints(3))
    return net.op("Squeeze", reading(net, wide, 2), net.ints(3))


# -- what takes parts ------------------------------------------------------------------------------


def chunked(net: Net, x: Signal) -> Signal:
    """Read inside chunks of one length, across them, or both."""
    size = net.random.choice([k for k in (1, 2, 4, 8) if k <= x.length])
    return _within(net, x, (-1, size))


def halved(net: Net, x: Signal) -> Signal:
    """Read inside one of so many parts, which are longer in a longer signal."""
    return _within(net, x, (2, -1)) if x.length > 1 else x


def _within(net: Net, x: Signal, parts: tuple[int, int]) -> Signal:
    y = net.reshape(x.name, 1, CHANNELS, *parts)
    for axis in net.random.choice(((3,), (2,), (3, 2), (2, 3))):
        y = reading(net, y, axis)
    return x._replace(name=net.reshape(y, 1, CHANNELS, -1))


def sliced(net: Net, x: Signal) -> Signal:
    """Go on with the beginning, the end, or some of the middle."""
    size = net.random.choice([k for k in (1, 2, 4, 8) if k < x.length] or [0])
    if not size:
        return x
    start = net.random.choice((0, -size, net.random.randint(0, x.length - size)))
    y = net.slice(x.name, start, END if start < 0 else start + size)
    return Signal(along(net, y), fixed=size)


def half(net: Net, x: Signal) -> Signal:
    """Go on with one half, which is longer in a longer signal."""
    if x.length < 4:
        return x
    parts = net.reshape(x.name, 1, CHANNELS, 2, -1)
    y = net.op("Gather", parts, net.store(np.array(net.random.randint(0, 1))), axis=2)
    return x._replace(name=y, part=2 * x.part, fixed=x.fixed // 2)


def weighed_by_slice(net: Net, x: Signal) -> Signal:
    """Scale by what a slice says."""
    part = sliced(net, x)
    return x._replace(name=net.op("Mul", x.name, mean_of(net, part.name)))


def mean_of(net: Net, x: str) -> str:
    """The mean over axis 2, which stays."""
    return net.op("ReduceMean", x, axes=[2], keepdims=1)


def striped(net: Net, x: Signal) -> Signal:
    """The means of stripes side by side."""
    size = net.random.choice([k for k in (2, 4) if k <= x.length] or [1])
    if x.fixed and net.random.random() < 0.5:
        starts = range(0, x.fixed, size)
        means = [mean_of(net, net.slice(x.name, at, at + size)) for at in starts]
        return Signal(net.op("Concat", *means, axis=2), fixed=x.fixed // size)
    parts = net.reshape(x.name, 1, CHANNELS, -1, size)
    pooled = net.op("ReduceMean", parts, axes=[3], keepdims=0)
    return Signal(pooled, x.part * size, x.fixed // size)


def rolled(net: Net, x: Signal) -> Signal:
    """Roll, read in chunks, and mostly roll back."""
    if x.length < 4:
        return x
    by = net.random.choice((1, 2))
    y = chunked(net, x._replace(name=_roll(net, x.name, by)))
    return y if net.random.random() < 0.3 else y._replace(name=_roll(net, y.name, -by))


def _roll(net: Net, x: str, by: int) -> str:
    parts = net.slice(x, by, END), net.slice(x, 0, by)
    return net.op("Concat", *parts, axis=2)


# -- the rest of a network -------------------------------------------------------------------------


def conv(net: Net, x: Signal) -> Signal:
    """A convolution that keeps the length, around its position or before it."""
    kernel = net.random.choice((1, 3, 5))
    pads = net.random.choice(([kernel // 2] * 2, [kernel - 1, 0]))
    weight = net.weights(CHANNELS, CHANNELS, kernel)
    return x._replace(name=net.op("Conv", x.name, weight, kernel_shape=[kernel], pads=pads))


def strided(net: Net, x: Signal) -> Signal:
    """A convolution that halves the length."""
    if x.length < 4:
        return x
    name = net.op("Conv", x.name, net.weights(CHANNELS, CHANNELS, 2), kernel_shape=[2], strides=[2])
    return Signal(name, x.part * 2, x.fixed // 2)


def whole(net: Net, x: Signal) -> Signal:
    """Read along all that there is."""
    return x._replace(name=along(net, x.name))


def beside(net: Net, x: Signal) -> Signal:
    """x plus what an operator makes of it, or of one of its channels alone."""
    if net.random.random() < 0.5:
        made = net.random.choice(KEEPING)(net, x)
        return x._replace(name=net.op("Add", x.name, made.name))
    first, second = net.slice(x.name, 0, 1, 1), net.slice(x.name, 1, 2, 1)
    pooled = net.op("Mul", first, mean_of(net, first))
    joined = net.op("Concat", net.random.choice((pooled, first)), second, axis=1)
    return x._replace(name=net.op("Concat", net.slice(joined, 1, 2, 1), first, axis=1))


KEEPING: tuple[Callable[[Net, Signal], Signal], ...] = (
    conv, chunked, halved, weighed_by_slice, rolled, whole,
)  # fmt: skip
PARTING = (chunked, halved, sliced, half, weighed_by_slice, striped, rolled)
OPERATORS = (*PARTING, *PARTING, conv, conv, strided, whole, beside)


def random_model(seed: int, steps: int = 4) -> onnx.ModelProto:
    """Return the model of a number, its axis 2 open."""
    net = Net(seed)
    x = Signal("x")
    for _ in range(net.random.randint(2, steps)):
        x = net.random.choice(OPERATORS)(net, x)
    if net.random.random() < 0.2:
        x = x._replace(name=mean_of(net, x.name))
    name = net.op("Identity", x.name)
    return net.model(name, (1, CHANNELS, "T"), 3)


# -- windows of a map ------------------------------------------------------------------------------

SIDE = 8


def _windowed(net: Net, x: str) -> str:
    """Reduce over windows of a map, on merged axes or not, and put them back beside the map."""
    size = net.random.choice((2, 4))
    count = SIDE // size
    apart = net.op("Transpose", net.reshape(x, 1, count, size, count, size), perm=[0, 1, 3, 2, 4])
    if net.random.random() < 0.7:
        flat = net.reshape(apart, count * count, size * size)
        read = net.op("Add", flat, net.op("ReduceMean", flat, axes=[1], keepdims=1))
    else:
        axis = net.random.choice((3, 4))
        read = net.op("Add", apart, net.op("ReduceMean", apart, axes=[axis], keepdims=1))
    back = net.reshape(read, 1, count, count, size, size)
    return net.reshape(net.op("Transpose", back, perm=[0, 1, 3, 2, 4]), 1, 1, SIDE, SIDE)


def _rolled_map(net: Net, x: str, by: int, axes: Sequence[int]) -> str:
    for axis in axes:
        parts = net.slice(x, by, END, axis), net.slice(x, 0, by, axis)
        x = net.op("Concat", *parts, axis=axis)
    return x


def _shifted_windows(net: Net, x: str) -> str:
    by, axes = net.random.choice((1, 2)), net.random.choice(((2,), (3,), (2, 3)))
    y = _windowed(net, _rolled_map(net, x, by, axes))
    return y if net.random.random() < 0.3 else _rolled_map(net, y, -by, axes)


def _beside_slice(net: Net, x: str) -> str:
    """A map beside the mean of some of its rows or columns."""
    axis, size = net.random.choice((2, 3)), net.random.choice((2, 3, 5))
    start = net.random.randint(0, SIDE - size)
    part = net.slice(x, start, start + size, axis)
    pooled = net.op("ReduceMean", part, axes=[axis], keepdims=1)
    return net.op("Add", x, pooled) if net.random.random() < 0.5 else net.op("Mul", x, pooled)


def random_windows(seed: int) -> onnx.ModelProto:
    """Return the model of a number on a map: windows, shifted ones, slices; no padding, no norms.

    Each of its paths is a product of matrices, one for every operand of every node.
    """
    net = Net(seed)
    x = "x"
    for _ in range(net.random.randint(1, 2)):
        made = net.random.choice((_windowed, _shifted_windows, _shifted_windows, _beside_slice))
        y = made(net, x)
        x = net.op("Add", x, y) if net.random.random() < 0.3 else y
    if net.random.random() < 0.4:
        axis = net.random.choice((2, 3))
        x = net.op("ReduceMean", x, axes=[axis], keepdims=1)
    return net.model(net.op("Identity", x), (1, 1, SIDE, SIDE), 4)
