"""Pieces of a receptive field along one input axis.

A piece says for the units of a tensor which interval of one input axis they read. `Mapped` varies
along one tensor axis, periodically; `Tabled` is a table of the units that exist; `Blur` knows only
on which tensor axes it depends.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.fields import support
from rfgraph.domains.fields.fitting import fit, folded, squeezed
from rfgraph.domains.periodic import PeriodicMap, Span, affine, constant
from rfgraph.domains.tables import Table
from rfgraph.errors import BoundError
from rfgraph.relations.bounds import bounded

if TYPE_CHECKING:
    from rfgraph.domains.fields.support import Support
    from rfgraph.relations.axis_rules import Shape


class Lost(Enum):
    """Why a path is no longer local on an axis, or is none at all."""

    EMPTY = "empty"
    GLOBAL = "global"
    UNKNOWN = "unknown"


class Mapped(NamedTuple):
    """The interval depends on the position along `carrier` (None: on nothing).

    `open_lo` and `open_hi`: everything before, or after, is read as well.
    """

    carrier: int | None
    map: PeriodicMap
    support: Support = ()
    open_lo: bool = False
    open_hi: bool = False

    @property
    def axes(self) -> frozenset[int]:
        """The tensor axes on which the interval depends."""
        return frozenset() if self.carrier is None else frozenset((self.carrier,))


class Tabled(NamedTuple):
    """The interval of every unit that exists; it depends on the positions along `axes`.

    Along the table's other axes it only says whether anything is read.
    """

    table: Table
    axes: frozenset[int]
    open_lo: bool = False
    open_hi: bool = False


class Blur(NamedTuple):
    """The interval depends on the positions along `depends`, too many to tabulate."""

    depends: frozenset[int]
    open_lo: bool = False
    open_hi: bool = False

    @property
    def axes(self) -> frozenset[int]:
        """The tensor axes on which the interval depends."""
        return self.depends


Piece: TypeAlias = Mapped | Tabled | Blur


# -- changes of form ---------------------------------------------------------------------------


def own_position(axis: int) -> Mapped:
    """Return the piece of a graph input along one of its axes."""
    return Mapped(axis, affine(1, 0, 0))


def to_table(piece: Mapped, shape: Shape) -> Tabled | Blur:
    """Return the piece as a table of the units that exist, or a blur if they are too many."""
    length = 1 if piece.carrier is None else shape[piece.carrier]
    try:
        bounded(length)
        return _supported(
            piece, _unrolled(piece.map, length, len(shape), piece.carrier or 0), shape
        )
    except BoundError:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)


def _unrolled(mapped: PeriodicMap, length: int, rank: int, axis: int) -> Table:
    """Tabulate a map for the first `length` positions."""
    period = tables.from_spans(list(mapped.spans[:length]), 1, 0)
    dims = [1] * rank
    dims[axis : axis + 1] = [length] * bool(rank)
    reach = max((max(map(abs, span)) for span in mapped.spans if span is not None), default=0)
    if reach + abs(mapped.q) * (length // mapped.p + 1) > tables.MAX_VALUE:
        raise BoundError(f"a tabulated position exceeds MAX_VALUE ({tables.MAX_VALUE})")
    turn, phase = np.divmod(np.arange(length, dtype=np.int64), mapped.p)
    there = (period.lo <= period.hi)[phase]
    shift = turn * mapped.q
    lo = np.where(there, period.lo[phase] + shift, tables.NOTHING)
    hi = np.where(there, period.hi[phase] + shift, -tables.NOTHING)
    return Table(lo.reshape(dims), hi.reshape(dims))


def tabulated(piece: Mapped, spans: list[Span], shape: Shape) -> Tabled | Blur:
    """Return the table of these intervals along the carrier, where the piece is supported."""
    try:
        table = tables.from_spans(spans, len(shape), piece.carrier or 0)
        return _supported(piece, table, shape)
    except BoundError:
        return Blur(piece.axes, piece.open_lo, piece.open_hi)


def _supported(piece: Mapped, table: Table, shape: Shape) -> Tabled:
    """Return the piece's intervals, given by a table, on the piece's support."""
    for axis, bits in piece.support:
        dims = [1] * len(shape)
        dims[axis] = shape[axis]
        table = tables.masked(table, support.flags(bits, shape[axis]).reshape(dims))
    return Tabled(table, piece.axes, piece.open_lo, piece.open_hi)


def settle(
    table: Table, axes: frozenset[int], carrier: int | None = None, *, open_lo: bool, open_hi: bool
) -> Mapped | Tabled:
    """Return a table whose intervals depend on `axes` as a map, if it is one and repeats.

    A field that has grown until all units read the same still depends on its axes: on a longer
    input it would not be. `carrier` is the axis of a constant map that depends on none.
    """
    table = squeezed(table)
    core = folded(table, table.axes - axes)
    tabled = Tabled(table, core.axes or axes, open_lo, open_hi)
    bounds = _apart(table, core)
    if len(tabled.axes) > 1 or bounds is None:
        return tabled
    if not core.axes:
        carrier = next(iter(axes), carrier)
        lo, hi = int(core.lo.reshape(-1)[0]), int(core.hi.reshape(-1)[0])
        return Mapped(carrier, constant((lo, hi) if lo <= hi else None), bounds, open_lo, open_hi)
    (axis,) = core.axes
    mapped = fit(core, axis)
    return tabled if mapped is None else Mapped(axis, mapped, bounds, open_lo, open_hi)


def _apart(table: Table, core: Table) -> Support | None:
    """Return the support that a table has beside its intervals; None if it is not a product."""
    there = table.lo <= table.hi
    if table.lo.shape == core.lo.shape:
        return ()
    found = support.projections(there)
    if found is None:
        return None
    return tuple(pair for pair in found if pair[0] not in core.axes)
