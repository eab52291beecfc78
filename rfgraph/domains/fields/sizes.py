"""Sizes of what is read: over the phases of a period, and over the units that exist."""

from __future__ import annotations

import math
from functools import reduce
from itertools import product as cartesian
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.fields.pattern import ends, excess
from rfgraph.domains.fields.pieces import Blur, Mapped, Piece, Regrouped, tabulate
from rfgraph.domains.periodic import join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.fields.spread import Spread
    from rfgraph.domains.periodic import PeriodicMap
    from rfgraph.domains.tables import Span, Table
    from rfgraph.relations.axis_rules import Shape


MAX_VARIANTS = 4096


def single_sizes(form: ClosedForm, tensor: str, axis: int) -> tuple[int | None, int | None]:
    """Return the smallest and the largest size over single paths that are local along `axis`.

    As for the histogram along the axis, what they are along others does not matter. None where
    there is none or it is not known.
    """
    extremes = [
        path_sizes(field.spread)
        for layout, fields in form[tensor].classes.items()
        if (field := fields[axis]) is not None and layout.is_local([axis])
    ]
    least = [size for size, _ in extremes if size is not None]
    most = [size for _, size in extremes if size is not None]
    known = bool(extremes) and len(least) == len(most) == len(extremes)
    return (min(least), max(most)) if known else (None, None)


def sizes_of_units(
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
    if united_map(moved, shape) is None:
        return _sizes(tabulate(moved, shape))
    return sizes_of_phases(moved, shape)


def sizes_of_phases(pieces: Sequence[Piece], shape: Shape) -> tuple[int | None, int | None]:
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


def _spans(variant: Sequence[Piece]) -> Sequence[Span] | None:
    """Return the phases of the pieces that are active together; None beyond MAX_PERIOD."""
    if not variant:
        return (None,)
    united = _join_all([piece.map for piece in variant if isinstance(piece, Mapped)])
    return None if united is None else united.spans


def _join_all(maps: Sequence[PeriodicMap]) -> PeriodicMap | None:
    """Return the union of maps, None where their rates differ or its period is too long."""
    united: PeriodicMap | None = maps[0]
    for other in maps[1:]:
        if united is None or united.q * other.p != other.q * united.p:
            return None
        united = join(united, other)
    return united


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
    covered = 0
    for k, item in enumerate(bits):
        if item is None:
            continue
        if item & covered:
            parts = [(cell & item, active | 1 << k) for cell, active in cells]
            parts += [(cell & ~item, active) for cell, active in cells]
            cells = [part for part in parts if part[0]]
        if item & ~covered:
            cells.append((item & ~covered, 1 << k))
        covered |= item
    gap = covered != (1 << length) - 1
    return {active | everywhere for _, active in cells} | ({everywhere} if gap else set())


def _sizes(table: Table | None) -> tuple[int | None, int | None]:
    """Return the largest and the smallest size over the units that exist."""
    if table is None or table.lo.size == 0:
        return None, None
    sizes = np.where(table.lo <= table.hi, table.hi - table.lo + 1, 0)
    return int(sizes.max()), int(sizes.min())


def path_sizes(spread: Spread) -> tuple[int | None, int | None]:
    """Return the smallest and the largest size over single paths."""
    least: list[int] = []
    largest: list[int] = []
    for extent in spread or ():
        if isinstance(extent.piece, Blur):
            return None, None
        lo, hi = ends(extent.piece)
        size = hi - lo + 1 + excess(extent.piece)
        least.append(size + extent.least)
        largest.append(size + extent.largest)
    return min(least, default=None), max(largest, default=None)


def united_map(pieces: Sequence[Piece], shape: Shape) -> PeriodicMap | None:
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
    united = _join_all(maps)
    (carrier,) = carriers
    length = 1 if carrier is None else shape[carrier]
    return united if united is not None and united.p <= max(length, 1) else None
