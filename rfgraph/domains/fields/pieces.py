"""Pieces of a receptive field along one input axis.

A piece says for the units of a tensor which interval of one input axis they read. `Mapped` varies
along one tensor axis, periodically; `Tabled` is a table of the units that exist; `Blur` knows only
on which tensor axes it depends.

The tensor axes that an interval depends on stand for the whole input axis, unless `cut` says that
something selected a part of them (a Slice, a Split, one index): then it is what all units read
together before that. What reads all of a part reads no more of a longer input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains import tables
from rfgraph.domains.fields import support
from rfgraph.domains.fields.fitting import depends, fit, fold
from rfgraph.domains.periodic import PeriodicMap, affine, constant
from rfgraph.domains.regroup import regroup
from rfgraph.domains.scope import Scope
from rfgraph.domains.tables import Table
from rfgraph.errors import BoundError
from rfgraph.relations.bounds import check_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rfgraph.domains.fields.support import Support
    from rfgraph.domains.tables import Span
    from rfgraph.relations.axis_rules import Shape


# What stands for a piece's cut where it does not matter, or is not known, where it lay before.
CUT = (0, 0)


class Mapped(NamedTuple):
    """The interval depends on the position along `carrier` (None: on nothing).

    `open_lo` and `open_hi`: everything before, or after, is read as well.
    """

    carrier: int | None
    map: PeriodicMap
    support: Support = ()
    open_lo: bool = False
    open_hi: bool = False
    cut: Span = None

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
    cut: Span = None


class Blur(NamedTuple):
    """The interval depends on the positions along `depends`, too many to tabulate."""

    depends: frozenset[int]
    open_lo: bool = False
    open_hi: bool = False
    cut: Span = None

    @property
    def axes(self) -> frozenset[int]:
        """The tensor axes on which the interval depends."""
        return self.depends


Standing: TypeAlias = Mapped | Tabled | Blur


class Regrouped(NamedTuple):
    """A map or table of a tensor of `shape`, whose elements now stand under another shape.

    `axes` are those of the new shape on which the interval depends.
    """

    piece: Mapped | Tabled
    shape: Shape
    axes: frozenset[int]

    @property
    def open_lo(self) -> bool:
        """Whether everything before is read as well."""
        return self.piece.open_lo

    @property
    def open_hi(self) -> bool:
        """Whether everything after is read as well."""
        return self.piece.open_hi

    @property
    def cut(self) -> Span:
        """What was read before a part of the axes was selected; None if they stand for all."""
        return self.piece.cut


Piece: TypeAlias = Standing | Regrouped


def scope_of(piece: Piece) -> Scope:
    """Return how the paths of a piece stand to the input axis."""
    if piece.open_lo:
        return Scope.BEFORE
    return Scope.AFTER if piece.open_hi else Scope.LOCAL


def axes_of(pieces: Iterable[Piece]) -> frozenset[int]:
    """Return the tensor axes on which the intervals of some piece depend."""
    axes: set[int] = set()
    for piece in pieces:
        if not isinstance(piece, Mapped):
            axes |= piece.axes
        elif piece.carrier is not None:
            axes.add(piece.carrier)
    return frozenset(axes)


# -- changes of form ---------------------------------------------------------------------------


def own_position(axis: int) -> Mapped:
    """Return the piece of a graph input along one of its axes."""
    return Mapped(axis, affine(1, 0, 0))


def to_table(piece: Mapped | Regrouped, shape: Shape) -> Tabled | Blur:
    """Return the piece as a table of the units that exist, or a blur if they are too many."""
    if isinstance(piece, Regrouped):
        return _regrouped_table(piece, shape)
    length = 1 if piece.carrier is None else shape[piece.carrier]
    try:
        check_size(length)
        return _on_support(
            piece, _tabulate_map(piece.map, length, len(shape), piece.carrier or 0), shape
        )
    except BoundError:
        return blur(piece)


def _regrouped_table(piece: Regrouped, shape: Shape) -> Tabled | Blur:
    inner = piece.piece
    made = to_table(inner, piece.shape) if isinstance(inner, Mapped) else inner
    if isinstance(made, Tabled):
        try:
            return made._replace(table=regroup(made.table, piece.shape, shape), axes=piece.axes)
        except BoundError:
            pass
    return blur(piece)


def _tabulate_map(mapped: PeriodicMap, length: int, rank: int, axis: int) -> Table:
    """Tabulate a map for the first `length` positions."""
    dims = [1] * rank
    dims[axis : axis + 1] = [length] * bool(rank)
    lo, hi = mapped.line(range(length))
    return Table(lo.reshape(dims), hi.reshape(dims))


def tabulate_spans(piece: Mapped, spans: list[Span], shape: Shape) -> Tabled | Blur:
    """Return the table of these intervals along the carrier, where the piece is supported."""
    try:
        table = tables.from_spans(spans, len(shape), piece.carrier or 0)
        return _on_support(piece, table, shape)
    except BoundError:
        return blur(piece)


def _on_support(piece: Mapped, table: Table, shape: Shape) -> Tabled:
    """Return the piece's intervals, given by a table, on the piece's support."""
    for axis, bits in piece.support:
        dims = [1] * len(shape)
        dims[axis] = shape[axis]
        table = tables.keep_where(table, support.flags(bits, shape[axis]).reshape(dims))
    return Tabled(table, piece.axes, piece.open_lo, piece.open_hi, piece.cut)


def tabulate(pieces: Iterable[Piece], shape: Shape) -> Table | None:
    """Return the union over the units that exist; None where they are too many to tell."""
    united: Table | None = None
    for piece in pieces:
        made = to_table(piece, shape) if isinstance(piece, (Mapped, Regrouped)) else piece
        if isinstance(made, Blur):
            return None
        try:
            united = made.table if united is None else tables.join(united, made.table)
        except BoundError:
            return None
    return united


def blur(piece: Piece) -> Blur:
    """Return what is left of a piece that is too large to tabulate."""
    return Blur(piece.axes, piece.open_lo, piece.open_hi, piece.cut)


def settle(piece: Tabled, carrier: int | None = None) -> Mapped | Tabled:
    """Return a table as a map, if it is one and repeats.

    A field that has grown until all units read the same still depends on its axes: on a longer
    input it would not be. `carrier` is the axis of a constant map that depends on none.
    """
    axes, table = piece.axes, tables.squeeze(piece.table)
    core = table
    if not table.is_full:
        core = fold(table, table.axes - axes)
        if bool(((table.lo <= table.hi) & ((table.lo > core.lo) | (table.hi < core.hi))).any()):
            # United with what lies elsewhere on the other axes, and reads something else there.
            axes |= depends(table, table.axes - axes)
            core = fold(table, table.axes - axes)
    tabled = piece._replace(table=table, axes=core.axes or axes)
    bounds = _apart(table, core)
    if len(tabled.axes) > 1 or bounds is None:
        return tabled
    if not core.axes:
        carrier = next(iter(axes), carrier)
        lo, hi = int(core.lo.reshape(-1)[0]), int(core.hi.reshape(-1)[0])
        span = (lo, hi) if lo <= hi else None
        return Mapped(carrier, constant(span), bounds, piece.open_lo, piece.open_hi, piece.cut)
    (axis,) = core.axes
    mapped = fit(core, axis)
    if mapped is None:
        return tabled
    return Mapped(axis, mapped, bounds, piece.open_lo, piece.open_hi, piece.cut)


def _apart(table: Table, core: Table) -> Support | None:
    """Return the support that a table has beside its intervals; None if it is not a product."""
    if table.lo.shape == core.lo.shape:
        return ()
    sides = support.projections(table.lo <= table.hi)
    if sides is None:
        return None
    return tuple(pair for pair in sides if pair[0] not in core.axes)
