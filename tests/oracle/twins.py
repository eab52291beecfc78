"""Random small nets in two forms of one function: with the operator, and as it is decomposed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from oracle.builder import Builder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

LONGEST = 20
CHANNELS = 24


class _Net:
    """A net that grows by blocks; both forms draw the same choices."""

    def __init__(self, seed: int, opset: int, *, fused: bool) -> None:
        self.random = random.Random(seed)
        self.build = Builder(opset, seed)
        self.fused = fused
        self.image = (self.number(1, 2), 2 * self.number(4, 7), 2 * self.number(4, 7))
        self.x = self.build.input((1, *self.image))

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.build.shapes[self.x]

    def axis(self) -> int:
        return self.number(2, 3)

    def cut(self, axis: int, start: int, end: int, step: int = 1) -> str:
        return self.build.slice(self.x, [axis], [start], [end], [step])

    def by(self, kind: str, x: str, constant: float | str) -> str:
        """Combine a tensor with a number, or with a stored tensor that broadcasts to it."""
        stored = constant if isinstance(constant, str) else self.build.scales([constant])
        return self.build.one(kind, [x, stored], self.build.shapes[x])


# -- one function, twice -------------------------------------------------------------------------


def roll(net: _Net) -> str:
    axis = net.axis()
    length = net.shape[axis]
    by = net.number(1, length - 1)
    if net.fused:
        order = net.build.ints([(o + by) % length for o in range(length)])
        return net.build.one("Gather", [net.x, order], net.shape, axis=axis)
    return net.build.concat([net.cut(axis, by, length), net.cut(axis, 0, by)], axis)


def every_second(net: _Net) -> str:
    """The stem of detectors that takes every second pixel: four slices, or SpaceToDepth."""
    batch, channels, height, width = net.shape
    if height % 2 or width % 2:
        return net.x
    nested = net.number(0, 1)
    if net.fused:
        shape = (batch, 4 * channels, height // 2, width // 2)
        return net.build.one("SpaceToDepth", [net.x], shape, blocksize=2)

    def part(i: int, j: int) -> str:
        if nested:
            row = net.cut(2, i, height, 2)
            return net.build.slice(row, [3], [j], [width], [2])
        return net.build.slice(net.x, [2, 3], [i, j], [height, width], [2, 2])

    return net.build.concat([part(i, j) for i in (0, 1) for j in (0, 1)])


def padded(net: _Net) -> str:
    """Circular, mirrored or repeated padding: slices and a Concat axis by axis, or Pad."""
    mode = net.random.choice(["wrap", "reflect", "edge"])
    before = [0, 0, net.number(0, 3), net.number(0, 3)]
    after = [0, 0, net.number(0, 3), net.number(0, 3)]
    if net.fused:
        return net.build.pad(net.x, before, after, mode)
    x = net.x
    for axis in (2, 3):
        sides = (before[axis], after[axis])
        parts = [_side(net, x, axis, mode, sides[0], 0), x, _side(net, x, axis, mode, sides[1], 1)]
        kept = [part for part in parts if part]
        x = net.build.concat(kept, axis) if len(kept) > 1 else x
    return x


def _side(net: _Net, x: str, axis: int, mode: str, width: int, end: int) -> str:
    """Return what stands before (end 0) or after an axis, "" for nothing."""
    length = net.build.shapes[x][axis]
    if not width:
        return ""
    if mode == "wrap":
        span = (0, width) if end else (length - width, length)
        return net.build.slice(x, [axis], [span[0]], [span[1]])
    if mode == "reflect":
        start = length - 2 if end else width
        return net.build.slice(x, [axis], [start], [start - width], [-1])
    at = length - 1 if end else 0
    one = net.build.slice(x, [axis], [at], [at + 1])
    shape = tuple(width if k == axis else n for k, n in enumerate(net.build.shapes[one]))
    return net.build.one("Expand", [one, net.build.ints(shape)], shape)


def doubled(net: _Net) -> str:
    """Nearest upsampling by two: Resize, or Reshape with Expand or Tile between."""
    batch, channels, height, width = net.shape
    large = (batch, channels, 2 * height, 2 * width)
    tiled = net.number(0, 1)
    if net.fused:
        return net.build.resize(
            net.x,
            large[2:],
            [2, 2],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    x = net.build.reshape(net.x, (batch, channels, height, 1, width, 1))
    shape = (batch, channels, height, 2, width, 2)
    if tiled:
        x = net.build.one("Tile", [x, net.build.ints([1, 1, 1, 2, 1, 2])], shape)
    else:
        x = net.build.one("Expand", [x, net.build.ints(shape)], shape)
    return net.build.reshape(x, large)


def tiled(net: _Net) -> str:
    axis = net.number(1, 3)
    count = net.number(2, 3)
    if net.fused:
        repeats = [count if k == axis else 1 for k in range(4)]
        shape = tuple(n * times for n, times in zip(net.shape, repeats, strict=True))
        return net.build.one("Tile", [net.x, net.build.ints(repeats)], shape)
    return net.build.concat([net.x] * count, axis)


def shuffled(net: _Net) -> str:
    """Pixels from channels: DepthToSpace, or Reshape, Transpose, Reshape."""
    batch, channels, height, width = net.shape
    if channels % 4:
        return net.x
    large = (batch, channels // 4, 2 * height, 2 * width)
    if net.fused:
        return net.build.one("DepthToSpace", [net.x], large, blocksize=2, mode="CRD")
    x = net.build.reshape(net.x, (batch, channels // 4, 2, 2, height, width))
    return net.build.reshape(net.build.transpose(x, [0, 1, 4, 2, 5, 3]), large)


def split_and_joined(net: _Net) -> str:
    axis = net.number(1, 3)
    length = net.shape[axis]
    if length < 2:
        return net.x
    first = net.number(1, length - 1)
    if net.fused:
        return net.build.same("Identity", net.x)
    return net.build.concat(net.build.split(net.x, [first, length - first], axis), axis)


def group_norm(net: _Net) -> str:
    channels = net.shape[1]
    groups = net.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    build = net.build
    if net.fused:
        scale, bias = build.floats((channels,)), build.floats((channels,))
        reads = [net.x, scale, bias]
        return build.one("GroupNormalization", reads, net.shape, num_groups=groups)
    scale, bias = build.floats((groups,)), build.floats((groups,))
    size = channels // groups * net.shape[2] * net.shape[3]
    flat = build.reshape(net.x, (1, groups, size))
    flat = build.one("InstanceNormalization", [flat, scale, bias], (1, groups, size))
    x = build.reshape(flat, net.shape)
    return net.by("Mul", x, build.floats((channels, 1, 1)))


def _standardized(net: _Net, x: str, axes: Sequence[int]) -> str:
    """Subtract the mean and divide by the standard deviation over axes."""
    build = net.build
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(build.shapes[x]))
    centred = build.same("Sub", x, _mean(net, x, axes, shape))
    squared = build.same("Mul", centred, centred)
    variance = net.by("Add", _mean(net, squared, axes, shape), 1e-5)
    return build.same("Div", centred, build.same("Sqrt", variance))


def _mean(net: _Net, x: str, axes: Sequence[int], shape: tuple[int, ...]) -> str:
    return net.build.one("ReduceMean", [x, net.build.ints(axes)], shape)


def layer_norm(net: _Net) -> str:
    """Over the channels, which stand last for it."""
    build = net.build
    x = build.transpose(net.x, [0, 2, 3, 1])
    if net.fused:
        x = build.one("LayerNormalization", [x, build.floats(net.shape[1:2])], build.shapes[x])
    else:
        x = _standardized(net, x, (3,))
    return build.transpose(x, [0, 3, 1, 2])


def image_norm(net: _Net) -> str:
    """Over each map by itself, or over all that there is of an image."""
    build, shape = net.build, net.shape
    apart = net.number(0, 1)
    if not net.fused:
        x = _standardized(net, net.x, (2, 3) if apart else (1, 2, 3))
        return net.by("Mul", x, build.floats((shape[1], 1, 1) if apart else shape[1:]))
    if apart:
        parameters = [build.floats(shape[1:2]) for _ in range(2)]
        return build.one("InstanceNormalization", [net.x, *parameters], shape)
    return build.one("LayerNormalization", [net.x, build.floats(shape[1:])], shape, axis=1)


def softmax(net: _Net) -> str:
    """Over rows, columns or channels."""
    build, axis = net.build, net.number(1, 3)
    if net.fused:
        return build.same("Softmax", net.x, axis=axis)
    shape = tuple(1 if k == axis else n for k, n in enumerate(net.shape))
    largest = build.one("ReduceMax", [net.x, build.ints([axis])], shape)
    raised = build.same("Exp", build.same("Sub", net.x, largest))
    return build.same("Div", raised, build.one("ReduceSum", [raised, build.ints([axis])], shape))


def rms_norm(net: _Net) -> str:
    build = net.build
    x = build.transpose(net.x, [0, 2, 3, 1])
    scale = build.floats(build.shapes[x][3:])
    if net.fused:
        x = build.one("RMSNormalization", [x, scale], build.shapes[x])
    else:
        mean = _mean(net, build.same("Mul", x, x), (3,), (*build.shapes[x][:3], 1))
        x = net.by("Mul", build.same("Div", x, build.same("Sqrt", mean)), scale)
    return build.transpose(x, [0, 3, 1, 2])


def gelu(net: _Net) -> str:
    if net.fused:
        return net.build.same("Gelu", net.x)
    inside = net.build.same("Erf", net.by("Div", net.x, 1.4142135))
    twice = net.build.same("Mul", net.x, net.by("Add", inside, 1))
    return net.by("Mul", twice, 0.5)


def silu(net: _Net) -> str:
    if net.fused:
        return net.build.same("Swish", net.x)
    return net.build.same("Mul", net.x, net.build.same("Sigmoid", net.x))


def hard_swish(net: _Net) -> str:
    if net.fused:
        return net.build.same("HardSwish", net.x)
    return net.build.same("Mul", net.x, net.build.same("HardSigmoid", net.x))


def attention(net: _Net) -> str:
    """All positions attend to each other, over channels as features."""
    batch, channels, height, width = net.shape
    build, tokens = net.build, height * width
    x = build.transpose(build.reshape(net.x, (batch, channels, tokens)), [0, 2, 1])
    shape = build.shapes[x]
    if net.fused:
        x = build.one("Attention", [x, x, x], shape, q_num_heads=1, kv_num_heads=1)
    else:
        keys = build.transpose(x, [0, 2, 1])
        scores = build.one("MatMul", [x, keys], (batch, tokens, tokens))
        x = build.one("MatMul", [build.same("Softmax", scores, axis=-1), x], shape)
    return build.reshape(build.transpose(x, [0, 2, 1]), net.shape)


# -- what is the same in both --------------------------------------------------------------------


def conv(net: _Net) -> str:
    kernel, dilation = net.number(1, 3), net.number(1, 2)
    pads = [net.number(0, dilation) for _ in range(4)]
    stride = 2 if net.number(0, 4) == 0 and min(net.shape[2:]) > 9 else 1
    if (kernel - 1) * dilation >= min(net.shape[2:]):
        return net.x
    return net.build.conv(
        net.x,
        net.random.choice([2, 4]),
        [kernel] * 2,
        strides=[stride] * 2,
        dilations=[dilation] * 2,
        pads=pads,
    )


def depthwise(net: _Net) -> str:
    channels = net.shape[1]
    return net.build.conv(net.x, channels, [3, 3], pads=[1] * 4, group=channels)


def residual(net: _Net) -> str:
    return net.build.same("Add", net.x, net.build.same_conv(net.x, net.shape[1], 3))


def branches(net: _Net) -> str:
    """Two branches that a Concat brings together, of equal or unequal widths."""
    first, second = net.number(1, 4), net.number(1, 4)
    parts = [net.build.same_conv(net.x, first, 3), net.build.same_conv(net.x, second, 5)]
    return net.build.concat(parts)


BLOCKS: tuple[Callable[[_Net], str], ...] = (
    roll,
    every_second,
    padded,
    doubled,
    tiled,
    shuffled,
    split_and_joined,
    group_norm,
    layer_norm,
    image_norm,
    softmax,
    gelu,
    hard_swish,
)
# These came after the operator set that most of the rest needs.
LATER: tuple[Callable[[_Net], str], ...] = (*BLOCKS, rms_norm, silu, attention)
PLAIN: tuple[Callable[[_Net], str], ...] = (conv, conv, depthwise, residual, branches)
OPSET, LATER_OPSET = 21, 24


def twins(seed: int, *, later: bool = False) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Return one random net in both forms: with operators, and decomposed."""
    fused, decomposed = (_model(seed, later=later, fused=fused) for fused in (True, False))
    return fused, decomposed


def _model(seed: int, *, later: bool, fused: bool) -> onnx.ModelProto:
    net = _Net(seed, LATER_OPSET if later else OPSET, fused=fused)
    blocks = LATER if later else BLOCKS
    # What has no window has no spatial axis, which some operators have and others have not.
    net.x = net.build.same_conv(net.x, 2, 3)
    for _ in range(net.number(1, 3)):
        if net.number(0, 2):
            net.x = net.random.choice(PLAIN)(net)
        net.x = net.random.choice(blocks)(net)
        if max(net.shape[2:]) > LONGEST or net.shape[1] > CHANNELS:
            break
    if net.number(0, 2):
        net.x = conv(net)
    return net.build.model(net.build.same("Relu", net.x))
