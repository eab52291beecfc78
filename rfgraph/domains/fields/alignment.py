"""Whether the paths that meet in a tensor agree in stride and in centre."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.fields.pieces import Mapped, Tabled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.spread import Extent, Spread


# -- alignment -------------------------------------------------------------------------------------


def aligned(spreads: Sequence[Spread]) -> bool | None:
    """Whether all paths agree in stride and in centre averaged over one period.

    None where single paths were too many patterns to carry on.
    """
    extents: list[Extent] = []
    for spread in spreads:
        if spread is None:
            return None
        extents.extend(spread.values())
    if any(extent.twice is None for extent in extents):
        return False
    first = extents[0] if extents else None
    if all(extent is first or _same_line(extent, first) for extent in extents):
        return True
    lines = {
        _centre(extent.piece, extent.twice)
        for extent in extents
        if isinstance(extent.piece, Mapped) and extent.twice is not None
    }
    if any(not isinstance(extent.piece, Mapped) for extent in extents):
        return _tables_agree(extents)
    return len(lines) == 1


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
    if piece.map.p == 1:
        return Fraction(piece.map.q), Fraction(twice)
    there = [(r, span) for r, span in enumerate(piece.map.spans) if span is not None]
    base = there[0][1][0] + there[0][1][1]
    rate = piece.map.rate
    total = sum((span[0] + span[1] - base - 2 * rate * r for r, span in there), Fraction(0))
    return rate, twice + total / len(there)


def _tables_agree(extents: Sequence[Extent]) -> bool:
    """Whether tables have the same centre at every unit that they share."""
    centres = []
    for extent in extents:
        if not isinstance(extent.piece, Tabled) or extent.twice is None:
            return False
        lo, hi = extent.piece.table
        there = lo <= hi
        total = np.where(there, lo + hi, 0)
        first = int(np.argmax(there))
        centres.append((there, total - int(total.reshape(-1)[first]) + extent.twice))
    shape, base = centres[0][1].shape, centres[0]
    return all(
        total.shape == shape and bool((total == base[1])[there & base[0]].all())
        for there, total in centres[1:]
    )
