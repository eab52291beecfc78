"""How a tensor moves with an input axis, where need be by what its units in the middle read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.examined import Examined
from rfgraph.analysis.other_lengths import other_lengths
from rfgraph.domains.fields.interior import repeating_map
from rfgraph.domains.moved import Moved, flatten
from rfgraph.domains.movement import (
    BEFORE,
    CROSSED,
    LISTED,
    MASKED,
    MIXED,
    PARTS,
    PICKED,
    WRAPPED,
    Break,
    Movement,
)
from rfgraph.domains.periodic import PeriodicMap, join_spans
from rfgraph.errors import BoundError
from rfgraph.relations.graph import input_shape, shape_of

if TYPE_CHECKING:
    from fractions import Fraction

    from rfgraph.relations.graph import ModelInput

# What may read the same from unit to unit all the same, away from the borders.
_TABULATED = frozenset((PARTS, WRAPPED, MASKED, MIXED, CROSSED, LISTED, PICKED))


class _Middle(NamedTuple):
    """What units away from the borders read along an axis, and whether that ends before them."""

    axis: int
    reads: PeriodicMap
    is_bounded: bool


def movement_of(examined: Examined, source: ModelInput, axis: int) -> Movement:
    """Return how a tensor moves: by steps and, where they do not tell, by units in its middle.

    Windows that are shifted by a roll and masked where it wraps, and chunks that a mask makes,
    repeat away from the borders. What is so at one length only is not taken.
    """
    tensor = examined.tensor
    by_steps = examined.movement(source.name, axis)
    whys = {item.why for item in by_steps.breaks}
    if not whys & _TABULATED or whys - _TABULATED - {BEFORE}:
        return by_steps
    value = by_steps.values.get(tensor)
    known = flatten(value).needs if isinstance(value, Moved) else None
    rates = frozenset(() if known is None else (known.rate,))
    middle = _middle(examined, source, axis, rates)
    if middle is None:
        return by_steps
    if axis in source.symbolic:
        longer = examined.lengths.at(source, {axis: source.shape[axis] + middle.reads.q})
        if longer is None:
            return by_steps
        if _middle(Examined(other_lengths(longer), tensor), source, axis, rates) != middle:
            return by_steps
    needs = _needs(middle.reads, known or middle.reads, by_steps.step)
    length = (shape_of(examined.graph, tensor) or ())[middle.axis]
    opened = () if middle.is_bounded else (Break(by_steps.breaks[-1].operator, BEFORE),)
    values = {**by_steps.values, tensor: Moved(middle.axis, 1, length, needs, needs)}
    tabulated = tuple(
        dict.fromkeys(item.operator for item in by_steps.breaks if item.why not in (BEFORE, PICKED))
    )
    return Movement(values, opened, by_steps.mirrored, tabulated)


def _middle(
    examined: Examined, source: ModelInput, axis: int, rates: frozenset[Fraction]
) -> _Middle | None:
    """Return what units in the middle read; None where that does not repeat along one axis."""
    try:
        table = examined.regions(source.name)[axis]
    except BoundError:
        return None
    length = input_shape(examined.graph, source.name)[axis]
    middles = [
        _Middle(along, *repeated)
        for along in sorted(table.axes)
        if (repeated := repeating_map(table, along, length, rates)) is not None
    ]
    return middles[0] if len(middles) == 1 else None


def _needs(reads: PeriodicMap, known: PeriodicMap, step: int) -> PeriodicMap:
    """Return what units need: to exist, what they read, and what `known` paths need, of one rate.

    On the grid of all that is on the way, for a union may hide the period of a part.
    """
    q = math.lcm(reads.q, step)
    p = q * reads.p // reads.q
    own = [(unit * q // p, unit * q // p) for unit in range(p)]
    return PeriodicMap(
        p, q, tuple(join_spans((reads.at(o), known.at(o), own[o])) for o in range(p))
    )
