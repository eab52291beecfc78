"""The numbers of a closed-form field: size, stride, start, reach, period; whether paths agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import product as cartesian
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.interior import Interior, Irregular, irregular
from rfgraph.domains.pattern import excess
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, Span, join, join_spans
from rfgraph.domains.pieces import Blur, Mapped, Piece, Regrouped, Tabled, tabulate, to_table
from rfgraph.domains.stacking import placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.axis_field import AxisField
    from rfgraph.domains.positions import Ints
    from rfgraph.domains.spread import Extent, Spread
    from rfgraph.domains.support import Mask
    from rfgraph.domains.table import Table
    from rfgraph.relations import Shape

MAX_VARIANTS = 4096


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a local field measures along one input axis; None is not known or not defined."""

    size: int | None = None
    size_min: int | None = None
    stride: Fraction | None = None
    start: int | None = None
    center: Fraction | None = None
    before: Fraction | None = None
    after: Fraction | None = None
    period: tuple[int, int] | None = None
    regular: bool = False
    shortest: int | None = None
    longest: int | None = None
    interior: Interior | None = None


def measure(
    field: AxisField, shape: Shape, length: int, *, shared: bool = False, moving: bool = False
) -> Numbers:
    """Return the numbers of a local field on a tensor of `shape`, along an input axis of `length`.

    `shared`: another input axis lies on the same tensor axis (a Reshape merged them), so that the
    field is irregular. `moving`: it is irregular unless it moves on from period to period.
    """
    shortest, longest = path_sizes(field.spread)
    pieces = placed(field.pieces, shape)
    united = None if shared else _united(pieces, shape)
    if united is None or (moving and not united.q):
        table = tabulate(pieces, shape)
        size, size_min = _sizes_of_units(pieces, shape, table)
        found = Irregular() if shared else _irregular(pieces, table, length)
        return Numbers(
            size,
            size_min,
            before=found.before,
            after=found.after,
            shortest=shortest,
            longest=longest,
            interior=found.interior,
        )
    size, size_min = _sizes_of_phases(pieces, shape)
    rate, first = united.rate, united.spans[0]
    before, after = reach(united)
    return Numbers(
        size,
        size_min,
        rate,
        None if first is None else first[0],
        None if first is None else Fraction(first[0] + first[1], 2),
        before,
        after,
        (united.p, united.q),
        regular=True,
        shortest=shortest,
        longest=longest,
    )


def _irregular(pieces: Sequence[Piece], table: Table | None, length: int) -> Irregular:
    """Return what can be said of the reach of pieces, given as a table of the units that exist.

    Nothing where they depend on several axes of the tensor.
    """
    if table is None:
        return Irregular()
    carriers = table.axes & frozenset().union(*(piece.axes for piece in pieces))
    return irregular(table, min(carriers), length) if len(carriers) == 1 else Irregular()


def _closed(piece: Piece) -> Piece:
    """Return a piece as if it were bounded on both sides."""
    if isinstance(piece, Regrouped):
        return piece._replace(piece=piece.piece._replace(open_lo=False, open_hi=False))
    return piece._replace(open_lo=False, open_hi=False)


def bounded_reach(
    field: AxisField, shape: Shape, length: int
) -> tuple[Fraction | None, Fraction | None]:
    """Return before and after of a field with one-sided paths, None where it is unbounded."""
    closed = placed([_closed(piece) for piece in field.pieces], shape)
    united = _united(closed, shape)
    if united is None:
        _, before, after = _irregular(closed, tabulate(closed, shape), length)
    else:
        before, after = reach(united)
    opened_lo = any(piece.open_lo for piece in field.pieces)
    opened_hi = any(piece.open_hi for piece in field.pieces)
    return (None if opened_lo else before), (None if opened_hi else after)


def reach(united: PeriodicMap) -> tuple[Fraction | None, Fraction | None]:
    """Return how far the field goes before and after stride * o, at most over the phases.

    None where it stays in one place whatever the unit, which then has no position.
    """
    if not united.q:
        return None, None
    there = [(r, span) for r, span in enumerate(united.spans) if span is not None]
    rate = united.rate
    before = max(rate * r - span[0] for r, span in there)
    after = max(span[1] - rate * r for r, span in there)
    return before, after


def _united(pieces: Sequence[Piece], shape: Shape) -> PeriodicMap | None:
    """Return the union as one map, None where it is not regular."""
    maps: list[PeriodicMap] = []
    carriers = set()
    for piece in pieces:
        if not isinstance(piece, Mapped):
            return None
        maps.append(piece.map)
        carriers.add(piece.carrier)
    if len(carriers) != 1:
        return None
    united: PeriodicMap | None = maps[0]
    for other in maps[1:]:
        if united is None or united.q * other.p != other.q * united.p:
            return None
        united = join(united, other)
    (carrier,) = carriers
    length = 1 if carrier is None else shape[carrier]
    return united if united is not None and united.p <= max(length, 1) else None


def _sizes_of_units(
    pieces: Sequence[Piece], shape: Shape, table: Table | None
) -> tuple[int | None, int | None]:
    """Return the largest and the smallest size of an irregular field, given as a table too.

    Units that a Reshape moved all together have the sizes that they had before it.
    """
    moved = [piece.piece for piece in pieces if isinstance(piece, Regrouped)]
    shapes = {piece.shape for piece in pieces if isinstance(piece, Regrouped)}
    if len(shapes) != 1 or len(moved) < len(pieces):
        return _sizes(table)
    (shape,) = shapes
    if _united(moved, shape) is None:
        return _sizes(tabulate(moved, shape))
    return _sizes_of_phases(moved, shape)


def _sizes_of_phases(pieces: Sequence[Piece], shape: Shape) -> tuple[int | None, int | None]:
    """Return the largest and the smallest size over a period of maps of one rate.

    Over the units that exist where the phases are too many to go through.
    """
    variants = _variants(pieces, shape)
    if variants is None:
        return _sizes(tabulate(pieces, shape))
    sizes: set[int] = set()
    for variant in variants:
        spans = _spans(variant)
        if spans is None:
            return _sizes(tabulate(pieces, shape))
        sizes.update(0 if span is None else span[1] - span[0] + 1 for span in spans)
    return max(sizes), min(sizes)


def _spans(variant: Sequence[Piece]) -> tuple[Span, ...] | None:
    """Return the phases of the pieces that are active together; None beyond MAX_PERIOD."""
    if not variant:
        return (None,)
    maps = [piece.map for piece in variant if isinstance(piece, Mapped)]
    if len(maps) == 1:
        return maps[0].spans
    period = math.lcm(*(item.p for item in maps))
    if period > MAX_PERIOD:
        return None
    return tuple(join_spans(item.at(o) for item in maps) for o in range(period))


def _variants(pieces: Sequence[Piece], shape: Shape) -> list[tuple[Piece, ...]] | None:
    """Return which pieces are active together, over all positions of the axes that bound them.

    None where they may be so in more than MAX_VARIANTS ways.
    """
    if not any(isinstance(piece, Mapped) and piece.support for piece in pieces):
        return [tuple(pieces)]
    supports = [dict(piece.support if isinstance(piece, Mapped) else ()) for piece in pieces]
    axes = sorted({axis for support in supports for axis in support})
    atoms = [_atoms([support.get(axis) for support in supports], shape[axis]) for axis in axes]
    if math.prod(map(len, atoms)) > MAX_VARIANTS:
        return None
    active = {reduce(lambda a, b: a & b, combination) for combination in cartesian(*atoms)}
    return [
        tuple(piece for k, piece in enumerate(pieces) if mask >> k & 1) for mask in sorted(active)
    ]


def _atoms(bits: Sequence[int | None], length: int) -> set[int]:
    """Return the sets of pieces (as bit sets) that are active at some position of an axis."""
    everywhere = sum(1 << k for k, item in enumerate(bits) if item is None)
    cells: list[tuple[int, int]] = []
    rest = 0
    for item in bits:
        rest |= item or 0
    for k, item in enumerate(bits):
        if item is None:
            continue
        split: list[tuple[int, int]] = []
        covered = 0
        for cell, active in cells:
            covered |= cell
            if cell & item:
                split.append((cell & item, active | 1 << k))
            if cell & ~item:
                split.append((cell & ~item, active))
        if item & ~covered:
            split.append((item & ~covered, 1 << k))
        cells = split
    gap = rest != (1 << length) - 1
    return {active | everywhere for _, active in cells} | ({everywhere} if gap else set())


def _sizes(table: Table | None) -> tuple[int | None, int | None]:
    """Return the largest and the smallest size over the units that exist."""
    if table is None or table.lo.size == 0:
        return None, None
    sizes = np.where(table.lo <= table.hi, table.hi - table.lo + 1, 0)
    return int(sizes.max()), int(sizes.min())


def path_sizes(spread: Spread) -> tuple[int | None, int | None]:
    """Return the smallest and the largest size over single paths."""
    if not spread or any(isinstance(extent.piece, Blur) for extent in spread.values()):
        return None, None
    found = [(extent, excess(extent.piece)) for extent in spread.values()]
    return (
        min(extent.least + more + 1 for extent, more in found),
        max(extent.largest + more + 1 for extent, more in found),
    )


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
    lines = {
        _centre(extent.piece, extent.twice)
        for extent in extents
        if isinstance(extent.piece, Mapped) and extent.twice is not None
    }
    if any(not isinstance(extent.piece, Mapped) for extent in extents):
        return _tables_agree(extents)
    return len(lines) == 1


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
        if isinstance(extent.piece, Tabled | Blur)
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
    if piece.map.p == 1:
        return Fraction(piece.map.q), Fraction(twice)
    there = [(r, span) for r, span in enumerate(piece.map.spans) if span is not None]
    base = there[0][1][0] + there[0][1][1]
    rate = piece.map.rate
    total = sum((span[0] + span[1] - base - 2 * rate * r for r, span in there), Fraction(0))
    return rate, twice + total / len(there)


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


# -- single units ----------------------------------------------------------------------------------


def unclipped_span(pieces: Sequence[Piece], shape: Shape, index: Sequence[int | None]) -> Span:
    """Return the hull of what mapped pieces read at `index` (None: a whole axis), unclipped."""
    spans: list[Span] = []
    for piece in pieces:
        if not isinstance(piece, Mapped) or not _active(piece, index):
            continue
        at = None if piece.carrier is None else index[piece.carrier]
        if piece.carrier is None or at is not None:
            spans.append(piece.map.at(at or 0))
        else:
            spans.append(piece.map.hull(range(shape[piece.carrier])))
    return join_spans(spans)


def _active(piece: Mapped, index: Sequence[int | None]) -> bool:
    return all(
        index[axis] is None or bits >> (index[axis] or 0) & 1 for axis, bits in piece.support
    )
