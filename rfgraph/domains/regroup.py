"""The same elements under another shape: which axes go together, and tables regrouped sparingly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from rfgraph.domains.tables import Table, count_table
from rfgraph.relations.bounds import check_size
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.axis_rules import Shape


Held = TypeVar("Held")


@dataclass(frozen=True, slots=True)
class Regrouped(Generic[Held]):
    """What is held of a tensor of `shape`, whose elements now stand under the shape `now`."""

    held: Held
    shape: Shape
    now: Shape


@lru_cache(maxsize=1024)
def slim(
    old: Shape, new: Shape, varying: frozenset[int]
) -> tuple[Shape, Shape, tuple[tuple[int, int], ...]]:
    """Return both shapes of a Regroup without the factors along which nothing varies, and repeats.

    Only the old axes `varying` matter, of which each has more than one position. Of the new axes
    that are repeated each position stands for so many in a row.
    """
    slim_old, slim_new = list(old), list(new)
    repeats: list[tuple[int, int]] = []
    for before, after in regroup_plan(old, new):
        wide = [axis for axis in before if axis in varying]
        if not wide:
            for axis in before:
                slim_old[axis] = 1
            for axis in after:
                slim_new[axis] = 1
            continue
        inner = [axis for axis in before if axis > wide[-1]]
        lengths, repeat = _without_inner([new[k] for k in after], math.prod(old[k] for k in inner))
        if lengths is not None:
            for axis in inner:
                slim_old[axis] = 1
            slim_new[after[0] : after[-1] + 1] = lengths
            repeats.extend((after[place], count) for place, count in repeat)
        _cut_outer([axis for axis in before if axis < wide[0]], after, slim_old, slim_new)
    return tuple(slim_old), tuple(slim_new), tuple(repeats)


def slim_before(axis: int, old: Shape, new: Shape, varying: frozenset[int]) -> tuple[Shape, Shape]:
    """Return shapes of a Regroup that do as well as `old` and `new` where `axis` is reduced next.

    Nothing varies along old axes other than `varying`: those within `axis` can be left out.
    """
    slim_old, slim_new = list(old), list(new)
    before, after = next(group for group in regroup_plan(old, new) if axis in group[1])
    low = math.prod(new[k] for k in after if k > axis)
    for place in before:
        inner = math.prod(old[k] for k in before if k > place)
        within = inner % low == 0 and low * new[axis] % (inner * old[place]) == 0
        if place not in varying and within:
            slim_old[place] = 1
            slim_new[axis] //= old[place]
    return tuple(slim_old), tuple(slim_new)


def _without_inner(
    lengths: list[int], inner: int
) -> tuple[list[int] | None, list[tuple[int, int]]]:
    """Return lengths divided from the last on by `inner` in all, and which one in part.

    They hold more than `inner` positions. None where they do not divide.
    """
    place = len(lengths) - 1
    while inner % lengths[place] == 0:
        inner //= lengths[place]
        lengths[place] = 1
        place -= 1
    if lengths[place] % inner:
        return None, []
    lengths[place] //= inner
    return lengths, [(place, inner)] if inner > 1 else []


def _cut_outer(outer: list[int], after: Sequence[int], old: list[int], new: list[int]) -> None:
    """Divide both shapes by the first new axes that lie within the `outer` old ones.

    These are not all of what the axes `after` are made of.
    """
    left = math.prod(old[axis] for axis in outer)
    axis = after[0]
    while left % new[axis] == 0:
        left //= new[axis]
        new[axis] = 1
        axis += 1
    for axis in outer:
        old[axis] = 1
    if outer:
        old[outer[0]] = left


def regrouped_axes(axes: frozenset[int], old: Shape, new: Shape) -> frozenset[int]:
    """Return the axes of the new shape along which positions on some old axes change."""
    after_axes: set[int] = set()
    for before, after in regroup_plan(old, new):
        for carrier in axes.intersection(before):
            low = math.prod(old[axis] for axis in before if axis > carrier)
            high = low * old[carrier]
            inner = 1
            for axis in reversed(after):
                if new[axis] > 1 and inner % high and low % (inner * new[axis]):
                    after_axes.add(axis)
                inner *= new[axis]
    return frozenset(after_axes)


def regrouped_size(table: Table, old: Shape, new: Shape) -> int:
    """Return how many entries the table has under another shape."""
    _, thin_new, _ = slim(old, new, table.axes)
    return math.prod(length for length, thin in zip(new, thin_new, strict=True) if thin > 1)


def regroup(table: Table, old: Shape, new: Shape) -> Table:
    """Return the table of the tensor under another shape."""
    check_size(regrouped_size(table, old, new))
    slim_old, slim_new, repeats = slim(old, new, table.axes)
    lo, hi = table
    if lo.shape != slim_old:
        lo, hi = (np.broadcast_to(array, slim_old) for array in table)
    lo, hi = lo.reshape(slim_new), hi.reshape(slim_new)
    for axis, count in repeats:
        lo, hi = lo.repeat(count, axis=axis), hi.repeat(count, axis=axis)
    return count_table(Table(lo, hi))
