"""Resize and Upsample: each resized axis is sampled along a straight line, in exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, normal_axes
from rfgraph.ops.registry import rule
from rfgraph.relations.axis_rules import Filter, Resample, Shape, Whole
from rfgraph.relations.how import MEAN
from rfgraph.relations.steps import Pointwise, Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MODES = ("nearest", "linear", "cubic")
NEAREST_MODES = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
TRANSFORMS = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
POLICIES = ("stretch", "not_larger", "not_smaller")
HALF = Fraction(1, 2)

Roi = tuple[Fraction, Fraction]


class Target(NamedTuple):
    """What one axis is resized to: its scale, and its length after it."""

    scale: Fraction
    length: int


class Sampling(NamedTuple):
    """How positions are sampled, the same on every axis."""

    mode: str
    nearest: str = "floor"
    transform: str = "asymmetric"
    antialias: bool = False
    drop: bool = False
    sharpness: float = -0.75

    def rule(self, length: int, target: Target, roi: Roi | None = None) -> Resample:
        """Return the axis rule for an axis of `length`."""
        ratio, offset = self._line(length, target, roi)
        name = cast("Filter", self.mode if self.mode != "nearest" else self._rounding(target))
        reach = None
        if self.antialias and self.mode != "nearest" and target.scale < 1:
            reach = (1 if self.mode == "linear" else 2) / target.scale
        crop = self.transform == "tf_crop_and_resize"
        return Resample(
            *(ratio, offset, name, length, target.length, reach, not self.drop, crop),
            sharpness=self.sharpness,
        )

    def keeps(self, length: int, target: Target) -> bool:
        """Whether an axis is left as it is, whatever the transformation says."""
        return target.scale == 1 or (self.antialias and target.length == length)

    def _rounding(self, target: Target) -> str:
        """Return how nearest rounds; version 10 leaves it open, runtimes round up when reducing."""
        if self.nearest != "simple":
            return self.nearest
        return "ceil" if target.scale < 1 else "floor"

    def _line(self, length: int, target: Target, roi: Roi | None) -> tuple[Fraction, Fraction]:
        """Return ratio and offset: output o is sampled at o*ratio + offset."""
        ratio = 1 / target.scale
        half_pixel = (ratio - 1) / 2
        last, span = target.length - 1, Fraction(length - 1)
        match self.transform:
            case "half_pixel":
                return ratio, half_pixel
            case "pytorch_half_pixel":
                return ratio, half_pixel if last else Fraction(0)
            case "half_pixel_symmetric":
                return ratio, half_pixel + (length - target.length * ratio) / 2
            case "tf_half_pixel_for_nn":
                return ratio, ratio / 2
            case "align_corners":
                return (span / last if last else ratio), Fraction(0)
            case "tf_crop_and_resize" if roi is not None:
                start, end = roi
                if last > 0:
                    return (end - start) * span / last, start * span
                return ratio, (start + end) / 2 * span
        return ratio, Fraction(0)


@rule("Resize", ignores="extrapolation_value", how=MEAN)
def resize(node: OpNode) -> Outcome:
    """Along each resized axis an output reads the positions around the point that it samples.

    nearest reads one position, linear two and cubic four, but only one where the point falls on a
    position. antialias widens linear and cubic by the factor of a reduction. Positions beyond the
    border are those at the border, or are left out with exclude_outside; tf_crop_and_resize reads
    nothing for a point outside the input. The float32 `scales` are taken for the simplest fraction
    that rounds to them. As in onnxruntime, an axis of scale 1 keeps its positions (even if
    tf_crop_and_resize names another region), and so do all axes where no length changes; and
    align_corners takes the output's length, where ONNX's reference takes scale times length uncut.

    Exact, up to a runtime's rounding where a point lies on the border between two answers.
    Upper bound: antialias with cubic, whose weights have zeros inside the window.
    Unknown: the resized axes if tf_crop_and_resize gets a region that is computed from data.
    Versions: all (10, 11, 13, 18, 19). 10 samples at o/scale, nearest rounding down when enlarging
    and up when reducing; tf_half_pixel_for_nn only in 11; antialias, axes and
    keep_aspect_ratio_policy since 18; half_pixel_symmetric since 19.
    """
    shape = node.shape(0)
    if node.version < 11:
        sampling = Sampling(node.choice("mode", "nearest", MODES[:2]), "simple")
        return _outcome(
            node, shape, sampling, dict(enumerate(_scale_targets(shape, _floats(node, 1))))
        )
    axes = normal_axes(node.ints("axes") or range(len(shape)), len(shape))
    targets = _targets(node, shape, axes)
    sampling = Sampling(
        node.choice("mode", "nearest", MODES),
        node.choice("nearest_mode", "round_prefer_floor", NEAREST_MODES),
        node.choice("coordinate_transformation_mode", "half_pixel", TRANSFORMS),
        node.int("antialias", 0) != 0,
        node.int("exclude_outside", 0) != 0,
        node.float("cubic_coeff_a", -0.75),
    )
    return _outcome(node, shape, sampling, dict(zip(axes, targets, strict=True)))


@rule("Upsample", how=MEAN)
def upsample(node: OpNode) -> Outcome:
    """Along each resized axis an output reads around its index divided by the scale.

    nearest reads the position below that point, linear the two around it, one where the point falls
    on a position. The float32 scales are taken for the simplest fraction that rounds to them.

    Exact, up to a runtime's rounding where a point lies on the border between two answers.
    Versions: all (1, 7, 9, 10): 1 has height_scale and width_scale, 7 the attribute scales, 9 and
    10 the input scales, which must be constant.
    """
    shape = node.ranked(0, 4, 4) if node.version < 7 else node.shape(0)
    if node.version < 7:
        sides = [node.attribute("height_scale"), node.attribute("width_scale")]
        if None in sides:
            raise RuleError("requires attributes 'height_scale' and 'width_scale'")
        scales = [1.0, 1.0, node.float("height_scale", 1), node.float("width_scale", 1)]
    elif node.version < 9:
        scales = node.floats("scales") or []
    else:
        scales = _floats(node, 1)
    mode = node.choice("mode", "nearest", ("nearest", "linear", "bilinear"))
    sampling = Sampling("nearest" if mode == "nearest" else "linear")
    return _outcome(node, shape, sampling, dict(enumerate(_scale_targets(shape, scales))))


def _targets(node: OpNode, shape: Shape, axes: Sequence[int]) -> list[Target]:
    """Return what each of `axes` is resized to, from `scales` or `sizes`."""
    policy = node.choice("keep_aspect_ratio_policy", "stretch", POLICIES)
    lengths = [shape[axis] for axis in axes]
    by_scale, by_size = _is_given(node, 2), _is_given(node, 3)
    if by_scale == by_size:
        given = "both" if by_scale else "neither"
        raise RuleError(f"requires either scales or sizes, found {given}")
    if by_scale:
        return _scale_targets(lengths, _floats(node, 2))
    sizes = node.known_ints(3) or []
    if len(sizes) != len(lengths):
        raise RuleError(f"sizes require {len(lengths)} integers, found {len(sizes)}")
    if any(
        size < 1 and (size, length) != (0, 0) for size, length in zip(sizes, lengths, strict=True)
    ):
        raise RuleError(f"sizes require positive integers, found {sizes[:8]}")
    if any(size and not length for size, length in zip(sizes, lengths, strict=True)):
        raise RuleError(f"sizes {sizes[:8]} cannot be reached from lengths {lengths[:8]}")
    if policy == "stretch":
        return [_stretch_target(length, size) for length, size in zip(lengths, sizes, strict=True)]
    ratios = [
        _stretch_target(length, size).scale for length, size in zip(lengths, sizes, strict=True)
    ]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    return [Target(scale, math.floor(scale * length + HALF)) for length in lengths]


def _stretch_target(length: int, size: int) -> Target:
    return Target(Fraction(size, length) if size else Fraction(1), size)


def _is_given(node: OpNode, slot: int) -> bool:
    """Whether an optional input is there; one without elements is not."""
    return node.has(slot) and 0 not in node.shape(slot)


def _floats(node: OpNode, slot: int) -> list[float]:
    """Return a constant input of numbers."""
    data = node.known(slot)
    if data is None:
        raise RuleError(f"requires input {slot}, which is missing")
    if data.dtype.kind != "f":
        raise RuleError(f"input {slot} requires numbers, found {data.dtype}")
    return [float(item) for item in data.reshape(-1)]


def _scale_targets(lengths: Sequence[int], scales: Sequence[float]) -> list[Target]:
    if len(scales) != len(lengths):
        raise RuleError(f"scales require {len(lengths)} numbers, found {len(scales)}")
    return [
        Target(simplest_fraction(scale), _scaled_length(length, scale))
        for length, scale in zip(lengths, scales, strict=True)
    ]


def _scaled_length(length: int, scale: float) -> int:
    """Return the length after scaling: runtimes multiply in float32 and cut the fraction off."""
    single = np.float32(scale)
    if single == 1:
        return length
    exact = Fraction(float(single)) * length
    if exact < 1 << 100:
        return int(np.float32(length) * single)
    return math.floor(exact)


def _outcome(
    node: OpNode, shape: Shape, sampling: Sampling, targets: Mapping[int, Target]
) -> Outcome:
    out = tuple(targets[axis].length if axis in targets else n for axis, n in enumerate(shape))
    named = normal_axes(node.ints("axes") or (), len(shape))
    if out == shape:
        return Outcome((shape,), (Link(0, (Pointwise(shape),), spatial=named),))
    moved = [axis for axis in sorted(targets) if not sampling.keeps(shape[axis], targets[axis])]
    spatial = tuple(sorted({*named, *moved}))
    rois: Mapping[int, Roi] = {}
    if sampling.transform == "tf_crop_and_resize":
        region = node.ranked(1, 1, 1)
        if region != (2 * len(targets),):
            raise RuleError(f"roi requires {2 * len(targets)} numbers, found {region[0]}")
        if node.value(1).data is None:
            reduce = Reduce(tuple((a, Whole(shape[a], out[a], unknown=True)) for a in moved))
            bounds = Chain(region).reduce([0]).broadcast(out)
            return Outcome((out,), (Link(0, (reduce,), spatial=spatial), bounds.link(1)))
        rois = _rois(node, targets)
    taps = Taps(
        tuple((axis, sampling.rule(shape[axis], targets[axis], rois.get(axis))) for axis in moved)
    )
    return Outcome((out,), (Link(0, (taps,), spatial=spatial),))


def _rois(node: OpNode, targets: Mapping[int, Target]) -> dict[int, Roi]:
    """Return where the constant region starts and ends on each axis, in parts of its length."""
    bounds = [_exact_fraction(bound) for bound in _floats(node, 1)]
    pairs = zip(bounds, bounds[len(targets) :], strict=False)
    return dict(zip(targets, pairs, strict=True))


def _exact_fraction(value: float) -> Fraction:
    if value == 0:
        return Fraction(0)
    return simplest_fraction(value) if value > 0 else -simplest_fraction(-value)


def simplest_fraction(value: float) -> Fraction:
    """Return the fraction with the smallest terms that rounds to this positive float32.

    The walk goes down the Stern-Brocot tree, a whole run of equal turns at a time. An integer is
    itself. RuleError if the value is not positive and finite.
    """
    single = np.float32(value)
    if not (single > 0 and np.isfinite(single)):
        raise RuleError(f"scale or region requires a positive finite number, found {value}")
    exact = Fraction(float(single))
    if exact.denominator == 1:
        return exact
    low = (exact + Fraction(float(np.nextafter(single, np.float32(0))))) / 2
    high = (exact + Fraction(float(np.nextafter(single, np.float32(np.inf))))) / 2
    # The ends themselves, which may round to it too, have larger terms than the float32.
    return _simplest_between(low, high)


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """Return the simplest fraction strictly between two positive ones."""
    before, after = (0, 1), (1, 0)
    while True:
        whole = math.floor(low)
        fits = whole + 1 < high
        turn = whole + 1 if fits else whole
        before, after = after, (turn * after[0] + before[0], turn * after[1] + before[1])
        if fits:
            return Fraction(*after)
        rest, low = low - whole, 1 / (high - whole)
        high = 1 / rest if rest else low + 2
