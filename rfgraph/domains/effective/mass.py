"""Masses: how much each element of a tensor counts, where that is not zero, at any scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.axis_rules import Rows, Shape


# Beyond 2 to this power a mass is scaled.
SCALE = 64


class Mass(NamedTuple):
    """How much each element of a tensor of `shape` counts: `values` times 2 to the `exponent`.

    Values are floats, or integers of any size. Along an axis they begin at position `origin` and
    are zero elsewhere; None: they have length 1 and the value is the same all along the axis.
    `lags` are the correlations of neighbours by axis. Unclipped, values may lie outside the tensor,
    and `lost` are the axes that do not go on.
    """

    values: NDArray[Any]
    origin: tuple[int | None, ...]
    shape: Shape
    exponent: int = 0
    lags: Mapping[int, Floats] = {}
    lost: frozenset[int] = frozenset()


def unit_mass(shape: Shape, index: Sequence[int | None], kind: type) -> Mass:
    """Return a mass of one at each unit of `index` (None: the whole axis)."""
    origin = tuple(
        None if at is None or length == 1 else at for at, length in zip(index, shape, strict=True)
    )
    return Mass(np.ones((1,) * len(shape), dtype=kind), origin, shape)


def expand(mass: Mass, axis: int) -> Mass:
    """Return a mass whose values along `axis` are all there, none of them outside the tensor."""
    length, first = mass.shape[axis], mass.origin[axis]
    have = mass.values.shape[axis]
    if first == 0 and have == length:
        return mass
    check_size(mass.values.size // max(have, 1) * length)
    wanted = (*mass.values.shape[:axis], length, *mass.values.shape[axis + 1 :])
    if first is None:
        values: NDArray[Any] = np.broadcast_to(mass.values, wanted)
    else:
        values = np.zeros(wanted, dtype=mass.values.dtype)
        start, stop = max(first, 0), min(first + have, length)
        if stop > start:
            _line(values, axis)[start:stop] = _line(mass.values, axis)[start - first : stop - first]
    return with_line(mass, axis, values, 0)


def with_line(mass: Mass, axis: int, values: NDArray[Any], first: int | None) -> Mass:
    """Return a mass with other values, which begin at position `first` of `axis`."""
    return mass._replace(
        values=values, origin=(*mass.origin[:axis], first, *mass.origin[axis + 1 :])
    )


def _line(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(values, axis, 0)


def total(mass: Mass) -> Any:
    """Return the sum over all elements, without the exponent."""
    return mass.values.sum() * repeats(mass)


def sum_along(value: Mass, axis: int) -> Mass:
    """Return the sum along an axis, as a constant."""
    sums = value.values.sum(axis=axis, keepdims=True)
    if value.origin[axis] is None:
        sums = sums * value.shape[axis]
    constant = with_line(value, axis, sums, None)
    return constant._replace(
        shape=(*value.shape[:axis], 1, *value.shape[axis + 1 :]),
        lags={other: lag for other, lag in value.lags.items() if other != axis},
        lost=value.lost - {axis},
    )


def repeats(mass: Mass) -> int:
    """Return for how many elements each of the values stands."""
    pairs = zip(mass.origin, mass.shape, strict=True)
    return math.prod(length for first, length in pairs if first is None)


def rescale(mass: Mass) -> Mass:
    """Return the same mass with values around one."""
    if mass.values.dtype == object or mass.values.size == 0:
        return mass
    exponent = math.frexp(float(np.abs(mass.values).max()))[1]
    if abs(exponent) < SCALE:
        return mass
    return mass._replace(values=np.ldexp(mass.values, -exponent), exponent=mass.exponent + exponent)


def trim(mass: Mass, bits: int) -> Mass:
    """Return a mass without outer positions that count less than 2 to -`bits` of the most."""
    top = mass.values.max(initial=0)
    least = top >> bits if mass.values.dtype == object else math.ldexp(top, -bits)
    for axis, first in enumerate(mass.origin):
        if first is None:
            continue
        others = tuple(a for a in range(mass.values.ndim) if a != axis)
        there = np.flatnonzero(mass.values.max(axis=others, initial=0) > least)
        if len(there) and len(there) < mass.values.shape[axis]:
            kept = _line(mass.values, axis)[there[0] : there[-1] + 1]
            mass = with_line(mass, axis, np.moveaxis(kept, 0, axis), first + int(there[0]))
    return mass


def add(first: Mass, second: Mass) -> Mass:
    """Return the sum of two masses of one tensor, of which both keep their own scale."""
    exponent = max(first.exponent, second.exponent)
    both = [_at_exponent(first, exponent), _at_exponent(second, exponent)]
    first, second = both
    if first.origin == second.origin and first.values.shape == second.values.shape:
        # The sum of two scalars is no array.
        values = np.asarray(first.values + second.values, dtype=first.values.dtype)
        return first._replace(values=values)
    for axis, (one, other) in enumerate(zip(first.origin, second.origin, strict=True)):
        if (one is None) != (other is None):
            both = [expand(mass, axis) if mass.origin[axis] is None else mass for mass in both]
    ranges = [
        [(at or 0, (at or 0) + n) for at, n in zip(mass.origin, mass.values.shape, strict=True)]
        for mass in both
    ]
    hull = [(min(a, b), max(c, d)) for (a, c), (b, d) in zip(*ranges, strict=True)]
    check_size(math.prod(end - begin for begin, end in hull))
    values = np.zeros([end - begin for begin, end in hull], dtype=first.values.dtype)
    for mass, own in zip(both, ranges, strict=True):
        places = zip(own, hull, strict=True)
        values[tuple(slice(a - begin, b - begin) for (a, b), (begin, _) in places)] += mass.values
    origin = (
        None if at is None else begin for at, (begin, _) in zip(both[0].origin, hull, strict=True)
    )
    return both[0]._replace(values=values, origin=tuple(origin))


def _at_exponent(mass: Mass, exponent: int) -> Mass:
    if mass.exponent == exponent:
        return mass
    values = np.ldexp(mass.values, mass.exponent - exponent)
    return mass._replace(values=values, exponent=exponent)


def kept_rows(value: Mass, axis: int, rule: Rows) -> Mass:
    """Return what each row passes on to the positions that are kept for it."""
    for row in rule.axes:
        value = expand(value, row)
    rank = len(value.shape)
    order = sorted(range(len(rule.axes)), key=lambda place: rule.axes[place])
    flags = rule.flags().reshape(*rule.lengths, rule.in_len)
    flags = flags.transpose([*order, len(order)])
    lengths = [1] * rank
    for place in order:
        lengths[rule.axes[place]] = rule.lengths[place]
    last = max([*rule.axes, axis])
    if axis != last:
        flags = np.moveaxis(flags, -1, sum(row < axis for row in rule.axes))
    lengths[axis] = rule.in_len
    values = value.values * flags.reshape(lengths).astype(value.values.dtype)
    return with_line(value, axis, values, 0)._replace(lost=value.lost | {*rule.axes, axis})
