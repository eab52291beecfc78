"""Random networks whose outputs move with the input, with open lengths on the spatial axes.

Windows, transposed windows, resizes, crops and pads in any order, a crop before a padding among
them, and merges of branches of one stride; valid by construction at the base length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import numpy_helper

from oracle.builder import Builder, window_length

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

BASE = {1: 48, 2: 32, 3: 24}
LEAST, MOST = 6, 160
CHANNELS = 2


class _Maker:
    def __init__(self, rank: int, seed: int, draw: Callable[[int, int], int]) -> None:
        self.build = Builder(17, seed)
        self.rank = rank
        self.draw = draw
        self.x = self.build.input((1, 1, *[BASE[rank]] * rank))

    @property
    def length(self) -> int:
        return self.build.shapes[self.x][2]

    def every(self, value: int) -> list[int]:
        return [value] * self.rank

    def axes(self) -> list[int]:
        return list(range(2, 2 + self.rank))

    def pads(self, most: int) -> list[int]:
        begin, end = self.draw(0, most), self.draw(0, most)
        return [*self.every(begin), *self.every(end)]

    def conv(self) -> str | None:
        k, s, d = self.draw(1, 4), (1, 1, 2, 3)[self.draw(0, 3)], (1, 1, 2)[self.draw(0, 2)]
        pads = self.pads(3)
        if not _fits(window_length(self.length, k, s, d, pads[0], pads[-1])):
            return None
        return self.build.conv(
            self.x,
            CHANNELS,
            self.every(k),
            strides=self.every(s),
            dilations=self.every(d),
            pads=pads,
        )

    def pool(self) -> str | None:
        kind = ("MaxPool", "AveragePool")[self.draw(0, 1)]
        k, s = self.draw(2, 3) if kind == "MaxPool" else 2, self.draw(1, 2)
        pads = self.pads(k - 1)
        if not _fits(window_length(self.length, k, s, 1, pads[0], pads[-1])):
            return None
        return self.build.pool(kind, self.x, self.every(k), strides=self.every(s), pads=pads)

    def transposed(self) -> str | None:
        k, s = self.draw(1, 4), self.draw(1, 3)
        pads = self.pads(2)
        extra = self.draw(0, s - 1)
        length = s * (self.length - 1) + extra + k - pads[0] - pads[-1]
        if not _fits(length):
            return None
        made = self.build.transposed(
            self.x,
            CHANNELS,
            self.every(k),
            strides=self.every(s),
            pads=pads,
            output_padding=self.every(extra),
        )
        return self.biased(made)

    def biased(self, x: str) -> str:
        """Give units that read nothing a value, which padding does not have."""
        bias = self.build.floats((1, CHANNELS, *self.every(1)), positive=True)
        return self.build.one("Add", [x, bias], self.build.shapes[x])

    def resize(self) -> str | None:
        scale = (2.0, 3.0, 0.5, 1.5)[self.draw(0, 3)]
        length = int(self.length * scale)
        if not _fits(length) or length != self.length * scale:
            return None
        form = self.draw(0, 2) if scale in (2.0, 0.5) else 0
        attributes = (
            {"mode": "nearest", "nearest_mode": "floor"},
            {"mode": "linear"},
            {"mode": "nearest", "nearest_mode": "round_prefer_floor"},
        )[form]
        transform = ("asymmetric", "half_pixel", "half_pixel")[form]
        return self.build.resize(
            self.x,
            self.every(length),
            [scale] * self.rank,
            coordinate_transformation_mode=transform,
            **attributes,
        )

    def slice(self) -> str | None:
        start, end = self.draw(0, 3), self.draw(1, 3)
        if not _fits(self.length - start - end):
            return None
        return self.build.slice(self.x, self.axes(), self.every(start), self.every(-end))

    def pad(self) -> str | None:
        begin, end = self.draw(-2, 3), self.draw(-2, 3)
        if not _fits(self.length + begin + end):
            return None
        mode = (
            "constant" if min(begin, end) < 0 else ("constant", "edge", "reflect")[self.draw(0, 2)]
        )
        none = [0, 0]
        return self.build.pad(self.x, [*none, *self.every(begin)], [*none, *self.every(end)], mode)

    def residual(self) -> str | None:
        """A branch that keeps the length, added to what goes past it."""
        other = self.build.same_conv(
            self.x, self.build.shapes[self.x][1], (1, 3, 5)[self.draw(0, 2)]
        )
        return self.build.same("Add", self.x, other)

    def valid(self) -> str | None:
        """A valid convolution beside a crop of the same length."""
        if self.length < LEAST + 4:
            return None
        before = self.draw(0, 2)
        channels = self.build.shapes[self.x][1]
        branch = self.build.conv(self.x, channels, self.every(3))
        past = self.build.slice(
            self.x, self.axes(), self.every(before), self.every(before - 2 or 1 << 40)
        )
        return self.build.same("Add", branch, past)

    def ladder(self) -> str | None:
        """Down and up again beside what stays: a union may hide the period of the lower branch."""
        if self.length % 2:
            return None
        channels = self.build.shapes[self.x][1]
        low = self.build.pool("MaxPool", self.x, self.every(2), strides=self.every(2))
        if self.draw(0, 1):
            low = self.build.same_conv(low, channels, 3)
        up = self.build.transposed(low, channels, self.every(2), strides=self.every(2))
        past = self.build.same_conv(self.x, channels, (1, 3, 7)[self.draw(0, 2)])
        return self.build.concat([up, past])


def _fits(length: int) -> bool:
    return LEAST <= length <= MOST


STEPS = (
    "conv",
    "conv",
    "pool",
    "transposed",
    "resize",
    "slice",
    "pad",
    "residual",
    "valid",
    "ladder",
)


def local_model(rank: int, seed: int, draw: Callable[[int, int], int]) -> onnx.ModelProto:
    """Return a random local network with 1 to 3 spatial axes, whose lengths are open."""
    make = _Maker(rank, seed, draw)
    for _ in range(draw(1, 6)):
        made = getattr(make, STEPS[draw(0, len(STEPS) - 1)])()
        if made is not None:
            make.x = made
    make.x = make.build.conv(make.x, 1, make.every(1))
    return opened(make.build.model(make.x))


def opened(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with symbols for the lengths of the spatial axes of its input."""
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis > 1:
                dim.dim_param = f"n{axis}"
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return model


def whole_numbers(model: onnx.ModelProto, seed: int) -> onnx.ModelProto:
    """Return the model with small whole weights, not 0: sums are then the same in any order.

    They are larger along one axis, where few are summed, so that they seldom cancel.
    """
    random = np.random.default_rng(seed)
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.ndim > 2:
            most = 4 if array.ndim == 3 else 2
            drawn = random.integers(1, most, array.shape) * random.choice([-1, 1], array.shape)
            drawn = drawn.astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(drawn, tensor.name))
    return model
