"""What an axis rule reads position by position: whether anything, which one, or which ones."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Blocks,
    Listed,
    OwnRule,
    Pick,
    Repeat,
    Resample,
    Shift,
    TapRule,
    Transposed,
    Whole,
    Window,
    progressions,
)
from rfgraph.relations.bounds import check_size

Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


def reads_any(rule: OwnRule, *, clipped: bool) -> NDArray[np.bool_] | None:
    """Return for each output position whether it reads anything; None if all do.

    With `clipped`, only what exists counts.
    """
    if not clipped:
        return reads_endlessly(rule)
    if isinstance(rule, (Whole, Blocks, Repeat)) or _plainly_reads(rule):
        return None
    check_size(rule.out_len)
    if isinstance(rule, (Shift, Pick)):
        return indices(rule) >= 0
    if isinstance(rule, Listed):
        return np.array([any(0 <= tap < rule.in_len for tap in taps) for taps in rule.lists])
    if isinstance(rule, Band):
        return _band_reads(rule)
    _, _, count = existing_taps(rule)
    return count > 0


def _plainly_reads(rule: TapRule | Shift | Pick | Band) -> bool:
    """Whether it is plain that every output position reads something that exists."""
    if isinstance(rule, Shift):
        return rule.is_inside
    return isinstance(rule, Window) and _never_in_padding(rule)


def reads_endlessly(rule: AxisRule) -> NDArray[np.bool_] | None:
    """Return for each output position whether it reads anything if the input had no end.

    None if all do. A position that another operand of a Concat fills still reads nothing.
    """
    if isinstance(rule, Transposed):
        phases = [bool(rule.taps(o)) for o in range(min(rule.stride, rule.out_len))]
        check_size(rule.out_len)
        reads = None if all(phases) else np.resize(np.array(phases), rule.out_len)
    elif isinstance(rule, Pick):
        reads = np.array(rule.indices, dtype=np.int64) >= 0
    elif isinstance(rule, Listed):
        reads = np.array([bool(taps) for taps in rule.lists], dtype=bool)
    elif isinstance(rule, Shift) and rule.outside == "absent" and not rule.is_inside:
        reads = indices(rule) >= 0
    elif isinstance(rule, Band) and not _has_width(rule):
        reads = np.zeros(rule.out_len, dtype=bool)
    else:
        reads = None
    return None if reads is None or bool(reads.all()) else reads


def _has_width(rule: Band) -> bool:
    return rule.before is None or rule.after is None or rule.before + rule.after >= 0


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


def indices(rule: Shift | Repeat | Pick) -> Ints:
    """Return the one position read by each output position, -1 for none."""
    check_size(rule.out_len)
    if isinstance(rule, Pick):
        return np.array(rule.indices, dtype=np.int64)
    position = np.arange(rule.out_len, dtype=np.int64)
    if isinstance(rule, Repeat):
        return position % rule.in_len
    at, length = rule.start + position * rule.step, rule.in_len
    if rule.outside == "edge":
        return np.clip(at, 0, length - 1)
    if rule.outside == "wrap":
        return at % length
    if rule.outside == "reflect":
        turn = at % max(2 * (length - 1), 1)
        return np.minimum(turn, 2 * (length - 1) - turn)
    return np.where((at >= 0) & (at < length), at, -1)


def reads_the_only(rule: AxisRule) -> bool:
    """Whether the axis has one position, and each that reads it reads that, by whatever rule."""
    return (
        rule.in_len == 1
        and isinstance(rule, (Pick, Repeat, Shift))
        and bool((indices(rule) == 0).all())
    )


def existing_taps(rule: Window | Transposed | Resample) -> tuple[Ints, int, Ints]:
    """Return first position, step and count of the taps that exist, per output position."""
    first, step, count = progressions(rule, rule.out_len)
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


def reads_all(rule: OwnRule) -> bool:
    """Whether every input position is read by some output position; not if that takes too long."""
    if isinstance(rule, Window) and rule.dilation == 1 and rule.stride <= rule.kernel:
        end = (rule.out_len - 1) * rule.stride - rule.pad_begin + rule.extent
        return rule.pad_begin >= 0 and end >= rule.in_len
    try:
        check_size(max(rule.in_len, rule.out_len))
        return bool(positions_read(rule, np.ones(rule.out_len, dtype=bool)).all())
    except BoundError:
        return False


def is_identity(rule: AxisRule) -> bool:
    """Whether a position reads nothing but itself, however far the axis is thought to go on."""
    match rule:
        case Window() | Transposed():
            same = rule.is_identity
        case Shift():
            same = rule.step == 1 and not rule.start
        case Blocks():
            same = rule.groups == rule.in_len
        case Band():
            same = rule.before == rule.after == 0
        case Pick():
            same = all(at in (-1, o) for o, at in enumerate(rule.indices))
        case Listed():
            same = all(at == o for o, taps in enumerate(rule.lists) for at in taps)
        case _:
            same = isinstance(rule, Repeat)
    return same and rule.in_len == rule.out_len


def positions_read(rule: OwnRule, mask: Mask) -> Mask:
    """Return which positions of an axis are read by the output positions of `mask`."""
    read = np.zeros(rule.in_len, dtype=bool)
    chosen = np.nonzero(mask)[0]
    if len(chosen) == 0 or rule.in_len == 0:
        return read
    if isinstance(rule, Whole):
        read[:] = True
    elif isinstance(rule, Blocks):
        size = max(rule.out_len // rule.groups, 1)
        blocks = np.zeros(rule.groups, dtype=bool)
        blocks[chosen // size] = True
        read = blocks.repeat(rule.in_len // rule.groups)
    elif isinstance(rule, Listed):
        for o in chosen:
            there = [tap for tap in rule.lists[o] if 0 <= tap < rule.in_len]
            read[there] = True
    elif isinstance(rule, Band):
        _read_band(rule, chosen, read)
    elif isinstance(rule, (Window, Transposed)) or (isinstance(rule, Resample) and not rule.crop):
        _read_progressions(rule, chosen, read)
    else:
        _read_single(rule, chosen, read)
    return read


def _read_band(rule: Band, chosen: NDArray[np.intp], read: Mask) -> None:
    delta = np.zeros(rule.in_len + 1, dtype=np.int64)
    low = np.zeros_like(chosen) if rule.before is None else np.maximum(chosen - rule.before, 0)
    top = rule.in_len - 1
    high = np.full_like(chosen, top) if rule.after is None else np.minimum(chosen + rule.after, top)
    there = low <= high
    np.add.at(delta, low[there], 1)
    np.add.at(delta, high[there] + 1, -1)
    read[:] = np.cumsum(delta)[:-1] > 0


def _read_progressions(
    rule: Window | Transposed | Resample, chosen: NDArray[np.intp], read: Mask
) -> None:
    first, step, count = progressions(rule, rule.out_len)
    first, count = first[chosen], count[chosen]
    check_size(len(chosen) * max(int(count.max(initial=0)), 1) // 64)
    for tap in range(int(count.max(initial=0))):
        at = (first + tap * step)[count > tap]
        if isinstance(rule, Resample) and rule.clamp:
            at = np.clip(at, 0, rule.in_len - 1)
        read[at[(at >= 0) & (at < rule.in_len)]] = True


def _read_single(
    rule: Shift | Repeat | Pick | Resample, chosen: NDArray[np.intp], read: Mask
) -> None:
    """Mark what is read by rules of at most one position, or around a cropped coordinate."""
    if isinstance(rule, Resample):
        for o in chosen:
            if 0 <= rule.coordinate(int(o)) <= rule.in_len - 1:
                at = np.clip(np.array(rule.taps(int(o)), dtype=np.int64), 0, rule.in_len - 1)
                read[at] = True
        return
    at = indices(rule)[chosen]
    read[at[at >= 0]] = True
