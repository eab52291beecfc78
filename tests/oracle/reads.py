"""What one operator's outputs read, axis by axis, in exact arithmetic: slow and obvious.

A `Span` is the set of positions read on one axis. Per-axis functions take an output position to the
set of input positions; unclipped, every rule continues past the ends of the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx


class Span(NamedTuple):
    """Positions read on one axis; `whole` once a reduction over a whole axis lies on the way."""

    positions: frozenset[int]
    whole: bool = False


AxisRule = Callable[[int], Iterable[int]]
Box = tuple[Span, ...]


@dataclass(frozen=True)
class Node:
    """One node with everything its rules need: attributes, shapes, and stored values."""

    number: int
    proto: onnx.NodeProto
    attributes: Mapping[str, Any]
    values: Mapping[str, npt.NDArray[Any]]
    constant: frozenset[str]
    opset: int
    clip: bool

    @property
    def kind(self) -> str:
        return self.proto.op_type

    def shape(self, slot: int) -> tuple[int, ...]:
        return tuple(self.values[self.proto.input[slot]].shape)

    def out_shape(self, slot: int = 0) -> tuple[int, ...]:
        return tuple(self.values[self.proto.output[slot]].shape)

    def given(self, slot: int) -> npt.NDArray[Any] | None:
        """The stored value of an input that is there."""
        if slot >= len(self.proto.input) or not self.proto.input[slot]:
            return None
        return self.values[self.proto.input[slot]]

    def ints(self, slot: int, name: str) -> list[int] | None:
        """An integer list given by an input or, in other versions, by an attribute."""
        value = self.given(slot)
        if value is not None:
            return [int(v) for v in np.asarray(value).ravel()]
        return list(self.attributes[name]) if name in self.attributes else None


@dataclass(frozen=True)
class Part:
    """One data edge: from `source` into `node`, and what each output index reads along it.

    `axes[a]` says which output axis steers input axis a (None: none does), by which rule, and
    whether that reads the whole axis. An edge that mixes axes has a `moved` table instead: output
    index -> input index. `reduces`: axes of a weightless reduction; `spatial`: a window, a pool or
    a Resize; `deep`: a window of extent > 1.
    """

    node: int
    source: str
    target: str
    slot: int
    out: int
    part: str
    axes: tuple[tuple[int | None, AxisRule, bool], ...] = ()
    moved: Mapping[tuple[int, ...], tuple[int, ...]] | None = None
    pointwise: bool = False
    reduces: frozenset[int] = frozenset()
    spatial: bool = False
    deep: bool = False

    @property
    def key(self) -> tuple[int, int, int, str]:
        return (self.node, self.slot, self.out, self.part)


# --- windows ---------------------------------------------------------------------------------


def windows(node: Node, kernel: Sequence[int], first: int = 0) -> list[tuple[int, int, int, int]]:
    """(kernel, stride, dilation, padding before) on each spatial axis of a Conv or a pool."""
    rank = len(kernel)
    strides = node.attributes.get("strides") or [1] * rank
    dilations = node.attributes.get("dilations") or [1] * rank
    pads = node.attributes.get("pads") or [0] * (2 * rank)
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    result = []
    for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
        before = pads[axis]
        if auto == "VALID":
            before = 0
        elif auto.startswith("SAME"):
            length, outputs = node.shape(first)[axis + 2], node.out_shape()[axis + 2]
            total = max((outputs - 1) * s + (k - 1) * d + 1 - length, 0)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
        result.append((k, s, d, before))
    return result


def window_rule(k: int, s: int, d: int, before: int) -> AxisRule:
    return lambda o: [o * s - before + t * d for t in range(k)]


def transposed_windows(node: Node) -> list[tuple[int, int, int, int]]:
    """(kernel, stride, dilation, padding before) on each spatial axis of a ConvTranspose."""
    kernel = list(node.attributes.get("kernel_shape") or node.shape(1)[2:])
    rank = len(kernel)
    strides = node.attributes.get("strides") or [1] * rank
    dilations = node.attributes.get("dilations") or [1] * rank
    pads = node.attributes.get("pads") or [0] * (2 * rank)
    extra = node.attributes.get("output_padding") or [0] * rank
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    result = []
    for axis, (k, s, d) in enumerate(zip(kernel, strides, dilations, strict=True)):
        before = 0 if auto == "VALID" else pads[axis]
        if auto.startswith("SAME") or "output_shape" in node.attributes:
            length, outputs = node.shape(0)[axis + 2], node.out_shape()[axis + 2]
            total = max(s * (length - 1) + extra[axis] + (k - 1) * d + 1 - outputs, 0)
            before = total // 2 if auto == "SAME_UPPER" else total - total // 2
        result.append((k, s, d, before))
    return result


def transposed_rule(k: int, s: int, d: int, before: int) -> AxisRule:
    """Input i is written to outputs i*s + t*d - before."""

    def reads(o: int) -> list[int]:
        offsets = [o + before - t * d for t in range(k)]
        return [offset // s for offset in offsets if offset % s == 0]

    return reads


# --- resize ----------------------------------------------------------------------------------


def simplest_fraction(scale: float) -> Fraction:
    """Return the fraction with the smallest denominator that rounds to this float32."""
    value = np.float32(scale)
    exact = Fraction(float(value))
    below = (exact + Fraction(float(np.nextafter(value, np.float32(0))))) / 2
    above = (exact + Fraction(float(np.nextafter(value, np.float32(np.inf))))) / 2
    # Halfway values round to the float32 whose last bit is 0.
    ends = int(value.view(np.int32)) % 2 == 0
    for denominator in range(1, 1 << 24):
        numerator = math.floor(below * denominator)
        while Fraction(numerator, denominator) <= above:
            found = Fraction(numerator, denominator)
            if below < found < above or (ends and found in (below, above)):
                return found
            numerator += 1
    return exact


def resize_rule(node: Node, axis: int, scale: Fraction | None) -> AxisRule:
    """Return the taps of a Resize along one axis; `scale` None: output over input length."""
    length, outputs = node.shape(0)[axis], node.out_shape()[axis]
    upsample = node.kind == "Upsample" or node.opset < 11
    default = b"asymmetric" if upsample else b"half_pixel"
    transform = node.attributes.get("coordinate_transformation_mode", default).decode()
    s = Fraction(outputs, length) if scale is None else scale
    mode = node.attributes.get("mode", b"nearest").decode()
    antialias = bool(node.attributes.get("antialias", 0)) and s < 1
    drop = bool(node.attributes.get("exclude_outside", 0))
    nearest = b"floor" if upsample else b"round_prefer_floor"
    nearest_mode = node.attributes.get("nearest_mode", nearest).decode()

    def reads(o: int) -> list[int]:
        x = source_position(transform, o, s, length, outputs)
        taps = sample(mode, nearest_mode, x, s if antialias else None)
        if not node.clip:
            return taps
        if drop:
            return [tap for tap in taps if 0 <= tap < length]
        return [min(max(tap, 0), length - 1) for tap in taps]

    return reads


def source_position(transform: str, o: int, s: Fraction, length: int, outputs: int) -> Fraction:
    """Return where on the input axis output position o is sampled."""
    half = (o + Fraction(1, 2)) / s - Fraction(1, 2)
    if transform == "half_pixel":
        return half
    if transform == "pytorch_half_pixel":
        return half if outputs > 1 else Fraction(0)
    if transform == "align_corners":
        return Fraction(o * (length - 1), outputs - 1) if outputs > 1 else Fraction(0)
    if transform == "asymmetric":
        return o / s
    if transform == "half_pixel_symmetric":
        return half + Fraction(length, 2) * (1 - Fraction(outputs) / (s * length))
    raise NotImplementedError(f"coordinate_transformation_mode {transform}")


def sample(mode: str, nearest_mode: str, x: Fraction, shrink: Fraction | None) -> list[int]:
    """Return the positions that an interpolation at x gives a weight other than 0."""
    if mode == "nearest":
        half = Fraction(1, 2)
        nearest = {
            "round_prefer_floor": math.ceil(x - half),
            "round_prefer_ceil": math.floor(x + half),
            "floor": math.floor(x),
            "ceil": math.ceil(x),
        }
        return [nearest[nearest_mode]]
    reach = 1 if mode == "linear" else 2
    if shrink is not None:
        width = reach / shrink
        candidates = range(math.floor(x - width), math.ceil(x + width) + 1)
        return [i for i in candidates if abs(i - x) < width]
    if x.denominator == 1:
        return [int(x)]
    return list(range(math.floor(x) - reach + 1, math.floor(x) + reach + 1))


# --- pad -------------------------------------------------------------------------------------


def pad_rule(node: Node, mode: str, before: int, length: int) -> AxisRule:
    """Return the rule of Pad on one axis; unclipped, every mode just shifts."""

    def reads(o: int) -> list[int]:
        i = o - before
        if not node.clip or 0 <= i < length or mode == "constant":
            return [i]
        if mode == "edge":
            return [min(max(i, 0), length - 1)]
        if mode == "wrap":
            return [i % length]
        while not 0 <= i < length:
            i = -i if i < 0 else 2 * (length - 1) - i
        return [i]

    return reads
