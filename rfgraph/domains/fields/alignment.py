"""Whether the paths that meet in a tensor agree in stride and in centre."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.fields.pieces import Blur, Mapped, Regrouped, Tabled, to_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.spread import Extent, Spread
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.reading import Ints, Mask


# -- alignment -------------------------------------------------------------------------------------


def are_aligned(spreads: Sequence[Spread], shape: Shape) -> bool | None:
    """Whether all paths to a tensor of `shape` agree in stride and in mean centre over one period.

    None where single paths were too many patterns to carry on.
    """
    extents: list[Extent] = []
    for spread in spreads:
        if spread is None:
            return None
        extents.extend(spread)
    extents = _comparable(extents, shape)
    lines: set[tuple[Fraction | int, Fraction | int]] = set()
    for piece, twice in [(extent.piece, extent.twice) for extent in extents]:
        if twice is None:
            return False
        if isinstance(piece, Mapped):
            lines.add(_line(piece, twice))
    if all(isinstance(extent.piece, Mapped) for extent in extents):
        return len(lines) < 2
    return len(extents) == 1 or _tables_agree(extents)


def _comparable(extents: list[Extent], shape: Shape) -> list[Extent]:
    """Return single paths before the one Reshape that moved them all, else all as they stand."""
    moved = [extent.piece for extent in extents if isinstance(extent.piece, Regrouped)]
    if len(moved) == len(extents) and len({piece.shape for piece in moved}) == 1:
        return [
            extent._replace(piece=piece.piece) for extent, piece in zip(extents, moved, strict=True)
        ]
    if not moved:
        return extents
    return [
        extent
        if isinstance(extent.piece, (Tabled, Blur))
        else extent._replace(piece=to_table(extent.piece, shape))
        for extent in extents
    ]


def common_line(spread: Spread) -> tuple[Fraction, Fraction] | None:
    """Return the stride of all paths and their first unit's centre, averaged over one period.

    In input positions. None where they disagree or have no period.
    """
    lines = {
        _line(extent.piece, extent.twice)
        if isinstance(extent.piece, Mapped) and extent.twice is not None
        else None
        for extent in spread or ()
    }
    line = lines.pop() if len(lines) == 1 else None
    return None if line is None else (Fraction(line[0]), Fraction(line[1]) / 2)


def _line(piece: Mapped, twice: int) -> tuple[Fraction | int, Fraction | int]:
    """Return stride and twice the mean of centre - stride * o over the phases that read."""
    mapped = piece.map
    return (mapped.q, twice) if mapped.p == 1 else (mapped.rate, twice + mapped.lag)


def _tables_agree(extents: list[Extent]) -> bool:
    """Whether tables have the same centre at every unit that they share.

    Those that depend on no axis in common (the two sides of a product) share none.
    """
    centres: list[tuple[frozenset[int], Mask, Ints]] = []
    for extent in extents:
        if not isinstance(extent.piece, Tabled) or extent.twice is None:
            return False
        lo, hi = extent.piece.table
        there = lo <= hi
        centres.append((extent.piece.axes, there, np.where(there, lo + hi, 0)))
    for axes, there, total in centres:
        base = next(item for item in centres if not axes or item[0] & axes)
        shared = there & base[1]
        if not bool((np.broadcast_to(total == base[2], shared.shape))[shared].all()):
            return False
    return True
