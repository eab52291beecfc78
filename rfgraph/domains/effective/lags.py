"""Correlations between the gradients of neighbouring positions, and what smoothing makes of them.

Squares add only where gradients are uncorrelated. An operator that smooths leaves neighbours
correlated, and a second one then passes more than the sum of squares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.effective.interpolation import taps
from rfgraph.relations.axis_rules import Resample, Transposed, Window
from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.axis_rules import OwnRule
    from rfgraph.relations.reading import Ints

# Correlations are held by axis, at distance 0, 1, 2, ... up to this; along another axis no two
# positions are correlated.
REACH = 16


def lags_before(rule: OwnRule, lag: Floats | None) -> Floats | None:
    """Return the lags before a rule that sums with weights, or moves.

    Positions that the stride of a window parts are uncorrelated.
    """
    if lag is None or not isinstance(rule, (Window, Transposed)):
        return None
    before, stride = np.zeros(REACH + 1), rule.stride
    if isinstance(rule, Window):
        before[::stride] = lag[: REACH // stride + 1]
    else:
        before[: REACH // stride + 1] = lag[::stride]
    return before


def smooths(rule: OwnRule) -> bool:
    """Whether an average by this rule reads positions in more than one window."""
    if isinstance(rule, Window):
        return rule.stride < rule.kernel
    return isinstance(rule, Resample) and rule.filter in ("linear", "cubic")


def smooth(rule: Window | Resample, lag: Floats | None) -> tuple[float, Floats | None]:
    """Return by how much more than the sum of squares an average passes on, and the lags before it.

    Both are taken at the middle of the input.
    """
    places_and_weights = taps(rule) if isinstance(rule, Resample) else _mean_taps(rule)
    columns = _columns(*places_and_weights, rule.in_len // 2, rule.in_len)
    if not columns[:, 0].any():
        return 1.0, None
    first = columns[:, 0]
    products = first @ columns
    for apart, share in enumerate(() if lag is None else lag):
        if apart:
            both = first[apart:] @ columns[:-apart] + first[:-apart] @ columns[apart:]
            products = products + share * both
    return float(products[0] / (columns[:, 0] ** 2).sum()), products / products[0]


def _mean_taps(rule: Window) -> tuple[Ints, Floats]:
    check_size(rule.out_len * rule.kernel)
    first = np.arange(rule.out_len, dtype=np.int64) * rule.stride - rule.pad_begin
    index = first[:, None] + np.arange(rule.kernel) * rule.dilation
    weight = ((index >= 0) & (index < rule.in_len)) / rule.kernel
    return index, weight


def _columns(position: Ints, weight: Floats, at: int, length: int) -> Floats:
    """Return the weights of positions at, at + 1, ... in the rows that read any of them."""
    place = position - at
    there = (place >= 0) & (place <= REACH) & (weight != 0) & (position < length)
    rows = np.flatnonzero(there.any(axis=1))
    low, high = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
    columns = np.zeros((high - low, REACH + 1))
    row, tap = np.nonzero(there[low:high])
    columns[row, place[low:high][row, tap]] = weight[low:high][row, tap]
    return columns


def at(lags: Mapping[int, Floats], axis: int, lag: Floats | None) -> dict[int, Floats]:
    """Return lags with those along an axis replaced; None: of no two positions."""
    others = {other: kept for other, kept in lags.items() if other != axis}
    return others if lag is None else {**others, axis: lag}


def fade(lags: Mapping[int, Floats], share: float) -> dict[int, Floats]:
    """Return lags of which only a share is left between different positions."""
    fading = np.array([1.0] + [share] * REACH)
    return {axis: lag * fading for axis, lag in lags.items() if share}


def average(
    first: Mapping[int, Floats], second: Mapping[int, Floats], share: float
) -> dict[int, Floats]:
    """Return the lags of a sum of squares of which `share` comes from the first."""
    alone = np.eye(1, REACH + 1)[0]
    return {
        axis: share * first.get(axis, alone) + (1 - share) * second.get(axis, alone)
        for axis in first.keys() | second.keys()
    }
