"""Whether the paths that meet in a tensor agree in stride and in centre."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.fields.pieces import Blur, Mapped, Regrouped, Tabled, to_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.spread import Extent, Spread
    from rfgraph.domains.fields.support import Mask
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.reading import Ints


# -- alignment -------------------------------------------------------------------------------------


def aligned(spreads: Sequence[Spread], shape: Shape) -> bool | None:
    """Whether all paths to a tensor of `shape` agree in stride and in mean centre over one period.

    None where single paths were too many patterns to carry on.
    """
    extents: list[Extent] = []
    for spread in spreads:
        if spread is None:
            return None
        extents.extend(spread.values())
    extents = _comparable(extents, shape)
    if any(extent.twice is None for extent in extents):
        return False
    first = extents[0] if extents else None
    if all(extent is first or _same_line(extent, first) for extent in extents):
        return True
    if any(not isinstance(extent.piece, Mapped) for extent in extents):
        return _tables_agree(extents)
    lines = (
        _centre(extent.piece, extent.twice)
        for extent in extents
        if isinstance(extent.piece, Mapped) and extent.twice is not None
    )
    line = next(lines)
    return all(other == line for other in lines)


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
    lines: set[tuple[Fraction, Fraction]] = set()
    for extent in (spread or {}).values():
        if extent.twice is None or not isinstance(extent.piece, Mapped):
            return None
        rate, twice = _centre(extent.piece, extent.twice)
        lines.add((rate, twice / 2))
    return lines.pop() if len(lines) == 1 else None


def _same_line(extent: Extent, first: Extent | None) -> bool:
    """Whether two affine maps have one rate and centre, which is cheap to tell."""
    if first is None or extent.twice != first.twice:
        return False
    one, other = extent.piece, first.piece
    if not isinstance(one, Mapped) or not isinstance(other, Mapped):
        return False
    return one.map.p == other.map.p == 1 and one.map.q == other.map.q


def _centre(piece: Mapped, twice: int) -> tuple[Fraction, Fraction]:
    """Return stride and twice the mean of centre - stride * o over the phases that read."""
    mapped = piece.map
    if mapped.p == 1:
        return Fraction(mapped.q), Fraction(twice)
    return mapped.rate, twice + mapped.lag


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
        total = np.where(there, lo + hi, 0)
        first = int(np.argmax(there))
        moved = total - int(total.reshape(-1)[first]) + extent.twice
        centres.append((extent.piece.axes, there, moved))
    for axes, there, total in centres:
        base = next(item for item in centres if not axes or item[0] & axes)
        shared = there & base[1]
        if not bool((np.broadcast_to(total == base[2], shared.shape))[shared].all()):
            return False
    return True
