"""An axis of a closed-form field: its scope, size, stride, start, reach and period."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.domains.fields.axis import Axis
from rfgraph.domains.fields.axis_field import AxisField, merge_fields
from rfgraph.domains.fields.interior import irregular
from rfgraph.domains.fields.pieces import Mapped, Piece, Regrouped, axes_of, own_position, tabulate
from rfgraph.domains.fields.sizes import path_sizes, sizes_of_phases, sizes_of_units, united_map
from rfgraph.domains.fields.stacking import unite_standing
from rfgraph.domains.periodic import PeriodicMap, constant, join_spans
from rfgraph.domains.regions import region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.interior import Interior
    from rfgraph.domains.fields.layout import Classes, State
    from rfgraph.domains.tables import Span, Table
    from rfgraph.relations.axis_rules import Shape

    # Stride, start, centre, before, after, period.
    Where: TypeAlias = tuple[
        Fraction | None,
        int | None,
        Fraction | None,
        Fraction | None,
        Fraction | None,
        tuple[int, int] | None,
    ]


def axis_of(
    axis: int, state: State, shape: Shape | None, length: int, spatial: Sequence[int]
) -> Axis:
    """Return an axis of the field of a tensor of `shape`, along an input axis of `length`."""
    scope = state.scope(axis).word
    if scope == "none" or shape is None:
        return Axis(axis, scope, regular=scope == "none")
    if scope == "local":
        return _local_axis(axis, state, state.classes, shape, spatial)
    before = after = None
    if scope == "one-sided":
        united = _united_field(axis, state.classes, shape)
        before, after = bounded_reach(united, shape, length)
    inner, local = None, state.local(spatial)
    if local and all(layout.is_local([axis]) for layout in local):
        inner = _local_axis(axis, state, local, shape, spatial)
    least, most = (None, None) if inner is None else (inner.shortest, inner.longest)
    return Axis(axis, scope, before=before, after=after, shortest=least, longest=most, local=inner)


def _local_axis(
    axis: int, state: State, classes: Classes, shape: Shape, spatial: Sequence[int]
) -> Axis:
    united, lengths = _united_field(axis, classes, shape), state.lengths
    every = frozenset[int]().union(*(layout.sharing_axes(axis) for layout in classes))
    # An axis of one position has no other to move to.
    others = {other for other in every if lengths[other] > 1}
    shared = bool(others.intersection(spatial) if axis in spatial else others)
    return measure(axis, united, shape, lengths[axis], shared=shared, moving=bool(others))


def _united_field(axis: int, classes: Classes, shape: Shape) -> AxisField:
    """Return what all paths together read along an axis on which none of them is lost."""
    united = merge_fields((fields[axis] for fields in classes.values()), shape)
    assert united is not None
    return united


def measure(
    axis: int,
    field: AxisField,
    shape: Shape,
    length: int,
    *,
    shared: bool = False,
    moving: bool = False,
) -> Axis:
    """Return the numbers of a local field on a tensor of `shape`, along an input axis of `length`.

    `shared`: another input axis lies on the same tensor axis (a Reshape merged them), so that the
    field is irregular. `moving`: it is irregular unless it moves on from period to period.
    """
    pieces = unite_standing(field.pieces, shape)
    if length == 1 and all(_is_only_position(piece, shape) for piece in pieces):
        pieces = _one_position(pieces, shape)
    united = None if shared else united_map(pieces, shape)
    if united is not None and (united.q or not moving):
        size, least = sizes_of_phases(pieces, shape)
        where = _where(united.spans[0], (united.p, united.q), *reach(united))
        inner = None
    else:
        table = tabulate(pieces, shape)
        size, least = sizes_of_units(pieces, shape, table)
        where, inner = _by_units(pieces, shape, None if shared else table, length)
    covers = None if least is None else least >= length
    paths, regular = path_sizes(field.spread), where[-1] is not None
    return Axis(axis, "local", size, least, *where, *paths, covers, regular, inner)


def _where(
    first: Span, period: tuple[int, int], before: Fraction | None, after: Fraction | None
) -> Where:
    """Return the numbers of units that one period fits, from what the first of them reads."""
    start, center = (None, None) if first is None else (first[0], Fraction(sum(first), 2))
    return Fraction(period[1], period[0]), start, center, before, after, period


def _by_units(
    pieces: Sequence[Piece], shape: Shape, table: Table | None, length: int
) -> tuple[Where, Interior | None]:
    """Return the numbers of units given as a table, and their interior unless it is all of them.

    As where pieces take turns along an axis, of which none alone is a map.
    """
    inner, before, after = _irregular(pieces, table, length)
    if inner is None or inner.beside != (0, 0):
        return (None, None, None, before, after, None), inner
    along = axes_of(pieces)
    first = [0 if axis in along else None for axis in range(len(shape))]
    return _where(unclipped_span(pieces, shape, first), inner.period, before, after), None


def _is_only_position(piece: Piece, shape: Shape) -> bool:
    """Whether all units of a tensor read the first position, by a map that says so of each."""
    if not isinstance(piece, Mapped) or piece.support:
        return False
    return piece.map.at(0) == (0, 0) and (piece.carrier is None or shape[piece.carrier] == 1)


def _one_position(pieces: Sequence[Piece], shape: Shape) -> tuple[Piece, ...]:
    """Return what stands for the only position of an input axis, however it was moved.

    A Reshape may have left out the axis that carried it, another have put one in.
    """
    moving = tuple(piece for piece in pieces if isinstance(piece, Mapped) and piece.map.q)
    own = own_position(shape.index(1)) if 1 in shape else Mapped(None, constant((0, 0)))
    return moving or (own,)


def _irregular(
    pieces: Sequence[Piece], table: Table | None, length: int
) -> tuple[Interior | None, Fraction | None, Fraction | None]:
    """Return interior and reach of pieces, given as a table of the units that exist.

    Nothing where they depend on several axes of the tensor.
    """
    carriers = frozenset() if table is None else table.axes & axes_of(pieces)
    if table is None or len(carriers) != 1:
        return None, None, None
    rates = frozenset(piece.map.rate for piece in pieces if isinstance(piece, Mapped))
    return irregular(table, min(carriers), length, rates - {0})


def bounded_reach(
    field: AxisField, shape: Shape, length: int
) -> tuple[Fraction | None, Fraction | None]:
    """Return before and after of a field with one-sided paths, None where it is unbounded.

    Of what stands under another shape each stretch of units begins anew: it has neither.
    """
    closed = [
        piece._replace(open_lo=False, open_hi=False)
        for piece in field.pieces
        if not isinstance(piece, Regrouped)
    ]
    if len(closed) < len(field.pieces):
        return None, None
    pieces = unite_standing(closed, shape)
    united = united_map(pieces, shape)
    if united is None:
        _, before, after = _irregular(pieces, tabulate(pieces, shape), length)
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
    # In parts of 1 / p, so that it stays whole.
    p, q = united.p, united.q
    there = [(r, span) for r, span in enumerate(united.spans) if span is not None]
    before = max(q * r - p * span[0] for r, span in there)
    after = max(p * span[1] - q * r for r, span in there)
    return Fraction(before, p), Fraction(after, p)


# -- single units ----------------------------------------------------------------------------------


def unclipped_span(
    pieces: Sequence[Piece], shape: Shape, index: Sequence[int | tuple[int, int] | None]
) -> Span:
    """Return the hull of what pieces read at `index`, unclipped.

    An entry is a unit, the first and the end of a range, or None for a whole axis.
    """
    units = [_units(at, length) for at, length in zip(index, shape, strict=True)]
    spans: list[Span] = []
    for piece in pieces:
        if isinstance(piece, Mapped) and _active(piece, units):
            at = range(1) if piece.carrier is None else units[piece.carrier]
            spans.append(piece.map.hull(at))
        elif not isinstance(piece, Mapped) and (table := tabulate([piece], shape)):
            spans.extend(region((table,), tuple(index)) or ())
    return join_spans(spans)


def _units(at: int | tuple[int, int] | None, length: int) -> range:
    if at is None:
        return range(length)
    return range(*at) if isinstance(at, tuple) else range(at, at + 1)


def _active(piece: Mapped, units: Sequence[range]) -> bool:
    return all(
        bits >> units[axis].start & ((1 << len(units[axis])) - 1) for axis, bits in piece.support
    )
