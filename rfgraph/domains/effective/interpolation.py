"""The weights with which a Resize mixes positions, along one axis."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.relations.axis_rules import Resample, progressions
from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.reading import Ints


@lru_cache(maxsize=64)
def taps(rule: Resample) -> tuple[Ints, Floats]:
    """Return for each output position the input positions that it reads, and their weights.

    A position stands once in a row; the weight of what is not there is zero. A tap outside the
    input adds to that at the border, or is left out and the others make up for it. Raises
    BoundError where there are too many.
    """
    check_size(rule.out_len)
    first, step, count = progressions(rule, rule.out_len)
    width = max(int(count.max(initial=0)), 1)
    check_size(rule.out_len * width)
    index = first[:, None] + np.arange(width) * step
    there = np.arange(width) < count[:, None]
    point = np.array(_coordinates(rule))
    weight = _kernel(rule, index - point[:, None]) * there if width > 1 else there.astype(float)
    top = rule.in_len - 1
    if rule.crop:
        weight = weight * ((point >= 0) & (point <= top))[:, None]
    if not rule.clamp or rule.reach is not None:
        inside = (index >= 0) & (index <= top) if not rule.clamp else there
        weight = weight * inside
        sums = weight.sum(axis=1, keepdims=True)
        weight = np.divide(weight, sums, out=np.zeros_like(weight), where=sums != 0)
    index = np.clip(index, 0, top)
    for tap in range(width - 2, -1, -1):
        same = index[:, tap] == index[:, tap + 1]
        weight[:, tap] += np.where(same, weight[:, tap + 1], 0)
        weight[same, tap + 1] = 0
    return index, weight


def _coordinates(rule: Resample) -> list[float]:
    """Return where each output position lies on the input axis."""
    parts = math.lcm(rule.ratio.denominator, rule.offset.denominator)
    jump, begin = int(rule.ratio * parts), int(rule.offset * parts)
    return [(o * jump + begin) / parts for o in range(rule.out_len)]


def _kernel(rule: Resample, distance: Floats) -> Floats:
    """Return the filter at a distance from the point that is sampled."""
    scale = 1.0
    if rule.reach is not None:
        half: Fraction | int = 1 if rule.filter == "linear" else 2
        scale = float(half / rule.reach)
    x = np.abs(distance) * scale
    if rule.filter != "cubic":
        return np.maximum(1 - x, 0)
    a = rule.sharpness
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def spread(position: Ints, weights: NDArray[Any], values: Floats, length: int) -> Floats:
    """Return what input positions collect of the values at all output positions, along axis 0."""
    check_size(length * (values.size // max(len(values), 1)))
    collected = np.zeros((length, *values.shape[1:]), dtype=values.dtype)
    shape = (-1, *(1,) * (values.ndim - 1))
    for tap, weight in enumerate(weights.T):
        there = weight != 0
        shares = values[there] * weight[there].reshape(shape).astype(values.dtype)
        np.add.at(collected, position[there, tap], shares)
    return collected


def mean_square(rule: Resample) -> float:
    """Return the sum of the squared weights of an output position, averaged over these."""
    _, weight = taps(rule)
    return float((weight**2).sum() / max(len(weight), 1)) if math.prod(weight.shape) else 1.0
