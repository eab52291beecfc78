"""What an axis rule, turned round, makes of the values along an axis: who is read, and how often.

Values lie along axis 0 and begin at position `first` of the output; what is returned begins at the
position given beside it, and may lie outside the input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rfgraph.relations.bounds import check_size
from rfgraph.relations.reading import indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.axis_rules import (
        Band,
        Blocks,
        Listed,
        Pick,
        Repeat,
        Shape,
        Shift,
        Transposed,
        Window,
    )
    from rfgraph.relations.reading import Mask
    from rfgraph.relations.steps import Places


class Taps(NamedTuple):
    """Where the taps of a rule put values: into `length` positions that begin at `first`.

    `moves` are, for each tap, which positions of the values it puts where.
    """

    first: int
    length: int
    moves: list[tuple[slice, slice]]


def _zeros(values: NDArray[Any], length: int) -> NDArray[Any]:
    check_size(length * (values.size // max(len(values), 1)))
    return np.zeros((length, *values.shape[1:]), dtype=values.dtype)


def window_taps(rule: Window, first: int, count: int) -> Taps:
    """Return where the taps of `count` positions from `first` on lie."""
    span = (count - 1) * rule.stride + 1
    starts = range(0, rule.extent, rule.dilation)
    moves = [(slice(None), slice(start, start + span, rule.stride)) for start in starts]
    return Taps(first * rule.stride - rule.pad_begin, span - 1 + rule.extent, moves)


def window(rule: Window, values: NDArray[Any], first: int) -> tuple[NDArray[Any], int]:
    """Return what the taps of each position add up to."""
    count, stride, step = len(values), rule.stride, rule.dilation
    if rule.kernel <= count:
        return _move(window_taps(rule, first, count), values)
    spread = _zeros(values, (count - 1) * stride + rule.extent)
    for place in range(count):
        spread[place * stride : place * stride + rule.extent : step] += values[place]
    return spread, first * stride - rule.pad_begin


def _move(taps: Taps, values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    spread = _zeros(values, taps.length)
    for source, target in taps.moves:
        spread[target] += values[source]
    return spread, taps.first


def count_inside(rule: Window, first: int, count: int) -> Floats:
    """Return how many taps lie in the input, at least one, of `count` positions from `first` on."""
    start = np.arange(first, first + count) * rule.stride - rule.pad_begin
    before = np.clip(-(start // rule.dilation), 0, rule.kernel)
    beyond = start + rule.extent - rule.in_len
    after = np.clip(-(-beyond // rule.dilation), 0, rule.kernel)
    inside: Floats = np.maximum(rule.kernel - before - after, 1).astype(np.float64)
    return inside


def transposed_taps(rule: Transposed, first: int, count: int) -> Taps:
    """Return where the taps lie that `count` positions from `first` on collect."""
    stride, before = rule.stride, first + rule.pad_begin
    low = -(-(before - rule.extent + 1) // stride)
    length = max((before + count - 1) // stride - low + 1, 0)
    moves: list[tuple[slice, slice]] = []
    for tap in range(rule.kernel):
        start = low * stride - before + tap * rule.dilation
        least = max(-(start // stride), 0)
        most = max(min((count - 1 - start) // stride + 1, length), least)
        places = slice(start + least * stride, start + most * stride, stride)
        moves.append((places if most > least else slice(0), slice(least, most)))
    return Taps(low, length, moves)


def transposed_window(
    rule: Transposed, values: NDArray[Any], first: int
) -> tuple[NDArray[Any], int]:
    """Return what each input position, spread by the kernel, collects."""
    return _move(transposed_taps(rule, first, len(values)), values)


def shift(rule: Shift, values: NDArray[Any], first: int) -> tuple[NDArray[Any], int]:
    """Return values moved as a slice, a pad of zeros or a concat moves them."""
    step = rule.step
    ends = (rule.start + first * step, rule.start + (first + len(values) - 1) * step)
    if step in (1, -1):
        return values[::step], min(ends)
    if not step:
        return values.sum(axis=0, keepdims=True), rule.start
    spread = _zeros(values, abs(ends[1] - ends[0]) + 1)
    spread[:: abs(step)] = values[:: 1 if step > 0 else -1]
    return spread, min(ends)


def single(rule: Shift | Repeat | Pick, values: NDArray[Any]) -> NDArray[Any]:
    """Return what positions collect that are read one at a time; `values` are all there."""
    at = indices(rule)
    spread = _zeros(values, rule.in_len)
    np.add.at(spread, at[at >= 0], values[at >= 0])
    return spread


def gather(places: Places, values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return what the elements of a tensor of `shape` collect; `values` are one for each place."""
    check_size(math.prod(shape))
    spread: NDArray[Any] = np.zeros(shape, dtype=values.dtype)
    there = np.broadcast_to(places[0] >= 0, values.shape)
    at = tuple(np.broadcast_to(place, values.shape)[there] for place in places)
    np.add.at(spread, at, values[there])
    return spread


def list_taps(rule: Listed, values: NDArray[Any], *, evenly: bool) -> NDArray[Any]:
    """Return what listed positions collect: each the whole, or its even share of it."""
    spread = _zeros(values, rule.in_len)
    for place, taps in enumerate(rule.lists):
        there = [tap for tap in taps if 0 <= tap < rule.in_len]
        for tap in there:
            spread[tap] += values[place] / len(taps) if evenly else values[place]
    return spread


def blocks(rule: Blocks, values: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over each block, at each of the block's inputs."""
    size = rule.out_len // rule.groups
    sums = values.reshape(rule.groups, size, *values.shape[1:]).sum(axis=1)
    return np.repeat(sums, rule.in_len // rule.groups, axis=0)


def band(rule: Band, values: NDArray[Any]) -> NDArray[Any]:
    """Return what each position collects of those whose band, open on a side, it lies in.

    `values` are all there.
    """
    top = len(values) - 1
    check_size(rule.in_len * (values.size // max(len(values), 1)))
    position = np.arange(rule.in_len)
    if rule.before is None and rule.after is None:
        return np.repeat(values.sum(axis=0, keepdims=True), rule.in_len, axis=0)
    if rule.after is not None:
        sums, start = values[::-1].cumsum(axis=0)[::-1], position - rule.after
        collected: NDArray[Any] = sums[np.clip(start, 0, top)]
        return _only(collected, start <= top)
    sums, stop = values.cumsum(axis=0), position + (rule.before or 0)
    return _only(sums[np.clip(stop, 0, top)], stop >= 0)


def _only(values: NDArray[Any], there: Mask) -> NDArray[Any]:
    values = values.copy()
    values[~there] = 0
    return values
