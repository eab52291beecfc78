"""What is said of a map: its spread, and how little of the input holds a share of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats: TypeAlias = NDArray[np.float64]
# A share that is reached up to this part of itself is reached: rounding decides nothing.
SLACK = 1e-12
# Luo et al. 2016 count the positions above 1 - 95.45 % of the largest.
LUO = 0.0455


class Area(NamedTuple):
    """The smallest square of odd side in the middle that holds a share, and its part of the map."""

    share: float
    side: int
    ratio: float


def as_floats(values: NDArray[Any]) -> Floats:
    """Return a map as floats; exact counts beyond their range are scaled."""
    if values.dtype != object:
        return np.asarray(values, dtype=np.float64)
    shift = max(max((int(v).bit_length() for v in values.flat), default=0) - 900, 0)
    return np.array([float(int(v) >> shift) for v in values.flat]).reshape(values.shape)


def marginal(values: Floats, axis: int) -> Floats:
    """Return the part of the whole at each position of an axis."""
    sums = values.sum(axis=tuple(a for a in range(values.ndim) if a != axis))
    return np.asarray(sums / sums.sum())


def spread(part: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of positions."""
    at = np.arange(len(part), dtype=np.float64)
    mean = float(part @ at)
    return mean, math.sqrt(max(float(part @ (at - mean) ** 2), 0.0))


def shortest_interval(part: Floats, share: float) -> tuple[int, int]:
    """Return the first of the shortest intervals, ends included, that hold at least `share`."""
    below = np.concatenate([[0.0], np.cumsum(part)])
    wanted = share * (1 - SLACK) * below[-1]
    ends = np.searchsorted(below, below[:-1] + wanted, side="left")
    lengths = np.where(ends < len(below), ends - np.arange(len(part)), len(part) + 1)
    first = int(lengths.argmin())
    return first, first + int(lengths[first]) - 1


def area(values: Floats, share: float) -> Area:
    """Return the smallest square of odd side around the middle that holds at least `share`."""
    wanted = share * (1 - SLACK) * values.sum()
    longest = max(values.shape)
    low, high = 0, longest
    while low < high:
        half = (low + high) // 2
        if _inside(values, half) >= wanted:
            high = half
        else:
            low = half + 1
    side = 2 * low + 1
    inside = math.prod(min(side, length) for length in values.shape)
    return Area(share, side, inside / math.prod(values.shape))


def _inside(values: Floats, half: int) -> float:
    middle = [length // 2 for length in values.shape]
    box = tuple(slice(max(at - half, 0), at + half + 1) for at in middle)
    return float(values[box].sum())


def radial(values: Floats, radius: int) -> float:
    """Return the share of a map at most `radius` from the middle, by Euclid."""
    grids = np.ogrid[tuple(slice(length) for length in values.shape)]
    middle = [length // 2 for length in values.shape]
    apart = sum((grid - at) ** 2 for grid, at in zip(grids, middle, strict=True))
    return float(values[apart <= radius**2].sum() / values.sum())


def luo_size(values: Floats) -> float:
    """Return the side of a square of as many positions as are above LUO of the largest."""
    count = int((values > LUO * values.max()).sum())
    return float(count ** (1 / max(values.ndim, 1)))


def coarse(values: Floats, shape: Sequence[int]) -> Floats:
    """Return a map of at most `shape`, each entry the mean of a block of positions."""
    for axis, wanted in enumerate(shape):
        length = values.shape[axis]
        if length > wanted:
            edges = [length * step // wanted for step in range(wanted)]
            sums = np.add.reduceat(values, edges, axis=axis)
            counts = np.diff([*edges, length])
            values = sums / counts.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    return values


def rows_and_columns(values: Floats) -> Floats:
    """Return a map as a picture: the last two axes, others summed; one axis as a single row."""
    values = values.sum(axis=tuple(range(max(values.ndim - 2, 0))))
    return values.reshape((1,) * (2 - values.ndim) + values.shape)


def coarse_means(values: Floats, place: int, cells: int) -> Floats:
    """Return the means of at most `cells` parts along an axis, as even as whole positions allow."""
    length = values.shape[place]
    ends = np.linspace(0, length, min(cells, length) + 1).round().astype(int)
    sums = np.add.reduceat(values, ends[:-1], axis=place)
    counts = np.diff(ends).reshape([-1 if axis == place else 1 for axis in range(values.ndim)])
    return np.asarray(sums / counts)
