"""Support: on which positions of a tensor's other axes a piece reads anything at all.

The positions of an axis are a bit set; axes restrict independently of each other.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import Table
from rfgraph.relations.axis_rules import Listed, OwnRule, Shape, Shift, Whole
from rfgraph.relations.reading import Mask, reads_endlessly

if TYPE_CHECKING:
    from rfgraph.relations.steps import Plan


MAX_SUPPORT = 1 << 20

# For some tensor axes, in order, the positions outside which nothing is read.
Support: TypeAlias = "tuple[tuple[int, int], ...]"


def of(support: Support, axis: int) -> int | None:
    """Return the positions of an axis, None for all of them."""
    for other, bits in support:
        if other == axis:
            return bits
    return None


@lru_cache(maxsize=1024)
def after(bits: int | None, rule: OwnRule) -> int | None:
    """Return the positions of an axis that read something by `rule`, None for all of them."""
    if rule.out_len > MAX_SUPPORT or rule.in_len > MAX_SUPPORT:
        return None
    if bits is None:
        reads = reads_endlessly(rule)
        return None if reads is None else pack(reads)
    if isinstance(rule, Whole):
        return None
    if isinstance(rule, Listed):
        source = flags(bits, rule.in_len)
        there = [any(source[tap] for tap in taps if 0 <= tap < rule.in_len) for taps in rule.lists]
        return pack(np.array(there, dtype=bool))
    if isinstance(rule, Shift) and rule.step == 1 and rule.outside in ("pad", "absent"):
        return _shift(bits, rule)
    source = flags(bits, rule.in_len)
    made = Table(np.where(source, 0, tables.NOTHING), np.where(source, 0, -tables.NOTHING))
    out = tables.along(made, 0, rule, clipped=False)
    return pack(np.broadcast_to(out.lo <= out.hi, (rule.out_len,)))


def _shift(bits: int, rule: Shift) -> int | None:
    moved = bits >> rule.start if rule.start >= 0 else bits << -rule.start
    everywhere = (1 << rule.out_len) - 1
    moved &= everywhere
    return None if moved == everywhere else moved


def flags(bits: int, length: int) -> Mask:
    """Return a bit set as one flag per position."""
    packed = np.frombuffer(bits.to_bytes((length + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little", count=length).astype(bool)


def pack(mask: Mask) -> int | None:
    """Return flags as a bit set, None if all are set."""
    if mask.all():
        return None
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def regroup(support: Support, old: Shape, new: Shape, plan: Plan) -> Support | None:
    """Return the support under another shape; None where axes would no longer be independent."""
    bits_by_axis: list[tuple[int, int]] = []
    for before, behind in plan:
        here = {axis: bits for axis, bits in support if axis in before}
        if here:
            moved = _regrouped_axes(here, before, behind, old, new)
            if moved is None:
                return None
            bits_by_axis.extend(moved)
    return tuple(sorted(bits_by_axis))


def _regrouped_axes(
    here: dict[int, int], before: tuple[int, ...], behind: tuple[int, ...], old: Shape, new: Shape
) -> Support | None:
    wide_old = [axis for axis in before if old[axis] != 1]
    wide_new = [axis for axis in behind if new[axis] != 1]
    if len(wide_old) == len(wide_new) == 1:
        return ((wide_new[0], here[wide_old[0]]),)
    if math.prod(old[axis] for axis in before) > MAX_SUPPORT:
        return None
    joint = np.ones(1, dtype=bool)
    for axis in before:
        one = flags(here[axis], old[axis]) if axis in here else np.ones(old[axis], dtype=bool)
        joint = np.logical_and.outer(joint, one).reshape(-1)
    apart = projections(joint.reshape([new[axis] for axis in behind]))
    if apart is None:
        return None
    return tuple((behind[place], bits) for place, bits in apart)


def projections(mask: Mask) -> Support | None:
    """Return the positions of each axis at which a mask is set; None if it is not their product."""
    shadow = np.ones((1,) * mask.ndim, dtype=bool)
    sides: list[tuple[int, int]] = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        mine = mask.any(axis=others, keepdims=True)
        shadow = shadow & mine
        bits = pack(mine.reshape(-1))
        if bits is not None:
            sides.append((axis, bits))
    return tuple(sides) if bool((shadow == mask).all()) else None
