"""What an axis rule reads position by position: whether anything, which one, or which ones."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Shift,
    Transposed,
    Window,
    progressions,
)
from rfgraph.relations.bounds import bounded

Ints: TypeAlias = NDArray[np.int64]


def reads_any(rule: AxisRule, *, clipped: bool) -> NDArray[np.bool_] | None:
    """Return for each output position whether it reads anything; None if all do.

    With `clipped`, only what exists counts.
    """
    if not clipped:
        return reads_endlessly(rule)
    if _always_reads(rule):
        return None
    bounded(rule.out_len)
    if isinstance(rule, Shift | Pick):
        return indices(rule, clipped=clipped) >= 0
    if isinstance(rule, Listed):
        return np.array([any(0 <= tap < rule.in_len for tap in taps) for taps in rule.lists])
    if isinstance(rule, Band):
        return _band_reads(rule)
    _, _, count = existing_taps(rule)
    return count > 0


def _always_reads(rule: AxisRule) -> bool:
    """Whether every output position is plain to read something that exists."""
    if isinstance(rule, Shift):
        return _lies_inside(rule)
    if isinstance(rule, Window):
        return _never_in_padding(rule)
    return isinstance(rule, Blocks | Repeat)


def reads_endlessly(rule: AxisRule) -> NDArray[np.bool_] | None:
    """Return for each output position whether it reads anything if the input had no end.

    None if all do. A position that another operand of a Concat fills still reads nothing.
    """
    if isinstance(rule, Transposed):
        phases = [bool(rule.taps(o)) for o in range(min(rule.stride, rule.out_len))]
        bounded(rule.out_len)
        reads = None if all(phases) else np.resize(np.array(phases), rule.out_len)
    elif isinstance(rule, Pick):
        reads = np.array(rule.indices, dtype=np.int64) >= 0
    elif isinstance(rule, Listed):
        reads = np.array([bool(taps) for taps in rule.lists], dtype=bool)
    elif isinstance(rule, Shift) and rule.outside == "absent" and not _lies_inside(rule):
        reads = indices(rule, clipped=False) >= 0
    elif isinstance(rule, Band) and not _has_width(rule):
        reads = np.zeros(rule.out_len, dtype=bool)
    else:
        reads = None
    return None if reads is None or bool(reads.all()) else reads


def _lies_inside(rule: Shift) -> bool:
    return rule.start >= 0 and _last(rule) < rule.in_len


def _has_width(rule: Band) -> bool:
    return rule.before is None or rule.after is None or rule.before + rule.after >= 0


def _last(rule: Shift) -> int:
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    return rule.in_len if min(ends) < 0 else max(ends)


def _never_in_padding(rule: Window) -> bool:
    """Whether contiguous taps always meet the input: neither end lies wholly in the padding."""
    last = (rule.out_len - 1) * rule.stride - rule.pad_begin
    return rule.dilation == 1 and 0 <= rule.pad_begin < rule.kernel and last < rule.in_len


def _band_reads(rule: Band) -> NDArray[np.bool_]:
    position = np.arange(rule.out_len, dtype=np.int64)
    lo = np.zeros_like(position) if rule.before is None else np.maximum(position - rule.before, 0)
    top = rule.in_len - 1
    if rule.after is None:
        return lo <= top
    return lo <= np.minimum(position + rule.after, top)


def indices(rule: Shift | Repeat | Pick, *, clipped: bool) -> Ints:
    """Return the one position read by each output position, -1 for none."""
    bounded(rule.out_len)
    if isinstance(rule, Pick):
        return np.array(rule.indices, dtype=np.int64)
    position = np.arange(rule.out_len, dtype=np.int64)
    if isinstance(rule, Repeat):
        return position % rule.in_len
    at, length = rule.start + position * rule.step, rule.in_len
    if clipped and rule.outside == "edge":
        return np.clip(at, 0, length - 1)
    if clipped and rule.outside == "wrap":
        return at % length
    if clipped and rule.outside == "reflect":
        turn = at % max(2 * (length - 1), 1)
        return np.minimum(turn, 2 * (length - 1) - turn)
    return np.where((at >= 0) & (at < length), at, -1)


def existing_taps(rule: Any) -> tuple[Ints, int, Ints]:
    """Return first position, step and count of the taps that exist, per output position."""
    if isinstance(rule, Band):
        before, after = rule.before or 0, rule.after or 0
        rule = Window(max(before + after + 1, 0), 1, 1, before, rule.in_len, rule.out_len)
    first, step, count = progressions(rule)
    top = rule.in_len - 1
    last = first + (count - 1) * step
    if isinstance(rule, Resample) and rule.clamp:
        first, last = np.clip(first, 0, top), np.clip(last, 0, top)
    skipped = np.maximum(-(first // step), 0)
    first = first + skipped * step
    beyond = np.maximum(-((top - last) // step), 0)
    count = np.maximum((last - beyond * step - first) // step + 1, 0) * (count > 0)
    if isinstance(rule, Resample) and rule.crop:
        inside = [0 <= rule.coordinate(o) <= top for o in range(rule.out_len)]
        count = count * np.array(inside, dtype=np.int64)
    return first, step, count
