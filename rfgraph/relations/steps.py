"""The steps that a relation is a chain of, and the shape after each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.relations.axis_rules import along_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rfgraph.relations.axis_rules import Band, ReduceRule, SelectRule, Shape, TapRule


# For each axis of an input the position on it that each element reads, -1 for none.
Places: TypeAlias = "tuple[NDArray[np.int64], ...]"
Plan: TypeAlias = "tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]"


@lru_cache(maxsize=1024)
def regroup_plan(old: Shape, new: Shape) -> Plan:
    """Return the least groups of axes of equal product, in order, as (old axes, new axes)."""
    groups: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i] == new[j]:
            groups.append(((i,), (j,)))
            i, j = i + 1, j + 1
        elif i < len(old) and old[i] == 1:
            groups.append(((i,), ()))
            i += 1
        elif j < len(new) and new[j] == 1:
            groups.append(((), (j,)))
            j += 1
        else:
            i, j, group = _group(old, new, i, j)
            groups.append(group)
    return tuple(groups)


def _group(
    old: Shape, new: Shape, i: int, j: int
) -> tuple[int, int, tuple[tuple[int, ...], tuple[int, ...]]]:
    start_i, start_j = i, j
    left = right = 1
    while left != right or i == start_i or j == start_j:
        if (left <= right and i < len(old)) or j >= len(new):
            if i >= len(old):
                break
            left *= old[i]
            i += 1
        else:
            right *= new[j]
            j += 1
    return i, j, (tuple(range(start_i, i)), tuple(range(start_j, j)))


@dataclass(frozen=True, slots=True)
class Pointwise:
    """The same index, by numpy broadcasting to `shape`; a broadcast axis reads index 0."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Permute:
    """Output axis a is input axis perm[a]."""

    perm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Regroup:
    """The same elements in row-major order under another shape (Reshape)."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Taps:
    """Along some axes a list of positions per output position, separable over the axes.

    `rules`, here and in the other steps, are pairs of axis and rule.
    """

    rules: tuple[tuple[int, TapRule], ...]


@dataclass(frozen=True, slots=True)
class Select:
    """Along some axes at most one position per output position."""

    rules: tuple[tuple[int, SelectRule], ...]


def is_own(place: NDArray[np.int64], axis: int, length: int) -> bool:
    """Whether a place of `Gathered`, where it is one, is the position on an axis of `length`."""
    own = np.arange(length).reshape(along_axis(length, axis, place.ndim))
    return bool(((place == own) | (place < 0)).all())


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Each element of `shape` is one of the input's, or nothing: any rearrangement.

    For each axis of the input `places` say the position on it, -1 for nothing: arrays that
    broadcast to `shape`, of length 1 along every axis along which they are constant.
    """

    shape: Shape
    places: Places

    def keeps(self, axis: int, shape: Shape) -> bool:
        """Whether all that reads an input of `shape` reads its own position on an axis."""
        if len(shape) != len(self.shape):
            return False
        return self.shape[axis] == shape[axis] and is_own(self.places[axis], axis, shape[axis])


@dataclass(frozen=True, slots=True)
class Reduce:
    """All of some axes, of one's own block, or what a mask leaves of one's own row.

    `weighted` if learned weights take part.
    """

    rules: tuple[tuple[int, ReduceRule], ...]
    weighted: bool = False


@dataclass(frozen=True, slots=True)
class Prefix:
    """Everything up to, from, or in a band around one's own position."""

    rules: tuple[tuple[int, Band], ...]


@dataclass(frozen=True, slots=True)
class Everything:
    """All elements; `unknown` if that is for want of knowledge."""

    shape: Shape
    unknown: bool = False


Along: TypeAlias = Taps | Select | Reduce | Prefix
Move: TypeAlias = Permute | Regroup | Gathered
Step: TypeAlias = Pointwise | Move | Along | Everything


def step_shape(step: Step, shape: Shape) -> Shape:
    """Return the shape after `step` of a tensor of `shape`."""
    if isinstance(step, (Pointwise, Regroup, Gathered, Everything)):
        return step.shape
    if isinstance(step, Permute):
        return tuple(shape[axis] for axis in step.perm)
    lengths = list(shape)
    for axis, rule in step.rules:
        lengths[axis] = rule.out_len
    return tuple(lengths)
