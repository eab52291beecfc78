"""Sets of positions on an axis: increasing ranges, however long, until they must be bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rfgraph.relations.axis_rules import Band, Blocks, OwnRule, Shift, Whole, Window
from rfgraph.relations.bounds import check_size
from rfgraph.relations.reading import Mask, positions_read

if TYPE_CHECKING:
    from collections.abc import Iterator


def flags(chosen: range | int, length: int) -> Mask:
    """Return a flag for each position of an axis; BoundError if it is too long."""
    # A flag takes a sixteenth of what an entry of a table does.
    check_size(length // 16)
    mask = np.zeros(length, dtype=bool)
    if isinstance(chosen, range):
        if chosen:
            mask[chosen.start : chosen.stop : chosen.step] = True
        return mask
    packed = np.frombuffer(chosen.to_bytes((length + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little", count=length).astype(bool)


def positions(mask: Mask) -> range | int:
    """Return the positions of the flags that are set."""
    there = np.flatnonzero(mask)
    if len(there) < 2:
        return range(there[0], there[0] + 1) if len(there) else range(0)
    steps = np.diff(there)
    if (steps == steps[0]).all():
        return range(int(there[0]), int(there[-1]) + 1, int(steps[0]))
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def bits_of(number: int) -> Iterator[int]:
    """Yield the places of the bits that are set, the least first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def ends(chosen: range | int) -> tuple[int, int]:
    """Return the first and the last of some positions."""
    if isinstance(chosen, range):
        return chosen[0], chosen[-1]
    return (chosen & -chosen).bit_length() - 1, chosen.bit_length() - 1


def is_within(first: range | int, second: range | int) -> bool:
    """Whether all positions of one set, which has some, are of the other."""
    if isinstance(second, int):
        return not _bits(first) & ~second
    if isinstance(first, int):
        low, high = ends(first)
        whole = second.step == 1 and low in second and high in second
        return whole or not first & ~_bits(second)
    apart = len(first) > 1 and first.step % second.step
    return not apart and first[0] in second and first[-1] in second


def union(first: range | int, second: range | int) -> range | int:
    """Return the positions of either set; BoundError where they lie too far on for bits."""
    low, high = min(ends(first)[0], ends(second)[0]), max(ends(first)[1], ends(second)[1])
    hull = range(low, high + 1)
    if _is_run(first) and _is_run(second) and len(hull) <= _count(first) + _count(second):
        return hull
    return positions(flags(first, high + 1) | flags(second, high + 1))


def _is_run(chosen: range | int) -> bool:
    first, last = ends(chosen)
    return last - first + 1 == _count(chosen)


def _count(chosen: range | int) -> int:
    return len(chosen) if isinstance(chosen, range) else chosen.bit_count()


def _bits(chosen: range | int) -> int:
    if isinstance(chosen, int):
        return chosen
    return int.from_bytes(
        np.packbits(flags(chosen, chosen[-1] + 1), bitorder="little").tobytes(), "little"
    )


def read_by(rule: OwnRule, chosen: range | int) -> range | int:
    """Return the positions of an axis that some positions behind a rule read, of those that exist.

    Raises BoundError for axes that are too long where they must be gone through.
    """
    if isinstance(rule, Whole):
        return range(rule.in_len)
    made = _progression(rule, chosen) if isinstance(chosen, range) else None
    if made is not None:
        return made
    check_size(max(rule.in_len, rule.out_len))
    return positions(positions_read(rule, flags(chosen, rule.out_len)))


def _progression(rule: OwnRule, chosen: range) -> range | None:
    """Return what a progression of positions reads as one, None where it is not plain to be one."""
    if isinstance(rule, Window):
        taps = rule.taps(chosen[0])
        return _sums(taps, chosen.step * rule.stride, len(chosen), rule.in_len)
    if isinstance(rule, Shift) and (rule.is_inside or rule.outside in ("pad", "absent")):
        taps = rule.taps(chosen[0 if rule.step > 0 else -1])
        return _sums(taps, chosen.step * abs(rule.step), len(chosen), rule.in_len)
    if len(chosen) > 1 and chosen.step > 1:
        return None
    if isinstance(rule, Band):
        if rule.before is not None and rule.after is not None and rule.before + rule.after < 0:
            return range(0)
        begin = 0 if rule.before is None else chosen[0] - rule.before
        end = rule.in_len if rule.after is None else chosen[-1] + rule.after + 1
        return range(max(begin, 0), min(end, rule.in_len))
    if isinstance(rule, Blocks):
        size, made = rule.in_len // rule.groups, max(rule.out_len // rule.groups, 1)
        first, last = chosen[0] // made, chosen[-1] // made
        return range(first * size, (last + 1) * size)
    return None


def _sums(taps: range, step: int, count: int, length: int) -> range | None:
    """Return the positions of `count` times some taps, each `step` further, on an axis of `length`.

    None where they are no progression.
    """
    if count == 1 or not step:
        made = taps
    elif len(taps) == 1:
        made = range(taps[0], taps[0] + count * step, step)
    elif step % taps.step == 0 and step // taps.step <= len(taps):
        made = range(taps[0], taps[-1] + (count - 1) * step + 1, taps.step)
    elif taps.step % step == 0 and taps.step // step <= count:
        made = range(taps[0], taps[-1] + (count - 1) * step + 1, step)
    else:
        return None
    skipped = max(-(made[0] // made.step), 0)
    return range(made[0] + skipped * made.step, min(made[-1] + 1, length), made.step)
